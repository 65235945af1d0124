"""Dask workers give the numbers of one machine; a killed one loses and doubles nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import guide_ml
from guide_ml.errors import InvalidInput
from guide_ml.scoring import Options, cluster, open_source

pytestmark = pytest.mark.slow
ROWS = 4000


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rows = [{"id": k, "hardware": ("h100", "l4", "mi300x")[k % 3], "framework": "vllm",
             "model": "llama-3.1-8b-instruct", "concurrency": 1 + k % 50, "input_len": 100 + k,
             "output_len": 64} for k in range(ROWS)]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def expected(table: pd.DataFrame) -> pd.DataFrame:
    return guide_ml.predict_table(table, errors="report", level=None)


def started(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)  # fmt: skip


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a scheduler and two workers, each a process of its own."""
    told = tmp_path / "scheduler.json"
    common = ("--scheduler-file", str(told), "--no-dashboard")
    processes = [started("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
                         *common)]  # fmt: skip
    while not told.exists():
        time.sleep(0.05)
    workers = [started("distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny",
                       "--local-directory", str(tmp_path), *common) for _ in range(2)]  # fmt: skip
    address = pd.read_json(told, typ="series")["address"]
    yield address, workers
    for process in (*workers, *processes):
        process.kill()
        process.wait()


def test_a_killed_worker_loses_and_doubles_nothing(table, expected, tmp_path, scheduler):
    address, workers = scheduler
    table.to_parquet(tmp_path / "in.parquet", index=False)
    killed: list[int] = []

    def kill_one(done: int, total: int | None, share: float | None) -> None:
        if not killed and done >= 400:
            os.kill(workers[0].pid, signal.SIGKILL)
            killed.append(done)

    done = cluster.score_on_cluster(
        address, open_source(str(tmp_path / "in.parquet")), str(tmp_path / "out.parquet"), None,
        Options(), rows=200, progress=kill_one,
    )  # fmt: skip
    assert killed
    assert workers[0].wait(timeout=10) == -signal.SIGKILL
    assert (done.counts.rows, done.counts.bad) == (ROWS, 0)
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert found["id"].tolist() == table["id"].tolist()
    for name in ("ttft_ms", "tpot_ms", "output_tok_s"):
        assert found[name].fillna(-1).tolist() == expected[name].fillna(-1).tolist()
    assert not list(tmp_path.glob(".out*"))


def test_predict_dask_keeps_partitions_and_numbers(table, expected, scheduler):
    import dask.dataframe as dd
    from distributed import Client

    address, _ = scheduler
    with Client(address, set_as_default=True):
        parts = dd.from_pandas(table, npartitions=5)
        lazy = guide_ml.predict_dask(parts, level=None)
        assert lazy.npartitions == parts.npartitions
        assert list(lazy.columns) == list(expected.columns)
        found = lazy.compute(retries=3)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_no_scheduler_is_told(table, tmp_path):
    table.head(3).to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(InvalidInput, match="a Dask scheduler must answer at tcp:"):
        cluster.score_on_cluster("tcp://127.0.0.1:9", open_source(str(tmp_path / "in.csv")),
                                 str(tmp_path / "out.csv"), None, Options())  # fmt: skip
