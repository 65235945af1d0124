"""Whether errors on new measurements are what was to be expected, and what mends them if not.

Verdicts, the worst target's counts:

- fine: the median |log(predicted / measured)| is not beyond what was found on held-out
  deployments, and intervals hold about as often as they should
- calibrate: it is, but a constant factor for each hardware and framework mends it
- retrain: it is, and no factor mends it

"Beyond" is told by resampling deployments, or rows where there are few: the 5 % quantile of the
ratio must exceed one, and the ratio itself 1.25.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.table.read import Floats

__all__ = ["judge_targets"]

RATIO = 1.25  # of errors, below which nothing is amiss
SLACK = 0.05  # by which intervals may hold less often than they say
DRAWS = 300
FEW_UNITS = 4
LEAST = 5  # values of a target below which nothing is said of it


def judge_targets(
    values: pd.DataFrame, expected: dict[str, Floats], level: float, seed: int = 0
) -> pd.DataFrame:
    """Compare errors and coverage of each target with what they should be.

    Parameters
    ----------
    values : DataFrame with columns target, deployment, hardware, framework, key, error, inside
        Logarithms of predicted / measured, and whether the interval holds.
    expected : dict of str to array
        |log| errors on held-out deployments, by target.
    level : float
        Of the intervals.
    seed : int
        Of the resampling.

    Returns
    -------
    DataFrame with a row a target
        rows, groups, median_ape, expected_ape, mended_ape (each value corrected by its group's
        other values), covered, finding.
    """
    rows = [_target(str(name), part, expected.get(str(name), np.empty(0)), level, seed)
            for name, part in values.groupby("target", sort=False)]  # fmt: skip
    return pd.DataFrame(rows)


def _target(
    name: str, part: pd.DataFrame, expected: Floats, level: float, seed: int
) -> dict[str, Any]:
    error = part["error"].to_numpy(float)
    mended = _mended(part)
    usual = float(np.median(expected)) if len(expected) else np.nan
    covered = float(part["inside"].mean())
    unit, names = pd.factorize(part["deployment"])
    out = {"target": name, "rows": len(part), "groups": len(names), "median_ape": _ape(error),
           "expected_ape": 100 * float(np.expm1(usual)), "mended_ape": _ape(mended),
           "covered": covered}  # fmt: skip
    if len(names) < FEW_UNITS:
        unit = np.arange(len(part))
    if len(part) < LEAST or not np.isfinite(usual):
        return out | {"finding": "too few"}
    if not (_beyond(error, unit, usual, seed) or _misses(part, unit, level, seed)):
        return out | {"finding": "fine"}
    return out | {"finding": "retrain" if _beyond(mended, unit, usual, seed) else "calibrate"}


def _ape(error: Floats) -> float:
    return float(np.median(100 * np.abs(np.expm1(error))))


def _mended(part: pd.DataFrame) -> Floats:
    """Correct each error by the median of the others of its hardware and framework."""
    error = part["error"].to_numpy(float)
    out = error.copy()
    group, names = pd.factorize(part["hardware"] + "|" + part["framework"])
    for k in range(len(names)):
        rows = np.flatnonzero(group == k)
        if len(rows) > 1:
            out[rows] = error[rows] - _medians_of_others(error[rows])
    return out


def _medians_of_others(value: Floats) -> Floats:
    """Median of all values but one, for each one.

    Examples
    --------
    >>> _medians_of_others(np.array([1.0, 2.0, 10.0])).tolist()
    [6.0, 5.5, 1.5]
    """
    order = np.argsort(value, kind="stable")
    rank = np.empty(len(value), dtype=np.intp)
    rank[order] = np.arange(len(value))
    left = len(value) - 1
    middle = [value[order][j + (j >= rank)] for j in ((left - 1) // 2, left // 2)]
    return np.asarray((middle[0] + middle[1]) / 2)


def _draws(unit: NDArray[np.intp], seed: int) -> Iterator[NDArray[np.intp]]:
    """Draw units with repeats; return each draw's values."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(unit == k) for k in np.unique(unit)]
    for _ in range(DRAWS):
        taken = rng.integers(0, len(members), len(members))
        yield np.concatenate([members[k] for k in taken])


def _beyond(error: Floats, unit: NDArray[np.intp], usual: float, seed: int) -> bool:
    size = np.abs(error)
    if np.median(size) <= RATIO * usual:
        return False
    medians = [np.median(size[rows]) for rows in _draws(unit, seed)]
    return bool(np.quantile(medians, 0.05) > usual)


def _misses(part: pd.DataFrame, unit: NDArray[np.intp], level: float, seed: int) -> bool:
    """Tell whether intervals hold less often than they say, beyond chance."""
    inside = part["inside"].to_numpy(float)
    if not np.isfinite(inside).any() or np.nanmean(inside) >= level - SLACK:
        return False
    with np.errstate(invalid="ignore"):
        shares = [np.nanmean(inside[rows]) for rows in _draws(unit, seed)
                  if np.isfinite(inside[rows]).any()]  # fmt: skip
    return bool(np.quantile(shares, 0.95) < level)
