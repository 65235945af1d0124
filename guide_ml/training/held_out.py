"""What held-out errors teach: intervals, and the measured rows with what was predicted of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from guide_ml.describe.targets import NAMES
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats
from guide_ml.training.dataset import Dataset
from guide_ml.trust.domain import LEVELS, Reference, levels
from guide_ml.trust.domain.measured import Measured
from guide_ml.trust.intervals import Residuals, fit_bands, spread_inputs
from guide_ml.trust.knowledge import Knowledge

__all__ = ["POOL", "SPLITS", "fold_count", "fold_counts", "knowledge", "residuals"]

#: Splits whose errors make the intervals: new loads, deployments, models, devices and laboratories.
SPLITS = ("random", "deployment", "model", "hardware", "source")
#: What intervals are made from. Errors on laboratories count four times: who asks is a new one,
#: even where the deployment was measured, and of fifty laboratories the next may be stranger.
POOL = (*SPLITS, "source", "source", "source")
SOURCE_FOLDS = 10
"""Folds of laboratories, each of several: one at a time would take half of the whole training."""

Names = dict[str, NDArray[np.object_]]


def fold_count(split: str, folds: int) -> int:
    """Folds of a split, where others have `folds`."""
    return min(folds, SOURCE_FOLDS) if split == "source" else folds


def fold_counts(measured: Measurements, folds: int) -> dict[str, int]:
    """Folds of each split that takes part: sources where there is one for each fold."""
    sources = len(np.unique(evaluation.groups(measured, "source")))
    found = {split: fold_count(split, folds) for split in SPLITS}
    return {s: k for s, k in found.items() if s != "source" or sources >= k}


def _fold_distances(
    columns: Columns, names: Names, fold: NDArray[np.intp]
) -> tuple[Columns, NDArray[np.intp]]:
    """Compare each row with the rows of the other folds."""
    out: Columns = {}
    codes = np.zeros(len(fold), dtype=np.intp)
    for k in np.unique(fold):
        held = fold == k
        reference = Reference.of(_take(columns, ~held), _take(names, ~held))
        found = reference.familiarity(_take(columns, held), _take(names, held))
        for name, value in found.columns.items():
            out.setdefault(name, np.empty(len(fold)))[held] = value
        codes[held] = levels(found, np.zeros(int(held.sum()), dtype=bool))
    return out, codes


def _take(columns: Mapping[str, NDArray[Any]], rows: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    return {k: v[rows] for k, v in columns.items()}


def residuals(
    measured: Measurements, data: Dataset, split: str, log_predicted: Floats, seed: int = 0,
    folds: int = evaluation.FOLDS,
) -> Residuals:  # fmt: skip
    """Put the errors of one split beside the distances to what the folds were fitted on.

    Parameters
    ----------
    measured, data : Measurements, Dataset
        Measurements, and their m values.
    split : str
        Of :data:`guide_ml.measurements.evaluation.SPLITS`.
    log_predicted : array of shape (m,)
        :func:`guide_ml.training.crossval.out_of_fold` of this split, seed and number of folds.
    """
    columns, names = measured.resolved.columns, measured.resolved.names
    fold = evaluation.folds(evaluation.groups(measured, split), seed, folds)
    distance, domain = _fold_distances(columns, names, fold)
    v = data.values
    known = np.isfinite(log_predicted)
    row, target = v.row[known], v.target[known]
    x = spread_inputs({k: c[row] for k, c in columns.items()},
                      {k: c[row] for k, c in distance.items()},
                      target.astype(float), v.statistic[known])  # fmt: skip
    return Residuals(
        x, data.sample.log_value[known] - log_predicted[known], target,
        columns["mode"][row].astype(np.intp),
        np.maximum(domain[row], LEVELS.index("interpolated")),
        # What stays together while widths are learned is what the split takes for new.
        evaluation.groups(measured, "source" if split == "source" else "deployment")[row],
    )  # fmt: skip


def joined(parts: list[Residuals]) -> Residuals:
    """Put the residuals of several splits below one another."""
    names = [f.name for f in fields(Residuals)]
    return Residuals(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def knowledge(
    measured: Measurements, data: Dataset, log_predicted: Mapping[str, Floats], seed: int = 0,
    folds: int = evaluation.FOLDS, jobs: int = 1,
) -> Knowledge:  # fmt: skip
    """Make intervals and evidence of a trained set.

    Parameters
    ----------
    measured, data : Measurements, Dataset
        What the set was fitted on.
    log_predicted : dict of str to array of shape (m,)
        Out-of-fold predictions by split, with at least ``deployment``.
    seed, folds : int
        Of those predictions; sources have :func:`fold_count`.
    jobs : int
        Threads.
    """
    found = Parallel(n_jobs=jobs, prefer="threads")(
        delayed(residuals)(measured, data, s, p, seed, fold_count(s, folds))
        for s, p in log_predicted.items()
    )
    by_split = dict(zip(log_predicted, found, strict=True))
    parts = [by_split[split] for split in POOL if split in by_split]
    columns, names = measured.resolved.columns, measured.resolved.names
    reference = Reference.of(columns, names)
    case = reference.familiarity(columns, names).nearest
    held = _held_out(data, log_predicted["deployment"], len(measured.table))
    rows = Measured.of(measured.table, columns, names, case, held)
    return Knowledge(reference, rows, fit_bands(joined(parts), jobs))


def _held_out(data: Dataset, log_predicted: Floats, rows: int) -> dict[str, Floats]:
    """Lay predictions of each row's first statistic out by metric."""
    v = data.values
    out = {name: np.full(rows, np.nan) for name in NAMES}
    for index, name in enumerate(NAMES):
        mine = np.flatnonzero(v.target == index)[::-1]
        out[name][v.row[mine]] = np.exp(log_predicted[mine])
    return out
