"""How long do import, first call, warm call and a table take? Medians, and a yardstick beside.

The yardsticks are fixed pieces of work on the same machine, so that figures of different machines
can be compared as ratios: numpy alone, plain Python, and the import of LightGBM, without which
nothing is predicted. Writes results/02_speed.csv and .md.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import traffic_speed
from tables import stamp

import guide_ml
from guide_ml.measurements.read import prepare, read_files
from guide_ml.table.read import DESCRIPTORS

RESULTS = Path(__file__).parent / "results"
ROWS = 100_000
CALL = ("guide_ml.predict(hardware='h100', model='llama-3.1-8b-instruct', framework='vllm',"
        " concurrency=32, input_len=1024, output_len=256)")  # fmt: skip
COMMAND = ("predict", "--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework",
           "vllm", "--concurrency", "32", "--input-len", "1024", "--output-len", "256")  # fmt: skip
SEARCH = ("search", "--model", "llama-3.1-8b-instruct", "--input-len", "512", "--output-len",
          "128", "--users", "50", "--ttft-ms", "1000", "--tpot-ms", "50", "--json")  # fmt: skip
COMPILED = Path(tempfile.mkdtemp(prefix="compiled"))
WARMED: set[tuple[str, ...]] = set()
HEAVY = ("mlflow", "optuna", "matplotlib")


def yardstick_s() -> float:
    """Sort two million random numbers ten times, one after another."""
    x = np.random.default_rng(0).random(2_000_000)
    start = time.perf_counter()
    for _ in range(10):
        np.sort(x)
    return time.perf_counter() - start


def python_s() -> float:
    """Add up ten million numbers one by one."""
    start = time.perf_counter()
    total = 0
    for number in range(10_000_000):
        total += number
    return time.perf_counter() - start


def median_of(runs: int, measure: Callable[[], float]) -> float:
    """Median of several measurements."""
    return statistics.median(measure() for _ in range(runs))


def fresh(code: str) -> float:
    """Seconds that a piece of code takes in a new process, the interpreter's start left out."""
    script = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          check=True)  # fmt: skip
    return float(done.stdout.split()[-1])


def processor_s(*arguments: str) -> float:
    """Processor time of a whole Python process, whatever else the machine does.

    Modules are compiled beforehand, as an installation does it for every package.
    """
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(COMPILED)
    if arguments not in WARMED:
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=env)
        WARMED.add(arguments)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True, env=env)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def start_ratio(command: tuple[str, ...]) -> float:
    """Processor time of a command, that of importing numpy and pandas being 1."""
    return processor_s("-m", "guide_ml", *command) / processor_s("-c", "import numpy, pandas")


def warm_s() -> float:
    """Processor time of one call when everything is loaded, over calls that differ, s."""
    start = time.process_time()
    for k in range(100):
        guide_ml.predict(hardware="h100", model="llama-3.1-8b-instruct", framework="vllm",
                         concurrency=1 + k, input_len=1024, output_len=256)  # fmt: skip
    return (time.process_time() - start) / 100


def warm_calls() -> float:
    """Functions that one warm call runs, NumPy's among them."""
    profile = cProfile.Profile()
    profile.enable()
    guide_ml.predict(hardware="h100", model="llama-3.1-8b-instruct", framework="vllm",
                     concurrency=7, input_len=1024, output_len=256)  # fmt: skip
    profile.disable()
    return float(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def table_rows_per_s(table: pd.DataFrame) -> float:
    """Rows per second of a table, all targets with intervals."""
    start = time.perf_counter()
    guide_ml.predict_table(table, errors="report")
    return len(table) / (time.perf_counter() - start)


def row_us(table: pd.DataFrame) -> float:
    """Processor time of a row of a table, all cores together, microseconds."""
    start = time.process_time()
    guide_ml.predict_table(table, errors="report")
    return 1e6 * (time.process_time() - start) / len(table)


def candidates() -> pd.DataFrame:
    """Draw deployments of the data at random, with loads of their own."""
    used = prepare(read_files()).table[list(DESCRIPTORS)]
    rng = np.random.default_rng(0)
    table = used.iloc[rng.integers(0, len(used), ROWS)].reset_index(drop=True)
    scale = rng.uniform(0.5, 2.0, ROWS)
    for column in ("input_len", "output_len"):
        table[column] = (table[column] * scale).clip(lower=1).round()
    return table


def traffic_rows() -> list[tuple[str, str, float, str]]:
    """Measure what simulates requests."""
    traffic_speed.requests_per_s()  # Numba compiles once
    return [
        ("simulated requests on one thread", "/s", median_of(3, traffic_speed.requests_per_s),
         ">= 100000"),
        ("warm predict() of an open load", "ms", 1e3 * median_of(5, traffic_speed.open_s),
         "< 100"),
        ("search with limits on 99th percentiles", "s", median_of(3, traffic_speed.search_s),
         "< 10"),
        ("memory of a process that simulates 1e6 requests", "GB", traffic_speed.memory_gb(), "< 1"),
    ]  # fmt: skip


def main() -> None:
    """Measure and write."""
    modules = fresh(f"import sys, guide_ml; assert not set({HEAVY!r}) & set(sys.modules)")
    table = candidates()
    warm_s()
    table_rows_per_s(table)
    rows = [
        ("yardstick: sort 2e6 numbers 10 times", "s", median_of(5, yardstick_s), ""),
        ("yardstick: 1e7 additions in Python", "s", median_of(3, python_s), ""),
        ("yardstick: import lightgbm", "s", median_of(5, lambda: fresh("import lightgbm")), ""),
        ("import guide_ml", "s", median_of(7, lambda: fresh("import guide_ml")), "< 0.5"),
        ("first predict() of a process", "s",
         median_of(5, lambda: fresh(f"import guide_ml; {CALL}")), "< 2"),
        ("guide predict, processor time of the command; import numpy, pandas = 1", "",
         median_of(7, lambda: start_ratio(COMMAND)), "< 1.7"),
        ("guide search, likewise", "", median_of(3, lambda: start_ratio(SEARCH)), ""),
        ("warm predict(), processor time", "ms", 1e3 * median_of(5, warm_s), "< 10"),
        ("functions that it calls", "", warm_calls(), ""),
        (f"predict_table, {ROWS} rows, all targets", "rows/s",
         median_of(3, lambda: table_rows_per_s(table)), ">= 10000"),
        *traffic_rows(),
        ("the same, processor time of a row", "us", median_of(3, lambda: row_us(table)), ""),
    ]  # fmt: skip
    shutil.rmtree(COMPILED)
    assert modules < 5
    found = pd.DataFrame(rows, columns=["what", "unit", "median", "goal"])
    found["median"] = found["median"].round(4)
    RESULTS.mkdir(exist_ok=True)
    found.to_csv(RESULTS / "02_speed.csv", index=False)
    lines = [stamp(), "", "| what | median | goal |", "|---|---|---|"]
    lines += [f"| {w} | {m:,.4g} {u} | {g} |" for w, u, m, g in found.to_numpy()]
    (RESULTS / "02_speed.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
