"""What is done to commands: a kill at a random moment, a disk that refuses, two at once."""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
from fault_runs import OUT, Tally, arguments, begin, content, lay_out, run, wait

KILLED = ("score", "score into a folder", "grid", "ingest", "calibrate", "search with storage",
          "launch", "a trained set")  # fmt: skip
WRITERS = (*KILLED, "search to CSV", "plot")
STEADY = {"score", "score into a folder", "grid", "calibrate", "launch", "a trained set"}


class Bench:
    """Folders to run in, and what the commands give undisturbed."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.log, self.random = root, root / "log", random.Random(seed)
        self.given = root / "given"
        self.given.mkdir()
        lay_out(self.given)
        self.whole: dict[tuple[str, int], object] = {}
        self.seconds: dict[str, float] = {}
        self.count = 0

    def fresh(self, name: str = "") -> Path:
        """Make a folder of its own to run in; with a name, an older output is there."""
        self.count += 1
        folder = self.root / f"run{self.count}"
        shutil.copytree(self.old(name) if name else self.given, folder)
        return folder

    def old(self, name: str) -> Path:
        """Return the folder that a command with other inputs has run in."""
        self.undisturbed(name, 1)
        return self.root / f"old {name}"

    def undisturbed(self, name: str, variant: int = 0) -> object:
        """Run a command alone, once."""
        if (name, variant) not in self.whole:
            folder = self.fresh()
            done = run(arguments(name, variant), folder, self.log)
            if done.code:
                raise SystemExit(f"{name} fails undisturbed: {done.text}")
            self.whole[name, variant] = content(folder / OUT[name])
            self.seconds[name] = done.seconds
            folder.rename(self.root / f"old {name}") if variant else shutil.rmtree(folder)
        return self.whole[name, variant]

    def beside(self, folder: Path, name: str) -> list[str]:
        """Name what lies beside the inputs and the target."""
        usual = {p.name for p in self.given.iterdir()} | {OUT[name]}
        return sorted({p.name for p in folder.iterdir()} - usual)


def right(bench: Bench, name: str, found: object, variants: tuple[int, ...] = (0,)) -> str:
    """Say what is wrong with an output; blank if nothing is."""
    if found is None:
        return "the output is missing"
    if name in STEADY:
        return "" if any(found == bench.undisturbed(name, v) for v in variants) else "other bytes"
    if name == "search with storage":
        lines = found.splitlines(keepends=True)  # type: ignore[attr-defined]
        try:
            whole = all(line.endswith(b"\n") and json.loads(line) for line in lines)
            return "" if whole else "a torn line"
        except ValueError:
            return "a torn line"
    return ""


def kill(bench: Bench, name: str, tally: Tally) -> None:
    """Kill a command at a random moment while an older output is there, and run it again."""
    old, new = bench.undisturbed(name, 1), bench.undisturbed(name, 0)
    folder = bench.fresh(name)
    target = folder / OUT[name]
    began = content(target)
    pid, start = begin(arguments(name), folder, bench.log), time.monotonic()
    if wait(pid, bench.random.uniform(0.0, 1.0) * bench.seconds[name]) is not None:
        bench.seconds[name] = min(bench.seconds[name], time.monotonic() - start)
        shutil.rmtree(folder)
        return  # it had ended before: no kill
    found, wrong = content(target), ""
    if name in STEADY and found not in (old, new):
        wrong = "after the kill: " + ("missing" if found is None else "neither old nor new")
    elif name not in STEADY and (found is None or (name == "ingest" and found != began
                                                   and len(pd.read_parquet(target)) != 2)):
        wrong = "after the kill: " + ("missing" if found is None else "changed")
    again = arguments(name) + (("--resume",) if name.startswith("score") else ())
    done = run(again, folder, bench.log)
    if not wrong and done.code:
        wrong = f"the second run ends with {done.code}: {done.text[-200:]}"
    wrong = wrong or right(bench, name, content(target))
    if not wrong and name == "ingest" and len(pd.read_parquet(target)) != 2:
        wrong = "rows lost or doubled"
    if not wrong and (left := bench.beside(folder, name)):
        wrong = f"left beside: {left}"
    tally.count(name, wrong)
    shutil.rmtree(folder)


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Put a full or a read-only disk there; yields whether this machine lets one."""
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)],
                          capture_output=True)  # fmt: skip
    try:
        yield made.returncode == 0
    finally:
        if made.returncode == 0:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def disks(bench: Bench, name: str, tally: Tally) -> int:
    """Let each write meet a disk that says no; return how many kinds could not be made."""
    skipped = 0
    for kind in ("full", "read-only", "limited", "folder"):
        folder = bench.root / f"disk{bench.count}-{kind}"
        bench.count += 1
        with small_disk(folder) as mounted:
            if not mounted and kind in ("full", "read-only"):
                skipped += 1
                continue
            target = folder / OUT[name]
            words = tuple(str(folder / OUT[name]) + w.removeprefix(OUT[name])
                          if w in (OUT[name], f"{OUT[name]}/") else w
                          for w in arguments(name))  # fmt: skip
            before = _hinder(folder, target, kind)
            was = {p.name: content(p) for p in folder.iterdir()}
            done = run(words, bench.given, bench.log, before)
            now = {p.name: content(p) for p in folder.iterdir()}
            wrong = "" if done.in_a_sentence else f"exit {done.code}: {done.text[-300:]}"
            if not wrong and now != was:
                wrong = f"left on the disk: {sorted(set(now) - set(was)) or 'changed'}"
            tally.count(f"{name}, {kind}", wrong)
    return skipped


def _hinder(folder: Path, target: Path, kind: str) -> Callable[[], None]:
    """Make the disk say no; return what the process does first."""
    if kind == "full":
        with suppress(OSError):
            for k in range(64):
                (folder / f"filler{k}").write_bytes(b"x" * 4096)
    elif kind == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    elif kind == "folder":
        target.mkdir()
        (target / "precious").write_text("of a user")
    else:
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
    return lambda: None


def together(bench: Bench, name: str, tally: Tally) -> None:
    """Run two at once on one target."""
    folder = bench.fresh()
    target = folder / OUT[name]
    bench.undisturbed(name, 0), bench.undisturbed(name, 1)
    logs = [bench.root / f"log{k}" for k in (0, 1)]
    pids = [begin(arguments(name, k), folder, logs[k]) for k in (0, 1)]
    codes = [wait(pid) for pid in pids]
    texts = [log.read_text("utf-8", "replace") for log in logs]
    told = [c == 0 or (c == 2 and "is being written by" in t)
            for c, t in zip(codes, texts, strict=True)]  # fmt: skip
    wrong = f"exits {codes}: {texts[0][-150:]} {texts[1][-150:]}"
    wrong = "" if all(told) and 0 in codes else wrong
    wrong = wrong or right(bench, name, content(target), (0, 1))
    if not wrong and name == "ingest" and len(pd.read_parquet(target)) != codes.count(0):
        wrong = "rows lost"
    if not wrong and (left := bench.beside(folder, name)):
        wrong = f"left beside: {left}"
    tally.count(name, wrong)
    shutil.rmtree(folder)
