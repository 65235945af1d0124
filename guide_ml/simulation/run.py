"""From a deployment and its traffic to what becomes of each request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.simulation.asked import Asked
from guide_ml.simulation.learned import as_open
from guide_ml.simulation.names import ROUTERS
from guide_ml.simulation.policies import Policy
from guide_ml.simulation.routing import run_closed, run_open
from guide_ml.simulation.state import REQUEST, RULES, Surface, World, idle
from guide_ml.simulation.surface import SPREAD, fit
from guide_ml.table.read import Floats
from guide_ml.traffic import Traffic

__all__ = ["Replica", "Times", "replica", "requests", "rules", "simulate_replica"]


@dataclass(frozen=True)
class Replica:
    """A replica of a deployment, ready to be simulated.

    Parameters
    ----------
    surface : Surface
        Times of its steps.
    rules : array of RULES of shape (1,)
        How it schedules.
    asked : Asked
        What both are made of.
    first : float
        How many times as long prompts of open loads take: :mod:`guide_ml.simulation.lessons`.
    """

    surface: Surface
    rules: NDArray[Any]
    asked: Asked
    first: float = 1.0


@dataclass(frozen=True)
class Times:
    """What became of n requests.

    Parameters
    ----------
    ttft_s, tpot_s, e2e_s : array of shape (n,)
        Seconds; NaN where a request was refused or did not end, TPOT also where the first token is
        all.
    world : World
        The simulation at its end.
    """

    ttft_s: Floats
    tpot_s: Floats
    e2e_s: Floats
    world: World


def rules(asked: Asked, policy: Policy, **changed: float) -> NDArray[Any]:
    """Lay down how a deployment schedules: what is stated or known of it, else the policy's."""
    out = np.zeros(1, dtype=RULES)
    seqs = asked.seqs if np.isfinite(asked.seqs) else policy.seqs
    budget = asked.budget if np.isfinite(asked.budget) else policy.budget
    values: dict[str, float] = {
        "seqs": seqs, "budget": max(budget, 1), "room": asked.room, "extra": asked.extra,
        "block": policy.block, "accept": asked.accept, "checked": asked.checked,
        "longest": np.inf, "chunked": policy.chunked, "mixed": policy.mixed,
        "reserve": policy.reserve, "remember": policy.remember, "found": asked.hit_rate,
    }  # fmt: skip
    for name, value in (values | changed).items():
        out[name] = value
    return out


def replica(asked: Asked, policy: Policy, spread: float = SPREAD, **changed: float) -> Replica:
    """Make a replica whose closed loops take as long as predicted."""
    own = rules(asked, policy, **changed)
    return Replica(fit(asked, own, spread), own, asked)


def requests(traffic: Traffic) -> NDArray[Any]:
    """Lay traffic out as records."""
    found = np.zeros(len(traffic.arrival_s), dtype=REQUEST)
    found["arrival"] = traffic.arrival_s
    found["prompt"] = np.maximum(traffic.input_tokens, 1)
    found["answer"] = np.maximum(traffic.output_tokens, 1)
    found["conversation"], found["group"] = traffic.conversation, traffic.shared_prefix
    found["shared"] = traffic.shared_tokens
    return found


def simulate_replica(
    traffic: Traffic, surface: Surface, rules: NDArray[Any], *, replicas: int = 1,
    router: str = "least-loaded", until_s: float = np.inf, since_s: float = 0.0,
    first: float = 1.0,
) -> Times:  # fmt: skip
    """Simulate replicas of one kind behind a router.

    Parameters
    ----------
    traffic : Traffic
        Requests.
    surface, rules : Surface, array of RULES
        Of a :class:`Replica`.
    replicas : int
        How many.
    router : {"round-robin", "least-loaded", "prefix-aware"}
        How one is chosen.
    until_s : float
        When to stop; requests that have not ended then count as unfinished.
    since_s : float
        Time from which gaps between tokens are counted.
    first : float
        Of a :class:`Replica`; closed loops are as they are.
    """
    records = requests(traffic)
    own = rules.copy()
    if records["conversation"].max(initial=-1) < 0 and records["group"].max(initial=-1) < 0:
        own["remember"] = 0  # nobody shares a prefix, so there is nothing to look for
    own["closed"] = int(traffic.concurrency is not None)
    end = float(records["arrival"][-1]) if len(records) else 1.0
    if traffic.concurrency is None:
        surface = as_open(surface, first)
    world = idle(records, surface, own, replicas, max(end, 1.0) / 200.0, since_s)
    if traffic.concurrency is not None:
        run_closed(world, traffic.concurrency)
    else:
        run_open(world, ROUTERS.index(router), until_s)
    return times(world)


def times(world: World) -> Times:
    """Take the times of requests from the books."""
    books, records = world.books, world.requests
    over = np.isfinite(books["finish"])
    further = records["answer"] - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        tpot = np.where(further > 0, (books["finish"] - books["first"]) / further, np.nan)
    ttft = np.where(over, books["first"] - records["arrival"], np.nan)
    return Times(ttft, tpot, books["finish"] - records["arrival"], world)
