"""More load never lowers a latency: heavier loads whose predictions bound a lighter one's.

Trees may say that a batch of 8 is done sooner than one of 4. No engine works like that, so the
prediction for a load is the least among itself and heavier loads: twice the batch, four times,
... and likewise longer prompts and outputs. Bounding light loads from above rather than heavy
ones from below errs less: what breaks the order in measurements is mostly a light load that was
measured too slow (warm-up, jitter). What bounds twice the batch bounds the batch too, so longer
prompts of larger batches are among them. Only heavier loads that physics puts close above matter:
boosters correct it by less than the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES
from guide_ml.table.assume import REQUESTS_PER_SLOT, Columns
from guide_ml.table.columns import Gathered, each
from guide_ml.table.read import Floats

__all__ = ["AXES", "DOUBLINGS", "NEAR", "NEAR_PROFILED", "Axis", "Heavier", "heavier"]

#: Logarithm by which a heavier load's physics may be above and still matter.
NEAR = 0.6
#: The same where a profile corrects as well: by how much may differ from load to load.
NEAR_PROFILED = NEAR + 2.0

#: Requests of a copy beyond which nothing is looked at: loads that double share the heavier ones up
#: to here, so that the last of them bound all alike.
MOST_BATCH = 8192.0

#: A factor that stands for the last doubling up to :data:`MOST_BATCH`. Beyond what fits, users and
#: sequences wait and no step gets slower, so any number of doublings bounds a TPOT; their estimates
#: are nearly one, so the last stands for all.
END = math.inf


@dataclass(frozen=True)
class Axis:
    """One way in which a load can be heavier.

    Parameters
    ----------
    factors : dict of str to tuple of float
        What each column is multiplied by, step by step.
    targets : tuple of str
        Latencies that may not fall along it. A longer output spreads prefills over more steps,
        so it may lower TTFT and TPOT of a server; it never shortens a batch.
    rounds : tuple of int
        Steps are looked at in rounds: where each ends. Where physics puts the last step of a round
        far above, the heavier ones of the next round are farther still, and left out.
        Few rounds, as each works out anew what no load changes: that costs as much as four steps.
    after : tuple of int
        Axes among :data:`AXES` whose first step must matter before any of these is looked at.
    """

    factors: dict[str, tuple[float, ...]]
    targets: tuple[str, ...]
    rounds: tuple[int, ...]
    after: tuple[int, ...] = ()

    @property
    def steps(self) -> int:
        """Count its steps."""
        return len(next(iter(self.factors.values())))


AXES = (
    Axis({"batch": (2, 4, 8, 16, 32, 64, END)}, ("batch_latency_s", "ttft_ms", "tpot_ms"),
         rounds=(4, 7)),
    Axis({"input_len": (2, 4, 8, 16, 32)}, ("batch_latency_s", "ttft_ms"), rounds=(2, 5)),
    Axis({"output_len": (2, 4)}, ("batch_latency_s",), rounds=(2,)),
    Axis({"batch": (2, 2, 2, 4, 4, 4, 8), "input_len": (2, 4, 8, 2, 4, 8, 2)},
         ("batch_latency_s", "ttft_ms"), rounds=(1, 7), after=(0, 1)),
)

MOST_FACTOR = max(f for a in AXES for f in a.factors.get("batch", ()) if f < END)
DOUBLINGS = round(math.log2(MOST_FACTOR)) + 1
"""How often a batch is doubled at most; the last stands for :data:`END`."""


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
    doubled : array of int of shape (steps,)
        How often the batch is doubled at each step.
    """

    rows: NDArray[np.intp]
    axis: NDArray[np.intp]
    possible: NDArray[np.bool_]
    columns: Columns
    doubled: NDArray[np.intp]

    def bounds(self, target: str) -> NDArray[np.bool_]:
        """Tell which steps bound a target."""
        allowed = np.asarray([*(target in axis.targets for axis in AXES), False])
        return np.asarray(allowed[self.axis])

    def take(self, rows: NDArray[np.intp]) -> Heavier:
        """Keep some loads, renumbered, in the order given."""
        return Heavier(np.arange(len(rows)), self.axis, self.possible[rows],
                       Gathered(self.columns, rows), self.doubled)  # fmt: skip


def _possible(mode: Floats, axis: Axis) -> NDArray[np.bool_]:
    """Tell which rows can be heavier along an axis."""
    if "output_len" in axis.factors:
        return np.asarray(mode == MODES.index("static"))
    found = mode != MODES.index("offline")
    if "input_len" in axis.factors:
        found &= mode != MODES.index("decode")
    return np.asarray(found)


@cache
def _steps(axes: tuple[int, ...], own: bool) -> tuple[NDArray[np.intp], NDArray[np.intp],
                                                      dict[str, Floats]]:  # fmt: skip
    """List the axis of each step, its place among `axes`, and what columns are multiplied by."""
    numbers = [k for k in axes for _ in range(AXES[k].steps)]
    axis = np.asarray([-1, *numbers] if own else numbers, dtype=np.intp)
    place = np.asarray([axes.index(k) if k >= 0 else len(axes) for k in axis], dtype=np.intp)
    factors: dict[str, Floats] = {}
    for k in axes:
        for column, values in AXES[k].factors.items():
            factors.setdefault(column, np.ones(len(axis)))[axis == k] = values
    return axis, place, factors


def heavier(
    columns: Columns, axes: tuple[int, ...] | None = None,
    among: NDArray[np.bool_] | None = None, part: slice = slice(None),
) -> Heavier:  # fmt: skip
    """List the heavier versions of each load along some axes.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        Resolved descriptors.
    axes : tuple of int, optional
        Which of :data:`AXES`, for the loads that can be heavier so; by default all of them,
        after the loads themselves as the first step.
    among : array of bool of shape (n,), optional
        Which loads, where some axes are given; by default all.
    part : slice
        Which of their steps; by default all.
    """
    n, own = len(columns["mode"]), axes is None
    axes = tuple(range(len(AXES))) if axes is None else axes
    axis, place, factors = _steps(axes, own)
    axis, place = axis[part], place[part]
    factors = {column: factor[part] for column, factor in factors.items()}
    can = np.ones((n, len(axes) + own), dtype=bool)
    for number, k in enumerate(axes):
        can[:, number] = _possible(columns["mode"], AXES[k])
    any_way = can.any(axis=1) if among is None else among & can.any(axis=1)
    rows = np.arange(n) if own else np.flatnonzero(any_way)
    possible = can[rows][:, place]
    grown = factors.get("batch", np.ones(len(axis)))
    ends, asked = np.isinf(grown), (columns["batch"] / columns["dp"])[rows][:, None]
    doubled = np.log2(np.where(ends, 2.0**DOUBLINGS, grown)).astype(np.intp)
    last = 2.0 ** np.floor(np.log2(np.maximum(MOST_BATCH / asked, 1.0)))
    possible &= (last > MOST_FACTOR) | ~ends
    grown = np.where(ends, last, grown)
    possible &= (asked * grown <= MOST_BATCH) | (grown == 1.0)
    out = each(columns) if own else Gathered(columns, rows[:, None])
    batch = out["batch"]
    for column, factor in factors.items():
        out[column] = out[column] * (grown if column == "batch" else factor)
    # A stated run keeps its requests, so more at a time mean fewer rounds; a usual one, which is
    # what a blank stands for, has its rounds at any load.
    rounds = out["requests_per_slot"]
    fewer = np.maximum(rounds * (batch / out["batch"]), 1.0)
    out["requests_per_slot"] = np.where(rounds == REQUESTS_PER_SLOT, rounds, fewer)
    return Heavier(rows, axis, possible, out, doubled)
