"""More load never lowers a latency: lighter loads whose predictions bound a heavier one's.

Trees may say that a batch of 8 is done sooner than one of 4. No engine works like that, so the
prediction for a load is the largest among itself and lighter loads: half the batch, a quarter,
... down to one request; and shorter prompts and outputs likewise. Only lighter loads that
physics puts close below matter: boosters correct it by far less than the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guide_ml.assume import Columns
from guide_ml.descriptors import MODES
from guide_ml.table import Floats

__all__ = ["AXES", "NEAR", "Axis", "Lighter", "lighter"]

#: Logarithm by which a lighter load's physics may be below and still matter.
NEAR = 0.12


@dataclass(frozen=True)
class Axis:
    """One way in which a load can be lighter.

    Parameters
    ----------
    column : str
        Column that is halved.
    steps : int
        Halvings.
    targets : tuple of str
        Latencies that may not fall along it. A longer output spreads prefills over more steps,
        so it may lower TTFT and TPOT of a server; it never shortens a batch.
    """

    column: str
    steps: int
    targets: tuple[str, ...]


AXES = (
    Axis("batch", 10, ("batch_latency_s", "ttft_ms", "tpot_ms")),
    Axis("input_len", 4, ("batch_latency_s", "ttft_ms")),
    Axis("output_len", 4, ("batch_latency_s",)),
)


@dataclass(frozen=True)
class Lighter:
    """Lighter versions of loads.

    Parameters
    ----------
    parent : array of int
        Row that each is a lighter version of.
    axis : array of int
        Index into :data:`AXES` of how it is lighter.
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


def _halvings(columns: Columns, axis: Axis) -> tuple[NDArray[np.intp], Floats]:
    """Rows and values of the lighter loads along one axis."""
    value = columns[axis.column]
    least = columns["dp"] if axis.column == "batch" else np.ones_like(value)
    steps = 2.0 ** np.arange(1, axis.steps + 1)
    halved = value[:, None] / steps
    possible = halved >= least[:, None]
    if axis.column == "input_len":
        possible &= (columns["mode"] != MODES.index("decode"))[:, None]
    rows, step = np.nonzero(possible)
    return rows.astype(np.intp), halved[rows, step]


def lighter(columns: Columns) -> Lighter:
    """List the lighter versions of each load along every axis.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        Resolved descriptors.
    """
    found = [_halvings(columns, axis) for axis in AXES]
    parent = np.concatenate([rows for rows, _ in found])
    which = np.repeat(np.arange(len(AXES)), [len(rows) for rows, _ in found])
    out = {k: v[parent] for k, v in columns.items()}
    for index, (axis, (_, value)) in enumerate(zip(AXES, found, strict=True)):
        out[axis.column][which == index] = value
    # The run keeps its requests, so fewer at a time mean more rounds.
    out["requests_per_slot"] *= columns["batch"][parent] / out["batch"]
    return Lighter(parent, which.astype(np.intp), out)
