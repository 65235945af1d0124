"""Limits on what users see: ``ttft_p99_ms``, ``tpot_ms``, ``e2e_p90_ms`` and their like."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.simulation.names import METRICS, STATISTICS
from guide_ml.simulation.statistics import Figures

__all__ = ["KNOWN", "NAMES", "Limits", "excess", "limits_of", "of", "place", "words"]

Limits = Mapping[str, float]
"""Milliseconds by name."""

NAMES = tuple(m if s == "mean" else m.replace("_ms", f"_{s}_ms")
              for m in METRICS for s in STATISTICS)  # fmt: skip
"""What can be limited: a metric alone is its mean."""
KNOWN = ("Limits are " + ", ".join(METRICS) + " of the mean, and of a part such as e2e_p90_ms: "
         + ", ".join(s for s in STATISTICS if s != "mean") + ".")  # fmt: skip
"""What can be limited, in a sentence."""
_PARTS = re.compile(r"(ttft|tpot|itl|e2e)(?:_(\w+))?_ms")
_WORDS = {"ttft_ms": "TTFT", "tpot_ms": "TPOT", "itl_ms": "time between tokens",
          "e2e_ms": "request time"}  # fmt: skip


def limits_of(given: Mapping[str, float | None]) -> dict[str, float]:
    """Return the limits that are given, checked.

    Raises
    ------
    UnknownName, InvalidInput
        If a name is none of :data:`NAMES`, or a limit is no number above 0.
    """
    found = {}
    for name, value in given.items():
        if value is None:
            continue
        if name not in NAMES:
            raise UnknownName("limit", name, NAMES, KNOWN)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value < math.inf:
            raise InvalidInput(f"limits: {name} must be a number above 0; got {value!r}")
        found[name] = float(value)
    return found


def place(name: str) -> tuple[str, str]:
    """Return metric and statistic of a limit.

    Examples
    --------
    >>> place("ttft_p99_ms"), place("tpot_ms")
    (('ttft_ms', 'p99'), ('tpot_ms', 'mean'))
    """
    found = _PARTS.fullmatch(name)
    if found is None:
        raise UnknownName("limit", name, NAMES)
    return f"{found[1]}_ms", found[2] or "mean"


def of(figures: Figures, name: str) -> float:
    """Return what a limit is on."""
    metric, statistic = place(name)
    return float(figures[metric][statistic])


def excess(figures: Figures, limits: Limits) -> dict[str, float]:
    """Return by what share each limit is missed; below 0 where it is kept, NaN counts as missed."""
    shares = {name: of(figures, name) / most - 1.0 for name, most in limits.items()}
    return {name: math.inf if math.isnan(share) else share for name, share in shares.items()}


def words(name: str) -> str:
    """Say what a limit is on.

    Examples
    --------
    >>> words("ttft_p99_ms"), words("e2e_ms")
    ('p99 of TTFT', 'mean request time')
    """
    metric, statistic = place(name)
    return f"mean {_WORDS[metric]}" if statistic == "mean" else f"{statistic} of {_WORDS[metric]}"
