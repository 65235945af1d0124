"""Held-out evaluation: grouped splits and error metrics; pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES
from guide_ml.measurements.laboratories import SAME_RUNS, laboratories
from guide_ml.measurements.read import Measurements
from guide_ml.system.lazily import pandas as pd

__all__ = ["CORNERS", "METRICS", "NEVER", "SPLITS", "errors", "folds", "groups", "summary"]

SPLITS = ("random", "deployment", "model", "hardware", "source")
CORNERS = ("framework", "dense-served", "small")
"""Splits that hold out what users ask for and few have measured: every row of an engine, all
dense models that were served, all models under 4 billion parameters in any mode."""
METRICS = ("rows", "median_ape", "mean_ape", "p90_ape", "within_20")
FOLDS = 10
NEVER = ""  # a group that is never held out
SMALL_B = 4.0  # billion parameters
FEW_GROUPS = 25  # a split of so few groups leaves out one group a fold

Names = NDArray[np.object_]


def groups(measured: Measurements, split: str) -> Names:
    """Name the group of each row that must not be split apart.

    random: rows, but the copies of one run that several sources publish are one. deployment:
    hardware x model x framework x devices, the same key in every source. model: architecture
    (checkpoints of one architecture are one model). hardware: device. source: laboratory, that
    is the origin, with origins that belong together as one. Corners: see :data:`CORNERS`; rows
    outside of a corner are in the group :data:`NEVER`.

    Raises
    ------
    KeyError
        If there is no such split.
    """
    names, columns = measured.resolved.names, measured.resolved.columns
    if split == "random":
        return _runs(measured)
    if split == "hardware":
        return names["hardware"].astype(str).astype(object)
    if split == "source":
        return laboratories(measured.table["source"])
    if split == "model":
        return _joined(np.round(columns["m_params_total_b"], 1), columns["m_num_layers"])
    if split == "framework":
        return names["framework"].astype(str).astype(object)
    if split == "dense-served":
        served = columns["mode"] == MODES.index("closed")
        return np.where(served & (columns["m_num_experts"] == 0), split, NEVER).astype(object)
    if split == "small":
        return np.where(columns["m_params_total_b"] < SMALL_B, split, NEVER).astype(object)
    if split == "deployment":
        return _joined(names["hardware"], names["model"], names["framework"], columns["devices"])
    raise KeyError(split)


def _runs(measured: Measurements) -> Names:
    """Name the run of each row: the row itself, or for sources that share runs what was run."""
    names, columns = measured.resolved.names, measured.resolved.columns
    shared = measured.table["source"].isin(list(SAME_RUNS)).to_numpy(bool)
    load = (columns[k] for k in ("devices", "mode", "batch", "input_len", "output_len", "spec"))
    what = (names[k] for k in ("hardware", "model", "framework", "weight_dtype"))
    run = _joined(*what, *load)
    return np.where(shared, run, np.arange(len(run)).astype(str).astype(object))


def _joined(*parts: Names | NDArray[np.float64]) -> Names:
    text = [np.asarray(p).astype(str) for p in parts]
    return np.asarray(["|".join(row) for row in zip(*text, strict=True)], dtype=object)


def folds(group: Names, seed: int = 0, count: int = FOLDS) -> NDArray[np.intp]:
    """Give every row a fold; a group stays together.

    Groups go, largest first, to the emptiest fold, in an order shuffled by `seed`; few groups
    (sources) get a fold each, unless fewer folds than usual are asked for.

    Parameters
    ----------
    group : array of shape (n,)
        :func:`groups`.
    seed : int
        Order of groups of equal size.
    count : int
        Folds.

    Returns
    -------
    array of shape (n,) of int
        -1 for what is never held out.
    """
    distinct, index, sizes = np.unique(group, return_inverse=True, return_counts=True)
    if (len(distinct) <= FEW_GROUPS and count >= FOLDS) or len(distinct) <= count:
        return np.where(group == NEVER, -1, index).astype(np.intp)
    order = np.random.default_rng(seed).permutation(len(distinct))
    order = order[np.argsort(-sizes[order], kind="stable")]
    load, place = np.zeros(count), np.zeros(len(distinct), dtype=np.intp)
    for k in order:
        place[k] = int(np.argmin(load))
        load[place[k]] += sizes[k]
    return np.asarray(place[index])


def errors(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Absolute percentage errors, in percent of the measured value.

    Examples
    --------
    >>> errors(np.array([110.0]), np.array([100.0])).round(6).tolist()
    [10.0]
    """
    return np.asarray(100.0 * np.abs(predicted / measured - 1.0))


def summary(ape: NDArray[np.float64]) -> dict[str, float]:
    """Sum errors up: rows, median, mean, 90th percentile, share within 20 %."""
    if len(ape) == 0:
        return dict.fromkeys(METRICS, float("nan")) | {"rows": 0.0}
    return {
        "rows": float(len(ape)), "median_ape": float(np.median(ape)),
        "mean_ape": float(np.mean(ape)), "p90_ape": float(np.quantile(ape, 0.9)),
        "within_20": float(100.0 * np.mean(ape <= 20.0)),
    }  # fmt: skip


def by(frame: pd.DataFrame, columns: list[str], ape: str = "ape") -> pd.DataFrame:
    """Sum errors up within groups of rows, worst median first."""
    rows = [dict(zip(columns, key, strict=True)) | summary(part[ape].to_numpy(float))
            for key, part in frame.groupby(columns, dropna=False, sort=True)]  # fmt: skip
    return pd.DataFrame(rows).sort_values("median_ape", ascending=False, ignore_index=True)
