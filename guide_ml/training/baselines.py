"""What needs no estimators: simple methods to beat, refitted without the group they predict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from guide_ml.describe.targets import NAMES
from guide_ml.features.floors import floors
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements
from guide_ml.physics.design import Coefficients
from guide_ml.physics.inputs import LOADED, STATIC
from guide_ml.table.read import Floats
from guide_ml.training.dataset import Dataset, matrix

__all__ = ["BASELINES", "baselines"]

BASELINES = ("floor x constant", "nearest neighbour", "linear")


def _plain_inputs(data: Dataset) -> NDArray[np.float32]:
    """Lay out descriptors without calibrated efficiencies, gaps as -1."""
    table = matrix(data, Coefficients())
    names = [n for n in (*STATIC, *LOADED) if n != "log_estimate"]
    return np.nan_to_num(table.stack(names), nan=-1.0)


def _log_floor(data: Dataset) -> Floats:
    """Logarithm of each value's own bound."""
    bound = floors(data.sample.load)
    return np.asarray(np.choose(data.values.target, [np.log(bound[n]) for n in NAMES]))


def baselines(
    measured: Measurements, data: Dataset, split: str, seed: int = 0, folds: int = evaluation.FOLDS
) -> dict[str, Floats]:
    """Predict every value by simple methods that did not see its group.

    Parameters
    ----------
    measured, data : Measurements, Dataset
        What to predict.
    split : str
        A name of :data:`guide_ml.measurements.evaluation.SPLITS`.
    seed, folds : int
        Those of the estimators' folds, so that all methods are fitted on the same rows.

    Returns
    -------
    dict of str to array of shape (m,)
        Logarithms by method of :data:`BASELINES`; NaN where a fold leaves nothing to fit on.
    """
    fold = evaluation.folds(evaluation.groups(measured, split), seed, folds)[data.values.row]
    x, bound, y = _plain_inputs(data), _log_floor(data), data.sample.log_value
    out = {m: np.full(len(y), np.nan) for m in BASELINES}
    models: dict[str, Pipeline] = {
        "nearest neighbour": make_pipeline(StandardScaler(), KNeighborsRegressor(1)),
        "linear": make_pipeline(StandardScaler(), Ridge(1.0)),
    }
    for target in range(len(NAMES)):
        mine = data.values.target == target
        for k in np.unique(fold[mine & (fold >= 0)]):
            train, test = mine & (fold != k), mine & (fold == k)
            if not train.any():
                continue
            out["floor x constant"][test] = bound[test] + np.median((y - bound)[train])
            for name, model in models.items():
                model.fit(x[train], (y - bound)[train])
                out[name][test] = bound[test] + model.predict(x[test])
    return out
