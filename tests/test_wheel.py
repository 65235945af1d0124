"""The wheel predicts on its own: another folder, another environment, no checkout in sight."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = "Scripts" if os.name == "nt" else "bin"
DEPLOYMENT = (
    "--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework", "vllm",
    "--batch-size", "8", "--input-len", "1024", "--output-len", "128",
)  # fmt: skip


def run(command: list[str | Path], folder: Path) -> str:
    """Run a command in a folder without Python's variables; return what it prints."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel from the checkout."""
    out = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT], out)
    (built,) = out.glob("guide_ml-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """Install the wheel into a new environment that borrows only the dependencies of this one."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    python = home / BIN / "python"
    site = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], home)
    # A .pth file adds a folder but not the .pth files in it, so no editable install comes along.
    Path(site.strip(), "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    run([*pip, "--no-deps", "--no-index", "--ignore-installed", wheel], home)
    return home


def test_wheel_holds_the_estimators_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    folder = ROOT / "models" / "default"
    files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    assert files
    assert {f"guide_ml/_models/default/{file}" for file in files} <= set(names)
    data = [p for p in (ROOT / "data").rglob("*") if p.is_file()]
    shipped = {"guide_ml/_data/" + p.relative_to(ROOT / "data").as_posix() for p in data}
    assert shipped == {name for name in names if name.startswith("guide_ml/_data/")}
    assert {name.split("/")[0] for name in names} == {"guide_ml", wheel.name[:14] + ".dist-info"}


def test_python_finds_the_wheel_and_not_the_checkout(installed, tmp_path):
    script = "import guide_ml; print(guide_ml.__file__)"
    found = Path(run([installed / BIN / "python", "-c", script], tmp_path).strip())
    assert found.is_relative_to(installed)


def test_command_predicts_anywhere(installed, tmp_path):
    printed = run([installed / BIN / "guide", "predict", *DEPLOYMENT, "--json"], tmp_path)
    answer = json.loads(printed)
    assert math.isfinite(answer["batch_latency_s"])
    assert answer["batch_latency_s"] > 0


def test_the_gate_has_what_it_compares_on(installed, tmp_path):
    script = (
        "from guide_ml.measurements.read import default_folder as found\n"
        "from guide_ml.tracking import first; first.check(); print(found())"
    )
    folder = Path(run([installed / BIN / "python", "-c", script], tmp_path).strip())
    assert folder.is_relative_to(installed)
    same = {p.name: p.read_bytes() for p in (ROOT / "data" / "measurements").glob("*.parquet")}
    assert same == {p.name: p.read_bytes() for p in folder.glob("*.parquet")}
