"""`import guide_ml` is instant: heavy packages are loaded by the first call that needs them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = ("lightgbm", "matplotlib", "mlflow", "numba", "optuna", "pandas", "pyarrow", "sklearn",
         "xgboost")  # fmt: skip
LIMIT_S = 0.5
SCRIPT = """
import json, sys, time
start = time.perf_counter()
import {module}
print(json.dumps([time.perf_counter() - start, sorted(sys.modules)]))
"""


def fresh_import(module: str) -> tuple[float, set[str]]:
    """Import a module in a new process; return the seconds it took and what is then loaded."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(module=module)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    seconds, loaded = json.loads(done.stdout)
    return seconds, set(loaded)


def test_import_is_instant():
    assert statistics.median(fresh_import("guide_ml")[0] for _ in range(3)) < LIMIT_S


def test_import_loads_nothing_heavy():
    assert not fresh_import("guide_ml")[1] & set(HEAVY)


def test_the_command_line_loads_no_training_package():
    assert not fresh_import("guide_ml.cli.main")[1] & {"matplotlib", "mlflow", "optuna"}
