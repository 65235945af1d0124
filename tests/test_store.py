"""Stores are whole or absent, and locked by one process at a time; a kill frees the lock."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guide_ml.errors import BadStore
from guide_ml.registry import store

HOLD = """
import sys, time
from guide_ml.registry.store import lock
with lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def uri(tmp_path):
    return f"sqlite:///{tmp_path}/m.db"


def holder(uri):
    """Start a process that holds the lock; return when it does."""
    root = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, uri], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "held"
    return process


def test_the_store_is_what_was_asked_for_then_the_environments_then_local(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://there:1")
    assert store.resolve_uri("http://here:1") == "http://here:1"
    assert store.resolve_uri() == "http://there:1"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir(tmp_path)
    assert store.resolve_uri() == f"sqlite:///{tmp_path}/mlflow.db"


def test_artefacts_of_a_local_store_lie_beside_it_and_a_server_knows_its_own(tmp_path, uri):
    assert store.artifact_root(uri) == (tmp_path / "mlruns").as_uri()
    assert store.artifact_root("http://here:1") is None


def test_a_lock_is_held_by_one_process_and_freed_when_it_is_killed(uri):
    process = holder(uri)
    try:
        with pytest.raises(BadStore, match="another process has held"), store.lock(uri, 0.2):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        start = time.perf_counter()
        with store.lock(uri, 10):
            assert time.perf_counter() - start < 5
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_locks_of_other_stores_are_others(uri, tmp_path):
    with store.lock(uri), store.lock(f"sqlite:///{tmp_path}/other.db", 0.2):
        pass


def test_a_lock_is_freed_by_an_error(uri):
    with pytest.raises(ZeroDivisionError), store.lock(uri):
        raise ZeroDivisionError
    with store.lock(uri, 0.2):
        pass


def test_a_server_that_is_not_there_is_told_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.perf_counter()
    with pytest.raises(BadStore, match="must be an MLflow tracking URI that can be reached"):
        store.client(f"http://127.0.0.1:{port}")
    assert time.perf_counter() - start < 10


def test_a_file_that_is_no_store_is_refused(uri, tmp_path):
    (tmp_path / "m.db").write_text("no database, but long enough to look like one" * 30)
    with pytest.raises(BadStore, match=r"m\.db must be an MLflow tracking URI"):
        store.client(uri)
    assert "no database" in (tmp_path / "m.db").read_text()


def test_module_level_calls_go_to_the_store_and_back_afterwards(tmp_path, uri, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    module = store.mlflow()
    module.set_tracking_uri(None)
    with store.fluent(uri):
        assert module.get_tracking_uri() == uri
    assert not module.tracking.is_tracking_uri_set()
    assert "MLFLOW_TRACKING_URI" not in os.environ
