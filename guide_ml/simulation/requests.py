"""How a request comes, gives its first token, and ends."""

from __future__ import annotations

import math
from typing import Any

from guide_ml.compiled import inner
from guide_ml.simulation.prefixes import (
    conversation_of,
    group_of,
    let_go,
    pin,
    remember,
)
from guide_ml.simulation.queues import heap_push, wait
from guide_ml.simulation.steps import bin_of

__all__ = ["GOLDEN", "begin", "over", "push"]

#: Multiples of it, without their whole part, lie evenly between 0 and 1.
GOLDEN = 0.6180339887498949


@inner
def push(world: Any, r: int, i: int, arrival: float) -> None:
    """Let request i arrive at replica r; if it is ready, its prompt's KV cache comes along."""
    rules, engine, book = world.rules[0], world.engines[r], world.books[i]
    book.replica = r
    flight = engine.decoding + engine.prefilling + engine.waiting
    # The host is not equally quick each time: half as much to half as much again, evenly.
    share = 0.5 + (i * GOLDEN + rules.shift) % 1.0
    book.entry = arrival + share * world.beside[min(flight, len(world.beside) - 1), 1]
    world.series[bin_of(world, arrival)].arrived += 1
    tokens = world.requests[i].prompt + world.requests[i].answer
    if tokens > rules.longest or tokens + rules.extra > rules.room:
        return  # refused: it never finishes
    book.made = 1.0 if rules.ready > 0 else 0.0
    wait(world.books, engine, i)


@inner
def over(world: Any, r: int, i: int) -> None:
    """End request i: its tokens become a cached prefix, its user may send the next request."""
    rules, engine, book, entries = world.rules[0], world.engines[r], world.books[i], world.entries
    now = engine.clock
    book.finish = now
    world.series[bin_of(world, now)].served += 1
    engine.used -= book.held
    if book.pinned >= 0:
        let_go(engine, entries, book.pinned)
    if rules.remember:
        own, left = conversation_of(world, r, i), book.held - rules.extra
        if own >= 0:
            whole = float(world.requests[i].prompt + world.requests[i].answer)
            grown = min(whole - entries[own].cached, left)
            remember(engine, entries, own, grown)
            left -= max(grown, 0.0)
        remember(engine, entries, len(entries) - len(world.books) + i, left)
    book.held = 0.0
    if rules.closed > 0 and rules.following < len(world.requests):
        i = rules.following
        rules.following += 1
        world.requests[i].arrival = now
        push(world, r, i, now)


@inner
def begin(world: Any, r: int, i: int) -> None:
    """Let request i, whose prompt is done, give its next token and go on decoding."""
    rules, engine, book = world.rules[0], world.engines[r], world.books[i]
    if math.isnan(book.first):
        book.first = engine.clock
    left = world.requests[i].answer - book.made
    if left <= 1e-9:
        over(world, r, i)
        return
    _share(world, r, i)
    key = engine.step + math.ceil(left / rules.accept - 1e-9)
    heap_push(world.heap[r], engine.decoding, key, i)
    engine.decoding += 1
    engine.promised += key
    engine.context += world.requests[i].prompt + book.made
    book.start = engine.step


@inner
def _share(world: Any, r: int, i: int) -> None:
    """Hand the common beginning that request i was the first to compute to its group."""
    book, engine, entries = world.books[i], world.engines[r], world.entries
    group = group_of(world, r, i)
    if world.rules[0].remember == 0 or group < 0 or book.pinned >= 0:
        return
    shared = min(float(world.requests[i].shared), world.requests[i].prompt - 1.0)
    more = shared - entries[group].cached
    if more <= 0 or more > book.held:
        return
    engine.used -= more
    book.held -= more
    book.pinned = group
    pin(engine, entries, group)
    remember(engine, entries, group, more)
