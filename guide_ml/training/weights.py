"""How much each measured value counts in a fit: one laboratory, one voice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.targets import NAMES
from guide_ml.table.read import Floats

__all__ = ["LABORATORY", "REPEAT", "shares", "weigh"]

#: n values of one deployment (a sweep over load or length) count n^(1 - this).
REPEAT = 0.5
#: A laboratory whose deployments so count s counts s^(1 - this).
LABORATORY = 0.5


def weigh(
    laboratory: NDArray[np.object_], deployment: NDArray[np.object_], target: NDArray[np.intp]
) -> Floats:
    """Weigh values, for each target by itself; the mean weight of a target is 1.

    A laboratory's say grows with the square root of what it brings, and what it brings grows
    with the number of deployments and the square root of values of each. So a hundred times the
    values of one deployment have ten times the say within their laboratory, and a laboratory of
    a thousand deployments has some thirty times the say of one with a single one.

    Parameters
    ----------
    laboratory, deployment : array of shape (m,) of str
        Who measured a value (:func:`guide_ml.measurements.laboratories.laboratories`), and on
        what (device, devices, model, engine, precision).
    target : array of shape (m,) of int
        Index into :data:`guide_ml.describe.targets.NAMES`.

    Returns
    -------
    array of shape (m,)
        Weights above 0.

    Examples
    --------
    >>> of = weigh(np.asarray(list("aaaab")), np.asarray(list("xxxxy")), np.zeros(5, int))
    >>> of.round(2).tolist()
    [0.73, 0.73, 0.73, 0.73, 2.07]
    """
    weight = np.ones(len(target))
    for t in np.unique(target):
        rows = np.flatnonzero(target == t)
        lab = np.unique(laboratory[rows].astype(str), return_inverse=True)[1]
        place = np.unique(deployment[rows].astype(str), return_inverse=True)[1]
        both = np.unique(lab * (place.max() + 1) + place, return_inverse=True)[1]
        raw = np.bincount(both)[both].astype(float) ** -REPEAT
        raw *= np.bincount(lab, raw)[lab] ** -LABORATORY
        weight[rows] = raw / raw.mean()
    return weight


def shares(
    source: NDArray[np.object_], target: NDArray[np.intp], weight: Floats
) -> dict[str, dict[str, float]]:
    """Say what percentage of all weight each source has, by source and target.

    Parameters
    ----------
    source, target, weight : array of shape (m,)
        Of each value.

    Examples
    --------
    >>> shares(np.asarray(["a", "b"]), np.asarray([1, 1]), np.asarray([3.0, 1.0]))
    {'a': {'ttft_ms': 75.0}, 'b': {'ttft_ms': 25.0}}
    """
    total = np.bincount(target, weight, len(NAMES))
    out: dict[str, dict[str, Any]] = {}
    for name in np.unique(source.astype(str)):
        rows = source.astype(str) == name
        own = np.bincount(target[rows], weight[rows], len(NAMES))
        out[str(name)] = {
            n: round(100.0 * float(o / t), 2)
            for n, o, t in zip(NAMES, own, total, strict=True) if o > 0
        }  # fmt: skip
    return out
