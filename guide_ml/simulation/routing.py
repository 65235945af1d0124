"""Requests on their way: which replica each goes to, and the run of them all."""

from __future__ import annotations

import math
from typing import Any

from guide_ml.compiled import compiled, inner
from guide_ml.simulation.engine import advance
from guide_ml.simulation.prefixes import look_up
from guide_ml.simulation.requests import push

__all__ = ["run_closed", "run_open"]

#: A prefix-aware router keeps to the cache until a replica has so many requests more than another
#: (sglang-router 0.3, ``--balance-abs-threshold``).
BALANCE = 64


@inner
def _load(engine: Any) -> int:
    found: int = engine.decoding + engine.prefilling + engine.waiting
    return found


@inner
def _choose(world: Any, i: int, router: int) -> int:
    """Choose a replica for request i."""
    engines = world.engines
    replicas = len(engines)
    least = i % replicas  # ties go round
    if router == 0 or replicas == 1:
        return least
    for k in range(1, replicas):
        r = (i + k) % replicas
        if _load(engines[r]) < _load(engines[least]):
            least = r
    if router == 1:
        return least
    best, place = 0, least
    for r in range(replicas):
        hit = look_up(world, r, i)[0]
        if hit > best and _load(engines[r]) <= _load(engines[least]) + BALANCE:
            best, place = hit, r
    return place


@compiled
def run_open(world: Any, router: int, until: float) -> None:
    """Let all requests arrive at their times and run to the end, or to a time.

    Parameters
    ----------
    world : World
        Requests in order of arrival, idle replicas.
    router : int
        Place in :data:`guide_ml.simulation.names.ROUTERS`.
    until : float
        When to stop.
    """
    replicas = len(world.engines)
    for i in range(len(world.requests)):
        arrival = world.requests[i].arrival
        if arrival > until:
            break
        for r in range(replicas):
            advance(world, r, arrival)
        push(world, _choose(world, i, router), i, arrival)
    for r in range(replicas):
        advance(world, r, until)


@compiled
def run_closed(world: Any, users: int) -> None:
    """Let so many users of one replica each send a request when the one before it has ended.

    All begin at once; ``closed`` of the rules must be 1.
    """
    only = len(world.engines) - 1  # a constant would have all be compiled once more for itself
    first = min(users, len(world.requests))
    world.rules[0].following = first
    for i in range(first):
        world.requests[i].arrival = 0.0
        push(world, only, i, 0.0)
    advance(world, only, math.inf)
