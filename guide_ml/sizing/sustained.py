"""The highest rate at which limits hold, and the least replicas at which they do."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from guide_ml.simulation.loads import OpenLoad
from guide_ml.simulation.run import Replica
from guide_ml.simulation.steady import FULL, capacity_rps
from guide_ml.sizing.limits import Limits
from guide_ml.sizing.loads import Turned
from guide_ml.sizing.looks import Look, look

__all__ = ["fewest", "full_rps", "highest"]

#: How near the highest rate is found.
NEAR = 0.02
#: A rate that is so many times below what a full replica carries is a lone request now and then.
IDLE = 200.0
#: First step outwards from a guess; each further one is so many times longer.
FIRST = 1.5
#: Replicas that are simulated at most.
SHARD = 16
#: Replicas at most.
MOST = 4096


def full_rps(own: Replica, load: Turned, replicas: int) -> float:
    """Return the requests a second that replicas carry when their queues never end."""
    cv = float(np.clip(_cv(load), 0.0, 3.0))
    one = OpenLoad(rate_rps=1.0, input_len=load.input_len, output_len=load.output_len, length_cv=cv)
    return replicas * capacity_rps(own, one)


def _cv(load: Turned) -> float:
    tokens = load.at(1.0, 1000, 0).output_tokens
    return float(tokens.std() / tokens.mean())


def highest(
    own: Replica, load: Turned, limits: Limits, replicas: int, router: str, seed: int,
    every: bool = False, guess: float | None = None,
) -> tuple[float, list[Look]]:  # fmt: skip
    """Find the highest rate at which limits hold; 0 where a lone request breaks them.

    Parameters
    ----------
    own, load, limits, replicas, router, seed
        What serves, what comes, what must hold.
    every : bool
        Whether limits must hold in every run, not only on average.
    guess : float, optional
        A rate that is not far from it.

    Returns
    -------
    float, list of Look
        Requests a second, and what was looked at, by rate.
    """
    looks: list[Look] = []

    def holds(rate: float) -> bool:
        looks.append(look(own, load, rate, replicas, router, seed))
        return looks[-1].holds(limits, every)

    top = FULL * full_rps(own, load, replicas)
    rate = _bisected(holds, top, guess)
    return rate, sorted(looks, key=lambda found: found.rate_rps)


def _bisected(holds: Callable[[float], bool], top: float, guess: float | None) -> float:
    """Look outwards from a guess, or down from the top, then halve what is left, in logarithms."""
    if not top > 0:
        return 0.0
    least = top / IDLE
    low = high = min(max(guess or top, least), top)
    step = FIRST
    if holds(low):
        while low < top and holds(high := min(low * step, top)):
            low, step = high, step * FIRST
        if low == top:
            return top
    else:
        while not holds(low := max(high / step, least)):
            if low == least:
                return 0.0
            high, step = low, step * FIRST
    while high / low > 1.0 + NEAR:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def fewest(
    own: Replica, load: Turned, rate_rps: float, limits: Limits, router: str, seed: int,
    queues: int = 1, most: int = MOST,
) -> tuple[int, Look | None]:  # fmt: skip
    """Find the least number of replicas at which limits hold at a rate.

    Parameters
    ----------
    own, load, limits, router, seed
        What serves, what comes, what must hold.
    rate_rps : float
        Requests a second in all.
    queues : int
        Queues of one replica.
    most : int
        Replicas at most.

    Returns
    -------
    int, Look or None
        Replicas, 0 where no number of them does, and what was seen with them.
    """
    full = FULL * full_rps(own, load, queues)
    if not full > 0:
        return 0, None
    seen: dict[int, Look] = {}

    def holds(count: int) -> bool:
        part = min(1.0, SHARD / count)  # of many replicas some, with their share of the requests
        some = round(part * count)
        seen[count] = look(own, load, rate_rps * some / count, some * queues, router, seed)
        return seen[count].holds(limits)

    low = max(math.ceil(rate_rps / full) - 1, 0)  # so many are too few
    high, step = low + 1, 1
    while high <= most and not holds(high):
        if high - low > 1 and rate_rps / high < full / IDLE:
            return 0, seen[high]  # hardly a request is beside another one, and it does not hold
        low, high, step = high, high + step, step * 2
    if high > most:
        return 0, seen.get(low)
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high, seen[high]
