"""Means and percentiles of what became of requests."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from guide_ml.simulation.names import STATISTICS
from guide_ml.simulation.run import Times
from guide_ml.simulation.state import ITL_LEAST_S, ITL_RATIO
from guide_ml.table.read import Floats
from guide_ml.units import MS_PER_S

__all__ = ["Figures", "figures", "of_tokens"]

_SHARES = (0.5, 0.9, 0.95, 0.99)

Figures = Mapping[str, Mapping[str, float]]
"""Milliseconds by metric and statistic; NaN where there is none."""


def figures(found: Times, chosen: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """Work out the statistics of some requests, and of all tokens that were counted.

    Parameters
    ----------
    found : Times
        What became of them.
    chosen : array of bool of shape (n,)
        Which requests.
    """
    each = {"ttft_ms": found.ttft_s, "tpot_ms": found.tpot_s, "e2e_ms": found.e2e_s}
    out = {name: _of_requests(MS_PER_S * values[chosen]) for name, values in each.items()}
    out["itl_ms"] = of_tokens(found.world.itl)
    return out


def _of_requests(values: Floats) -> dict[str, float]:
    values = values[np.isfinite(values)]
    if not len(values):
        return dict.fromkeys(STATISTICS, float("nan"))
    found = [values.mean(), *np.quantile(values, _SHARES)]
    return dict(zip(STATISTICS, map(float, found), strict=True))


def of_tokens(itl: Floats) -> dict[str, float]:
    """Work out the statistics of the gaps between tokens, ms, from their histogram.

    Examples
    --------
    >>> counts = np.zeros(1000)
    >>> counts[350] = 10.0
    >>> round(of_tokens(counts)["p99"], 1)
    10.3
    """
    total = float(itl.sum())
    if total <= 0:
        return dict.fromkeys(STATISTICS, float("nan"))
    # The middle of a bin, in logarithms.
    middle = MS_PER_S * ITL_LEAST_S * ITL_RATIO ** (np.arange(len(itl)) + 0.5)
    places = np.searchsorted(np.cumsum(itl), np.asarray(_SHARES) * total)
    found = [float(itl @ middle) / total, *middle[places]]
    return dict(zip(STATISTICS, map(float, found), strict=True))
