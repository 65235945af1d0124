"""Trees as plain arrays in one file: read in a moment, walked by NumPy alone.

A booster's text has to be checked and read number by number, and its compiled form waits for Numba;
a single prediction needs neither. The file is NumPy's own (``.npz``): numbers only, nothing in it
can run. It is made from the booster and holds the same trees, so results are equal to the last bit.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from guide_ml.table.read import Floats
from guide_ml.trees.files import Tree, Trees

__all__ = ["Packed", "pack", "unpack"]

NODE = np.dtype([("threshold", "<f4"), ("feature", "<i2"), ("left", "<i2"), ("right", "<i2")])
DEEPEST = 4096
"""Levels of a tree; none that is grown here has a tenth of it."""
_PARTS = {"thresholds": np.dtype("<f4"), "splits": np.dtype("<i4"), "values": np.dtype("<f8"),
          "inputs": np.dtype("<i4")}  # fmt: skip
#: Parts of a node that a file holds in the narrowest whole numbers which take them.
_NARROW = ("rank", "feature", "left", "right")
_WHOLE = tuple(np.dtype(kind) for kind in ("i1", "u1", "i2", "u2"))


@dataclass(frozen=True)
class Packed:
    """The trees of a LightGBM booster.

    Parameters
    ----------
    nodes : structured array of shape (splits,)
        Of each split, tree by tree: its ``threshold``; its ``feature``, that many further on where
        what is missing goes right; the splits ``left`` and ``right`` below it, a leaf k as ~k.
    splits : array of int of shape (trees,)
        How many splits each tree has; its leaves are one more.
    values : array of shape (splits + trees,)
        Leaves.
    inputs : int
        Width of what they ask for.
    """

    nodes: NDArray[np.void]
    splits: NDArray[np.int32]
    values: Floats
    inputs: int

    def trees(self) -> Trees:
        """Return the trees one by one."""
        ends = np.cumsum(self.splits)[:-1]
        leaves = np.split(self.values, np.cumsum(self.splits + 1)[:-1])
        return Trees([self._tree(n, v) for n, v in zip(np.split(self.nodes, ends), leaves,
                                                       strict=True)],
                     self.inputs, 0.0, np.float64)  # fmt: skip

    def _tree(self, nodes: NDArray[np.void], values: Floats) -> Tree:
        feature = nodes["feature"].astype(np.int64)
        return Tree(feature % self.inputs, nodes["threshold"].copy(), feature < self.inputs,
                    nodes["left"].astype(np.int64), nodes["right"].astype(np.int64),
                    values)  # fmt: skip

    @cached_property
    def _flat(self) -> tuple[NDArray[Any], ...]:
        """Threshold, input and what is below each split, of all trees; a leaf's place as ~place."""
        start = np.repeat(self._first, self.splits)
        shift = start + np.repeat(np.arange(len(self.splits)), self.splits)
        below = [np.where(self.nodes[side] >= 0, self.nodes[side] + start,
                          self.nodes[side] - shift).astype(np.intp)
                 for side in ("left", "right")]  # fmt: skip
        return (self.nodes["threshold"].copy(), self.nodes["feature"].astype(np.intp),
                np.stack(below, axis=1).reshape(-1))  # fmt: skip

    @property
    def _first(self) -> NDArray[np.int64]:
        """First split of each tree."""
        return np.cumsum(self.splits, dtype=np.int64) - self.splits

    def predict(self, x: NDArray[np.float32], num_threads: int = 1) -> Floats:
        """Sum the leaves that n rows fall into, in the order of the trees.

        Parameters
        ----------
        x : array of shape (n, inputs)
        num_threads : int
            For the sake of those who ask a library; NumPy takes one.
        """
        del num_threads
        threshold, feature, below = self._flat
        n, wide = len(x), 2 * self.inputs
        told = np.concatenate([np.where(np.isnan(x), -np.inf, x), x], axis=1).reshape(-1)
        # All walks side by side: trees x rows, each at a split, or at a leaf as ~place.
        leafs = ~(self._first + np.arange(len(self.splits)))
        at = np.repeat(np.where(self.splits > 0, self._first, leafs), n)
        row = np.tile(np.arange(n) * wide, len(self.splits))
        left = np.flatnonzero(at >= 0)
        for _ in range(DEEPEST):
            if not len(left):
                break
            split = at[left]
            # What is missing is not below anything.
            right = ~(told[row[left] + feature[split]] <= threshold[split])
            at[left] = found = below[2 * split + right]
            left = left[found >= 0]
        each = self.values[~at].reshape(len(self.splits), n)
        return np.asarray(np.cumsum(each, axis=0)[-1])  # one after the other, as the library adds

    def bytes(self) -> bytes:
        """Write the file."""
        return archive(nodes=self.nodes, splits=self.splits, values=self.values,
                       inputs=np.asarray(self.inputs, dtype="<i4"))  # fmt: skip


def archive(nodes: NDArray[np.void], **parts: NDArray[Any]) -> bytes:
    """Write arrays of trees; a node's threshold is its place among those that there are.

    Parameters
    ----------
    nodes : structured array of shape (splits,)
        As of :class:`Packed`.
    **parts : array
        Its other arrays.
    """
    thresholds, rank = np.unique(nodes["threshold"], return_inverse=True)
    whole = {"rank": rank, **{name: nodes[name] for name in _NARROW[1:]}}
    arrays: dict[str, Any] = {name: _narrowest(values) for name, values in whole.items()}
    file = io.BytesIO()
    np.savez_compressed(file, thresholds=thresholds, **arrays | parts)
    return file.getvalue()


def _narrowest(values: NDArray[Any]) -> NDArray[Any]:
    least, most = (int(f(values)) if len(values) else 0 for f in (np.min, np.max))
    return values.astype(np.promote_types(np.min_scalar_type(least), np.min_scalar_type(most)))


def pack(given: Trees) -> Packed:
    """Pack trees that add up from 0.

    Raises
    ------
    ValueError
        If a tree has more splits or inputs than a node can tell apart.
    """
    splits = np.asarray([len(t.feature) for t in given.trees], dtype=np.int32)
    if splits.max() >= 1 << 15 or 2 * given.inputs >= 1 << 15:
        raise ValueError("more leaves or inputs than a node can tell apart")
    nodes = np.zeros(int(splits.sum()), dtype=NODE)
    for name in ("threshold", "left", "right"):
        nodes[name] = np.concatenate([getattr(t, name) for t in given.trees])
    nodes["feature"] = np.concatenate(
        [t.feature + np.where(t.blank_left, 0, given.inputs) for t in given.trees]
    )
    values = np.concatenate([t.values for t in given.trees]).astype(float)
    return Packed(nodes, splits, values, given.inputs)


def unpack(data: bytes, inputs: int) -> Packed:
    """Read a file, and check it: every walk must stay in its tree and come to an end.

    Raises
    ------
    ValueError
        If it is no such file, or asks for other inputs.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            found = {name: file[name] for name in (*_PARTS, *_NARROW)}
    except (OSError, KeyError, ValueError, TypeError, EOFError, BadZipFile) as error:
        raise ValueError(f"it must be arrays of trees: {error}") from error
    splits, values = found["splits"], found["values"]
    whole_numbers = all(found[name].dtype in _WHOLE for name in _NARROW)
    if any(found[name].dtype != kind for name, kind in _PARTS.items()) or not whole_numbers:
        raise ValueError("it must hold numbers of the kinds that trees have")
    nodes = _nodes(found)
    if found["inputs"].ndim or int(found["inputs"]) != inputs:
        raise ValueError(f"it must ask for {inputs} inputs; got {found['inputs'].tolist()}")
    whole = {nodes.shape == (splits.sum(),), values.shape == (len(nodes) + len(splits),),
             splits.ndim == 1 and len(splits) > 0 and bool((splits >= 0).all())}  # fmt: skip
    if whole != {True} or not np.isfinite(values).all() or np.isnan(nodes["threshold"]).any():
        raise ValueError("it must hold whole trees of numbers")
    own = np.arange(len(nodes)) - np.repeat(np.cumsum(splits) - splits, splits)
    size = np.repeat(splits, splits)
    for side in ("left", "right"):  # later splits only, so that a walk ends
        below = nodes[side].astype(np.int64)
        if np.any(np.where(below < 0, below < -size - 1, (below <= own) | (below >= size))):
            raise ValueError("what is below a split must be a later split or a leaf of its tree")
    if np.any(nodes["feature"] < 0) or np.any(nodes["feature"] >= 2 * inputs):
        raise ValueError(f"splits must be on one of {inputs} inputs")
    return Packed(nodes, splits, values, inputs)


def _nodes(found: dict[str, NDArray[Any]]) -> NDArray[np.void]:
    """Put nodes together again.

    Raises
    ------
    ValueError
        If their parts are not of one length, or a threshold is none of those that there are.
    """
    thresholds, rank = found["thresholds"], found["rank"]
    shapes = {found[name].shape for name in _NARROW}
    if len(shapes) != 1 or rank.ndim != 1 or thresholds.ndim != 1:
        raise ValueError("it must hold as many thresholds as splits")
    if len(rank) and not 0 <= int(rank.min()) <= int(rank.max()) < len(thresholds):
        raise ValueError("a threshold must be one of those that there are")
    nodes = np.zeros(len(rank), dtype=NODE)
    nodes["threshold"] = thresholds[rank] if len(rank) else 0.0
    for name in _NARROW[1:]:
        nodes[name] = found[name]
    return nodes
