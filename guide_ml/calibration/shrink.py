"""From log-ratios of a few deployments to corrections of any: best linear prediction.

Kriging with the covariance of :mod:`guide_ml.calibration.effects` (Rasmussen & Williams, Gaussian
Processes for Machine Learning, ch. 2). A cell that the others contradict is trusted less: its
variance is inflated as under a Student distribution, judged by what the others predict of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.calibration.effects import NOISE, covariance, prior_variance
from guide_ml.table import Floats
from guide_ml.targets import NAMES

__all__ = ["Cells", "Solution", "cells", "solve"]

#: Degrees of freedom of the Student distribution; rounds of reweighting.
FREEDOM, ROUNDS = 4.0, 6
#: Noise counts so many times for intervals: its tails are heavier than a normal distribution's.
TAIL = 1.5
#: Share of the noise that loads of one deployment have in common: no number of rows removes it.
SHARED_NOISE = 0.15


@dataclass(frozen=True)
class Cells:
    """Log-ratios of deployments, the loads of one summed up.

    Parameters
    ----------
    traits : DataFrame of shape (n, TRAITS)
        Deployment of each cell.
    target : array of shape (n,) of int
        Index into :data:`guide_ml.targets.NAMES`.
    n : array of shape (n,)
        Measured values in it.
    log_ratio : array of shape (n,)
        Their median ln(measured / predicted).
    spread : array of shape (n,)
        Median absolute deviation from it; 0 for one value.
    """

    traits: pd.DataFrame
    target: NDArray[np.intp]
    n: Floats
    log_ratio: Floats
    spread: Floats


def cells(traits: pd.DataFrame, target: NDArray[np.intp], log_ratio: Floats) -> Cells:
    """Sum measured values up, one cell for each deployment, mode and target.

    Parameters
    ----------
    traits : DataFrame of shape (m, TRAITS)
        Deployment of each value.
    target : array of shape (m,) of int
        Its target.
    log_ratio : array of shape (m,)
        ln(measured / predicted).
    """
    keys = list(traits.columns)
    table = traits.assign(target=np.asarray(target), value=log_ratio)
    grouped = table.groupby([*keys, "target"], sort=True)["value"]
    middle = grouped.median()
    spread = grouped.apply(lambda v: float((v - v.median()).abs().median()))
    index = middle.index.to_frame(index=False)
    n, log_ratio, off = (np.asarray(x, dtype=np.float64) for x in (grouped.size(), middle, spread))
    return Cells(index[keys], np.asarray(index["target"], dtype=np.intp), n, log_ratio, off)


@dataclass(frozen=True)
class Solution:
    """What cells say of other deployments.

    Parameters
    ----------
    cells : Cells
        What was measured.
    weights : array of shape (n,)
        Of each cell in a correction.
    precision : array of shape (n, n)
        Inverse covariance of the cells' log-ratios.
    """

    cells: Cells
    weights: Floats
    precision: Floats

    def mean(self, traits: pd.DataFrame) -> Floats:
        """Correct each target of m deployments: logarithms of shape (m, 4)."""
        return self._each(traits, lambda k: np.asarray(k @ self.weights))

    def variance(self, traits: pd.DataFrame) -> Floats:
        """Variance of what is left after the correction, shape (m, 4)."""
        known = self._each(traits, lambda k: np.einsum("ij,jk,ik->i", k, self.precision, k))
        return np.asarray(np.maximum(prior_variance()[None, :] - known, 0.0))

    def width(self, traits: pd.DataFrame) -> Floats:
        """Spread of log-ratios after the correction over that before any, shape (m, 4)."""
        noise = (TAIL * np.asarray(NOISE)[None, :]) ** 2
        left, before = self.variance(traits) + noise, prior_variance()[None, :] + noise
        return np.asarray(np.sqrt(np.minimum(left / before, 1.0)))

    def _each(self, traits: pd.DataFrame, use: Callable[[Floats], Floats]) -> Floats:
        out = np.zeros((len(traits), len(NAMES)))
        for t in range(len(NAMES)):
            target = np.full(len(traits), t, dtype=np.intp)
            out[:, t] = use(covariance(traits, self.cells.traits, target, self.cells.target))
        return out


def solve(measured: Cells) -> Solution:
    """Weigh cells against each other and against the prior.

    Parameters
    ----------
    measured : Cells
        At least one cell.
    """
    prior = covariance(measured.traits, measured.traits, measured.target, measured.target)
    single = np.asarray(NOISE)[measured.target] ** 2
    noise = single * (SHARED_NOISE + (1.0 - SHARED_NOISE) / measured.n)
    inflation = np.ones(len(noise))
    for _ in range(ROUNDS):
        precision = np.linalg.inv(prior + np.diag(noise * inflation))
        alone = precision @ measured.log_ratio / np.diag(precision)  # off what the others say
        expected = 1.0 / np.diag(precision) - noise * (inflation - 1.0)
        surprise = alone**2 / np.maximum(expected, 1e-12)
        inflation = np.maximum((FREEDOM + surprise) / (FREEDOM + 1.0), 1.0)
    final: Floats = np.asarray(np.linalg.inv(prior + np.diag(noise * inflation)), dtype=np.float64)
    return Solution(measured, final @ measured.log_ratio, final)
