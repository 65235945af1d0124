"""What is predicted: the four targets, the modes that have them and their statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES

__all__ = ["NAMES", "TARGETS", "Target"]


@dataclass(frozen=True)
class Target:
    """One predicted figure.

    Parameters
    ----------
    name : str
        Column of the measurement table and of predictions; the unit is in it.
    modes : tuple of str
        Modes that have it.
    is_time : bool
        ``True`` for latencies (floors bound from below), ``False`` for rates (from above).
    stat : str
        Descriptor column that names the statistic wanted; blank if there is only one.
    title : str
        Name for people.
    attained : float
        How near its floor anything was measured: no row of 56 sources takes less than so many
        times the floor (a rate: brings more than this share of it), and no prediction does.
    """

    name: str
    modes: tuple[str, ...]
    is_time: bool
    stat: str
    title: str
    attained: float

    def applies(self, mode: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which rows, by mode code, have this target."""
        found = [mode == MODES.index(m) for m in self.modes]
        return np.asarray(np.logical_or.reduce(found))


TARGETS = (
    Target("batch_latency_s", ("static",), True, "", "batch latency", 1.02),
    Target("ttft_ms", ("static", "prefill", "closed"), True, "ttft_stat", "TTFT", 1.0),
    Target("tpot_ms", ("static", "decode", "closed"), True, "tpot_stat", "TPOT", 1.0),
    Target("output_tok_s", ("static", "closed", "offline"), False, "", "decode throughput", 0.52),
)
NAMES = tuple(t.name for t in TARGETS)
