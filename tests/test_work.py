"""How much work a prediction is, counted and not timed: speed that is lost shows on any machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import guide_ml
from guide_ml.estimators import estimate, heavier_loads
from guide_ml.estimators.load_order import AXES
from guide_ml.estimators.predictor import default_predictor
from guide_ml.measurements.read import prepare, read_files
from guide_ml.table.read import DESCRIPTORS

ROOT = Path(__file__).parents[1]
ROWS = 2000
#: Loads that a row's estimators are asked for, its own and heavier ones, all targets together.
MOST_ASKED = 8.0
#: Heavier loads of a row whose physics is worked out; without rounds it would be twice as many.
MOST_WORKED_OUT = 9.0
#: Bytes of the trained set that a first prediction reads, with arrays beside boosters and without.
MOST_READ, MOST_READ_AS_TEXT = 6e6, 12e6
NEEDLESS = {"joblib", "mlflow", "numba", "optuna", "pandas", "scipy", "sklearn", "xgboost"}
SCRIPT = """
import json, os, sys
from contextlib import redirect_stdout
from io import StringIO
opened = set()
sys.addaudithook(lambda name, args: opened.add(str(args[0])) if name == "open" else None)
from guide_ml.cli.main import app
with redirect_stdout(StringIO()):
    app(["predict", "--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework", "vllm",
         "--concurrency", "8", "--input-len", "512", "--output-len", "64"], standalone_mode=False)
from guide_ml.estimators.artefacts import default_folder
own = {p for p in opened if os.path.dirname(p) == str(default_folder())}
print(json.dumps([sum(map(os.path.getsize, own)), sorted(m for m in sys.modules if "." not in m)]))
"""


@pytest.fixture(scope="module")
def started() -> tuple[int, set[str]]:
    """Bytes of the trained set that the command reads for one deployment, and what it imports."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True,
                          check=True)  # fmt: skip
    size, modules = json.loads(done.stdout)
    return size, set(modules)


def test_one_prediction_reads_little(started):
    arrays = any(name.endswith(".npz") for name in default_predictor().card["files"])
    assert 1e5 < started[0] < (MOST_READ if arrays else MOST_READ_AS_TEXT)


def test_one_prediction_imports_little(started):
    assert not started[1] & NEEDLESS
    assert "numpy" in started[1]


@pytest.fixture
def mixed() -> pd.DataFrame:
    """Deployments of the data, drawn at random."""
    used = prepare(read_files()).table[list(DESCRIPTORS)]
    rng = np.random.default_rng(3)
    return used.iloc[rng.integers(0, len(used), ROWS)].reset_index(drop=True)


@pytest.mark.slow
def test_physics_of_few_heavier_loads_is_worked_out_and_changes_nothing(monkeypatch, mixed):
    worked_out: list[int] = []
    whole = vars(heavier_loads)["estimate"]

    def counted(load, knobs):
        found = whole(load, knobs)
        worked_out.append(found.pace_s.size)
        return found

    monkeypatch.setattr(heavier_loads, "estimate", counted)
    by_rounds = guide_ml.predict_table(mixed, errors="report", level=None)
    few = sum(worked_out) / ROWS
    plain = tuple(replace(axis, rounds=(axis.steps,), after=()) for axis in AXES)
    monkeypatch.setattr(heavier_loads, "AXES", plain)
    worked_out.clear()
    all_of_them = guide_ml.predict_table(mixed, errors="report", level=None)
    pd.testing.assert_frame_equal(by_rounds, all_of_them, check_exact=True)
    assert 1.0 < few < MOST_WORKED_OUT < 0.7 * sum(worked_out) / ROWS


@pytest.mark.slow
def test_a_row_asks_the_trees_for_few_loads(monkeypatch, mixed):
    asked: Counter[str] = Counter()
    whole = estimate._boosted

    def counted(fitted, name, x):
        asked[name] += x.shape[1]
        return whole(fitted, name, x)

    monkeypatch.setattr(estimate, "_boosted", counted)
    found: pd.DataFrame = guide_ml.predict_table(mixed, errors="report", level=None)
    assert found["error"].eq("").sum() > 0.9 * ROWS
    assert 1.0 < asked.total() / ROWS < MOST_ASKED, asked
