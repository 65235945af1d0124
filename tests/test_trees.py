"""Taking rows through trees together changes no bit; what it cannot do LightGBM does."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from guide_ml import trees
from guide_ml.estimators import LightGbm
from guide_ml.predictor import default_predictor
from guide_ml.targets import NAMES

PARAMS = {"verbose": -1, "num_threads": 1, "seed": 0, "min_child_samples": 2}


def table(n: int, blanks: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    y = x[:, 0] * x[:, 1] + np.abs(x[:, 2]) + 0.1 * rng.normal(size=n)
    x[rng.random(x.shape) < blanks] = np.nan
    return x, y


def fitted(blanks: float, **params: object) -> lgb.Booster:
    x, y = table(400, blanks)
    return lgb.train(PARAMS | params, lgb.Dataset(x, y, params={"verbose": -1}), 30)


@pytest.mark.parametrize("trained", [0.0, 0.2])
@pytest.mark.parametrize("asked", [0.0, 0.3])
def test_same_bits_as_lightgbm(trained, asked):
    booster = fitted(trained)
    forest = trees.flatten(booster)
    assert forest is not None
    x, _ = table(500, asked, seed=1)
    x[:3] = [[np.inf] * 6, [-np.inf] * 6, [0.0] * 6]
    assert forest.predict(x).tolist() == booster.predict(x).tolist()  # type: ignore[union-attr]


def test_a_tree_of_one_leaf():
    booster = fitted(0.0, min_child_samples=1000)
    forest = trees.flatten(booster)
    assert forest is not None
    x, _ = table(5, 0.0)
    assert forest.predict(x).tolist() == booster.predict(x).tolist()  # type: ignore[union-attr]


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


def test_trees_are_rearranged_once_enough_rows_were_asked():
    member = LightGbm(fitted(0.0))
    x, _ = table(4000, 0.1)
    first = member.predict(x)
    assert "_forest" not in vars(member)
    member.predict(x[: trees.ENOUGH - 1])  # few rows at a time never are worth it
    assert member.asked == [4000]
    for _ in range(2):
        assert np.array_equal(member.predict(x), first)
    assert vars(member)["_forest"] is not None


def test_a_changed_walker_is_noticed(monkeypatch):
    monkeypatch.setattr(trees.Forest, "predict", lambda self, x: np.zeros(len(x)))
    assert trees.flatten(fitted(0.0)) is None


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_trees_are_walked(name):
    (member,) = default_predictor().fitted.members[name].values()
    assert isinstance(member, LightGbm)
    forest = trees.flatten(member.booster)
    assert forest is not None
    assert len(forest.trees) == member.booster.num_trees()
