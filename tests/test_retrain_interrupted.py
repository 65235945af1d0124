"""Killed anywhere, started twice at once, or against a server: store and champion stay right.

Real processes, killed by SIGKILL at stated points of the real code.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

from guide_ml import Predictor, predict_table
from guide_ml.registry import store
from guide_ml.registry.versions import CHAMPION, Registry
from guide_ml.tracking.model import EXAMPLE
from guide_ml.tracking.plan import EXPERIMENT
from tests.tracked import copied

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
RETRAIN = """
import os, pkgutil, signal, sys
from pathlib import Path

from guide_ml.tracking.plan import Plan
from guide_ml.tracking.retrain import retrain

data, uri, point, count, seed = sys.argv[1:]
if point:
    holder, name = point.split(":")
    owner = pkgutil.resolve_name(holder.replace("/", ":"))
    left, real = [int(count)], getattr(owner, name)

    def counted(*args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)

    setattr(owner, name, counted)
plan = Plan(Path(data), base=False, shipped=False, trials=1, rounds=10, folds=2, jobs=1,
            pictures=False, tracking_uri=uri, seed=int(seed), force="a test of kills")
print(retrain(plan).verdict)
"""
#: Where to die: before the n-th call of a function.
POINTS = {
    "tuning": ("guide_ml.training.tuning:fit_member", 3),
    "fitting": ("guide_ml.training.crossval:fold_errors", 2),
    "logging figures": ("guide_ml.tracking.log/RunLog:errors", 0),
    "logging tables": ("guide_ml.tracking.log/RunLog:file", 4),
    "logging the model": ("mlflow.tracking.client/MlflowClient:finalize_logged_model", 0),
    "judging": ("guide_ml.tracking.retrain:judge", 0),
    "before registration": ("guide_ml.registry.versions/Registry:register", 0),
    "inside registration": ("mlflow.tracking.client/MlflowClient:create_model_version", 0),
    "before the champion moves": ("guide_ml.registry.versions/Registry:crown", 0),
    "inside the champion's move":
        ("mlflow.tracking.client/MlflowClient:set_registered_model_alias", 0),
    "after all": ("guide_ml.tracking.log/RunLog:metrics", 4),
}


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def start(data, uri, point="", count=0, seed=0):
    return subprocess.Popen(
        [sys.executable, "-c", RETRAIN, str(data), uri, point, str(count), str(seed)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip


def finish(process):
    out, err = process.communicate(timeout=300)
    return process.returncode, out.strip(), err


@pytest.fixture(scope="module")
def trained(few, template, tmp_path_factory):
    """A folder with a store that has one champion."""
    folder = tmp_path_factory.mktemp("trained")
    code, out, err = finish(start(few, copied(template, folder)))
    assert (code, out) == (0, "first"), err
    return folder


@pytest.fixture
def store_uri(trained):
    """The store as it was with one champion; artefacts only ever grow."""
    uri = f"sqlite:///{trained / 'mlflow.db'}"
    kept = trained / "kept.db"
    if not kept.exists():
        shutil.copy(trained / "mlflow.db", kept)
    yield uri
    shutil.copy(kept, trained / "mlflow.db")


def intact(uri):
    """Check the database, and that the champion predicts; return the champion's version."""
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    found = predict_table(EXAMPLE, predictor=Predictor.from_mlflow(tracking_uri=uri))
    assert (found["tpot_ms"] > 0).all()
    return Registry(uri).get(CHAMPION).version


@pytest.mark.parametrize("name", POINTS)
def test_killed_anywhere_the_champion_serves_and_a_rerun_finishes(name, few, store_uri):
    code, out, err = finish(start(few, store_uri, *POINTS[name], seed=1))
    late = name == "after all"
    assert code == -signal.SIGKILL, (code, out, err)
    before = intact(store_uri)
    assert before == ("2" if late else "1")
    if name in ("tuning", "logging the model", "judging"):  # the rest would take minutes more
        code, out, err = finish(start(few, store_uri, seed=1))
        assert code == 0, err
        assert intact(store_uri) != before
        client = store.client(store_uri)
        number = client.get_experiment_by_name(EXPERIMENT).experiment_id
        states = [r.info.status for r in client.search_runs([number])]
        assert "KILLED" in states  # what the kill left open is closed
        assert "RUNNING" not in states


def test_killed_while_the_store_is_laid_out_a_rerun_lays_it_out(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    code = "import sys; from guide_ml.registry.store import client; client(sys.argv[1])"
    process = subprocess.Popen([sys.executable, "-c", code, uri], env=environment(),
                               start_new_session=True)  # fmt: skip
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".mlflow.db.*.new")) and time.monotonic() < until:
        time.sleep(0.01)
    assert list(tmp_path.glob(".mlflow.db.*.new"))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "mlflow.db").exists()
    assert store.client(uri).search_experiments()


def test_two_at_once_on_a_store_that_is_not_there_yet(few, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    both = [start(few, uri, seed=seed) for seed in (0, 1)]
    found = [finish(process) for process in both]
    assert [code for code, _, _ in found] == [0, 0], found
    assert sorted(out for _, out, _ in found)[0] == "first"
    versions = Registry(uri).versions()
    assert [v.version for v in versions] == ["2", "1"]
    assert [v.verdict for v in versions][1] == "first"
    assert intact(uri) in {"1", "2"}
    # The second was compared with the first, whichever process it was.
    client = store.client(uri)
    against = {v.version: client.get_run(v.run_id).data.tags["guide.against"] for v in versions}
    assert against == {"1": "", "2": "1"}


@pytest.fixture
def server(tmp_path):
    """A real tracking server on loopback; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "artifacts").mkdir()
    log = (tmp_path / "server.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
         "--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/server.db",
         "--artifacts-destination", str(tmp_path / "artifacts")],
        cwd=tmp_path, stdout=log, stderr=log, start_new_session=True, env=environment(),
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=2).close()
            break
        except OSError:
            assert time.monotonic() < until, (tmp_path / "server.log").read_text()
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            time.sleep(0.3)
    yield address
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)
    log.close()


def test_a_retraining_against_a_real_server(few, server, tmp_path):
    code, out, err = finish(start(few, server))
    assert (code, out) == (0, "first"), err
    found = predict_table(EXAMPLE, predictor=Predictor.from_mlflow(tracking_uri=server))
    with store.fluent(server) as module:
        model = module.pyfunc.load_model("models:/guide@champion")
        pd.testing.assert_frame_equal(model.predict(EXAMPLE), found, check_exact=True)
    code, out, err = finish(start(few, server, seed=1))
    assert code == 0, err
    assert out in ("promoted", "forced")
    assert Registry(server).rollback().version == "1"
    assert not (tmp_path / "mlruns").exists()  # all artefacts went to the server
