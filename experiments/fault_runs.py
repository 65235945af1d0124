"""Commands run in forked processes that are killed, starved of disk, or run two at a time."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).parents[1]
RUN = ROOT / "tests" / "ingest" / "made_up" / "vllm_serve.json"
LOAD = ("--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework", "vllm",
        "--concurrency", "16", "--input-len", "512", "--output-len", "128")  # fmt: skip
SEARCH = ("search", "--model", "llama-3.1-8b-instruct", "--input-len", "512", "--output-len", "128",
          "--users", "16", "--tpot-ms", "50", "--hardware", "l4", "--hardware", "h100",
          "--framework", "vllm")  # fmt: skip
ROWS = 1500
OUT = {"score": "out.csv", "score into a folder": "out", "grid": "out.csv", "ingest": "out.parquet",
       "calibrate": "out.json", "search with storage": "out.log", "launch": "out.yaml",
       "retrain": "m.db", "a trained set": "out", "plot": "out.png",
       "search to CSV": "out.csv"}  # fmt: skip


def arguments(name: str, variant: int = 0) -> tuple[str, ...]:
    """Return the words of a command that reads from the working folder and writes beside."""
    given = f"in{variant}.csv"
    out = OUT[name]
    return {
        "score": ("score", given, out, "--columns", "ttft_ms,tpot_ms,error"),
        "score into a folder": ("score", given, f"{out}/", "--columns", "ttft_ms,tpot_ms,error"),
        "grid": ("grid", f"grid{variant}.toml", out),
        "ingest": ("ingest", f"run{variant}.json", "--out", out, "--hardware", "h100", "--tp", "1",
                   "--framework", "vllm", "--weight-dtype", "bf16"),
        "calibrate": ("calibrate", f"own{variant}.csv", "--out", out),
        "search with storage": (*SEARCH, "--storage", out, "--sampler", "tpe", "--n-trials",
                                str(96 + variant)),
        "search to CSV": (*SEARCH, "--csv", out),
        "launch": ("launch", *LOAD, "--format", "kubernetes", "--port", str(8000 + variant),
                   "--out", out),
        "plot": ("predict", *LOAD, "--plot", out),
        "retrain": ("retrain", "--data", "few.parquet", "--no-base", "--trials", "0", "--rounds",
                    "5", "--folds", "2", "--jobs", "2", "--no-shipped", "--no-pictures",
                    "--tracking-uri", "sqlite:///m.db"),
        "a trained set": ("-set", out),
    }[name]  # fmt: skip


def lay_out(folder: Path) -> None:
    """Write what the commands read."""
    row = dict(zip([w[2:].replace("-", "_") for w in LOAD[::2]], LOAD[1::2], strict=True))
    text = RUN.read_text("utf-8")
    for k in (0, 1):
        table = pd.DataFrame([row | {"input_len": 100 + i + 5000 * k, "note": f"job {k}"}
                              for i in range(ROWS)])  # fmt: skip
        table.to_csv(folder / f"in{k}.csv", index=False)
        (folder / f"grid{k}.toml").write_text(
            '[grid]\nhardware = "h100"\nmodel = "llama-3.1-8b-instruct"\n'
            f"batch_size = {{from = 1, to = 64, step = 1}}\n"
            f"input_len = {{from = {1 + k}, to = 2000, step = 1}}\n"
        )
        other = text.replace("_ttft_ms\": 1", "_ttft_ms\": 2").replace("101500", "111500")
        (folder / f"run{k}.json").write_text(other if k else text)
        own = table.head(8).assign(input_len=[128 * 2**i + k for i in range(8)])
        own.assign(tpot_ms=[9.0 + i + k for i in range(8)]).to_csv(folder / f"own{k}.csv",
                                                                   index=False)  # fmt: skip


@dataclass
class Ended:
    """How a command ended."""

    code: int
    text: str
    seconds: float

    @property
    def in_a_sentence(self) -> bool:
        """Whether it refused on purpose: exit 2, the reason last, no traceback."""
        lines = self.text.strip().splitlines()
        return self.code == 2 and bool(lines) and "Traceback" not in self.text and (
            lines[-1].startswith("guide: ")
        )


def _become(words: tuple[str, ...], folder: Path, log: Path, before: Callable[[], None]) -> None:
    """Be the command, in a process that was forked for it."""
    code = 70
    try:
        os.chdir(folder)
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        before()
        if words[0] == "-set":
            from guide_ml.errors import GuideError
            from guide_ml.estimators import artefacts

            try:
                artefacts.save(artefacts.load(), Path(words[1]))
                code = 0
            except GuideError as error:
                print(f"guide: {error}", file=sys.stderr)
                code = 2
        else:
            from guide_ml.cli.main import main

            sys.argv = ["guide", *words]
            main()
            code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException as error:
        print(f"Traceback of the harness: {error!r}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def begin(
    words: tuple[str, ...], folder: Path, log: Path, before: Callable[[], None] = lambda: None
) -> int:
    """Start a command in a forked process; the packages are loaded already."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        _become(words, folder, log, before)
    return pid


def wait(pid: int, limit_s: float = 900.0) -> int | None:
    """Wait for a process; None if it takes too long and is ended."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def run(
    words: tuple[str, ...], folder: Path, log: Path, before: Callable[[], None] = lambda: None
) -> Ended:
    """Run a command to its end."""
    began = time.monotonic()
    code = wait(begin(words, folder, log, before))
    text = log.read_text("utf-8", "replace")
    return Ended(-99 if code is None else code, text, time.monotonic() - began)


def content(path: Path) -> Any:
    """Return what a target holds: bytes of a file, bytes by name of a folder, None if missing."""
    if path.is_dir():
        return {p.name: p.read_bytes() for p in sorted(path.iterdir()) if p.name != "_guide.json"}
    return path.read_bytes() if path.is_file() else None


@dataclass
class Tally:
    """Counts of one kind of fault."""

    tried: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)
    of: dict[str, int] = field(default_factory=dict)

    def count(self, fault: str, wrong: str) -> None:
        """Count one; `wrong` says what was lost, blank if nothing was."""
        self.tried += 1
        self.of[fault] = self.of.get(fault, 0) + 1
        if wrong:
            self.lost.append(f"{fault}: {wrong}"[:400])
            print(f"LOST {fault}: {wrong}"[:400], flush=True)
        else:
            self.survived += 1
