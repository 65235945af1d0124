"""Taking rows through trees together changes no bit; what it cannot do the library does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from pickle import UnpicklingError

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb

from guide_ml.describe.targets import NAMES
from guide_ml.estimators.predictor import default_predictor
from guide_ml.trees import compiled as trees
from guide_ml.trees import walker
from guide_ml.trees.boosters import Lazy, LightGbm, XgBoost
from guide_ml.trees.files import of_lightgbm
from guide_ml.trees.packed import unpack
from guide_ml.trees.text import short_text

ROOT = Path(__file__).parents[1]
PARAMS = {"verbose": -1, "num_threads": 1, "seed": 0, "min_child_samples": 2}
SIZES = (1, trees.FEW - 1, trees.FEW, 63, 65, 1024, 1100)  # around whole vectors and blocks


def table(n: int, blanks: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    y = x[:, 0] * x[:, 1] + np.abs(x[:, 2]) + 0.1 * rng.normal(size=n)
    x[rng.random(x.shape) < blanks] = np.nan
    return x, y


def asked(blanks: float) -> np.ndarray:
    x, _ = table(max(SIZES), blanks, seed=1)
    x[:3] = [[np.inf] * 6, [-np.inf] * 6, [0.0] * 6]
    return x


def fitted(blanks: float, rows: int = 400, **params: object) -> lgb.Booster:
    x, y = table(rows, blanks)
    return lgb.train(PARAMS | params, lgb.Dataset(x, y, params={"verbose": -1} | params), 30)


def boosted(blanks: float, **params: object) -> xgb.Booster:
    x, y = table(400, blanks)
    return xgb.train({"seed": 0, "nthread": 1} | params, xgb.DMatrix(x, y), 30)


def same(booster: lgb.Booster | xgb.Booster, x: np.ndarray) -> trees.Forest:
    forest = trees.flatten(booster)
    assert forest is not None
    for n in SIZES:
        assert forest.predict(x[:n]).tolist() == trees.ask(booster)(x[:n]).tolist()
    one_by_one = forest.predict(x, few=len(x) + 1)
    assert one_by_one.tolist() == trees.ask(booster)(x).tolist()
    return forest


@pytest.mark.parametrize("trained", [0.0, 0.2])
@pytest.mark.parametrize("blanks", [0.0, 0.3])
def test_same_bits_as_lightgbm(trained, blanks):
    assert same(fitted(trained), asked(blanks)).rank.dtype == np.uint8
    same(fitted(trained, extra_trees=True), asked(blanks))


@pytest.mark.parametrize("trained", [0.0, 0.2])
@pytest.mark.parametrize("blanks", [0.0, 0.3])
@pytest.mark.parametrize("objective", ["reg:absoluteerror", "reg:squarederror"])
def test_same_bits_as_xgboost(trained, blanks, objective):
    same(boosted(trained, objective=objective), asked(blanks))


def leaves(booster: lgb.Booster, x: np.ndarray) -> np.ndarray:
    return np.asarray(booster.predict(x, pred_leaf=True))


@pytest.mark.parametrize("blanks", [0.0, 0.2])
def test_a_shortened_text_decides_the_same(blanks):
    booster = fitted(blanks)
    text = short_text(booster)
    read = lgb.Booster(model_str=text)
    x = asked(blanks)
    assert len(text) < 0.7 * len(booster.model_to_string())
    assert short_text(read) == text
    assert np.array_equal(leaves(read, x), leaves(booster, x))
    np.testing.assert_allclose(
        np.asarray(read.predict(x)), np.asarray(booster.predict(x)), rtol=0, atol=1e-5
    )
    # Also for inputs that lie right beside a threshold.
    edges = [t for tree in of_lightgbm(booster).trees for t in tree.threshold]
    near = np.repeat(np.asarray(edges, dtype=np.float32)[:, None], 6, axis=1)
    for side in (near, np.nextafter(near, np.float32(np.inf))):
        assert np.array_equal(leaves(read, side), leaves(booster, side))


@pytest.mark.parametrize("params", [{"num_leaves": 400, "min_child_samples": 1},
                                    {"max_bin": 2000, "min_data_in_bin": 1,
                                     "num_leaves": 200}])  # fmt: skip
def test_large_trees_take_two_bytes(params):
    assert same(fitted(0.1, rows=3000, **params), asked(0.1)).rank.dtype == np.uint16


def test_a_tree_of_one_leaf():
    same(fitted(0.0, min_child_samples=1000), asked(0.0))
    same(boosted(0.0, max_depth=6, gamma=1e9), asked(0.0))


def test_a_split_between_missing_and_all_others():
    x, y = table(400, 0.0)
    x[:, 0] = np.where(np.arange(400) % 3 == 0, np.nan, 1.0)
    booster = lgb.train(PARAMS, lgb.Dataset(x, y + np.isnan(x[:, 0]), params={"verbose": -1}), 5)
    assert "inf" in booster.model_to_string()
    same(booster, asked(0.3))


@pytest.mark.parametrize("params", [{"linear_tree": True}, {"zero_as_missing": True},
                                    {"objective": "multiclass", "num_class": 3}])  # fmt: skip
def test_other_kinds_of_trees_are_left_to_lightgbm(params):
    x, y = table(400, 0.0)
    x[:, 0] = np.where(x[:, 0] > 0, 0.0, x[:, 0])
    y = np.digitize(y, [0.0, 1.0]) if "num_class" in params else y
    data = lgb.Dataset(x, y, params={"verbose": -1} | params)
    booster = lgb.train(PARAMS | params, data, 5)
    assert trees.flatten(booster) is None


def test_categories_are_left_to_lightgbm():
    x, y = table(400, 0.0)
    x[:, 3] = np.arange(400) % 7
    y = y + (x[:, 3] == 2)
    data = lgb.Dataset(x, y, categorical_feature=[3], params={"verbose": -1})
    booster = lgb.train(PARAMS | {"min_data_per_group": 5}, data, 20)
    assert trees.flatten(booster) is None
    many, few = LightGbm(booster).predict(x), LightGbm(booster).predict(x[:9])
    assert np.array_equal(many[:9], few)


@pytest.mark.parametrize("params", [{"booster": "dart", "rate_drop": 0.5},
                                    {"objective": "reg:gamma", "base_score": 1.0}])  # fmt: skip
def test_other_kinds_are_left_to_xgboost(params):
    x, y = table(400, 0.0)
    booster = xgb.train({"seed": 0} | params, xgb.DMatrix(x, np.abs(y) + 0.1), 10)
    assert trees.flatten(booster) is None
    assert np.array_equal(XgBoost(booster).predict(x), booster.inplace_predict(x))


@pytest.mark.parametrize("wrong", ["walk", "step"])
def test_a_wrong_walk_is_noticed(monkeypatch, wrong):
    monkeypatch.setattr(walker, wrong, lambda *given: None)
    assert trees.flatten(fitted(0.0)) is None


@pytest.mark.parametrize("error", [EOFError, AttributeError, MemoryError, UnpicklingError])
def test_a_damaged_cache_leaves_it_to_the_library(monkeypatch, error):
    def walk(*given: object) -> None:
        raise error("ran out of input")  # what unpickling a cut file does

    monkeypatch.setattr(walker, "walk", walk)
    booster = fitted(0.0)
    assert trees.flatten(booster) is None
    assert LightGbm(booster).predict(asked(0.0)).tolist() == trees.ask(booster)(asked(0.0)).tolist()


def rearranged_after(monkeypatch, *calls: int) -> list[bool]:
    """Ask a booster for numbers of rows; tell after each whether its trees were rearranged."""
    found: list[lgb.Booster] = []
    monkeypatch.setattr(trees, "flatten", found.append)
    member, x = LightGbm(fitted(0.0)), np.zeros((trees.ENOUGH, 6), np.float32)
    out = []
    for n in calls:
        member.predict(x[:n])
        out.append(bool(found))
    assert len(found) <= 1
    return out


def test_trees_are_rearranged_for_a_large_table(monkeypatch):
    assert rearranged_after(monkeypatch, trees.ENOUGH) == [True]


def test_trees_are_not_rearranged_for_a_few_folds(monkeypatch):
    assert not any(rearranged_after(monkeypatch, *[1000] * 8))


def test_trees_are_rearranged_once_for_many_single_predictions(monkeypatch):
    rearranged = rearranged_after(monkeypatch, *[1] * 250)
    assert 150 < rearranged.index(True) < 200


def test_without_numba_the_library_predicts(monkeypatch):
    monkeypatch.setitem(sys.modules, "guide_ml.trees.walker", None)  # its import fails
    booster = fitted(0.0)
    assert trees.flatten(booster) is None
    assert LightGbm(booster).predict(asked(0.0)).tolist() == trees.ask(booster)(asked(0.0)).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_trees_are_walked(name):
    for held in default_predictor().fitted.members[name].values():
        assert isinstance(held, Lazy)
        assert held.arrays is None or trees.flatten(unpack(held.arrays(), held.inputs)) is not None
        member = held.member
        assert isinstance(member, LightGbm | XgBoost)
        forest = trees.flatten(member.booster)
        assert forest is not None
        assert forest.rank.dtype == np.uint8  # twice as fast as two bytes


SCRIPT = """
import json, sys
import numpy as np
{before}
import guide_ml
one = dict(hardware="h100", model="llama-3.1-8b-instruct", framework="vllm", concurrency=32,
           input_len=1024, output_len=256)
p = guide_ml.predict(**one)
single = "numba" in sys.modules
import pandas as pd
table = guide_ml.predict_table(pd.DataFrame([one] * 10_000))
assert (table.ttft_ms == p.ttft_ms).all()
from guide_ml.trees import walker
print(json.dumps([single, "numba" in sys.modules, type(walker.walk._cache).__name__]))
"""


def fresh(before: str = "", **env: str) -> list[object]:
    """Predict one, then many, in a new process: is Numba loaded, and is its work kept?"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT.format(before=before)], cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | env, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    found: list[object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_one_prediction_does_not_load_numba(tmp_path):
    assert fresh(NUMBA_CACHE_DIR=str(tmp_path)) == [False, True, "FunctionCache"]
    assert list(tmp_path.rglob("*.nbi"))


@pytest.mark.slow
def test_nowhere_to_keep_what_was_compiled():
    nowhere = ("import numba.core.caching as c\n"
               "c.CacheImpl._locator_classes = []\nsys.modules.pop('numba')")  # fmt: skip
    assert fresh(nowhere)[1:] == [True, "NullCache"]
