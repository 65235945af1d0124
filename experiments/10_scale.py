"""Does scoring scale over workers, and what do 100 million rows cost on a cluster?

A Dask scheduler and one or two worker processes of one thread each, on this machine, score the
same candidates; efficiency is the speed-up over the number of workers. The estimators are loaded
on every worker before the clock starts. Then on paper: cores, hours and dollars for 100 million
rows, from the speed of one worker and the efficiency measured. Writes results/10_scale.csv, .md.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from tables import stamp

from guide_ml.scoring import Options, open_source
from guide_ml.scoring.cluster import score_on_cluster

RESULTS = Path(__file__).parent / "results"
ROWS, FULL = 240_000, 2_000_000
PARTS = 16
WORKERS = (1, 2)
LARGE = 100_000_000
#: A general-purpose virtual core, on demand, at the large clouds (4 GB each): USD an hour.
USD_PER_CORE_H = 0.05
CLUSTER_CORES = 64
ONE_THREAD = dict.fromkeys(
    ("GUIDE_ML_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
)


def started(*command: str) -> subprocess.Popen[bytes]:
    """Start a Python module as a process that says nothing."""
    return subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, env=os.environ | ONE_THREAD)  # fmt: skip


def rate(workers: int, source: Path, warm_up: Path, rows: int) -> float:
    """Rows a second of so many workers."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "scheduler.json"
        common = ("--scheduler-file", str(told), "--no-dashboard")
        processes = [started("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port",
                             "0", *common)]  # fmt: skip
        try:
            while not told.exists():
                time.sleep(0.1)
            processes += [started("distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny",
                                  "--local-directory", folder, *common)
                          for _ in range(workers)]  # fmt: skip
            address = str(pd.read_json(told, typ="series")["address"])
            wait_for(address, workers)
            out = str(Path(folder) / "out.parquet")
            score_on_cluster(address, open_source(str(warm_up)), out, None, Options(), rows=2000)
            part = -(-rows // PARTS)
            done = score_on_cluster(address, open_source(str(source)), out, None, Options(),
                                    rows=part)  # fmt: skip
            assert done.counts.rows == rows
            return done.rows_per_s
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait()


def wait_for(address: str, workers: int) -> None:
    """Wait until all workers have come."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=60)


def paper(one: float, efficiency: float) -> list[tuple[str, float, str]]:
    """What 100 million rows take on a cluster, by arithmetic."""
    core_hours = LARGE / (one * efficiency) / 3600
    return [
        (f"{LARGE:,} rows, on paper: core hours", core_hours, "h"),
        (f"on {CLUSTER_CORES} cores", core_hours / CLUSTER_CORES * 60, "min"),
        (f"at {USD_PER_CORE_H} USD a core and hour", core_hours * USD_PER_CORE_H, "USD"),
    ]


def main() -> None:
    """Measure and write."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--rows", type=int, default=ROWS)
    ask.add_argument("--full", action="store_true", help=f"{FULL:,} rows")
    given = ask.parse_args()
    rows = FULL if given.full else given.rows
    sys.path.insert(0, str(Path(__file__).parent))
    scoring = importlib.import_module("09_scoring")
    with tempfile.TemporaryDirectory() as folder:
        source, warm_up = Path(folder) / "in.parquet", Path(folder) / "warm.parquet"
        scoring.write(rows, source)
        scoring.write(8000, warm_up)
        found = {n: rate(n, source, warm_up, rows) for n in WORKERS}
    one = found[WORKERS[0]]
    table = [(f"{n} worker{'s' * (n > 1)}, one thread each", speed, "rows/s")
             for n, speed in found.items()]  # fmt: skip
    efficiency = found[WORKERS[-1]] / one / WORKERS[-1]
    table.append((f"efficiency of {WORKERS[-1]} workers", 100 * efficiency, "%"))
    table += paper(one, min(efficiency, 1.0))
    frame = pd.DataFrame(table, columns=["what", "value", "unit"])
    RESULTS.mkdir(exist_ok=True)
    frame.to_csv(RESULTS / "10_scale.csv", index=False)
    lines = [stamp(), "", f"{rows:,} rows, {os.cpu_count()} cores", ""]
    lines += ["| what | value |", "|---|---|"]
    lines += [f"| {w} | {v:,.4g} {u} |" if v < 1e4 else f"| {w} | {v:,.0f} {u} |"
              for w, v, u in table]  # fmt: skip
    (RESULTS / "10_scale.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
