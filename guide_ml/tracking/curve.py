"""The learning curve: how errors fall as data grows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import NDArray

from guide_ml.answers.progress import Progress
from guide_ml.describe.targets import NAMES
from guide_ml.measurements import evaluation
from guide_ml.system.processes import side_by_side
from guide_ml.tracking.gather import Gathered
from guide_ml.training.crossval import SHARED, HyperParameters, fold_errors

__all__ = ["SHARES", "learning_curve"]

SHARES = (0.1, 0.25, 0.5, 1.0)
SPLITS = ("random", "deployment", "model", "hardware")
FOLDS = 2  # of ten: a fifth of the groups is predicted
LEAST = 20  # values of each target that a fit needs; a smaller share is left out


def learning_curve(
    gathered: Gathered, params: HyperParameters, shares: Sequence[float] = SHARES,
    splits: Sequence[str] = SPLITS, jobs: int = 2, seed: int = 0,
    progress: Progress | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Measure errors on the same held-out groups, fitted on growing shares of the other groups.

    Parameters
    ----------
    gathered : Gathered
        Data.
    params : dict
        Hyper-parameters by ``target/kind``.
    shares : sequence of float
        Shares of the groups that are not held out.
    splits : sequence of str
        Names of :data:`guide_ml.measurements.evaluation.SPLITS`; what a group is.
    jobs, seed : int
        Processes; seed of the folds and of the draw.
    progress : callable, optional
        Told of each fit.

    Returns
    -------
    DataFrame with columns split, share, target and :data:`guide_ml.measurements.evaluation.METRICS`
    """
    work = [(split, share, k) for split in splits for share in shares for k in range(FOLDS)]
    found = side_by_side(jobs, (delayed(_one)(gathered, params, split, share, k, seed)
                                for split, share, k in work), SHARED)  # fmt: skip
    parts: dict[tuple[str, float], list[pd.DataFrame]] = {}
    for done, (split, share, part) in enumerate(found, start=1):
        parts.setdefault((split, share), []).append(part)
        if progress:
            progress(done, len(work), "learning curve")
    # All shares of a split are scored on the same values, so one that a fold lacks is left out.
    whole = [p for folds in parts.values() if all(len(p) for p in folds) for p in folds]
    both = pd.concat(whole, ignore_index=True)
    rows = [
        {"split": split, "share": share, "target": target}
        | evaluation.summary(part["ape"].to_numpy(float))
        for (split, share, target), part in both.groupby(["split", "share", "target"], sort=False)
    ]
    return pd.DataFrame(rows)


def _one(
    gathered: Gathered, params: HyperParameters, split: str, share: float, k: int, seed: int
) -> tuple[str, float, pd.DataFrame]:
    measured, data = gathered.measured, gathered.data
    group = evaluation.groups(measured, split)
    held = _held(group, k, seed)
    kept = held | _drawn(group, held, share, seed)
    part, held = data.take(kept[data.values.row]), held[data.values.row][kept[data.values.row]]
    if np.bincount(part.values.target[~held], minlength=len(NAMES)).min() < LEAST:
        return split, share, pd.DataFrame()
    found = fold_errors(part, measured.resolved, held, seed, params)
    rows = found.rows
    means = part.values.statistic[rows] == 0
    ape = evaluation.errors(np.exp(found.log_predicted[means]), part.values.value[rows][means])
    target = np.asarray(NAMES)[part.values.target[rows][means]]
    out = pd.DataFrame({"split": split, "share": share, "target": target, "ape": ape})
    return split, share, out.dropna(subset="ape")


def _held(group: NDArray[np.object_], k: int, seed: int) -> NDArray[np.bool_]:
    fold = evaluation.folds(group, seed)
    return np.asarray(fold % evaluation.FOLDS == k)


def _drawn(
    group: NDArray[np.object_], held: NDArray[np.bool_], share: float, seed: int
) -> NDArray[np.bool_]:
    """Draw whole groups among those that are not held out; a larger share holds a smaller one."""
    names = np.unique(group[~held].astype(str))
    order = np.random.default_rng(seed).permutation(len(names))
    taken = names[order[: max(1, round(share * len(names)))]]
    return np.isin(group.astype(str), taken) & ~held
