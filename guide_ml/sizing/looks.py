"""One look: traffic at a rate on some replicas, simulated, and what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guide_ml.simulation.names import METRICS, STATISTICS
from guide_ml.simulation.run import Replica, simulate_replica
from guide_ml.simulation.statistics import Figures, figures
from guide_ml.sizing.limits import Limits, excess
from guide_ml.sizing.loads import Turned

__all__ = ["Look", "look"]

#: Requests of one run at least and at most, and for each that is in flight on average: fewer would
#: be over before the servers are as full as they will be.
FEWEST, MOST, EACH = 4000, 20_000, 40

#: Requests whose times count, at least; else nothing can be said.
LEAST = 20


@dataclass(frozen=True)
class Look:
    """What was seen at a rate.

    Parameters
    ----------
    rate_rps : float
        Requests a second.
    figures : mapping of str to mapping of str to float
        Milliseconds by metric and statistic, averaged over runs.
    each : tuple of the same
        Of every run.
    refused : int
        Requests of all runs that are longer than the context or the cache.
    requests : int
        Requests of all runs.
    """

    rate_rps: float
    figures: Figures
    each: tuple[Figures, ...]
    refused: int
    requests: int

    def holds(self, limits: Limits, every: bool = False) -> bool:
        """Tell whether limits are kept on average, or in every run."""
        runs = self.each if every else (self.figures,)
        return all(max(excess(run, limits).values(), default=-1.0) <= 0.0 for run in runs)


def look(
    own: Replica, load: Turned, rate_rps: float, replicas: int, router: str, seed: int
) -> Look:
    """Simulate traffic at a rate.

    Parameters
    ----------
    own : Replica
        What serves.
    load : Turned
        What comes.
    rate_rps : float
        At which rate.
    replicas : int
        Queues behind the router.
    router : str
        How they are chosen.
    seed : int
        Of the first run; the others follow.
    """
    each: list[Figures] = []
    refused, requests = 0, 0
    wanted = int(np.clip(EACH * rate_rps * _request_s(own, load), FEWEST, MOST))
    for k in range(load.seeds if wanted <= FEWEST else 1):
        traffic = load.at(rate_rps, wanted, seed + k)
        n = len(traffic)
        start = float(traffic.arrival_s[int(load.settling * n)])
        found = simulate_replica(traffic, own.surface, own.rules, replicas=replicas, router=router,
                                 since_s=start, first=own.first)  # fmt: skip
        over = np.isfinite(found.e2e_s)
        chosen = over & (np.arange(n) >= load.settling * n)
        refused += int((~over).sum())
        requests += n
        each.append(figures(found, chosen) if chosen.sum() >= LEAST else _none())
    mean = {m: {s: float(np.mean([run[m][s] for run in each])) for s in STATISTICS}
            for m in METRICS}  # fmt: skip
    return Look(rate_rps, mean, tuple(each), refused, requests)


def _none() -> Figures:
    return {m: dict.fromkeys(STATISTICS, float("nan")) for m in METRICS}


def _request_s(own: Replica, load: Turned) -> float:
    """Return the seconds of a request that is alone."""
    loads = own.asked.loads
    return float(loads.ttft_s[0] + load.output_len * np.nan_to_num(loads.tpot_s[0]))
