"""The compiled loops that take rows through trees: blocks of them together, or a few.

Blocks do not walk from node to node, which waits for memory at each: every split of a tree is put
to all rows of a block, a vector instruction for dozens of them. A row's place says in which leaf
of the tree grown so far it is; the k-th split moves the rows of its leaf that go right to leaf
k + 1. Inputs are ranks among an input's thresholds, a byte each, and the ranks of a block stay in a
core's first cache (:mod:`guide_ml.trees.lanes`). A few rows do walk, over nodes that lie close
together.

Numba compiles them when they are first called and keeps the result on disk, so this module is
imported by whoever has a table or asks often, never for a first prediction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.compiled import compiled
from guide_ml.trees.lanes import BYTES, WIDE, settle_many, settle_some
from guide_ml.trees.ranks import GROUP, count_below

__all__ = ["step", "walk"]

Ints = NDArray[Any]


@compiled
def walk(
    x: NDArray[np.float32], cuts: NDArray[np.float32], below: Ints, source: Ints, blank: Ints,
    feature: Ints, rank: Ints, leaf: Ints, first: Ints, values: NDArray[Any], out: NDArray[Any],
) -> None:  # fmt: skip
    """Add the leaves that n rows fall into to `out`, in the order of the trees.

    Parameters
    ----------
    x : array of shape (inputs, n)
        Rows in columns.
    cuts : array of shape (asked, widest)
        Thresholds of each input that is asked for, infinite behind the last.
    below : array of shape (asked,)
        How many of them are finite.
    source, blank : array of shape (asked,)
        Row of `x` that it is, and the rank that a missing number has.
    feature, rank, leaf : array of shape (splits,)
        Of each split: the place of its input among those asked for; a row goes right if its rank
        is more than `rank`; the leaf that it splits.
    first : array of shape (trees + 1,)
        Where the splits of each tree begin; its leaves begin as many places on as trees before.
    values : array of shape (splits + trees,)
        Leaves.
    out : array of shape (n,)
    """
    n, lanes = x.shape[1], BYTES // rank.itemsize
    block = WIDE * lanes
    ranks = np.zeros((max(len(source), 1), block), rank.dtype)
    numbers = np.zeros(block, np.float32)
    place = np.empty(block, rank.dtype)
    for begin in range(0, n, block):
        m = min(n - begin, block)
        for f in range(len(source)):
            for i in range(m):
                numbers[i] = x[source[f], begin + i]
            for i in range(0, m, GROUP):
                count_below(numbers, cuts[f], below[f], blank[f], ranks[f], i)
        total = out[begin : begin + m]
        for tree in range(len(first) - 1):
            start, end = first[tree], first[tree + 1]
            if m > lanes:
                settle_many(ranks, feature, rank, leaf, place, start, end, 0)
            else:
                settle_some(ranks, feature, rank, leaf, place, start, end, 0)
            own = values[start + tree :]
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
