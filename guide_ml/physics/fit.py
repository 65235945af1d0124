"""Calibration: coefficients from measurements of all targets at once.

Minimises the sum of weight x sqrt(r^2 + s^2) (a smooth absolute error) of the residuals
r = log(measured) - log(estimated), with a normal prior on each coefficient, by damped
Gauss-Newton on reweighted squares (Levenberg-Marquardt, Nocedal & Wright, ch. 10).
Derivatives need one evaluation a knob, not a coefficient: every coefficient moves its knob
linearly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from guide_ml.describe.targets import NAMES
from guide_ml.features.load import Load
from guide_ml.physics.design import Coefficients, Drivers, from_vector
from guide_ml.physics.drivers import LABORATORY
from guide_ml.physics.knobs import KNOBS
from guide_ml.physics.model import estimate
from guide_ml.physics.normal import Design
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats

__all__ = ["Sample", "fit", "log_estimate"]

SOFT = 0.1  # residuals below this count quadratically
#: How much the priors count, in values. Chosen among 5 to 100 by physics alone on laboratories
#: that were left out, so their errors are a little too kind.
PRIOR_WEIGHT = 50.0
NUDGE = 1e-3
STEPS = 12
ENOUGH = 3e-4  # relative gain at which to stop
DAMPING = 0.01  # at first; the normal equations are well conditioned by the priors
MOST = 0.9  # share of rows from which leaving the others out is not worth it


@dataclass(frozen=True)
class Sample:
    """Measured values of mixed targets.

    Parameters
    ----------
    load : Load
        Deployment of each value, n rows.
    drivers : Drivers
        What moves the knobs, n rows.
    target : array of shape (n,) of int
        Index into :data:`guide_ml.describe.targets.NAMES`.
    log_value, weight : array of shape (n,)
        Logarithm of the measured value; its weight.
    """

    load: Load
    drivers: Drivers
    target: NDArray[np.intp]
    log_value: Floats
    weight: Floats

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Sample:
        """Keep some rows."""
        return Sample(
            self.load.take(rows), self.drivers.take(rows), self.target[rows],
            self.log_value[rows], self.weight[rows],
        )  # fmt: skip


def log_estimate(sample: Sample, knobs: Columns) -> Floats:
    """Logarithm of the physics estimate of each row's own target."""
    return _log_own(sample.load, sample.target, knobs)


def _log_own(load: Load, target: NDArray[np.intp], knobs: Columns) -> Floats:
    found = estimate(load, knobs).targets
    stacked = np.stack([found[name] for name in NAMES])
    return np.asarray(np.log(np.take_along_axis(stacked, target[None, :], axis=0)[0]))


def fit(sample: Sample, progress: Callable[[str], None] | None = None) -> Coefficients:
    """Calibrate the knobs on measured values.

    Parameters
    ----------
    sample : Sample
        Measured values of all targets.
    progress : callable, optional
        Told of each step in a line.

    Returns
    -------
    Coefficients
        Deterministic: the same sample gives the same coefficients.
    """
    # Sums of many threads round differently; one thread makes the same file everywhere.
    with threadpool_limits(limits=1, user_api="blas"):
        return _fit(sample, progress)


def _fit(sample: Sample, progress: Callable[[str], None] | None) -> Coefficients:
    design, slopes = Design(sample.drivers), _Slopes(sample)
    theta = np.zeros(len(design.terms))
    damping = DAMPING

    def state(vector: Floats) -> tuple[Columns, Floats, float]:
        knobs = from_vector(design.terms, vector).knobs(sample.drivers)
        residual = sample.log_value - log_estimate(sample, knobs)
        loss = np.sum(sample.weight * np.sqrt(residual**2 + SOFT**2))
        return knobs, residual, float(loss + 0.5 * PRIOR_WEIGHT * np.sum((vector / design.sd) ** 2))

    knobs, residual, loss = state(theta)
    for number in range(STEPS):
        by_knob = slopes.at(knobs, sample.log_value - residual)
        weight = sample.weight / np.sqrt(residual**2 + SOFT**2)
        equations = design.normal(by_knob, weight, residual)
        prior = PRIOR_WEIGHT / design.sd**2
        gradient = equations.gradient - prior * theta
        before = loss
        for _ in range(6):
            damped = prior + damping * (equations.diagonal + prior)
            step = equations.solve(gradient, damped)
            trial = theta + np.clip(step, -1.0, 1.0)
            outcome = state(trial)
            if outcome[2] < loss:
                theta, (knobs, residual, loss) = trial, outcome
                damping *= 0.3
                break
            damping *= 4.0
        if progress:
            progress(f"calibration step {number + 1}: mean loss {loss / len(residual):.4f}")
        if before - loss < ENOUGH * loss:
            break
    found = from_vector(design.terms, theta)
    for by_group in found.corrections.values():
        by_group.pop(LABORATORY, None)  # nobody's habits but the user's own are met again
    return found


class _Slopes:
    """Derivatives of each row's log estimate by each knob, by small differences.

    What a knob does not touch at the start (a link where there is one device, experts of a
    dense model) it never touches, so rows that do not move at first are left out later.
    """

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.parts: list[tuple[NDArray[np.intp], Load, NDArray[np.intp]] | None] = []

    def at(self, knobs: Columns, base: Floats) -> Floats:
        """Derive at some knobs, whose log estimate is `base`; shape (n, knobs)."""
        out = np.zeros((len(base), len(KNOBS)), order="F")
        for i, knob in enumerate(KNOBS):
            moved = knobs | {knob.name: knobs[knob.name] + NUDGE}
            part = self.parts[i] if i < len(self.parts) else None
            if part is None:
                out[:, i] = (log_estimate(self.sample, moved) - base) / NUDGE
            else:
                rows, load, target = part
                found = _log_own(load, target, {k: v[rows] for k, v in moved.items()})
                out[rows, i] = (found - base[rows]) / NUDGE
        if not self.parts:
            self.parts = [self._touched(line) for line in out.T]
        return out

    def _touched(self, slope: Floats) -> tuple[NDArray[np.intp], Load, NDArray[np.intp]] | None:
        rows = np.flatnonzero(slope)
        if len(rows) > MOST * len(slope):
            return None
        return rows, self.sample.load.take(rows), self.sample.target[rows]
