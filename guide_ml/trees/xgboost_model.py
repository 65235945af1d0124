"""XGBoost's native file, checked before its library sees it: see :mod:`.lightgbm_text`."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.trees import ubjson
from guide_ml.trees.lightgbm_text import DEEPEST, MOST_LEAVES, REACH

__all__ = ["checked"]

#: Objectives that leave what the trees add up to as it is.
_PLAIN = {"reg:absoluteerror", "reg:squarederror", "reg:pseudohubererror", "reg:quantileerror"}
_NUMBER = re.compile(r"\[?[-+]?\d*\.?\d+([eE][-+]?\d+)?\]?")
_PER_NODE = ("base_weights", "default_left", "left_children", "loss_changes", "parents",
             "right_children", "split_conditions", "split_indices", "split_type",
             "sum_hessian")  # fmt: skip
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_ROOT = 2**31 - 1  # what XGBoost writes for the parent of a root


def checked(data: bytes, inputs: int | None = None) -> bytes:
    """Check a booster's file; return it.

    Parameters
    ----------
    data : bytes
        What its native file holds.
    inputs : int, optional
        How many inputs it must ask for; any number by default.

    Raises
    ------
    ValueError
        If it is no booster of one output whose trees are whole and whose numbers are finite.
    """
    try:
        _check(ubjson.read(data), inputs)
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"it lacks a part or has one of another kind: {error}") from error
    return data


def _check(found: Any, inputs: int | None) -> None:
    learner = found["learner"]
    told, booster = learner["learner_model_param"], learner["gradient_booster"]
    if booster["name"] != "gbtree" or learner["objective"]["name"] not in _PLAIN:
        raise ValueError("it must be plain trees with an objective for numbers")
    if int(told["num_class"]) > 1 or int(told.get("num_target", "1")) != 1:
        raise ValueError("it must have one output")
    width = int(told["num_feature"])
    if width < 1 or (inputs is not None and width != inputs):
        raise ValueError(f"it must ask for the {inputs} inputs that the card names; got {width}")
    names = learner.get("feature_names", []), learner.get("feature_types", [])
    if any(x and len(x) != width for x in names):
        raise ValueError("it must name each of its inputs, or none")
    model, base = booster["model"], told["base_score"]
    trees = model["trees"]
    counted = int(model["gbtree_model_param"]["num_trees"])
    if not trees or counted != len(trees) or list(model["tree_info"]) != [0] * len(trees):
        raise ValueError("it must hold as many trees as it says, of one output")
    if int(model["gbtree_model_param"].get("num_parallel_tree", "1")) != 1:
        raise ValueError("each round must have one tree")
    rounds = model.get("iteration_indptr", list(range(len(trees) + 1)))
    if list(rounds) != list(range(len(trees) + 1)):
        raise ValueError("each round must have one tree")
    if any(model.get("cats", {}).values()):
        raise ValueError("its inputs must be numbers")
    if not isinstance(base, str) or not _NUMBER.fullmatch(base):
        raise ValueError(f"base_score must be a number; got {base!r:.40}")
    most = abs(float(base.strip("[]"))) + sum(_tree(tree, k, width) for k, tree in enumerate(trees))
    if not most <= REACH:
        raise ValueError(f"its leaves must add up to {REACH:g} at most; they reach {most:.3g}")


def _tree(tree: dict[str, Any], number: int, inputs: int) -> float:
    """Check one tree; return the size of its largest leaf."""
    told = {k: int(v) for k, v in tree["tree_param"].items()}
    nodes = told["num_nodes"]
    if told["size_leaf_vector"] > 1 or told.get("num_deleted", 0) or tree["id"] != number:
        raise ValueError("a tree must be whole, numbered, with one number a leaf")
    if not 1 <= nodes < 2 * MOST_LEAVES or any(tree.get(k) for k in _CATEGORIES):
        raise ValueError(f"a tree may have {MOST_LEAVES} leaves, and splits on numbers")
    found = {name: np.asarray(tree[name], dtype=np.float64) for name in _PER_NODE}
    for name, values in found.items():
        if values.shape != (nodes,) or not np.isfinite(values).all():
            raise ValueError(f"{name} of a tree must hold a finite number for each node")
    left, right = (found[f"{side}_children"].astype(np.int64) for side in ("left", "right"))
    inner = left >= 0
    index = found["split_indices"][inner]
    if np.any(index < 0) or np.any(index >= inputs) or np.any(found["split_type"]):
        raise ValueError(f"splits must be on one of {inputs} inputs, a number")
    _walk(left, right, found["parents"])
    return float(np.max(np.abs(found["split_conditions"][~inner])))


def _walk(
    left: NDArray[np.int64], right: NDArray[np.int64], parents: NDArray[np.float64]
) -> None:
    """Walk a tree: each node but the root is below one other, a later one than that."""
    inner = np.flatnonzero(left >= 0)
    below = np.concatenate([left[inner], right[inner]])
    over = np.concatenate([inner, inner])
    if np.any((left < 0) != (right < 0)) or np.any(below <= over) or np.any(below >= len(left)):
        raise ValueError("a child must be a later node of the same tree")
    once = np.bincount(below, minlength=len(left))
    if once[0] or np.any(once[1:] != 1) or np.any(parents[below] != over):
        raise ValueError("each node must be below the one that it names")
    if parents[0] not in (_ROOT, -1):
        raise ValueError("the first node must be the root")
    depth = np.zeros(len(left), dtype=np.int64)
    for node in inner.tolist():  # parents come first
        depth[left[node]] = depth[right[node]] = depth[node] + 1
    if depth.max() > DEEPEST:
        raise ValueError(f"a tree may be {DEEPEST} levels deep")
