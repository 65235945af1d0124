"""Heavier loads that physics puts close above the asked ones, ready to be corrected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.targets import TARGETS
from guide_ml.estimators.agree import PARTS
from guide_ml.estimators.load_order import AXES, NEAR, Heavier, heavier
from guide_ml.features.load import Load, build
from guide_ml.physics.design import Coefficients
from guide_ml.physics.drivers import by_load
from guide_ml.physics.inputs import MOVED, loaded
from guide_ml.physics.model import Estimate, estimate
from guide_ml.table.assume import Columns
from guide_ml.table.columns import FIRST, Gathered, each, pick

__all__ = ["Rows", "Steps", "Wanted", "all_near", "near"]

Wanted = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Steps:
    """Loads and their heavier versions in steps, and the bounds of their passes."""

    heavy: Heavier
    load: Load

    @classmethod
    def of(
        cls, columns: Columns, axes: tuple[int, ...] | None,
        among: NDArray[np.bool_] | None = None, part: slice = slice(None),
    ) -> Steps:  # fmt: skip
        """List the heavier versions along some axes; along all, after the loads themselves."""
        heavy = heavier(columns, axes, among, part)
        return cls(heavy, build(heavy.columns))

    def own(self) -> Load:
        """Return the loads themselves, the first step."""
        memory = {k: pick(v, FIRST) for k, v in self.load.memory.items()}
        return replace(self.load.take(FIRST), memory=memory)


@dataclass(frozen=True)
class Rows:
    """Loads to be corrected: the asked ones themselves first, then heavier ones that bound them.

    Parameters
    ----------
    parent : array of int of shape (k,)
        Asked row that each is a version of.
    physics, inputs : dict of str to array of shape (k,)
        Targets by physics, and the inputs that differ from the parent's.
    wanted : dict of str to array of bool of shape (k,)
        What to estimate, by target.
    bounds : dict of str to array of bool of shape (k,)
        Which of that bounds the asked load.
    doubled : array of int of shape (k,)
        How often its batch is that of the parent doubled.
    """

    parent: NDArray[np.intp]
    physics: Columns
    inputs: Columns
    wanted: Wanted
    bounds: Wanted
    doubled: NDArray[np.intp]


def all_near(
    load: Load, coefficients: Coefficients, asked: tuple[Columns, Columns], wanted: Wanted,
    physics: Estimate, reach: float = NEAR,
) -> list[Rows]:  # fmt: skip
    """Keep the heavier loads along all axes that physics puts close above, round by round.

    Parameters
    ----------
    load : Load
        The m asked loads.
    coefficients, asked, wanted, physics, reach
        As of :func:`near`.
    """
    found: list[Rows] = []
    first: dict[int, NDArray[np.bool_]] = {}
    uneven = _uneven(load)
    for number, axis in enumerate(AXES):
        going = np.ones(len(load.held), dtype=bool)
        for other in axis.after:
            going = going & (first[other] | uneven)
        for start, end in pairwise((0, *axis.rounds)):
            steps = Steps.of(load.columns, (number,), going, slice(start, end))
            going, begun = uneven.copy(), uneven.copy()
            if len(steps.heavy.rows):
                part, kept = near(steps, coefficients, asked, wanted, physics, reach)
                going[steps.heavy.rows] |= kept[:, -1]
                begun[steps.heavy.rows] |= kept[:, 0]
                found.append(part)
            first.setdefault(number, begun)
    return found


def near(
    steps: Steps, coefficients: Coefficients, asked: tuple[Columns, Columns], wanted: Wanted,
    physics: Estimate | None = None, reach: float = NEAR,
) -> tuple[Rows, NDArray[np.bool_]]:  # fmt: skip
    """Keep the heavier loads that physics puts close above, and tell which steps those are.

    Parameters
    ----------
    steps : Steps
        Heavier versions of m asked loads.
    coefficients : Coefficients
        Of the physics.
    asked : pair of dict of str to array of shape (m,)
        Knobs and numeric drivers of the asked loads.
    wanted : dict of str to array of bool of shape (m,)
        What is asked, by target.
    physics : Estimate, optional
        The asked loads by physics. Without it they are the first of the steps, and kept.
    reach : float
        Logarithm by which a heavier load's physics may be above.
    """
    heavy, own = steps.heavy, physics is None
    rows = heavy.rows[:, None]
    knobs, numbers = ((each(a) if own else Gathered(a, rows)) for a in asked)
    coefficients.carry(knobs, numbers, by_load(steps.load.columns, steps.load.held))
    found = estimate(steps.load, knobs)
    below = _first(found.targets) if physics is None else Gathered(physics.targets, rows)
    close: Wanted = {}
    for target in TARGETS:
        name, mine = target.name, wanted[target.name][rows]
        close[name] = mine & heavy.possible & heavy.bounds(name)
        if target.is_time:
            close[name] &= np.log(found.targets[name] / below[name]) < reach
        if own:
            close[name][:, 0] = mine[:, 0]
    _whole_batches(close, steps.load.is_mode("static"))
    if own:
        _by_rounds(close, heavy.axis, _uneven(steps.load).reshape(-1))
    bounds = {name: mask & heavy.bounds(name) for name, mask in close.items()}
    kept = np.logical_or.reduce(list(close.values()))
    if own:
        kept[:, 0] = True
    step, row = np.nonzero(kept.T)  # the first step first
    part = found.take((row, step))
    moved = {k: pick(knobs[k], (row, step)) for k in (n.removeprefix("log_") for n in MOVED)}
    return Rows(heavy.rows[row], part.targets, loaded(steps.load.take((row, step)), moved, part),
                {name: mask[row, step] for name, mask in close.items()},
                {name: mask[row, step] for name, mask in bounds.items()},
                heavy.doubled[step]), kept  # fmt: skip


def _uneven(load: Load) -> NDArray[np.bool_]:
    """Tell which deployments may be quicker under a heavier load, by physics.

    Weights that stay in the host's memory are copied to the device for passes of 32 tokens and
    more (:class:`guide_ml.features.roofline.Pass`).
    """
    return np.asarray((load.columns["host_layers"] > 0.0) | (load.columns["host_experts"] > 0.0))


def _by_rounds(close: Wanted, axis: NDArray[np.intp], uneven: NDArray[np.bool_]) -> None:
    """Leave out, in place, what :func:`all_near` would not have come to, where all is at hand."""
    first: dict[int, NDArray[np.bool_]] = {}
    for number, way in enumerate(AXES):
        place = np.flatnonzero(axis == number)
        going = np.ones(len(next(iter(close.values()))), dtype=bool)
        for other in way.after:
            going = going & (first[other] | uneven)
        for start, end in pairwise((0, *way.rounds)):
            for mask in close.values():
                mask[:, place[start:end]] &= going[:, None]
            going, begun = (np.logical_or.reduce([m[:, place[k]] for m in close.values()]) | uneven
                            for k in (end - 1, start))  # fmt: skip
            first.setdefault(number, begun)


def _whole_batches(close: Wanted, static: NDArray[np.bool_]) -> None:
    """Keep a static batch's parts wherever one of them matters: they must sum to its latency."""
    any_part = np.logical_or.reduce([close[name] for name in PARTS])
    for name in PARTS:
        close[name] = np.where(static, any_part, close[name])


def _first(columns: Columns) -> Columns:
    """Take the first step of a table of rows x steps, as a table of one step."""
    return {k: v[:, :1] for k, v in columns.items()}
