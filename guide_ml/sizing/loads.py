"""Traffic whose rate can be turned up and down."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from guide_ml.errors import InvalidInput
from guide_ml.simulation.loads import OpenLoad, burstiness
from guide_ml.traffic import Traffic

__all__ = ["MOST", "Turned", "turned"]

#: Of recorded traffic so many requests are looked at, the first ones.
MOST = 100_000


@dataclass(frozen=True)
class Turned:
    """Traffic at any rate; the same requests each time, faster or slower.

    Parameters
    ----------
    at : callable
        Takes requests a second, how many are wanted at least, and a seed.
    settling : float
        Share of the requests at the start that do not count, as the servers are still empty.
    input_len, output_len : float
        Mean tokens.
    seeds : int
        Runs whose statistics are averaged.
    text : str
        What it is, in words.
    """

    at: Callable[[float, int, int], Traffic]
    settling: float
    input_len: float
    output_len: float
    seeds: int
    text: str


def turned(
    traffic: Traffic | None, input_len: float | None, output_len: float | None,
    arrival: object = "poisson", length_cv: float = 0.0,
) -> Turned:  # fmt: skip
    """Return traffic as recorded, or as made from lengths and a way of arriving.

    Parameters
    ----------
    traffic : Traffic, optional
        Recorded or made; its lengths and its bursts stay, its rate is turned.
    input_len, output_len : float, optional
        Mean tokens where there is no traffic.
    arrival : str or float
        ``poisson``, ``constant`` or a burstiness.
    length_cv : float
        Standard deviation of lengths over their mean.
    """
    if traffic is not None:
        return _recorded(traffic, input_len, output_len)
    if input_len is None or output_len is None:
        raise InvalidInput("give input_len and output_len, the mean tokens of prompt and answer, or"
                           " traffic")  # fmt: skip
    shape = burstiness(arrival)
    if shape == 0.0:
        raise InvalidInput("a burst has no rate: arrival must be poisson, constant or a burstiness")
    if not 0 <= length_cv < 100:
        raise InvalidInput(f"length_cv must be from 0 to below 100; got {length_cv!r}")

    def at(rate_rps: float, requests: int, seed: int) -> Traffic:
        load = OpenLoad(rate_rps=rate_rps, burstiness=shape, input_len=input_len,
                        output_len=output_len, length_cv=length_cv)  # fmt: skip
        return load.traffic(requests, seed)

    way = {1.0: "Poisson", math.inf: "even gaps"}.get(shape, f"burstiness {shape:g}")
    spread = f", spread {length_cv:g}" if length_cv else ""
    return Turned(at, 0.2, input_len, output_len, 3,
                  f"{way}, {input_len:,g} tokens in, {output_len:,g} out{spread}")  # fmt: skip


def _recorded(traffic: Traffic, input_len: object, output_len: object) -> Turned:
    if input_len is not None or output_len is not None:
        raise InvalidInput("traffic brings its lengths along: leave out input_len and output_len")
    if traffic.concurrency is not None:
        raise InvalidInput("a closed loop has no rate: give traffic that arrives by itself")
    kept = traffic.first(MOST) if len(traffic) > MOST else traffic
    kept.at_rate(1.0)  # refuses traffic without a rate
    cut = f", its first {MOST:,} requests" if kept is not traffic else ""
    means = float(kept.input_tokens.mean()), float(kept.output_tokens.mean())
    return Turned(lambda rate, n, _: _tiled(kept, n).at_rate(rate), 0.0, *means, 1,
                  traffic.text + cut)  # fmt: skip


def _tiled(traffic: Traffic, requests: int) -> Traffic:
    """Play traffic again and again until there are so many requests; conversations begin anew."""
    times = math.ceil(requests / len(traffic))
    if times <= 1:
        return traffic
    lap = traffic.duration_s * (1.0 + 1.0 / len(traffic))
    turn = np.repeat(np.arange(times), len(traffic))
    talks = np.tile(traffic.conversation, times)
    apart = int(traffic.conversation.max()) + 1
    return Traffic(
        arrival_s=np.tile(traffic.arrival_s, times) + lap * turn,
        input_tokens=np.tile(traffic.input_tokens, times),
        output_tokens=np.tile(traffic.output_tokens, times),
        conversation=np.where(talks >= 0, talks + apart * turn, -1),
        shared_prefix=np.tile(traffic.shared_prefix, times),
        shared_tokens=np.tile(traffic.shared_tokens, times), text=traffic.text,
    )  # fmt: skip
