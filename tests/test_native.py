"""LightGBM's C interface gives what its Python package gives, and predictions need no more."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from guide_ml.errors import BadArtefact
from guide_ml.trees import native
from guide_ml.trees.boosters import load_member
from guide_ml.trees.native import Native

INPUTS = 5


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A booster's text file; some of what it was fitted on is missing."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, INPUTS)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    y = np.nansum(x, axis=1) ** 2
    data = lgb.Dataset(x, y, params={"verbose": -1})
    path = tmp_path_factory.mktemp("native") / "booster.txt"
    lgb.train({"verbose": -1, "num_threads": 1}, data, 40).save_model(str(path))
    return path


@pytest.fixture
def x() -> np.ndarray:
    found = np.random.default_rng(1).normal(size=(70, INPUTS)).astype(np.float32)
    found[::7, 2] = np.nan
    return found


def test_the_same_bits_as_the_package(file: Path, x: np.ndarray) -> None:
    own, theirs = Native(file.read_text("utf-8")), lgb.Booster(model_file=str(file))
    for given in (x, x[:1], np.asfortranarray(x), x[::2]):
        assert np.array_equal(own.predict(given), np.asarray(theirs.predict(given)))
    split = own.predict(x, pred_contrib=True)
    assert split.tolist() == np.asarray(theirs.predict(x, pred_contrib=True)).tolist()
    assert split.shape == (len(x), INPUTS + 1)
    assert own.num_feature() == theirs.num_feature() == INPUTS


def test_the_same_text(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lgb.Booster(model_file=str(file)).model_to_string()
    assert Native(file.read_text("utf-8")).model_to_string() == whole
    monkeypatch.setattr(native, "_TEXT", 16)  # more than fits at first
    assert Native(file.read_text("utf-8")).model_to_string() == whole


def test_it_survives_pickling_and_the_loss_of_its_file(
    file: Path, x: np.ndarray, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.txt"
    copy.write_bytes(file.read_bytes())
    member = load_member("lightgbm", copy)
    before = member.predict(x).tolist()
    copy.unlink()
    own = member.booster  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(own)).predict(x).tolist() == before


def test_what_is_no_booster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "junk.txt"
    path.write_text("tree\njunk", "utf-8")
    with pytest.raises(ValueError, match="number of classes"):
        Native(path.read_text("utf-8"))
    with pytest.raises(BadArtefact, match=r"junk\.txt must be a native lightgbm file"):
        load_member("lightgbm", path)


def test_without_the_library_the_package_does_it(
    file: Path, x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = load_member("lightgbm", file).predict(x)
    monkeypatch.setattr("guide_ml.trees.boosters.library", lambda: None)
    member = load_member("lightgbm", file)
    assert isinstance(member.booster, lgb.Booster)  # type: ignore[attr-defined]
    assert member.predict(x).tolist() == own.tolist()
    path = file.with_name("junk.txt")
    path.write_text("junk", "utf-8")
    with pytest.raises(BadArtefact, match="cannot be read"):
        load_member("extra", path)


def test_a_prediction_imports_neither_booster_library() -> None:
    code = """
import sys, guide_ml
guide_ml.predict(hardware="h100", model="llama-3.1-8b-instruct", framework="vllm",
                 concurrency=8, input_len=512, output_len=128)
print(sorted({"lightgbm", "xgboost", "sklearn", "scipy", "numba"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
