"""The notebooks run from start to end, say what they found, and speak of no machine of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "experiments" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    read = json.loads(path.read_text("utf-8"))
    return [cell for cell in read["cells"] if cell["cell_type"] == kind]


def test_there_are_two() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02"]


@pytest.mark.parametrize(
    "path", [NOTEBOOKS[0], *(pytest.param(path, marks=pytest.mark.slow) for path in NOTEBOOKS[1:])],
    ids=lambda path: path.stem,
)  # fmt: skip
def test_a_notebook_runs(path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), "--check", str(path)],
        capture_output=True, text=True, env=env, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path.name}: {len(cells(path, 'code'))} cells ran\n"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_with_its_outputs(path: Path) -> None:
    counts = [cell["execution_count"] for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [out for cell in cells(path, "code") for out in cell["outputs"]]
    assert len(outputs) >= len(counts) // 2
    assert not [out for out in outputs if out["output_type"] == "error"]
    assert not [out for out in outputs if out.get("name") == "stderr"], "warnings are noise"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_no_place_of_the_machine_it_ran_on(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not [place for place in (str(Path.home()), "/home/", "/tmp/", "site-packages")
                if place in text]  # fmt: skip


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_explains_more_often_than_it_computes(path: Path) -> None:
    assert len(cells(path, "markdown")) >= len(cells(path, "code")) // 2
    for cell in cells(path, "code"):
        assert len("".join(cell["source"]).splitlines()) <= 12
