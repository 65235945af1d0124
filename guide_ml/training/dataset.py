"""From measurements to what estimators are fitted on: values, weights, bounds, names."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadData
from guide_ml.features.load import Load
from guide_ml.measurements.laboratories import laboratories
from guide_ml.measurements.read import Measurements, Values, values
from guide_ml.physics.design import Coefficients, drivers
from guide_ml.physics.drivers import LABORATORY
from guide_ml.physics.fit import Sample
from guide_ml.physics.inputs import inputs
from guide_ml.physics.model import estimate
from guide_ml.table.read import Floats
from guide_ml.training.weights import weigh

__all__ = ["LEAST_VALUES", "MOST_ROWS", "Dataset", "Matrix", "build", "check_values", "matrix",
           "sparse"]  # fmt: skip

#: Rows of one source that are learned from; a larger one is thinned, as its rows repeat each other.
MOST_ROWS = 4000

#: Values that each target needs: an estimator of fewer would be a guess.
LEAST_VALUES = 30


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


def build(measured: Measurements) -> Dataset:
    """Put measured values beside their deployments' bounds; large sources are thinned."""
    found = values(measured)
    kept = _thinned(measured)[found.row]
    found = Values(*(getattr(found, f.name)[kept] for f in fields(Values)))
    load = measured.load.take(found.row)
    slugs = {k: v[found.row] for k, v in measured.resolved.names.items()}
    source = measured.table["source"].to_numpy(dtype=object)[found.row]
    slugs[LABORATORY] = laboratories(source)
    weight = weigh(slugs[LABORATORY], _deployments(load, slugs), found.target)
    sample = Sample(
        load, drivers(load.columns, slugs, found.statistic, load.held), found.target,
        np.log(found.value), weight,
    )  # fmt: skip
    return Dataset(found, sample, slugs)


def check_values(target: NDArray[np.intp], hint: str = "") -> None:
    """Refuse to train where a target has too few measured values.

    Parameters
    ----------
    target : array of shape (m,)
        Target of each value.
    hint : str
        What else could be done, for the end of the message.

    Raises
    ------
    BadData
        If one has; the message names each of them.
    """
    if few := [f"{n} has {c}" for n, c in sparse(target).items()]:
        raise BadData(
            f"each target needs at least {LEAST_VALUES} measured values: {', '.join(few)}{hint}"
        )


def sparse(target: NDArray[np.intp]) -> dict[str, int]:
    """Count the measured values of each target that has fewer than :data:`LEAST_VALUES`.

    Such a target leans on physics, calibrated on all of them; without a value it is nothing else.

    Parameters
    ----------
    target : array of shape (m,)
        Target of each value.
    """
    counts = np.bincount(target, minlength=len(NAMES))
    return {n: int(c) for n, c in zip(NAMES, counts, strict=True) if c < LEAST_VALUES}


def _thinned(measured: Measurements) -> NDArray[np.bool_]:
    """Tell which rows are learned from: of large sources :data:`MOST_ROWS`, the same each time."""
    source = measured.table["source"].astype(str)
    place = source.astype(object) + "|" + measured.table["source_ref"].astype(str)
    order = pd.util.hash_array((place + "|" + place.groupby(place).cumcount().astype(str))
                               .to_numpy(dtype=object))  # fmt: skip
    rank = pd.Series(order).groupby(source.to_numpy()).rank(method="first")
    return (rank <= MOST_ROWS).to_numpy(bool)


def _deployments(load: Load, slugs: dict[str, NDArray[np.object_]]) -> NDArray[np.object_]:
    """Name what each value was measured on, whatever the load."""
    parts = [slugs[n] for n in ("hardware", "model", "framework", "weight_dtype", "backend")]
    text = [p.astype(str) for p in (*parts, load.columns["devices"])]
    return np.asarray(["|".join(row) for row in zip(*text, strict=True)], dtype=object)


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
