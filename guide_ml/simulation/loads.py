"""Open loads: requests at a rate, steady or as a benchmark of so many."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from guide_ml.errors import InvalidInput
from guide_ml.traffic import Lengths, Traffic

__all__ = ["OpenLoad", "burstiness"]

_GAMMA = re.compile(r"gamma *\(? *burstiness *= *([\d.]+) *\)?")


def burstiness(arrival: object) -> float:
    """Read a way of arriving: the shape of gamma-distributed gaps, infinite for constant ones.

    Raises
    ------
    InvalidInput
        If it is none.

    Examples
    --------
    >>> burstiness("poisson"), burstiness("constant"), burstiness(0.5), burstiness("")
    (1.0, inf, 0.5, 1.0)
    >>> burstiness("gamma (burstiness=0.7)")
    0.7
    """
    text = "" if arrival is None else str(arrival).strip().lower()
    if text in ("", "nan", "poisson", "gamma", "<na>"):
        return 1.0
    if text == "constant":
        return math.inf
    if text == "burst":
        return 0.0
    match = _GAMMA.fullmatch(text)
    try:
        value = float(match.group(1) if match else text)
    except ValueError:
        value = math.nan
    if not 1e-3 <= value <= 1e6:
        raise InvalidInput(
            "arrival must be poisson, constant, burst or a burstiness (a number from 0.001 to 1e6,"
            f" 1 is poisson); got {arrival!r}"
        )
    return value


@dataclass(frozen=True, kw_only=True)
class OpenLoad:
    """Requests at a rate.

    Parameters
    ----------
    rate_rps : float
        Requests a second of the whole deployment.
    burstiness : float
        1 for Poisson, infinite for constant gaps, 0 for all at once.
    input_len, output_len : float
        Mean tokens.
    length_cv : float
        Standard deviation of lengths over their mean; 0 for equal ones.
    num_requests : int, optional
        A run of so many, with its start and its drain; without, the steady state.
    duration_s : float, optional
        A run in which requests come for so long.
    """

    rate_rps: float
    burstiness: float = 1.0
    input_len: float
    output_len: float
    length_cv: float = 0.0
    num_requests: int | None = None
    duration_s: float | None = None

    def traffic(self, num_requests: int, seed: int) -> Traffic:
        """Make so many requests of it."""
        lengths = Lengths.spread(self.input_len, self.output_len, self.length_cv)
        n = num_requests
        if self.burstiness == 0.0:
            return Traffic.constant(1e6, lengths, num_requests=n, seed=seed)
        if math.isinf(self.burstiness):
            return Traffic.constant(self.rate_rps, lengths, num_requests=n, seed=seed)
        return Traffic.gamma(self.rate_rps, lengths, burstiness=self.burstiness, num_requests=n,
                             seed=seed)  # fmt: skip
