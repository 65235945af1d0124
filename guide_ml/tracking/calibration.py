"""How often intervals hold: made from one half of the deployments, counted on the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from guide_ml.measurements import evaluation
from guide_ml.tracking.gather import Gathered
from guide_ml.tracking.held_table import ESTIMATORS
from guide_ml.training.held_out import fold_count, joined, residuals
from guide_ml.training.train import Recipe
from guide_ml.trust.intervals import fit_bands

__all__ = ["LEVELS", "coverage"]

LEVELS = (0.5, 0.8, 0.9, 0.95)


def coverage(gathered: Gathered, held: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """Count how often intervals hold what was measured, on deployments they were not made from.

    Parameters
    ----------
    gathered : Gathered
        What a set was trained on.
    held : DataFrame
        :func:`guide_ml.tracking.held_table.held_out`.
    recipe : Recipe
        How the set was trained.

    Returns
    -------
    DataFrame with columns split, level, covered, values
        Share of held-out values inside their interval.
    """
    logs = {str(s): part[ESTIMATORS].to_numpy(float)
            for s, part in held.groupby("split", sort=False)}  # fmt: skip
    measured, data = gathered.measured, gathered.data
    parts = Parallel(n_jobs=recipe.jobs, prefer="threads")(
        delayed(residuals)(measured, data, s, p, recipe.seed, fold_count(s, recipe.folds))
        for s, p in logs.items()
    )
    together = joined(parts)
    split = np.repeat(np.asarray(list(logs)), [len(p.residual) for p in parts])
    half = evaluation.folds(together.group, recipe.seed, 2)
    rows = []
    for k in (0, 1):
        bands = fit_bands(together.take(half != k), recipe.jobs)
        mine = together.take(half == k)
        width = bands.width(mine.x)
        for level in LEVELS:
            low, high = bands.factors(width, mine.target, mine.mode, mine.domain, level)
            factor = np.exp(mine.residual)
            inside = (factor >= low) & (factor <= high)
            part = {"split": split[half == k], "level": level, "covered": inside}
            rows.append(pd.DataFrame(part))
    found = pd.concat(rows).groupby(["split", "level"], sort=False)["covered"]
    return found.agg(covered="mean", values="size").reset_index()
