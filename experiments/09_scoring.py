"""How fast are tables scored, in how much memory, and where does the time go?

Random candidates (deployments of the data, loads of their own) are scored from Parquet to Parquet
by `guide score`, each run in a process of its own whose peak memory is taken; then the time of a
table by stage, in one thread; then a loop of single predictions of different deployments, with
intervals as by default. With
--peers AIConfigurator 0.12 from PyPI answers the deployments that it can, in the same run: by its
`cli_estimate` with the version given, and by its session call, the database loaded before. With
--full ten million rows are scored. With --before another checkout's time by stage stands beside.
Writes results/09_scoring.csv, .md and .json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tables import shipped, stamp

import guide_ml
from guide_ml.estimators import estimate as boosted
from guide_ml.estimators import predictor
from guide_ml.measurements.read import prepare, read_files
from guide_ml.predictions import run
from guide_ml.table.read import DESCRIPTORS
from guide_ml.trees.boosters import Lazy, LightGbm, XgBoost

RESULTS = Path(__file__).parent / "results"
PEER = Path(__file__).parent / "peer_speed.py"
ROWS, FULL = 500_000, 10_000_000
BLOCK = 250_000
LOOP = 1000
PEER_CALLS = 40
PEER_PACKAGE = "aiconfigurator==0.12.*"


def candidates(rows: int, seed: int) -> pd.DataFrame:
    """Draw deployments of the data at random, with loads of their own."""
    used = prepare(read_files()).table[list(DESCRIPTORS)]
    rng = np.random.default_rng(seed)
    table = used.iloc[rng.integers(0, len(used), rows)].reset_index(drop=True)
    for column in ("input_len", "output_len"):
        scaled = table[column] * rng.uniform(0.5, 2.0, rows)
        table[column] = scaled.clip(lower=1).round()
    return table


def write(rows: int, path: Path) -> None:
    """Write candidates block by block."""
    writer = None
    for seed, start in enumerate(range(0, rows, BLOCK)):
        table = pa.Table.from_pandas(candidates(min(BLOCK, rows - start), seed),
                                     preserve_index=False)  # fmt: skip
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table.cast(writer.schema))
    assert writer is not None
    writer.close()


def scored(source: Path, folder: Path, *options: str) -> dict[str, Any]:
    """Score a file in a process of its own; tell its summary and its peak memory."""
    # The kernel's mark of the process itself: that of getrusage begins at what this one holds.
    code = (
        "import re, sys; from guide_ml.cli.main import app\n"
        "try: app(sys.argv[1:], standalone_mode=False)\n"
        "finally: print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1],"
        " file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "score", str(source), str(folder / "out.parquet"),
               "--json", *options]  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary | {"peak_gb": int(done.stderr.split()[-1]) / 1e6, "processor_s": took}


class Stages:
    """Processor time of this thread by stage; what a stage calls of another is left out."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._inner = threading.local()

    def time(self, owner: Any, name: str, stage: str) -> None:
        """Count the time of a function as a stage's."""
        original: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **more: Any) -> Any:
            outer, self._inner.spent = getattr(self._inner, "spent", 0.0), 0.0
            start = time.thread_time()
            try:
                return original(*args, **more)
            finally:
                took = time.thread_time() - start
                self.spent[stage] += took - self._inner.spent
                self._inner.spent = outer + took

        setattr(owner, name, timed)


def by_stage(checkout: Path) -> dict[str, float]:
    """Microseconds of a core that each stage takes for a row: processor time of one thread."""
    code = "import runpy, sys; m = runpy.run_path(sys.argv[1]); m['print_stages']()"
    done = subprocess.run([sys.executable, "-c", code, __file__], capture_output=True, text=True,
                          check=True, env=os.environ | {"OMP_NUM_THREADS": "1",
                                                        "PYTHONPATH": str(checkout)})  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


class _InTurn:
    """Stands for a pool of threads, and does everything in this one."""

    def __init__(self, workers: int | None) -> None:
        del workers

    def __enter__(self) -> _InTurn:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def map(self, work: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        """Do one after another."""
        return [work(item) for item in items]


def print_stages() -> None:
    """Measure :func:`by_stage` in here."""
    table = candidates(60_000, 0)
    predictor.ThreadPoolExecutor = _InTurn  # type: ignore[attr-defined]
    for _ in range(2):  # every booster was asked enough to be in its compiled form
        guide_ml.predict_table(table, errors="report")
    stages = Stages()
    stages.time(run.tables, "read", "look names up, check numbers")
    stages.time(run.assume, "resolve", "fill blanks")
    stages.time(predictor, "answer", "features and physics")
    stages.time(boosted, "_estimate", "features and physics")
    stages.time(boosted.Steps, "of", "heavier loads")
    for name in ("near", "all_near"):
        if hasattr(boosted, name):
            stages.time(boosted, name, "heavier loads")
    for kind in (Lazy, LightGbm, XgBoost):
        stages.time(kind, "predict", "trees")
    stages.time(predictor.Predictor, "judge", "intervals and domain")
    start = time.thread_time()
    guide_ml.predict_table(table, errors="report")
    stages.spent["the rest"] = time.thread_time() - start - stages.spent.total()
    sys.stdout.write(json.dumps({k: 1e6 * v / len(table) for k, v in stages.spent.items()}))


def singles() -> float:
    """Predictions a second of a core, one after another, each of another deployment.

    Warm: as many others came before, in the course of which trees were put into compiled form.
    """
    table = candidates(6 * LOOP, 5)
    rows = [{k: v for k, v in row.items() if pd.notna(v) and v != ""}
            for row in table.to_dict("records")]  # fmt: skip
    rows = [r for r in rows if {"input_len", "output_len"} <= set(r)][: 2 * LOOP]
    for row in rows[:LOOP]:
        predicted(row)
    done: list[bool] = []
    took = processor_s(lambda: done.extend(map(predicted, rows[LOOP:])))
    return sum(done) / took


def predicted(row: dict[str, Any]) -> bool:
    """Predict one; whether it fits."""
    try:
        guide_ml.predict(**row)
    except guide_ml.GuideError:
        return False
    return True


def peers(python: str | None) -> dict[str, float]:
    """Deployments that a second of processor time answers: AIConfigurator's, and guide-ml's."""
    if python is None:
        with tempfile.TemporaryDirectory() as folder:
            venv.create(folder, with_pip=True)
            own = str(Path(folder) / "bin" / "python")
            subprocess.run([own, "-m", "pip", "install", "--quiet", PEER_PACKAGE], check=True)
            return peers(own)
    done = subprocess.run([python, str(PEER), str(PEER_CALLS)], capture_output=True, text=True,
                          check=True)  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    few, many = ([row | {"hardware": "h100", "framework": "vllm"} for row in found.pop(name)]
                 for name in ("asked", "session"))  # fmt: skip
    predicted(few[0])
    found["guide-ml, predict()"] = len(few) / processor_s(lambda: all(map(predicted, few)))
    table = pd.DataFrame(many)
    for level, words in ((None, ""), (0.9, " with intervals")):
        guide_ml.predict_table(table, level=level)
        took = processor_s(lambda level=level: guide_ml.predict_table(table, level=level))
        found[f"guide-ml, predict_table(){words}"] = len(table) / took
    return found


def processor_s(work: Callable[[], Any]) -> float:
    """Processor time of some work, all threads together: others may load the machine."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    """Measure and write."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--rows", type=int, default=ROWS)
    ask.add_argument("--full", action="store_true", help="ten million rows")
    ask.add_argument("--peers", action="store_true", help="AIConfigurator beside, from PyPI")
    ask.add_argument("--peer-python", help="a Python that has AIConfigurator already")
    ask.add_argument("--before", type=Path, help="a checkout of another build, to compare stages")
    ask.add_argument("--part", choices=("files", "rest"), help="measure anew only this part")
    given = ask.parse_args()
    previous = RESULTS / "09_scoring.json"
    kept: dict[str, Any] = json.loads(previous.read_text("utf-8")) if previous.exists() else {}
    found = {**kept} if given.part else {}
    if given.part != "rest":
        found |= files(FULL if given.full else given.rows)
    if given.part != "files":
        found |= rest(given, kept)
    previous.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    report(found)


def files(rows: int) -> dict[str, Any]:
    """Score a file of so many rows, without intervals and with them."""
    found: dict[str, Any] = {"rows": rows, "cpus": os.cpu_count(), "set": shipped()}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.parquet"
        write(rows, source)
        for label, options in (("plain", ()), ("intervals", ("--intervals",))):
            found[label] = scored(source, Path(folder), *options)
            print(label, found[label], flush=True)
    return found


def rest(given: argparse.Namespace, before: dict[str, Any]) -> dict[str, Any]:
    """Measure stages, single predictions and the other tool."""
    found: dict[str, Any] = {"set": shipped()}
    found["stages_us"] = by_stage(Path(guide_ml.__file__).parents[1])
    if given.before:
        found["stages_before_us"] = by_stage(given.before)
    found["predict_per_s"] = singles()
    found["peers"] = peers(given.peer_python) if given.peers else before.get("peers")
    return found


def report(found: dict[str, Any]) -> None:
    """Write the tables."""
    plain, bands = found["plain"], found["intervals"]
    rows = [
        (f"guide score, {found['rows']:,} rows", plain["rows_per_s"], "rows/s", ">= 50,000"),
        ("the same with intervals", bands["rows_per_s"], "rows/s", ">= 25,000"),
        ("processor time of a row", 1e6 * plain["processor_s"] / found["rows"], "us", ""),
        ("the same with intervals", 1e6 * bands["processor_s"] / found["rows"], "us", ""),
        ("share of the cores that it got", 100 * plain["processor_s"] / plain["seconds"]
         / found["cpus"], "%", ""),
        ("memory at its highest", max(plain["peak_gb"], bands["peak_gb"]), "GB", "< 1.5"),
        (f"predict(), {LOOP} deployments one by one", found["predict_per_s"], "a second of a core",
         ">= 300"),
    ]  # fmt: skip
    for name, value in found["stages_us"].items():
        before = (found.get("stages_before_us") or {}).get(name)
        was = "" if before is None else f"{before:.3g} before"
        rows.append((name, value, "us a row", was))
    for stage in ("read", "predict", "write"):
        rows.append((f"thread that {stage}s", plain["stages_s"][stage], "s", ""))
    for name, value in (found.get("peers") or {}).items():
        rows.append((name, value, "a second of a core", ""))
    table = pd.DataFrame(rows, columns=["what", "value", "unit", "goal"])
    table.to_csv(RESULTS / "09_scoring.csv", index=False)
    lines = [stamp([found["set"]]), "", "| what | value | goal |", "|---|---|---|"]
    lines += [f"| {w} | {v:,.4g} {u} | {g} |" if v < 1e4 else f"| {w} | {v:,.0f} {u} | {g} |"
              for w, v, u, g in rows]  # fmt: skip
    (RESULTS / "09_scoring.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
