"""Coefficients of the knobs, and knobs from coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from guide_ml.physics.drivers import groups, numeric
from guide_ml.physics.knobs import CONSTANT_SD, KNOBS, SLOPE_SD
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats

__all__ = ["Coefficients", "Drivers", "drivers"]


@dataclass(frozen=True)
class Drivers:
    """Numeric drivers and group levels of n rows, levels as codes."""

    n: int
    numbers: Columns
    codes: dict[str, NDArray[np.intp]]
    levels: dict[str, list[str]]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Drivers:
        """Keep some rows."""
        numbers = {k: v[rows] for k, v in self.numbers.items()}
        codes = {k: v[rows] for k, v in self.codes.items()}
        n = len(next(iter(codes.values())))
        return Drivers(n, numbers, codes, self.levels)


def drivers(
    columns: Columns, names: Mapping[str, NDArray[np.object_]], statistic: Floats,
    held: Floats | None = None,
) -> Drivers:  # fmt: skip
    """Prepare what moves the knobs, for n rows; `held` as of :func:`by_load`."""
    found = groups(columns, names)
    codes = {group: index for group, (index, _) in found.items()}
    levels = {group: texts for group, (_, texts) in found.items()}
    return Drivers(len(statistic), numeric(columns, statistic, held), codes, levels)


@dataclass(frozen=True)
class Coefficients:
    """What calibration found: for each knob a constant, slopes and corrections by name.

    Parameters
    ----------
    constants : dict of str to float
        By knob, added to its start value.
    slopes : dict of str to dict of str to float
        By knob and driver.
    corrections : dict of str to dict of str to dict of str to float
        By knob, group and level; a level that is not here is unknown and corrects nothing.
    """

    constants: dict[str, float] = field(default_factory=dict)
    slopes: dict[str, dict[str, float]] = field(default_factory=dict)
    corrections: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)

    def knobs(self, rows: Drivers) -> Columns:
        """Compute the logarithm of each knob for each row."""
        if rows.n == 1:
            return {k: np.asarray([v]) for k, v in self._single(rows).items()}
        out: Columns = {}
        for knob in KNOBS:
            value = np.full(rows.n, knob.start + self.constants.get(knob.name, 0.0))
            for name, slope in self.slopes.get(knob.name, {}).items():
                value += slope * rows.numbers[name]
            for group, known in self.corrections.get(knob.name, {}).items():
                table = np.asarray([known.get(level, 0.0) for level in rows.levels[group]])
                value += table[rows.codes[group]]
            out[knob.name] = value
        return out

    def carry(self, knobs: Columns, own: Columns, other: Columns) -> None:
        """Move the knobs of some loads, in place, to other loads of the same deployments.

        Parameters
        ----------
        knobs : dict of str to array
            Knobs of those loads; gets those of the others.
        own, other : dict of str to array
            :func:`guide_ml.physics.drivers.by_load` of both.
        """
        for name, slopes in self.slopes.items():
            for driver in other.keys() & slopes.keys():
                knobs[name] = knobs[name] + slopes[driver] * (other[driver] - own[driver])

    def known(self, rows: Drivers, group: str) -> NDArray[np.bool_]:
        """Tell for which rows calibration met the level of a group."""
        met = self._levels.get(group, frozenset())
        return np.asarray([level in met for level in rows.levels[group]])[rows.codes[group]]

    @cached_property
    def _levels(self) -> dict[str, frozenset[str]]:
        """Levels of each group that have a correction of any knob."""
        listed = [pair for by_group in self.corrections.values() for pair in by_group.items()]
        return {group: frozenset(level for name, levels in listed if name == group
                                 for level in levels) for group, _ in listed}  # fmt: skip

    def _single(self, rows: Drivers) -> dict[str, float]:
        """Do the same sums for one row with plain numbers, which takes a tenth of the time."""
        numbers = {k: float(v[0]) for k, v in rows.numbers.items()}
        level = {k: rows.levels[k][index[0]] for k, index in rows.codes.items()}
        out = {}
        for knob in KNOBS:
            value = knob.start + self.constants.get(knob.name, 0.0)
            for name, slope in self.slopes.get(knob.name, {}).items():
                value += slope * numbers[name]
            for group, known in self.corrections.get(knob.name, {}).items():
                value += known.get(level[group], 0.0)
            out[knob.name] = value
        return out


@dataclass(frozen=True)
class Term:
    """One column of the design: which knob it moves, by what."""

    knob: str
    kind: str  # "constant", "slope" or a group
    name: str  # driver or level
    sd: float


def terms(rows: Drivers) -> tuple[list[Term], list[Term]]:
    """List the dense terms (constants, slopes) and the sparse ones (levels) of a fit."""
    dense, sparse = [], []
    for knob in KNOBS:
        dense.append(Term(knob.name, "constant", "", CONSTANT_SD))
        dense += [Term(knob.name, "slope", s, SLOPE_SD) for s in knob.slopes]
        for group, sd in knob.groups:
            used = np.unique(rows.codes[group])
            sparse += [Term(knob.name, group, rows.levels[group][i], sd) for i in used]
    return dense, sparse


def from_vector(listed: list[Term], theta: Floats) -> Coefficients:
    """Sort a vector of coefficients into its knobs."""
    found = Coefficients()
    for term, value in zip(listed, theta.tolist(), strict=True):
        if term.kind == "constant":
            found.constants[term.knob] = value
        elif term.kind == "slope":
            found.slopes.setdefault(term.knob, {})[term.name] = value
        else:
            by_group = found.corrections.setdefault(term.knob, {})
            by_group.setdefault(term.kind, {})[term.name] = value
    return found
