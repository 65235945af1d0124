"""More load never lowers a latency: heavier loads whose predictions bound a lighter one's.

Trees may say that a batch of 8 is done sooner than one of 4. No engine works like that, so the
prediction for a load is the least among itself and heavier loads: twice the batch, four times,
... and likewise longer prompts and outputs. Bounding light loads from above rather than heavy
ones from below errs less: what breaks the order in measurements is mostly a light load that was
measured too slow (warm-up, jitter). Only heavier loads that physics puts close above matter:
boosters correct it by less than the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guide_ml.assume import Columns
from guide_ml.descriptors import MODES
from guide_ml.table import Floats

__all__ = ["AXES", "NEAR", "Axis", "Heavier", "heavier"]

#: Logarithm by which a heavier load's physics may be above and still matter.
NEAR = 0.15


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
    """Heavier versions of loads.

    Parameters
    ----------
    parent : array of int
        Row that each is a heavier version of.
    axis : array of int
        Index into :data:`AXES` of how it is heavier.
    columns : dict of str to array
        Their descriptors.
    """

    parent: NDArray[np.intp]
    axis: NDArray[np.intp]
    columns: Columns

    def bounds(self, target: str) -> NDArray[np.bool_]:
        """Tell which of them bound a target."""
        allowed = np.asarray([target in axis.targets for axis in AXES])
        return np.asarray(allowed[self.axis])


def _doublings(columns: Columns, axis: Axis) -> tuple[NDArray[np.intp], Floats]:
    """Rows and values of the heavier loads along one axis."""
    value = columns[axis.column]
    steps = 2.0 ** np.arange(1, axis.steps + 1)
    possible = np.ones((len(value), len(steps)), dtype=bool)
    possible &= (columns["mode"] != MODES.index("offline"))[:, None]
    if axis.column == "input_len":
        possible &= (columns["mode"] != MODES.index("decode"))[:, None]
    if axis.column == "output_len":
        possible &= (columns["mode"] == MODES.index("static"))[:, None]
    rows, step = np.nonzero(possible)
    return rows.astype(np.intp), (value[:, None] * steps)[rows, step]


def heavier(columns: Columns) -> Heavier:
    """List the heavier versions of each load along every axis.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        Resolved descriptors.
    """
    found = [_doublings(columns, axis) for axis in AXES]
    parent = np.concatenate([rows for rows, _ in found])
    which = np.repeat(np.arange(len(AXES)), [len(rows) for rows, _ in found])
    out = {k: v[parent] for k, v in columns.items()}
    for index, (axis, (_, value)) in enumerate(zip(AXES, found, strict=True)):
        out[axis.column][which == index] = value
    # The run keeps its requests, so more at a time mean fewer rounds.
    share = columns["batch"][parent] / out["batch"]
    out["requests_per_slot"] = np.maximum(out["requests_per_slot"] * share, 1.0)
    return Heavier(parent, which.astype(np.intp), out)
