from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import guide_ml
from guide_ml import moved

PACKAGE = Path(guide_ml.__file__).parent
PUBLIC = {
    "SLO", "BadArtefact", "BadData", "BadStore", "Capacity", "Constraints", "Deployment",
    "DoesNotFit", "Explanation", "Found", "Framework", "GuideError", "Hardware", "InvalidInput",
    "Lengths", "Load", "Model", "Plan", "Prediction", "Predictor", "Profile", "Traffic",
    "UnknownName", "Workload", "__version__", "calibrate", "capacity", "list_frameworks",
    "list_hardware", "list_models", "list_offers", "predict", "predict_dask", "predict_table",
    "search", "simulate", "sweep",
}  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(guide_ml.__all__) == PUBLIC
    import_module("guide_ml.searching")  # what is imported does not show
    assert set(dir(guide_ml)) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(guide_ml, name)
    assert value.__doc__


def test_a_public_name_is_the_same_each_time() -> None:
    assert guide_ml.predict is import_module("guide_ml.api").predict
    assert guide_ml.predict is guide_ml.predict


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    name = "predicts"
    with pytest.raises(AttributeError, match="no attribute 'predicts'"):
        getattr(guide_ml, name)


def test_star_import_brings_the_public_names() -> None:
    found: dict[str, object] = {}
    exec("from guide_ml import *", found)
    assert set(found) >= PUBLIC


def test_the_version_is_a_number_or_says_that_none_is_installed() -> None:
    assert re.match(r"\d+\.\d+|0\+unknown", guide_ml.__version__)


def test_the_package_says_that_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_a_fresh_process_predicts_with_the_public_names_alone() -> None:
    code = (
        "import sys, guide_ml; assert 'pandas' not in sys.modules; "
        "p = guide_ml.predict(hardware='h100', model='llama-3.1-8b-instruct', batch_size=1,"
        " input_len=128, output_len=16); print(p.batch_latency_s > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, check=True
    )
    assert done.stdout.strip() == "True"


MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.stem not in ("__init__", "__main__", "served")  # registered code runs where MLflow is
)


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_says_it_offers_is_there(module: str) -> None:
    loaded = import_module(module)
    assert not [name for name in getattr(loaded, "__all__", ()) if not hasattr(loaded, name)]


@pytest.mark.parametrize("path", sorted(moved.MOVED))
def test_a_path_of_before_still_imports(path: str) -> None:
    home, _, inner = moved.MOVED[path].partition(":")
    there = import_module(home)
    assert import_module(path) is (getattr(there, inner) if inner else there)


def test_calibrate_is_the_function_and_carries_what_its_module_had() -> None:
    code = (
        "import guide_ml; f = guide_ml.calibrate; import guide_ml.calibrate;"
        "from guide_ml.calibrate import calibrate, read;"
        "assert guide_ml.calibrate is f is calibrate and callable(read)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, check=True)
