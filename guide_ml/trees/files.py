"""The trees of LightGBM and XGBoost boosters in one form, read from what the boosters print."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import lightgbm as lgb
    import xgboost as xgb

    from guide_ml.trees.native import Native

__all__ = ["Tree", "Trees", "not_above", "of_lightgbm", "of_xgboost"]

_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type
_ZERO_MISSING, _NAN_MISSING = 1, 2  # its kinds of missing values, two bits further up
_ZERO = float(np.float32(1e-35))  # what is no larger LightGBM takes for zero

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """One tree of s splits; each comes before those below it.

    Parameters
    ----------
    feature : array of shape (s,)
        Input of each split.
    threshold : array of shape (s,)
        What is more goes right.
    blank_left : array of shape (s,)
        Whether a missing input goes left.
    left, right : array of shape (s,)
        Splits below; a leaf k is ~k.
    values : array of shape (s + 1,)
        Leaves.
    """

    feature: Ints
    threshold: NDArray[np.float32]
    blank_left: NDArray[np.bool_]
    left: Ints
    right: Ints
    values: NDArray[Any]


@dataclass(frozen=True)
class Trees:
    """Trees whose leaves add up to `base` and more, in the precision that they add in."""

    trees: list[Tree]
    inputs: int
    base: float
    precision: type[np.float32] | type[np.float64]


def of_lightgbm(booster: lgb.Booster | Native) -> Trees:
    """Read a booster of one output.

    Raises
    ------
    ValueError, KeyError
        If its trees are of another kind: several outputs, categories, linear leaves.
    """
    head, *blocks = booster.model_to_string().split("\nTree=")
    if "average_output" in head or "\nnum_class=1\n" not in head:
        raise ValueError("several outputs, or their mean")
    return Trees([_lightgbm(block) for block in blocks], booster.num_feature(), 0.0, np.float64)


def _numbers(text: str, kind: type) -> NDArray[Any]:
    return np.asarray(text.split(), dtype=kind)


def _lightgbm(block: str) -> Tree:
    lines = block.split("\n\n", 1)[0].split("\n")[1:]
    fields = dict(line.split("=", 1) for line in lines)
    values = _numbers(fields["leaf_value"], float)
    if fields.get("is_linear", "0") != "0":
        raise ValueError("leaves that hold linear models")
    if len(values) == 1:
        none = np.zeros(0, dtype=np.int64)
        return Tree(none, none.astype(np.float32), none.astype(bool), none, none, values)
    kind = _numbers(fields["decision_type"], int)
    missing = kind >> 2
    if np.any(kind & _CATEGORICAL) or np.any(missing == _ZERO_MISSING):
        raise ValueError("splits on categories, or on zeros as missing")
    exact = _numbers(fields["threshold"], float)
    around_zero = np.where(exact < 0.0, np.nextafter(-_ZERO, -1.0), _ZERO)
    exact = np.where(np.abs(exact) <= _ZERO, around_zero, exact)
    # Where training saw no missing value, LightGBM takes one for a zero.
    blank_left = np.where(missing == _NAN_MISSING, kind & _DEFAULT_LEFT, exact >= 0.0)
    return Tree(
        _numbers(fields["split_feature"], int), not_above(exact), blank_left.astype(bool),
        _numbers(fields["left_child"], int), _numbers(fields["right_child"], int), values,
    )  # fmt: skip


def not_above(exact: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round down: the same single-precision inputs are above."""
    rounded = exact.astype(np.float32)
    return np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def of_xgboost(booster: xgb.Booster) -> Trees:
    """Read a booster of one output.

    Raises
    ------
    ValueError, KeyError
        If its trees are of another kind: several outputs, categories, dropped trees.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    model = learner["gradient_booster"]
    if model["name"] != "gbtree" or set(model["model"]["tree_info"]) - {0}:
        raise ValueError("several outputs, or no plain trees")
    parameters = learner["learner_model_param"]
    base = float(np.float32(parameters["base_score"].strip("[]")))
    trees = [_xgboost(tree) for tree in model["model"]["trees"]]
    return Trees(trees, int(parameters["num_feature"]), base, np.float32)


def _xgboost(tree: dict[str, Any]) -> Tree:
    left, right = np.asarray(tree["left_children"]), np.asarray(tree["right_children"])
    if any(tree["split_type"]) or int(tree["tree_param"]["size_leaf_vector"]) > 1:
        raise ValueError("splits on categories, or leaves of several numbers")
    conditions = np.asarray(tree["split_conditions"], dtype=np.float32)
    splits = np.flatnonzero(left >= 0)
    number = np.full(len(left), -1)
    number[splits] = np.arange(len(splits))
    leaves = np.flatnonzero(left < 0)
    number[leaves] = ~np.arange(len(leaves))
    return Tree(
        np.asarray(tree["split_indices"])[splits],
        np.nextafter(conditions[splits], np.float32(-np.inf)),  # less goes left, the same right
        np.asarray(tree["default_left"], dtype=bool)[splits],
        number[left[splits]], number[right[splits]], conditions[leaves],
    )  # fmt: skip
