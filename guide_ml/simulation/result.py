"""What a simulation returns: latencies with their percentiles, and the engine over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.answers.blocks import Block, Words, details, listing
from guide_ml.answers.cells import plain
from guide_ml.answers.shown import Shown
from guide_ml.simulation.names import METRICS, STATISTICS
from guide_ml.simulation.run import Times
from guide_ml.simulation.statistics import Figures

__all__ = ["Simulated", "over_time"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, repr=False)
class Simulated(Shown):
    """What users of a deployment see of a traffic, and what its engines do meanwhile.

    Parameters
    ----------
    figures : mapping
        Milliseconds by metric (``ttft_ms``, ``tpot_ms``, ``itl_ms``, ``e2e_ms``) and statistic
        (``mean``, ``median``, ``p90``, ``p95``, ``p99``).
    low, high : mapping
        Ends of their intervals; empty without a level.
    level : float or None
        Share of like cases that an interval is to hold.
    served_rps, output_tok_s : float
        Requests and tokens a second, of all replicas, from the first arrival to the last token.
    goodput_rps : float or None
        Requests a second that kept all limits; ``None`` without limits.
    limits : mapping of str to float
        Limits by metric, milliseconds.
    requests, refused : int
        How many came; how many were refused for their length.
    preemptions : int
        How often a request lost its KV cache.
    hit_rate, kv_use : float
        Share of prompt tokens found in the prefix cache; mean share of the KV cache in use.
    in_flight : float
        Requests on average.
    overloaded : bool
        Whether more comes than is carried.
    queue_growth_per_min : float
        Requests by which the queue grows a minute; 0 where it does not.
    capacity_rps : float
        Requests a second that are carried at these lengths.
    replicas : int
        Queues that were simulated.
    seed : int
        Of what is drawn.
    traffic : str
        What came, in words.
    over_time : mapping of str to array
        ``time_s`` (ends of equal spans) and means in each: ``running``, ``waiting``, ``kv_use``,
        ``hit_rate``, ``preemptions``, ``arrived_rps``, ``served_rps``.
    arrival_s, ttft_ms, tpot_ms, e2e_ms : array of shape (requests,)
        Request by request; NaN where it was refused.
    """

    figures: Figures
    low: Figures = field(default_factory=dict)
    high: Figures = field(default_factory=dict)
    level: float | None = None
    served_rps: float
    output_tok_s: float
    goodput_rps: float | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    requests: int
    refused: int
    preemptions: int
    hit_rate: float
    kv_use: float
    in_flight: float
    overloaded: bool
    queue_growth_per_min: float
    capacity_rps: float
    replicas: int
    seed: int
    traffic: str
    over_time: Mapping[str, Floats] = field(compare=False)
    arrival_s: Floats = field(compare=False)
    ttft_ms: Floats = field(compare=False)
    tpot_ms: Floats = field(compare=False)
    e2e_ms: Floats = field(compare=False)

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it: latencies, then rates and the state of the engines."""
        rows = [{"ms": name, **{s: _or_none(self.figures[name][s]) for s in STATISTICS}}
                for name in METRICS]  # fmt: skip
        out: list[Block] = [listing(rows, {"ms": "ms"} | {s: s for s in STATISTICS},
                                    "what users see")]  # fmt: skip
        if self.low and not brief:
            both = (self.low, self.high)
            ends = [{"ms": name, **{s: " - ".join(plain(end[name][s]) for end in both)
                                    for s in STATISTICS}} for name in METRICS]  # fmt: skip
            out.append(listing(ends, {"ms": "ms"} | {s: s for s in STATISTICS},
                               f"{100 * (self.level or 0):g} % between"))  # fmt: skip
        out.append(details(self._told(), "what the engines do"))
        if self.overloaded:
            out.append(Words(lines=(
                f"overloaded: the queue grows by {self.queue_growth_per_min:,.0f} requests a"
                f" minute, as {self.capacity_rps:.3g} a second are carried",)))  # fmt: skip
        return out

    def _told(self) -> dict[str, Any]:
        good = self.goodput_rps
        return {
            "traffic": self.traffic,
            "requests": f"{self.requests:,}" + (f", {self.refused:,} refused" * (self.refused > 0)),
            "served": f"{plain(self.served_rps)} requests/s, {self.output_tok_s:,.0f} tokens/s",
            "within limits": None if good is None else f"{plain(good)} requests/s",
            "in flight": f"{plain(self.in_flight)} on average", "replicas": f"{self.replicas}",
            "KV cache in use": f"{100 * self.kv_use:.0f} %",
            "prefix cache hits": f"{100 * self.hit_rate:.0f} %",
            "preemptions": f"{self.preemptions:,}",
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the single requests as plain values for :func:`json.dumps`."""
        plain = {
            name: {m: {s: _or_none(v) for s, v in found.items()}
                   for m, found in getattr(self, name).items()}
            for name in ("figures", "low", "high")
        }  # fmt: skip
        names = ("level", "served_rps", "output_tok_s", "goodput_rps", "requests", "refused",
                 "preemptions", "hit_rate", "kv_use", "in_flight", "overloaded",
                 "queue_growth_per_min", "capacity_rps", "replicas", "seed", "traffic")  # fmt: skip
        return {
            **plain, **{name: getattr(self, name) for name in names}, "limits": dict(self.limits),
            "over_time": {k: [round(float(x), 6) for x in v] for k, v in self.over_time.items()},
        }  # fmt: skip


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def over_time(found: Times) -> dict[str, Floats]:
    """Turn what was kept over time into means of equal spans."""
    world = found.world
    width = float(world.rules["width"][0])
    books = world.books["finish"]
    end = float(np.nanmax(books)) if np.isfinite(books).any() else width
    count = min(max(int(np.ceil(end / width)), 1), len(world.series))
    kept = world.series[:count]
    room = float(world.rules["room"][0]) * len(world.engines)
    return {
        "time_s": width * np.arange(1, count + 1),
        "running": kept["running"] / width, "waiting": kept["waiting"] / width,
        "kv_use": kept["used"] / width / room,
        "hit_rate": kept["hit"] / np.maximum(kept["prompt"], 1.0),
        "preemptions": kept["preempted"].copy(), "arrived_rps": kept["arrived"] / width,
        "served_rps": kept["served"] / width,
    }  # fmt: skip
