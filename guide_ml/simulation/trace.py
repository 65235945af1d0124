"""A given traffic, simulated: as predicted, and with steps as short and as long as may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.predictions.run import Run
from guide_ml.simulation.loads import OpenLoad
from guide_ml.simulation.result import Simulated, over_time
from guide_ml.simulation.run import Replica, Times, simulate_replica
from guide_ml.simulation.statistics import figures
from guide_ml.simulation.steady import FULL, capacity_rps, scaled
from guide_ml.simulation.surface import SPREAD
from guide_ml.traffic import Traffic
from guide_ml.units import MS_PER_S

__all__ = ["told"]

#: Spans of a run whose differences say how much chance there is in its figures.
SPANS = 10
#: Lengths that differ less are equal ones: a closed loop of them would move in step for ever.
EQUAL = 0.1
#: Standard deviations at both ends of an interval of nine in ten.
_WIDE = 1.645


def told(
    own: Replica, traffic: Traffic, *, seed: int, replicas: int, router: str,
    limits: Mapping[str, float], level: float | None, closed: Callable[[float], Run],
) -> Simulated:  # fmt: skip
    """Simulate a traffic and say what became of it.

    Parameters
    ----------
    own : Replica
        What serves it.
    traffic : Traffic
        What comes.
    seed, replicas, router, limits, level
        As of :func:`guide_ml.simulate`.
    closed : callable
        Predicts the deployment with so many requests in flight.
    """
    traffic = _out_of_step(traffic)
    count = replicas * own.asked.replicas
    found = _run(own, traffic, seed, count, router)
    over = np.isfinite(found.e2e_s)
    now = figures(found, over)
    books, records = found.world.books, found.world.requests
    took = max(float(np.nanmax(books["finish"], initial=0.0)) - float(records["arrival"][0]), 1e-9)
    if traffic.concurrency is not None and over.any():  # Little's law leaves the drain out
        part = max(round(traffic.concurrency / count), 1)
        took = float(np.nansum(found.e2e_s)) / part
    flight = float(np.nansum(found.e2e_s)) / took
    scale = count if traffic.concurrency is not None else 1
    most, growth = _carried(own, traffic, count)
    spans = over_time(found)
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    if level is not None and over.any():
        low, high = _ends(own, traffic, now, found, seed, count, router, closed(
            flight * scale / replicas))  # fmt: skip
    good = _within(found, limits)
    prompt = max(float(found.world.series["prompt"].sum()), 1.0)
    return Simulated(
        figures=now, low=low, high=high, level=level if low else None,
        served_rps=scale * int(over.sum()) / took,
        output_tok_s=scale * float(records["answer"][over].sum()) / took,
        goodput_rps=scale * int(good.sum()) / took if limits else None, limits=dict(limits),
        requests=len(records), refused=int((~over).sum()),
        preemptions=int(books["evicted"].sum()),
        hit_rate=float(found.world.series["hit"].sum()) / prompt,
        kv_use=float(np.mean(spans["kv_use"])), in_flight=scale * flight,
        overloaded=growth > 0, queue_growth_per_min=growth, capacity_rps=most, replicas=count,
        seed=seed, traffic=traffic.text, over_time=spans, arrival_s=records["arrival"].copy(),
        ttft_ms=MS_PER_S * found.ttft_s, tpot_ms=MS_PER_S * found.tpot_s,
        e2e_ms=MS_PER_S * found.e2e_s,
    )  # fmt: skip


def _run(own: Replica, traffic: Traffic, seed: int, count: int, router: str) -> Times:
    rules = own.rules.copy()
    rules["shift"] = (seed * 0.7548776662466927) % 1.0
    users = traffic.concurrency
    if users is not None and count > 1:  # each rank has its share of the users and of the requests
        part = traffic.taken(slice(0, max(len(traffic) // count, 1)))
        traffic = replace(part, concurrency=max(round(users / count), 1))
        count = 1
    return simulate_replica(traffic, own.surface, rules, replicas=count, router=router,
                            first=own.first)  # fmt: skip


def _out_of_step(traffic: Traffic) -> Traffic:
    """Spread the lengths of a closed loop of equal requests about their means."""
    answers = traffic.output_tokens
    equal = np.std(answers) < EQUAL * np.mean(answers)
    if traffic.concurrency is None or not equal:
        return traffic
    turns = np.arange(1, len(answers) + 1)
    share = 1.0 + SPREAD * (2.0 * np.mod(turns * (np.sqrt(2.0) - 1.0), 1.0) - 1.0)
    spread = np.maximum(np.rint(answers * share), 1).astype(np.int64)
    return replace(traffic, output_tokens=spread,
                   text=f"{traffic.text} (answers {100 * SPREAD:.0f} % about their mean, so that"
                        " they do not move in step)")  # fmt: skip


def _carried(own: Replica, traffic: Traffic, count: int) -> tuple[float, float]:
    """Return the requests a second that are carried, and by how many the queue grows a minute."""
    answers = traffic.output_tokens
    load = OpenLoad(
        rate_rps=1.0, input_len=own.asked.input_len, output_len=own.asked.output_len,
        length_cv=float(np.std(answers)) / max(float(np.mean(answers)), 1e-9),
    )  # fmt: skip
    most = count * capacity_rps(own, load)
    rate = traffic.rate_rps
    if traffic.concurrency is not None or not math.isfinite(rate) or rate <= FULL * most:
        return most, 0.0
    return most, 60.0 * (rate - most) if rate > most else 0.0


def _within(found: Times, limits: Mapping[str, float]) -> NDArray[np.bool_]:
    """Tell which requests kept all limits."""
    kept = np.isfinite(found.e2e_s)
    values = {"ttft_ms": found.ttft_s, "tpot_ms": found.tpot_s, "e2e_ms": found.e2e_s}
    for name, most in limits.items():
        kept &= ~(MS_PER_S * values[name] > most)
    return kept


def _ends(
    own: Replica, traffic: Traffic, now: Any, found: Times, seed: int, count: int, router: str,
    done: Run,
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:  # fmt: skip
    """Join the errors of the step times with what is chance, in logarithms."""
    assert done.judged is not None
    chance = _chance(found)
    out = []
    for ends, clip in ((done.judged.low, min), (done.judged.high, max)):
        factors = [float(ends[t][0] / done.outcome.values[t][0]) for t in ("ttft_ms", "tpot_ms")]
        factors = [clip(f, 1.0) if math.isfinite(f) else 1.0 for f in factors]
        moved = _run(scaled(own, *factors), traffic, seed, count, router)
        there = figures(moved, np.isfinite(moved.e2e_s))
        out.append({m: {s: _joined(now[m][s], there[m][s], chance.get(m, 0.0), clip)
                        for s in now[m]} for m in now})  # fmt: skip
    return out[0], out[1]


def _joined(value: float, end: float, chance: float, clip: Callable[..., float]) -> float:
    if not (value > 0 and end > 0):
        return value
    wide = math.hypot(math.log(clip(end, value) / value), _WIDE * chance)
    return value * math.exp(wide if clip is max else -wide)


def _chance(found: Times) -> dict[str, float]:
    """Relative standard error of means, from the means of consecutive spans of requests."""
    out = {}
    for name, values in (("ttft_ms", found.ttft_s), ("tpot_ms", found.tpot_s),
                         ("itl_ms", found.tpot_s), ("e2e_ms", found.e2e_s)):  # fmt: skip
        good = values[np.isfinite(values)]
        if len(good) >= 2 * SPANS:
            means = np.asarray([part.mean() for part in np.array_split(good, SPANS)])
            out[name] = float(means.std(ddof=1) / np.sqrt(SPANS) / max(means.mean(), 1e-12))
    return out
