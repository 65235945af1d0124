"""What is lost when commands are killed, disks are full, or two write at once?

Commands run in processes of their own over made-up tables, on this machine alone:

- kill -9 at random moments, then the same command again: the old output or the new one is there at
  any time, the second run ends well with the right bytes, and leaves nothing beside
- a full disk, a read-only one, a limit on the size of files, a folder in the place of a file: one
  sentence, exit status 2, the old output untouched and nothing beside it
- two of each at once on one target: each ends well or says who holds the target, and the output is
  that of one of them, whole
- one Predictor in 16 threads and 4 processes: equal bits; memory after many predictions

Writes results/20_faults.json; exit status 1 if anything is lost. `--kills`, `--retrains` and
`--predictions` bound it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd
from fault_runs import OUT, ROOT, Tally, arguments, begin, content, lay_out, run, wait
from tables import shipped

RESULTS = Path(__file__).parent / "results"
KILLED = ("score", "score into a folder", "grid", "ingest", "calibrate", "search with storage",
          "launch", "a trained set")  # fmt: skip
WRITERS = (*KILLED, "search to CSV", "plot")
STEADY = {"score", "score into a folder", "grid", "calibrate", "launch", "a trained set"}
PARTS = ("kills", "disks", "pairs", "retrains", "same")
MOST_MB = 5.0
WARM = 2000  # predictions after which memory is taken for the first time
WARNINGS = ("-W", "ignore")


def warm() -> None:
    """Load what commands load, and start no thread: the processes are forked from this one."""
    import guide_ml.calibration
    import guide_ml.cli.main
    import guide_ml.cli.plots
    import guide_ml.ingest
    import guide_ml.scoring.job as job
    import guide_ml.searching  # noqa: F401
    from guide_ml.estimators.predictor import default_predictor

    job.BATCH, job.PART = 250, 1
    default_predictor()


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


def retrains(bench: Bench, count: int, tally: Tally) -> None:
    """Kill retrainings; the store opens, no helper lives on, and the last one ends well."""
    if not count:
        return
    from guide_ml.system.private import cache

    folder = bench.fresh()
    few(folder / "few.parquet")
    began = time.monotonic()
    command = [sys.executable, *WARNINGS, "-m", "guide_ml"]
    env = os.environ | {"PYTHONPATH": str(ROOT), "GUIDE_ML_CACHE": str(bench.root / "cache")}
    os.environ["GUIDE_ML_CACHE"] = env["GUIDE_ML_CACHE"]

    def guide(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], cwd=folder, env=env, text=True,
                              capture_output=True)  # fmt: skip

    done = guide(*arguments("retrain"))
    if done.returncode:
        raise SystemExit(f"retrain fails undisturbed: {done.stderr}")
    took = time.monotonic() - began
    store = ("--tracking-uri", "sqlite:///m.db", "--json")
    before = json.loads(guide("models", "list", *store).stdout)
    while tally.tried < count:
        victim = subprocess.Popen([*command, *arguments("retrain")], cwd=folder, env=env,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  start_new_session=True)  # fmt: skip
        start = time.monotonic()
        try:
            victim.wait(bench.random.uniform(0.05, 1.0) * took)
            took = min(took, time.monotonic() - start)
            continue  # it had ended before: no kill
        except subprocess.TimeoutExpired:
            victim.send_signal(signal.SIGKILL)
            victim.wait()
        wrong, end = "", time.monotonic() + 30
        while (alive := group(victim.pid)) and time.monotonic() < end:
            time.sleep(0.2)
        if alive:
            wrong = f"helpers live on: {alive}"
        if kept := list(Path("/dev/shm").glob(f"joblib_memmapping_folder_{victim.pid}_*")):
            wrong = f"left in memory: {[p.name for p in kept]}"
        listed = guide("models", "list", *store)
        if listed.returncode:
            wrong = f"the store does not open: {listed.stderr[-200:]}"
        else:
            now = json.loads(listed.stdout)
            if {v["version"] for v in before} - {v["version"] for v in now}:
                wrong = "a version is lost"
            before = now
        tally.count("retrain", wrong)
        print("retrain", tally.tried, flush=True)
    done = guide(*arguments("retrain"))
    scratch = [p.name for p in cache("scratch").iterdir()]
    if done.returncode or scratch:
        tally.lost.append(f"retrain after the kills: {done.stderr[-200:]} {scratch}")
    shutil.rmtree(folder)


def group(number: int) -> list[int]:
    """List living processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session = path.read_text().rsplit(")", 1)[1].split()[:4]
            if int(session) == number and state != "Z":
                found.append(int(path.parent.name))
    return found


def few(path: Path) -> None:
    """Write measurements of small sources that together have every target."""
    data = ROOT / "data" / "measurements"
    names = ("llamacpp-dgx-spark", "sglang-cookbook", "gpt-fast-readme", "ninehills-yi6b",
             "dstack-benchmarks")  # fmt: skip
    parts = [pd.read_parquet(data / f"{n}.parquet") for n in names]
    parts.append(pd.read_parquet(data / "rocm-vllm-dev-docker.parquet").head(60))
    pd.concat(parts, ignore_index=True).to_parquet(path, index=False)


@contextmanager
def small_disk(folder: Path, kind: str):
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
        with small_disk(folder, kind) as mounted:
            if not mounted and kind in ("full", "read-only"):
                skipped += 1
                continue
            target = folder / OUT[name]
            words = tuple(str(folder / OUT[name]) + w.removeprefix(OUT[name])
                          if w in (OUT[name], f"{OUT[name]}/") else w
                          for w in arguments(name))  # fmt: skip
            before = _hinder(folder, target, kind, name)
            was = {p.name: content(p) for p in folder.iterdir()}
            done = run(words, bench.given, bench.log, before)
            now = {p.name: content(p) for p in folder.iterdir()}
            wrong = "" if done.in_a_sentence else f"exit {done.code}: {done.text[-300:]}"
            if not wrong and now != was:
                wrong = f"left on the disk: {sorted(set(now) - set(was)) or 'changed'}"
            tally.count(f"{name}, {kind}", wrong)
    return skipped


def _hinder(folder: Path, target: Path, kind: str, name: str):
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


def same(bench: Bench, predictions: int) -> dict[str, object]:
    """Predict one table in 4 processes and 16 threads, then one row many times."""
    import guide_ml

    table = pd.read_csv(bench.given / "in0.csv").head(200)

    def answer() -> bytes:
        return guide_ml.predict_table(table, errors="report").to_csv().encode()

    pids = []
    for k in range(4):
        pid = os.fork()
        if not pid:
            (bench.root / f"same{k}").write_bytes(answer())
            os._exit(0)
        pids.append(pid)
    ends = [wait(pid) for pid in pids]
    found = {(bench.root / f"same{k}").read_bytes() for k in range(4)}
    threads: list[bytes] = []
    work = [threading.Thread(target=lambda: threads.append(answer())) for _ in range(16)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    equal = not any(ends) and len(found | set(threads)) == 1 and len(threads) == 16
    row = {k: v for k, v in table.iloc[0].to_dict().items() if k not in ("note",)}
    row |= {k: float(row[k]) for k in ("concurrency", "input_len", "output_len")}
    grown = 0.0
    for k in range(predictions):
        guide_ml.predict(**row | {"input_len": 100.0 + k % 1000})
        if k == min(WARM, predictions // 2):
            grown = resident_mb()
    return {"threads": 16, "processes": 4, "equal": equal, "predictions": predictions,
            "grown_mb": round(resident_mb() - grown, 2)}  # fmt: skip


def resident_mb() -> float:
    """Memory of this process."""
    text = Path("/proc/self/status").read_text("utf-8")
    return int(next(li for li in text.splitlines() if li.startswith("VmRSS")).split()[1]) / 1024


def keep(told: dict[str, object]) -> None:
    """Keep what was found, beside what other parts found with the same set."""
    path = RESULTS / "20_faults.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    before = before if before.get("set") == told["set"] else {}
    path.write_text(json.dumps(dict(sorted((before | told).items())), indent=1) + "\n", "utf-8")


def main() -> None:
    """Try every fault; write what was tried, survived and lost."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--kills", type=int, default=100, help="kills in all, retrainings included")
    ask.add_argument("--retrains", type=int, default=4, help="of these, kills of retrainings")
    ask.add_argument("--pairs", type=int, default=2, help="times that each runs twice at once")
    ask.add_argument("--minutes", type=float, default=60.0, help="after which no kill begins")
    ask.add_argument("--predictions", type=int, default=50_000)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--only", nargs="*", choices=PARTS, default=PARTS,
                     help="parts to run; results of the others stay")
    asked = ask.parse_args()
    np.seterr(all="ignore")
    began = time.monotonic()
    warm()
    tallies = {name: Tally() for name in ("kill", "disk", "two at once", "kill of a retraining")}
    with tempfile.TemporaryDirectory(prefix="guide-faults-") as place:
        bench = Bench(Path(place), asked.seed)
        skipped, bits = 0, dict[str, object]()
        for part in asked.only:
            if part == "kills":
                found, k = tallies["kill"], 0
                while found.tried < asked.kills - asked.retrains:
                    if time.monotonic() - began > 60 * asked.minutes:
                        break
                    kill(bench, KILLED[k % len(KILLED)], found)
                    k += 1
                    print(KILLED[k % len(KILLED)], found.tried, flush=True)
            elif part == "disks":
                skipped = sum(disks(bench, name, tallies["disk"]) for name in WRITERS)
            elif part == "pairs":
                for name in [n for n in KILLED for _ in range(asked.pairs)]:
                    together(bench, name, tallies["two at once"])
            elif part == "retrains":
                retrains(bench, min(asked.retrains, asked.kills), tallies["kill of a retraining"])
            else:
                bits = same(bench, asked.predictions)
            print(part, "done", round(time.monotonic() - began), "s", flush=True)
    told = {"set": shipped(), **{k: vars(t) for k, t in tallies.items() if t.tried}}
    told |= {"same": bits} if bits else {}
    told |= {"disks that could not be made": skipped} if "disks" in asked.only else {}
    keep(told)
    print(json.dumps(told, indent=1))
    lost = sum(len(t.lost) for t in tallies.values())
    same_bits = not bits or (bits["equal"] and float(str(bits["grown_mb"])) < MOST_MB)
    sys.exit(bool(lost) or not same_bits)


if __name__ == "__main__":
    main()
