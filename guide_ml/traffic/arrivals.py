"""When requests arrive: gaps of mean one, stretched to a rate.

All draws are made at a rate of one request a second and divided by the rate that is asked for. So
two traffics of one seed that differ in their rate alone are the same one, faster or slower: what
differs between their answers is the rate's doing, not the dice's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "constant_gaps", "gamma_gaps", "ramp_times", "spread",
           "times_of", "until"]  # fmt: skip

Floats = NDArray[np.float64]
Gaps = Callable[[int], Floats]

#: Gaps drawn at once where a duration says how many there are.
CHUNK = 4096


def gamma_gaps(generator: np.random.Generator, burstiness: float) -> Gaps:
    """Return a source of gamma-distributed gaps of mean one.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where the dice come from.
    burstiness : float
        Shape of the gamma distribution, as vLLM's ``--burstiness``: the gaps' coefficient of
        variation is ``1 / sqrt(burstiness)``. 1 is Poisson; below 1 requests come in bursts,
        above 1 they come more evenly.
    """
    if burstiness == 1.0:
        return generator.standard_exponential
    return lambda n: generator.standard_gamma(burstiness, n) / burstiness


def constant_gaps(n: int) -> Floats:
    """Return gaps that are all one."""
    return np.ones(n)


def times_of(gaps: Gaps, rate_rps: float, n: int) -> Floats:
    """Return `n` times of arrival, seconds; the first gap lies before the first request."""
    return np.asarray(np.cumsum(gaps(n)) / rate_rps)


def until(gaps: Gaps, rate_rps: float, duration_s: float) -> Floats:
    """Return the times of arrival before `duration_s`, seconds."""
    end = duration_s * rate_rps
    parts: list[Floats] = []
    reached = 0.0
    while reached < end:
        parts.append(gaps(max(CHUNK, math.ceil(end / 16))))
        reached += float(parts[-1].sum())
    # Added up in one go, so that the times are those of `times_of` to the bit.
    times = np.cumsum(np.concatenate(parts))
    return np.asarray(times[times < end] / rate_rps)


def ramp_times(gaps: Gaps, from_rps: float, to_rps: float, duration_s: float) -> Floats:
    """Return times of arrival at a rate that changes in a straight line, seconds.

    Of arrivals at rate one, the time ``u`` is put where so many requests were due: the ``t`` at
    which ``from * t + (to - from) * t**2 / (2 * duration) = u``.
    """
    due = (from_rps + to_rps) / 2.0 * duration_s
    u = until(gaps, 1.0, due)
    slope = (to_rps - from_rps) / duration_s
    # The root in the form that loses no digits where the slope is small.
    return np.asarray(2.0 * u / (from_rps + np.sqrt(from_rps**2 + 2.0 * slope * u)))


def spread(times: Floats, seed: int) -> Floats:
    """Spread arrivals of one instant over the time to the next; of the last, over the step before.

    Parameters
    ----------
    times : array of float of shape (n,)
        Ascending.
    seed : int
        Of where each is put.
    """
    instants, place = np.unique(times, return_inverse=True)
    if len(instants) < 2:
        return times
    steps = np.diff(instants)
    wide = np.where(np.bincount(place) > 1, np.append(steps, steps[-1]), 0.0)
    dice = np.random.default_rng(np.random.SeedSequence(seed).spawn(4)[3])
    return np.sort(times + wide[place] * dice.random(len(times)))
