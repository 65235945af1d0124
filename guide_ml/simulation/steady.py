"""What users of an open load see: in the steady state, in a run of so many, or beyond capacity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from guide_ml.simulation.loads import OpenLoad
from guide_ml.simulation.run import Replica, Times, simulate_replica
from guide_ml.simulation.state import Surface
from guide_ml.simulation.statistics import Figures, figures

__all__ = ["Seen", "capacity_rps", "scaled", "seen"]

#: Requests of a steady state, at least and at most, and for each that is in flight on average.
FEWEST, MOST, EACH = 1500, 6000, 12
#: Share of them at the start that does not count.
START = 0.2
#: A load above this share of what a deployment carries has no steady state worth waiting for.
FULL = 0.985


@dataclass(frozen=True)
class Seen:
    """What is seen of an open load.

    Parameters
    ----------
    figures : dict of str to dict of str to float
        Milliseconds by metric and statistic; of a steady load beyond capacity only those that do
        not depend on how long one looks.
    output_tok_s, served_rps : float
        Of the whole deployment.
    in_flight : float
        Requests, on average.
    overloaded : bool
        Whether more comes than is carried.
    growth_per_min : float
        Requests by which the queue grows a minute; 0 where it does not.
    capacity_rps : float
        Requests a second that are carried; NaN where it was not asked for.
    """

    figures: Figures
    output_tok_s: float
    served_rps: float
    in_flight: float
    overloaded: bool
    growth_per_min: float
    capacity_rps: float


def seen(own: Replica, load: OpenLoad, replicas: int, router: str, seed: int) -> Seen:
    """Simulate an open load once.

    Parameters
    ----------
    own : Replica
        What serves it.
    load : OpenLoad
        What comes.
    replicas : int
        Queues, data-parallel ranks among them.
    router : str
        How they are chosen.
    seed : int
        Of what is drawn.
    """
    if load.num_requests is None and load.duration_s is None:
        return _steady(own, load, replicas, router, seed)
    n = load.num_requests or max(round(load.rate_rps * (load.duration_s or 0.0)), 1)
    traffic = load.traffic(int(n), seed)
    until = load.duration_s if load.num_requests is None and load.duration_s else np.inf
    found = simulate_replica(traffic, own.surface, own.rules, replicas=replicas, router=router,
                             until_s=until, first=own.first)  # fmt: skip
    return _taken(found, load, np.isfinite(found.e2e_s), np.nan)


def _steady(own: Replica, load: OpenLoad, replicas: int, router: str, seed: int) -> Seen:
    most = replicas * capacity_rps(own, load)
    if load.rate_rps > FULL * most:
        return _overloaded(own, load, replicas, most, seed)
    lone_s = _request_s(own, load)
    flight = load.rate_rps * lone_s / (1.0 - load.rate_rps / most)
    n = int(np.clip(EACH * flight, FEWEST, MOST))
    traffic = load.traffic(n, seed)
    since = float(traffic.arrival_s[int(START * n)])
    found = simulate_replica(traffic, own.surface, own.rules, replicas=replicas, router=router,
                             since_s=since, first=own.first)  # fmt: skip
    chosen = np.arange(n) >= START * n
    out = _taken(found, load, chosen & np.isfinite(found.e2e_s), most)
    return replace(out, output_tok_s=load.rate_rps * load.output_len, served_rps=load.rate_rps,
                   in_flight=load.rate_rps * out.figures["e2e_ms"]["mean"] / 1e3)  # fmt: skip


def _taken(found: Times, load: OpenLoad, chosen: NDArray[np.bool_], most: float) -> Seen:
    records = found.world.requests[chosen]
    finish = found.world.books["finish"][chosen]
    took = float(finish.max(initial=0.0) - records["arrival"].min(initial=0.0))
    took = max(took, 1e-9)
    each = np.nan_to_num(found.e2e_s[chosen])
    return Seen(
        figures(found, chosen), float(records["answer"].sum()) / took, len(records) / took,
        float(each.sum()) / took, False, 0.0, most,
    )  # fmt: skip


def _overloaded(own: Replica, load: OpenLoad, replicas: int, most: float, seed: int) -> Seen:
    """Tell of a load beyond capacity what does not depend on how long one looks."""
    found = _full(own, load, seed)
    n = len(found.e2e_s)
    chosen = (np.arange(n) >= 0.3 * n) & (np.arange(n) < 0.8 * n)
    told = figures(found, chosen & np.isfinite(found.e2e_s))
    blank = dict.fromkeys(told["ttft_ms"], float("nan"))
    kept = {**told, "ttft_ms": blank, "e2e_ms": blank}
    running = found.world.series["running"].sum()
    took = max(float(np.nanmax(found.world.books["finish"])), 1e-9)
    return Seen(kept, most * load.output_len, most, replicas * float(running) / took, True,
                60.0 * (load.rate_rps - most), most)  # fmt: skip


def _request_s(own: Replica, load: OpenLoad) -> float:
    loads = own.asked.loads
    return float(loads.ttft_s[0] + load.output_len * np.nan_to_num(loads.tpot_s[0]))


def _full(own: Replica, load: OpenLoad, seed: int) -> Times:
    """Simulate a replica with a queue that never ends."""
    whole = load.input_len + load.output_len + own.asked.extra
    together = int(max(min(own.rules["seqs"][0], own.asked.room / whole), 1))
    # Equal lengths would come and go in waves, whose rate says nothing of the mean.
    mixed = replace(load, burstiness=0.0, length_cv=max(load.length_cv, 0.5))
    queue = mixed.traffic(max(6 * together, 300), seed)
    return simulate_replica(queue, own.surface, own.rules, first=own.first)


def capacity_rps(own: Replica, load: OpenLoad) -> float:
    """Return the requests a second that one replica carries with a queue that never ends.

    Parameters
    ----------
    own : Replica
        What serves.
    load : OpenLoad
        Lengths; its rate does not matter.
    """
    finish = np.sort(_full(own, load, 0).world.books["finish"])
    finish = finish[np.isfinite(finish)]
    first, last = int(0.25 * len(finish)), int(0.8 * len(finish))
    if last <= first:
        return 0.0
    return float((last - first) / max(finish[last] - finish[first], 1e-12))


def scaled(own: Replica, ttft: float, tpot: float) -> Replica:
    """Make a replica whose prefills and whose steps take so many times as long."""
    s, beside = own.surface, own.surface.beside.copy()
    beside[:, 1] *= ttft
    surface = Surface(s.decode * tpot, s.contexts, s.prefill * ttft, s.grids, beside)
    return replace(own, surface=surface)
