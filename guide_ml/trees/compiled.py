"""Trees of LightGBM and XGBoost walked by compiled loops: the same numbers, faster.

The libraries take a row through all trees before the next row and wait for memory at each node;
it is faster to take blocks of rows, or a few rows, through one tree whose nodes lie close together
(:mod:`guide_ml.trees.walker`). Decisions and the order of sums are the library's, so results are
equal to the last bit, which a probe checks. Where the trees are of another kind, or Numba is not
there, the library does it itself.

Rearranging takes about 0.2 s for 600 trees, and the first time in a process Numba half a second to
load (some seconds where what it compiled is not kept on disk), so a booster is rearranged only once
it was asked much: for a large table, or for some hundred single predictions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from guide_ml.table.read import Floats
from guide_ml.trees.files import Tree, Trees, of_lightgbm, of_xgboost
from guide_ml.trees.packed import Packed

if TYPE_CHECKING:  # importing them takes seconds, and a prediction needs neither
    import lightgbm as lgb
    import xgboost as xgb

    from guide_ml.trees.native import Native

    Plain: TypeAlias = lgb.Booster | Native
    Booster: TypeAlias = lgb.Booster | xgb.Booster | Native | Packed

__all__ = ["Forest", "Quick", "ask", "flatten", "is_xgboost", "trees_of"]

FEW = 6  # rows from which a block of them takes less time than one after the other
ENOUGH = 10_000  # rows that a booster has to be asked for before its trees are rearranged
CALL = 50  # rows that the library could do in the time that a call takes it to begin with
LEAVES = 1 << 15  # what a node can tell apart

NODE = np.dtype(
    [("threshold", np.float32), ("feature", np.int16), ("left", np.int16), ("right", np.int16)],
    align=True,
)

Inputs = NDArray[np.float32]


class Quick:
    """Asks a booster itself, or its rearranged trees once it was asked enough.

    Parameters
    ----------
    booster : Booster
    """

    def __init__(self, booster: Booster) -> None:
        self.booster, self.asked = booster, 0

    @cached_property
    def forest(self) -> Forest | None:
        """The rearranged trees."""
        return flatten(self.booster)

    def predict(self, x: Inputs) -> Floats:
        """Predict n rows."""
        self.asked += len(x) + CALL
        if self.asked >= ENOUGH and (forest := self.forest) is not None:
            return forest.predict(x)
        return ask(self.booster)(x)


@dataclass(frozen=True)
class Forest:
    """Trees in the forms that :mod:`guide_ml.trees.walker` takes; its parameters, but the rows.

    Parameters
    ----------
    base : float
        What the leaves are added to.
    """

    base: float
    cuts: Inputs
    below: NDArray[np.int64]
    source: NDArray[np.int64]
    blank: NDArray[np.int64]
    feature: NDArray[np.uint16]
    rank: NDArray[Any]
    leaf: NDArray[Any]
    nodes: NDArray[np.void]
    first: NDArray[np.int64]
    values: NDArray[Any]

    @classmethod
    def of(cls, given: Trees) -> Forest:
        """Rearrange trees."""
        trees = given.trees
        asked = _ranks(
            np.concatenate([t.feature for t in trees]),
            np.concatenate([t.threshold for t in trees]),
            np.concatenate([t.blank_left for t in trees]),
        )
        leaf, places = zip(*map(_leaves, trees), strict=True)
        widest = max(map(len, places))
        if widest > LEAVES or 2 * given.inputs > LEAVES:
            raise ValueError("more leaves or inputs than a node can tell apart")
        below = np.sum(asked.cuts < np.inf, axis=1)
        paired = list(zip(trees, places, strict=True))
        highest = max([*below.tolist(), *asked.blank.tolist(), widest - 1])
        kind = np.uint8 if highest < 256 else np.uint16
        return cls(
            base=given.base, cuts=asked.cuts, source=asked.source, blank=asked.blank,
            below=below, feature=asked.feature.astype(np.uint16), rank=asked.rank.astype(kind),
            leaf=np.concatenate(leaf).astype(kind),
            nodes=np.concatenate([_nodes(t, p, given.inputs) for t, p in paired]),
            first=np.cumsum([0, *(len(t.feature) for t in trees)], dtype=np.int64),
            values=np.concatenate([t.values[p] for t, p in paired]).astype(given.precision),
        )  # fmt: skip

    def predict(self, x: Inputs, few: int = FEW) -> Floats:
        """Sum the leaves that n rows fall into, in the order of the trees.

        Parameters
        ----------
        x : array of shape (n, inputs)
        few : int
            Rows below which they are taken one after the other.
        """
        from guide_ml.trees.walker import step, walk  # loads Numba

        out = np.full(len(x), self.base, dtype=self.values.dtype)
        columns = np.ascontiguousarray(x.T)
        if len(x) < few:
            step(columns, self.nodes, self.first, self.values, out)
        else:
            walk(columns, self.cuts, self.below, self.source, self.blank, self.feature, self.rank,
                 self.leaf, self.first, self.values, out)  # fmt: skip
        return out.astype(np.float64, copy=False)


@dataclass(frozen=True)
class _Asked:
    """Inputs that splits ask for, as :func:`guide_ml.trees.walker.walk` takes them."""

    source: NDArray[np.int64]
    blank: NDArray[np.int64]
    cuts: Inputs
    feature: NDArray[np.int64]
    rank: NDArray[np.int64]


def _ranks(
    feature: NDArray[np.int64], threshold: Inputs, blank_left: NDArray[np.bool_]
) -> _Asked:  # fmt: skip
    """Gather the distinct thresholds of each input, and the place of each split's among them.

    A missing number has a rank, too: left of the thresholds above which it goes left. Where no
    rank does that for all splits of an input, it is asked for twice: once by those that take what
    is missing to the left, once by the others.
    """
    place, rank = np.empty(len(feature), dtype=np.int64), np.empty(len(feature), dtype=np.int64)
    found: list[tuple[int, int, Inputs]] = []
    for k in np.unique(feature).tolist():
        every = np.flatnonzero(feature == k)
        own = np.unique(threshold[every], return_inverse=True)[1]
        most = int(np.min(own[blank_left[every]], initial=own.max() + 1))
        alike = np.array_equal(blank_left[every], own >= most)
        for splits in [every] if alike else [every[blank_left[every]], every[~blank_left[every]]]:
            cuts, rank[splits] = np.unique(threshold[splits], return_inverse=True)
            place[splits] = len(found)
            lowest = most if alike else 0 if blank_left[splits[0]] else len(cuts)
            found.append((k, lowest, cuts))
    wide = max((len(cuts) for _, _, cuts in found), default=1)
    cuts = np.full((len(found), wide), np.inf, dtype=np.float32)
    for row, (_, _, distinct) in zip(cuts, found, strict=True):
        row[: len(distinct)] = distinct
    source, blank = np.asarray([f[:2] for f in found], dtype=np.int64).reshape(-1, 2).T
    return _Asked(source, blank, cuts, place, rank)


def _leaves(tree: Tree) -> tuple[list[int], NDArray[np.intp]]:
    """Count the leaves as the tree grows: the left part keeps its number, the right is new.

    Returns the leaf that each split splits, and the tree's own number of each leaf.
    """
    splits = len(tree.feature)
    of_split, place = [0] * splits, np.zeros(splits + 1, dtype=np.intp)
    for k, (left, right) in enumerate(zip(tree.left.tolist(), tree.right.tolist(), strict=True)):
        for below, number in ((left, of_split[k]), (right, k + 1)):
            if below >= 0:
                of_split[below] = number
            else:
                place[number] = ~below
    return of_split, place


def _nodes(tree: Tree, place: NDArray[np.intp], inputs: int) -> NDArray[np.void]:
    """Put what a walk needs of a split side by side."""
    nodes = np.empty(len(tree.feature), dtype=NODE)
    nodes["threshold"] = tree.threshold
    nodes["feature"] = tree.feature + np.where(tree.blank_left, 0, inputs)
    number = np.argsort(place)  # of each of the tree's own
    for side, below in (("left", tree.left), ("right", tree.right)):
        nodes[side] = below
        nodes[side][below < 0] = ~number[~below[below < 0]]
    return nodes


def is_xgboost(booster: Booster) -> TypeGuard[xgb.Booster]:
    """Tell whether a booster is XGBoost's, without importing it."""
    return type(booster).__module__.partition(".")[0] == "xgboost"


def flatten(booster: Booster) -> Forest | None:
    """Rearrange a booster's trees, or return ``None`` if it has to predict itself.

    Parameters
    ----------
    booster : Booster
        One output, numeric splits.
    """
    try:
        trees = trees_of(booster)
        found = Forest.of(trees)
        probe = _probe(trees)
        own = ask(booster)(probe)
        same = all(np.array_equal(found.predict(probe, few), own) for few in (0, len(probe) + 1))
    except Exception:  # no Numba, a damaged file of its cache (any error), or another library:
        return None  # the booster's own library does it, as ever
    return found if same else None


def trees_of(booster: Booster) -> Trees:
    """Return a booster's trees in the one form of all.

    Raises
    ------
    ValueError, KeyError
        If they are of another kind.
    """
    if isinstance(booster, Packed):
        return booster.trees()
    return of_xgboost(booster) if is_xgboost(booster) else of_lightgbm(cast("Plain", booster))


def ask(booster: Booster) -> Callable[[Inputs], Floats]:
    """Return how a booster itself predicts n rows."""
    if is_xgboost(booster):
        return lambda x: np.asarray(booster.inplace_predict(x), dtype=np.float64)
    # The predictor runs chunks of a table side by side; threads in here would only fight.
    return lambda x: np.asarray(booster.predict(x, num_threads=1), dtype=np.float64)


def _probe(given: Trees) -> Inputs:
    """Make rows that put the arithmetic to the test: thresholds, their neighbours, blanks."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, given.inputs)).astype(np.float32)
    for tree in given.trees[:: max(len(given.trees) // 16, 1)]:
        for values in (tree.threshold, np.nextafter(tree.threshold, np.float32(np.inf))):
            x[rng.integers(0, len(x), len(values)), tree.feature] = values
    x[rng.random(x.shape) < 0.1] = np.nan
    return x
