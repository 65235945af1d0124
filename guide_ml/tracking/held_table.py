"""Held-out tables: what a set predicts for each value of its data that it was fitted without.

A set keeps its table, so that a later set can be compared with it value by value without
training it again. Values are recognised by their content, whatever file they come from.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import NDArray

from guide_ml.describe.targets import NAMES, TARGETS
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements
from guide_ml.system.processes import side_by_side
from guide_ml.table.read import DESCRIPTORS, Floats
from guide_ml.tracking.gather import Gathered
from guide_ml.training.baselines import BASELINES, baselines
from guide_ml.training.crossval import SHARED
from guide_ml.training.dataset import Dataset
from guide_ml.training.held_out import fold_count
from guide_ml.training.train import Recipe, Trained

__all__ = ["ESTIMATORS", "METHODS", "PHYSICS", "described", "errors_by", "held_out", "keys",
           "metrics"]  # fmt: skip

ESTIMATORS, PHYSICS = "guide-ml", "calibrated physics"
METHODS = (ESTIMATORS, PHYSICS, *BASELINES)
FOUND = ("ttft_median_ms", "ttft_p99_ms", "tpot_median_ms", "tpot_p99_ms")


def keys(measured: Measurements, data: Dataset) -> NDArray[np.uint64]:
    """Recognise each value by its content: deployment, load, figures, target, statistic.

    Where it comes from does not count, so a file that is renamed or merged brings nothing new.
    Runs that agree in every figure are told apart by their order.
    """
    columns = [*DESCRIPTORS, *(t.name for t in TARGETS), *FOUND]
    table = measured.table.reindex(columns=columns)
    text = pd.DataFrame({c: _text(table[c]) for c in columns})
    text["again"] = text.groupby(columns, sort=False).cumcount().astype(str)
    row = pd.util.hash_pandas_object(text, index=False).to_numpy()
    value = pd.DataFrame({
        "row": row[data.values.row], "target": data.values.target,
        "statistic": data.values.statistic.astype(int),
    })  # fmt: skip
    return np.asarray(pd.util.hash_pandas_object(value, index=False).to_numpy(), dtype=np.uint64)


def _text(column: pd.Series) -> pd.Series:
    """Write cells the same way whatever type a file gave them."""
    numbers = pd.to_numeric(column, errors="coerce")
    plain = column.astype("string").fillna("").str.strip().astype(object)
    known = numbers.notna()
    plain[known] = [f"{x:.9g}" for x in numbers[known]]
    return plain.astype(str)


def described(measured: Measurements, data: Dataset) -> pd.DataFrame:
    """Say what each value is.

    Returns
    -------
    DataFrame of shape (m, 10)
        key, target, statistic, deployment, source, hardware, model, framework, mode,
        log_measured.
    """
    row = data.values.row
    table = measured.table.iloc[row]
    return pd.DataFrame({
        "key": keys(measured, data), "target": np.asarray(NAMES)[data.values.target],
        "statistic": data.values.statistic.astype(int),
        "deployment": evaluation.groups(measured, "deployment")[row],
        "source": table["source"].to_numpy(str), "hardware": data.slugs["hardware"].astype(str),
        "model": data.slugs["model"].astype(str),
        "framework": data.slugs["framework"].astype(str), "mode": table["mode"].to_numpy(str),
        "log_measured": data.sample.log_value,
    })  # fmt: skip


def held_out(gathered: Gathered, trained: Trained, recipe: Recipe) -> pd.DataFrame:
    """Lay out what was predicted of every value by what was fitted without it.

    Parameters
    ----------
    gathered : Gathered
        What the set was trained on.
    trained : Trained
        The set with its held-out predictions.
    recipe : Recipe
        How it was trained; baselines take the same folds.

    Returns
    -------
    DataFrame of shape (m * splits, ...)
        :func:`described`, with the column ``split`` and the logarithms of each of
        :data:`METHODS`.
    """
    measured, data = gathered.measured, gathered.data
    what = described(measured, data)
    splits = list(trained.log_predicted)
    simple = side_by_side(
        recipe.jobs,
        (delayed(baselines)(measured, data, split, recipe.seed, fold_count(split, recipe.folds))
         for split in splits), SHARED)  # fmt: skip
    parts = [
        what.assign(split=split, **{ESTIMATORS: trained.log_predicted[split],
                                    PHYSICS: trained.log_physics[split]}, **found)
        for split, found in zip(splits, simple, strict=True)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _ape(part: pd.DataFrame, method: str) -> Floats:
    predicted = part[method].to_numpy(float)
    good = np.isfinite(predicted)
    return evaluation.errors(
        np.exp(predicted[good]), np.exp(part["log_measured"].to_numpy(float)[good])
    )


def metrics(table: pd.DataFrame) -> pd.DataFrame:
    """Sum errors up by split, target and method, means only.

    Parameters
    ----------
    table : DataFrame
        :func:`held_out`.

    Returns
    -------
    DataFrame: split, target, method and :data:`guide_ml.measurements.evaluation.METRICS`
    """
    means = table[table["statistic"] == 0]
    rows = [
        {"split": split, "target": target, "method": method}
        | evaluation.summary(_ape(part, method))
        for (split, target), part in means.groupby(["split", "target"], sort=False)
        for method in METHODS
    ]
    return pd.DataFrame(rows)


def errors_by(table: pd.DataFrame, column: str, split: str = "deployment") -> pd.DataFrame:
    """Sum the estimators' errors up by target and one column of what the values are."""
    mine = table[(table["split"] == split) & (table["statistic"] == 0)]
    mine = mine[np.isfinite(mine[ESTIMATORS])]
    ape = 100 * np.abs(np.exp(mine[ESTIMATORS] - mine["log_measured"]) - 1)
    return evaluation.by(mine.assign(ape=ape), ["target", column])

