"""Limits on what users see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from guide_ml.errors import InvalidInput
from guide_ml.units import MS_PER_S

__all__ = ["SLO", "require_positive"]


def require_positive(owner: str, given: object) -> None:
    """Refuse fields that are neither ``None`` nor a finite number above 0."""
    for f in fields(given):  # type: ignore[arg-type]
        value = getattr(given, f.name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and 0 < value < math.inf):
            raise InvalidInput(f"{owner}: {f.name} must be a number above 0; got {value!r}")


@dataclass(frozen=True, kw_only=True)
class SLO:
    """Limits that a deployment must keep up to the load that it is said to carry.

    Parameters
    ----------
    ttft_ms, tpot_ms, e2e_ms : float, optional
        Most time to the first token, per further token, and of a whole request.
    tok_s_per_user : float, optional
        Least tokens per second that one user sees: 1000 / TPOT.
    ttft_p99_ms, tpot_p99_ms, e2e_p99_ms : float, optional
        Most of 99 in 100 requests, when requests arrive at a rate.
    """

    ttft_ms: float | None = None
    tpot_ms: float | None = None
    e2e_ms: float | None = None
    tok_s_per_user: float | None = None
    ttft_p99_ms: float | None = None
    tpot_p99_ms: float | None = None
    e2e_p99_ms: float | None = None

    def __post_init__(self) -> None:
        require_positive("SLO", self)

    @property
    def limits(self) -> dict[str, float]:
        """Limits in force in milliseconds, by the name of what they limit."""
        return self._least(self.percentiles)

    @property
    def means(self) -> dict[str, float]:
        """Limits on means alone, in milliseconds."""
        return self._least({})

    @property
    def percentiles(self) -> dict[str, float]:
        """Limits on percentiles, in milliseconds; no mean is above one of them."""
        names = ("ttft_p99_ms", "tpot_p99_ms", "e2e_p99_ms")
        return {n: float(getattr(self, n)) for n in names if getattr(self, n) is not None}

    def _least(self, percentiles: Mapping[str, float]) -> dict[str, float]:
        user = MS_PER_S / self.tok_s_per_user if self.tok_s_per_user else None
        given = {"ttft_ms": [self.ttft_ms], "tpot_ms": [self.tpot_ms, user],
                 "e2e_ms": [self.e2e_ms]}  # fmt: skip
        found = {}
        for name, values in given.items():
            tail = percentiles.get(name.replace("_ms", "_p99_ms"))
            if stated := [float(v) for v in (*values, tail) if v is not None]:
                found[name] = min(stated)
        return found
