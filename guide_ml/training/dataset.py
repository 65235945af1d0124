"""From measurements to what estimators are fitted on: values, weights, bounds, names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.targets import NAMES
from guide_ml.measurements.read import Measurements, Values, values
from guide_ml.physics.design import Coefficients, drivers
from guide_ml.physics.fit import Sample
from guide_ml.physics.inputs import inputs
from guide_ml.physics.model import estimate
from guide_ml.table.read import Floats

__all__ = ["Dataset", "Matrix", "build", "matrix", "source_weights"]

#: A source of n values weighs n^(1 - this): large sources must not drown small ones.
SOURCE_DAMPING = 0.35


@dataclass(frozen=True)
class Dataset:
    """Measured values ready for fitting.

    Parameters
    ----------
    values : Values
        Measured values in long form, m of them.
    sample : Sample
        The same with bounds, drivers, logarithms and weights.
    slugs : dict of str to array of shape (m,)
        Names in force.
    """

    values: Values
    sample: Sample
    slugs: dict[str, NDArray[np.object_]]

    def take(self, keep: NDArray[np.bool_]) -> Dataset:
        """Keep some values."""
        v = self.values
        kept = Values(v.row[keep], v.target[keep], v.statistic[keep], v.value[keep])
        slugs = {k: s[keep] for k, s in self.slugs.items()}
        return Dataset(kept, self.sample.take(keep), slugs)


def source_weights(source: NDArray[np.object_], target: NDArray[np.intp]) -> Floats:
    """Weigh values so that each source counts n^0.65; the mean weight of a target is 1."""
    weight = np.ones(len(source))
    for t in np.unique(target):
        rows = target == t
        _, index, count = np.unique(
            source[rows].astype(str), return_inverse=True, return_counts=True
        )
        raw = count[index].astype(float) ** -SOURCE_DAMPING
        weight[rows] = raw / raw.mean()
    return weight


def build(measured: Measurements) -> Dataset:
    """Put measured values beside their deployments' bounds."""
    found = values(measured)
    load = measured.load.take(found.row)
    slugs = {k: v[found.row] for k, v in measured.resolved.names.items()}
    source = measured.table["source"].to_numpy(dtype=object)[found.row]
    sample = Sample(
        load, drivers(load.columns, slugs, found.statistic), found.target,
        np.log(found.value), source_weights(source, found.target),
    )  # fmt: skip
    return Dataset(found, sample, slugs)


@dataclass(frozen=True)
class Matrix:
    """Inputs of the boosted estimators for one target, and the physics they correct.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        Every input of :data:`guide_ml.physics.inputs.INPUTS`.
    log_physics : array of shape (n,)
        Logarithm of the physics estimate.
    """

    columns: dict[str, Floats]
    log_physics: Floats

    def stack(self, names: list[str]) -> NDArray[np.float32]:
        """Arrange inputs as a matrix of shape (n, len(names))."""
        return np.stack([self.columns[n] for n in names], axis=1).astype(np.float32)


def matrix(data: Dataset, coefficients: Coefficients) -> Matrix:
    """Compute the inputs of every value, each for its own target."""
    sample = data.sample
    knobs = coefficients.knobs(sample.drivers)
    found = estimate(sample.load, knobs)
    logs = np.stack([np.log(found.targets[name]) for name in NAMES])
    own = np.take_along_axis(logs, sample.target[None, :], axis=0)[0]
    columns = inputs(sample.load, data.slugs, knobs, found)
    return Matrix(columns | {"statistic": data.values.statistic, "log_estimate": own}, own)
