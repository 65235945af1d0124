"""The compiled loops that take rows through trees: blocks of them together, or a few.

Blocks do not walk from node to node, which waits for memory at each: every split of a tree is put
to all rows of a block, a vector instruction for dozens of them. A row's place says in which leaf
of the tree grown so far it is; the k-th split moves the rows of its leaf that go right to leaf
k + 1. Inputs are ranks among an input's thresholds, a byte each. A few rows do walk, over nodes
that lie close together.

Numba compiles them when they are first called and keeps the result on disk, so this module is
imported by whoever has a table or asks often, never for a first prediction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.compiled import compiled

__all__ = ["step", "walk"]

BLOCK = 1024  # rows; their ranks stay in a core's second cache
LANES = 64  # rows that the widest vectors hold; blocks are filled up to whole ones

Ints = NDArray[Any]


@compiled
def _rank(
    column: NDArray[np.float32], cuts: NDArray[np.float32], half: int, place: Ints, out: Ints
) -> None:
    """Count for each number the thresholds below it, halving the range for all in turn."""
    place[:] = 0
    while half > 0:
        for i in range(len(column)):
            at = place[i]
            if cuts[np.uint64(at) + np.uint64(half - 1)] < column[i]:
                at += np.uint32(half)
            place[i] = at
        half >>= 1
    for i in range(len(column)):
        out[i] = -1 if np.isnan(column[i]) else place[i]  # beyond all ranks; one more is 0


@compiled
def _settle(
    ranks: Ints, feature: Ints, rank: Ints, shift: Ints, leaf: Ints, start: int, end: int,
    place: Ints,
) -> None:  # fmt: skip
    """Find the leaf of each row in one tree."""
    place[:] = 0
    for k in range(np.uint64(start), np.uint64(end)):
        row, least, more, here = ranks[feature[k]], rank[k], shift[k], leaf[k]
        # Unsigned, so that a step back wraps around; adding needs no slow masked store.
        step = place.dtype.type(k - np.uint64(start) + np.uint64(1) - np.uint64(here))
        for i in range(len(place)):
            right = (place[i] == here) & (place.dtype.type(row[i] + more) > least)
            place[i] += step if right else place.dtype.type(0)


@compiled
def walk(
    x: NDArray[np.float32], cuts: NDArray[np.float32], halves: Ints, feature: Ints, rank: Ints,
    shift: Ints, leaf: Ints, first: Ints, values: NDArray[Any], out: NDArray[Any],
) -> None:  # fmt: skip
    """Add the leaves that n rows fall into to `out`, in the order of the trees.

    Parameters
    ----------
    x : array of shape (inputs, n)
        Rows in columns.
    cuts : array of shape (inputs, widest)
        Thresholds of each input in order, infinite behind the last.
    halves : array of shape (inputs,)
        Half of the least power of two above the number of thresholds; 0 if there is none.
    feature, rank, shift, leaf : array of shape (splits,)
        Of each split: its input; a row goes right if its rank plus `shift` is more than `rank`;
        the leaf that it splits.
    first : array of shape (trees + 1,)
        Where the splits of each tree begin; its leaves begin as many places on as trees before.
    values : array of shape (splits + trees,)
        Leaves.
    out : array of shape (n,)
    """
    inputs, n = x.shape
    ranks = np.zeros((inputs, BLOCK), rank.dtype)
    found = np.empty(BLOCK, np.uint32)
    places = np.empty(BLOCK, rank.dtype)
    for begin in range(0, n, BLOCK):
        m = min(n - begin, BLOCK)
        for f in range(inputs):
            if halves[f] > 0:
                _rank(x[f, begin : begin + m], cuts[f], halves[f], found[:m], ranks[f])
        place, total = places[: (m + LANES - 1) // LANES * LANES], out[begin : begin + m]
        for tree in range(len(first) - 1):
            _settle(ranks, feature, rank, shift, leaf, first[tree], first[tree + 1], place)
            own = values[first[tree] + tree :]
            for i in range(m):
                total[i] += own[np.uint64(place[i])]


@compiled
def step(
    x: NDArray[np.float32], nodes: NDArray[np.void], first: Ints, values: NDArray[Any],
    out: NDArray[Any],
) -> None:  # fmt: skip
    """Do what :func:`walk` does, a node after the other.

    Parameters
    ----------
    x, first, values, out : array
        As there.
    nodes : structured array of shape (splits,)
        Of each split: ``feature``, its input, or that many further on if a missing input goes
        right; its ``threshold``; the splits ``left`` and ``right`` below it, a leaf k as ~k.
    """
    inputs, n = x.shape
    rows = np.empty((n, 2 * inputs), np.float32)
    for f in range(inputs):
        for i in range(n):
            rows[i, f] = -np.inf if np.isnan(x[f, i]) else x[f, i]
            rows[i, f + inputs] = x[f, i]
    for tree in range(len(first) - 1):
        own, leaves = nodes[first[tree] : first[tree + 1]], values[first[tree] + tree :]
        for i in range(n):
            at = 0 if len(own) > 0 else -1
            while at >= 0:
                node = own[at]
                # What is missing is not below anything.
                at = node.left if rows[i, node.feature] <= node.threshold else node.right
            out[i] += leaves[~at]
