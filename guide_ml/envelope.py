"""More load never lowers a latency: heavier loads whose predictions bound a lighter one's.

Trees may say that a batch of 8 is done sooner than one of 4. No engine works like that, so the
prediction for a load is the least among itself and heavier loads: twice the batch, four times,
... and likewise longer prompts and outputs. Bounding light loads from above rather than heavy
ones from below errs less: what breaks the order in measurements is mostly a light load that was
measured too slow (warm-up, jitter). Each way of being heavier is looked at by itself, so where a
longer prompt bounds the heavier of two batches and not the lighter, the order can be broken by a
fraction of a percent. Only heavier loads that physics puts close above matter:
boosters correct it by less than the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from guide_ml.assume import Columns
from guide_ml.columns import Gathered, each
from guide_ml.descriptors import MODES
from guide_ml.table import Floats

__all__ = ["AXES", "NEAR", "Axis", "Heavier", "heavier"]

#: Logarithm by which a heavier load's physics may be above and still matter.
NEAR = 0.5


@dataclass(frozen=True)
class Axis:
    """One way in which a load can be heavier.

    Parameters
    ----------
    column : str
        Column that is doubled.
    steps : int
        Doublings.
    targets : tuple of str
        Latencies that may not fall along it. A longer output spreads prefills over more steps,
        so it may lower TTFT and TPOT of a server; it never shortens a batch.
    """

    column: str
    steps: int
    targets: tuple[str, ...]


AXES = (
    Axis("batch", 6, ("batch_latency_s", "ttft_ms", "tpot_ms")),
    Axis("input_len", 3, ("batch_latency_s", "ttft_ms")),
    Axis("output_len", 2, ("batch_latency_s",)),
)


@dataclass(frozen=True)
class Heavier:
    """Heavier versions of n loads, as a table of loads x steps.

    Parameters
    ----------
    rows : array of int of shape (n,)
        Rows that these are heavier versions of.
    axis : array of int of shape (steps,)
        Index into :data:`AXES` of how each step is heavier; -1 for the load itself.
    possible : array of bool of shape (n, steps)
        Which rows can be heavier in that way.
    columns : dict of str to array of shape (n, 1) or (n, steps)
        Their descriptors.
    """

    rows: NDArray[np.intp]
    axis: NDArray[np.intp]
    possible: NDArray[np.bool_]
    columns: Columns

    def bounds(self, target: str) -> NDArray[np.bool_]:
        """Tell which steps bound a target."""
        allowed = np.asarray([*(target in axis.targets for axis in AXES), False])
        return np.asarray(allowed[self.axis])

    def take(self, rows: NDArray[np.intp]) -> Heavier:
        """Keep some loads, renumbered, in the order given."""
        return Heavier(np.arange(len(rows)), self.axis, self.possible[rows],
                       Gathered(self.columns, rows))  # fmt: skip


def _possible(mode: Floats, column: str) -> NDArray[np.bool_]:
    """Tell which rows can be heavier along an axis."""
    if column == "output_len":
        return np.asarray(mode == MODES.index("static"))
    found = mode != MODES.index("offline")
    if column == "input_len":
        found &= mode != MODES.index("decode")
    return np.asarray(found)


@cache
def _steps(axes: tuple[int, ...], own: bool) -> tuple[NDArray[np.intp], NDArray[np.intp],
                                                      dict[int, Floats]]:  # fmt: skip
    """List the axis of each step, its place among `axes`, and what each axis is multiplied by."""
    numbers = [k for k in axes for _ in range(AXES[k].steps)]
    axis = np.asarray([-1, *numbers] if own else numbers, dtype=np.intp)
    place = np.asarray([axes.index(k) if k >= 0 else len(axes) for k in axis], dtype=np.intp)
    factors = {}
    for k in axes:
        factors[k] = np.ones(len(axis))
        factors[k][axis == k] = 2.0 ** np.arange(1, AXES[k].steps + 1)
    return axis, place, factors


def heavier(columns: Columns, axes: tuple[int, ...] | None = None) -> Heavier:
    """List the heavier versions of each load along some axes.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        Resolved descriptors.
    axes : tuple of int, optional
        Which of :data:`AXES`, for the loads that can be heavier so; by default all of them,
        after the loads themselves as the first step.
    """
    n, own = len(columns["mode"]), axes is None
    axes = tuple(range(len(AXES))) if axes is None else axes
    axis, place, factors = _steps(axes, own)
    can = np.ones((n, len(axes) + own), dtype=bool)
    for number, k in enumerate(axes):
        can[:, number] = _possible(columns["mode"], AXES[k].column)
    rows = np.arange(n) if own else np.flatnonzero(can.any(axis=1))
    possible = can[rows][:, place]
    out = each(columns) if own else Gathered(columns, rows[:, None])
    batch = out["batch"]
    for k in axes:
        out[AXES[k].column] = out[AXES[k].column] * factors[k]
    # The run keeps its requests, so more at a time mean fewer rounds.
    share = batch / out["batch"]
    out["requests_per_slot"] = np.maximum(out["requests_per_slot"] * share, 1.0)
    return Heavier(rows, axis, possible, out)
