"""From log-ratios of a few deployments to corrections of any: best linear prediction.

Kriging with the covariance of :mod:`guide_ml.profiles.effects` (Rasmussen & Williams, Gaussian
Processes for Machine Learning, ch. 2). A cell that the others contradict is trusted less: its
variance is inflated as under a Student distribution, judged by what the others predict of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.targets import NAMES
from guide_ml.profiles.effects import (
    LOADS,
    NOISE,
    TERMS,
    TRAITS,
    Term,
    covariance,
    covariances,
    log_loads,
    prior_variance,
    weighed,
)  # fmt: skip
from guide_ml.system.lazily import pandas as pd
from guide_ml.table.read import Floats

__all__ = ["Cells", "Solution", "cells", "solve"]

#: Degrees of freedom of the Student distribution; rounds of reweighting.
FREEDOM, ROUNDS = 2.0, 6
#: Noise counts so many times for intervals: its tails are heavier than a normal distribution's.
TAIL = 1.5
#: Share of the noise that loads of one deployment have in common: no number of rows removes it.
SHARED_NOISE = 0.15
#: Cells that are weighed against each other at most; loads closer to each other than these
#: distances (of logarithms) become one until there are no more.
MOST_CELLS, MERGED = 600, (0.0, 0.35, 0.7, 1.4, 2.8, np.inf)
#: Rows that are corrected at a time: their covariances with 600 cells fill some 40 MB.
BLOCK = 2048
STEADY, MOVING = (tuple(t for t in TERMS if t.by_load == moving) for moving in (False, True))


@dataclass(frozen=True)
class Cells:
    """Log-ratios of deployments under their loads.

    Parameters
    ----------
    traits : DataFrame of shape (n, TRAITS + LOADS)
        Deployment and load of each cell.
    target : array of shape (n,) of int
        Index into :data:`guide_ml.describe.targets.NAMES`.
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
    """Sum measured values up, one cell for each deployment, load and target.

    Where that makes more than :data:`MOST_CELLS`, loads that are close to each other are one.

    Parameters
    ----------
    traits : DataFrame of shape (m, TRAITS + LOADS)
        Deployment and load of each value.
    target : array of shape (m,) of int
        Its target.
    log_ratio : array of shape (m,)
        ln(measured / predicted).
    """
    table, logs = traits.assign(target=np.asarray(target), value=log_ratio), log_loads(traits)
    for width in MERGED:
        places = {f"{k}_place": _places(line, width) for k, line in zip(LOADS, logs.T, strict=True)}
        grouped = table.assign(**places).groupby([*TRAITS, "target", *places], sort=True)
        if grouped.ngroups <= MOST_CELLS:
            break
    value = grouped["value"]
    spread = value.apply(lambda v: float((v - v.median()).abs().median()))
    out = pd.concat([grouped[list(LOADS)].median(), value.median().rename("middle"),
                     value.size().rename("n"), spread.rename("off")], axis=1).reset_index()
    n, log_ratio, off = (out[k].to_numpy(np.float64) for k in ("n", "middle", "off"))
    return Cells(out[[*TRAITS, *LOADS]], out["target"].to_numpy(np.intp), n, log_ratio, off)


def _places(values: Floats, width: float) -> Floats:
    """Count how many steps of a width values are from 0; with 0 each value is a step."""
    if np.isinf(width):
        return np.zeros(len(values))
    return np.round(values, 9) if width == 0.0 else np.round(values / width)


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
        """Correct each target of m deployments under their loads: logarithms, shape (m, 4)."""
        return self.steady(traits) + self.moving(traits)

    def steady(self, traits: pd.DataFrame) -> Floats:
        """Correct as far as the load does not matter, shape (m, 4)."""
        kinds, index = _kinds(traits)
        return self._corrected(kinds, STEADY)[index]

    def moving(self, traits: pd.DataFrame) -> Floats:
        """Correct further by what loads like these showed, shape (m, 4)."""
        out = np.zeros((len(traits), len(NAMES)))
        for rows in self._near(traits):
            out[rows] = self._corrected(traits.iloc[rows], MOVING)
        return out

    def variance(self, traits: pd.DataFrame) -> Floats:
        """Variance of what is left after the correction, shape (m, 4)."""
        kinds, index = _kinds(traits)
        steady = self._with(kinds, STEADY)
        known = self._explained(steady)[index]
        for rows in self._near(traits):
            moving = self._with(traits.iloc[rows], MOVING)
            known[rows] = self._explained(steady[:, index[rows]] + moving)
        return np.asarray(np.maximum(prior_variance()[None, :] - known, 0.0))

    def width(self, traits: pd.DataFrame) -> Floats:
        """Spread of log-ratios after the correction over that before any, shape (m, 4)."""
        noise = (TAIL * np.asarray(NOISE)[None, :]) ** 2
        left, before = self.variance(traits) + noise, prior_variance()[None, :] + noise
        return np.asarray(np.sqrt(np.minimum(left / before, 1.0)))

    def _corrected(self, traits: pd.DataFrame, terms: tuple[Term, ...]) -> Floats:
        """Correct each target of m deployments by some effects, shape (m, 4)."""
        return weighed(traits, self.cells.traits, self.cells.target, self.weights, terms)

    def _with(self, traits: pd.DataFrame, terms: tuple[Term, ...]) -> Floats:
        """Covariances of m deployments with the cells, shape (4, m, cells)."""
        return covariances(traits, self.cells.traits, self.cells.target, terms)

    def _explained(self, k: Floats) -> Floats:
        """Variance that the cells take away, given covariances: shape (m, 4)."""
        return np.asarray(np.einsum("tij,tij->it", k @ self.precision, k))

    @cached_property
    def _measured(self) -> set[tuple[Any, ...]]:
        return set(_keys(self.cells.traits))

    def _near(self, traits: pd.DataFrame) -> list[NDArray[np.intp]]:
        """Rows, in blocks, that share with a cell what makes their loads comparable."""
        rows = np.flatnonzero([key in self._measured for key in _keys(traits)])
        return [rows[i : i + BLOCK] for i in range(0, len(rows), BLOCK)]


def _keys(traits: pd.DataFrame) -> Iterable[tuple[Any, ...]]:
    """List what must be equal for loads to be compared at all."""
    return zip(*(traits[k] for k in MOVING[0].keys), strict=True)


def _kinds(
    traits: pd.DataFrame, by: Sequence[str] = TRAITS
) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Distinct deployments, whatever their load, and the place of each row among them."""
    if len(traits) == 1:  # grouping would take longer than all the rest
        return traits, np.zeros(1, dtype=np.intp)
    groups = traits.groupby(list(by), sort=False, dropna=False)
    index = np.asarray(groups.ngroup(), dtype=np.intp)
    return traits.iloc[np.unique(index, return_index=True)[1]], index


def solve(measured: Cells) -> Solution:
    """Weigh cells against each other and against the prior.

    Parameters
    ----------
    measured : Cells
        At least one cell.
    """
    prior = covariance(measured.traits, measured.traits, measured.target, measured.target)
    single = np.asarray(NOISE)[measured.target]
    _, deployment = _kinds(measured.traits.assign(target=measured.target), [*TRAITS, "target"])
    shared = deployment[:, None] == deployment[None, :]
    noise = SHARED_NOISE * np.outer(single, single) * shared
    noise[np.diag_indices_from(noise)] += (1.0 - SHARED_NOISE) * single**2 / measured.n
    inflation = np.ones(len(single))
    for _ in range(ROUNDS):
        precision = np.linalg.inv(prior + _inflated(noise, inflation))
        alone = precision @ measured.log_ratio / np.diag(precision)  # off what the others say
        expected = 1.0 / np.diag(precision) - np.diag(noise) * (inflation - 1.0)
        surprise = alone**2 / np.maximum(expected, 1e-12)
        inflation = np.maximum((FREEDOM + surprise) / (FREEDOM + 1.0), 1.0)
    final: Floats = np.asarray(np.linalg.inv(prior + _inflated(noise, inflation)), dtype=float)
    return Solution(measured, final @ measured.log_ratio, final)


def _inflated(noise: Floats, inflation: Floats) -> Floats:
    root = np.sqrt(inflation)
    return np.asarray(noise * np.outer(root, root))
