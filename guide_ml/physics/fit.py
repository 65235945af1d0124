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
from scipy import sparse
from threadpoolctl import threadpool_limits

from guide_ml.assume import Columns
from guide_ml.features.load import Load
from guide_ml.physics.design import Coefficients, Drivers, Term, from_vector, terms
from guide_ml.physics.knobs import KNOBS
from guide_ml.physics.model import estimate
from guide_ml.table import Floats
from guide_ml.targets import NAMES

__all__ = ["Sample", "fit", "log_estimate"]

SOFT = 0.1  # residuals below this count quadratically
PRIOR_WEIGHT = 15.0
NUDGE = 1e-3
STEPS = 12
ENOUGH = 3e-4  # relative gain at which to stop


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
        Index into :data:`guide_ml.targets.NAMES`.
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
    found = estimate(sample.load, knobs).targets
    stacked = np.stack([np.log(found[name]) for name in NAMES])
    return np.asarray(np.take_along_axis(stacked, sample.target[None, :], axis=0)[0])


class _Design:
    """The design matrix: dense columns for constants and slopes, sparse ones for levels."""

    def __init__(self, rows: Drivers) -> None:
        self.dense_terms, self.sparse_terms = terms(rows)
        self.terms: list[Term] = [*self.dense_terms, *self.sparse_terms]
        self.sd = np.asarray([t.sd for t in self.terms])
        columns = [rows.numbers[t.name] if t.kind == "slope" else np.ones(rows.n)
                   for t in self.dense_terms]  # fmt: skip
        self.dense = np.stack(columns, axis=1)
        knob_index = {k.name: i for i, k in enumerate(KNOBS)}
        self.dense_knob = np.asarray([knob_index[t.knob] for t in self.dense_terms])
        self._blocks(rows, knob_index)

    def _blocks(self, rows: Drivers, knob_index: dict[str, int]) -> None:
        """Every (knob, group) gives each row one entry: its level's column."""
        place = {(t.knob, t.kind, t.name): i for i, t in enumerate(self.sparse_terms)}
        columns, knobs = [], []
        for knob in KNOBS:
            for group, _ in knob.groups:
                level = rows.levels[group]
                lookup = np.asarray([place.get((knob.name, group, x), -1) for x in level])
                columns.append(lookup[rows.codes[group]])
                knobs.append(knob_index[knob.name])
        self.columns = np.stack(columns, axis=1)  # (n, blocks)
        self.column_knob = np.asarray(knobs)

    def jacobian(self, slopes: Floats) -> tuple[Floats, sparse.csr_matrix]:
        """Derive the log estimate by coefficient, from its derivatives by knob (n, knobs)."""
        n, blocks = self.columns.shape
        data = slopes[:, self.column_knob].ravel()
        starts = np.arange(0, n * blocks + 1, blocks)
        shape = (n, len(self.sparse_terms))
        levels = sparse.csr_matrix((data, self.columns.ravel(), starts), shape=shape)
        return self.dense * slopes[:, self.dense_knob], levels


def _normal(
    design: _Design, slopes: Floats, weight: Floats, residual: Floats
) -> tuple[Floats, Floats]:
    """Gauss-Newton matrix and gradient, the prior left out."""
    dense, levels = design.jacobian(slopes)
    root = np.sqrt(weight)
    dense = dense * root[:, None]
    levels = sparse.diags(root) @ levels
    cross = np.asarray(levels.T @ dense)
    corner = (levels.T @ levels).toarray()
    matrix = np.block([[dense.T @ dense, cross.T], [cross, corner]])
    scaled = root * residual
    return matrix, np.concatenate([dense.T @ scaled, levels.T @ scaled])


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
    design = _Design(sample.drivers)
    theta = np.zeros(len(design.terms))
    damping = 0.1

    def state(vector: Floats) -> tuple[Columns, Floats, float]:
        knobs = from_vector(design.terms, vector).knobs(sample.drivers)
        residual = sample.log_value - log_estimate(sample, knobs)
        loss = np.sum(sample.weight * np.sqrt(residual**2 + SOFT**2))
        return knobs, residual, float(loss + 0.5 * PRIOR_WEIGHT * np.sum((vector / design.sd) ** 2))

    knobs, residual, loss = state(theta)
    for number in range(STEPS):
        slopes = _knob_slopes(sample, knobs, sample.log_value - residual)
        weight = sample.weight / np.sqrt(residual**2 + SOFT**2)
        matrix, gradient = _normal(design, slopes, weight, residual)
        matrix[np.diag_indices_from(matrix)] += PRIOR_WEIGHT / design.sd**2
        gradient -= PRIOR_WEIGHT * theta / design.sd**2
        before = loss
        for _ in range(6):
            damped = matrix + np.diag(damping * np.diag(matrix))
            trial = theta + np.clip(np.linalg.solve(damped, gradient), -1.0, 1.0)
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
    return from_vector(design.terms, theta)


def _knob_slopes(sample: Sample, knobs: Columns, base: Floats) -> Floats:
    """Derive each row's log estimate by each knob, by small differences."""
    out = np.zeros((len(base), len(KNOBS)))
    for i, knob in enumerate(KNOBS):
        moved = knobs | {knob.name: knobs[knob.name] + NUDGE}
        out[:, i] = (log_estimate(sample, moved) - base) / NUDGE
    return out
