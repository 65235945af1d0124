"""The prefix cache of a replica: what requests share, thrown out least recently used first.

An entry holds the tokens of a group's common beginning, of a conversation so far, or of a request
that is over and that nobody will ask for: it takes room like the others until it is the oldest.
Entries in use stay. What is free or thrown out serves new requests.
"""

from __future__ import annotations

from typing import Any

from guide_ml.compiled import inner

__all__ = ["conversation_of", "group_of", "let_go", "look_up", "make_room", "pin", "remember"]


@inner
def conversation_of(world: Any, r: int, i: int) -> int:
    """Return the entry of a request's conversation at replica r; -1 for none."""
    own: int = world.requests[i].conversation
    return r * world.rules[0].shared + own if own >= 0 else -1


@inner
def group_of(world: Any, r: int, i: int) -> int:
    """Return the entry of a request's group at replica r; -1 for none. Groups come last."""
    group: int = world.requests[i].group
    return (r + 1) * world.rules[0].shared - 1 - group if group >= 0 else -1


@inner
def look_up(world: Any, r: int, i: int) -> tuple[int, int]:
    """Return how many tokens of a prompt are cached, in whole blocks, and in which entry."""
    rules, entries = world.rules[0], world.entries
    if rules.remember == 0:
        return 0, -1
    own, group = conversation_of(world, r, i), group_of(world, r, i)
    best, place = 0.0, -1
    if group >= 0:
        best, place = min(entries[group].cached, float(world.requests[i].shared)), group
    if own >= 0 and entries[own].cached > best:
        best, place = entries[own].cached, own
    most = min(best, world.requests[i].prompt - 1.0)  # one token must be computed for the next
    found = int(most // rules.block) * rules.block
    if found <= 0:
        return 0, -1
    return found, place


@inner
def _unlist(engine: Any, entries: Any, e: int) -> None:
    before, after = entries[e].before, entries[e].after
    if before >= 0:
        entries[before].after = after
    else:
        engine.oldest = after
    if after >= 0:
        entries[after].before = before
    else:
        engine.newest = before
    entries[e].before = -1
    entries[e].after = -1
    engine.kept -= entries[e].cached


@inner
def _list(engine: Any, entries: Any, e: int) -> None:
    last = engine.newest
    entries[e].before = last
    entries[e].after = -1
    if last >= 0:
        entries[last].after = e
    else:
        engine.oldest = e
    engine.newest = e
    engine.kept += entries[e].cached


@inner
def pin(engine: Any, entries: Any, e: int) -> None:
    """Use an entry: it cannot be thrown out, and counts as used."""
    if entries[e].uses == 0:
        if entries[e].cached > 0:
            _unlist(engine, entries, e)
        engine.used += entries[e].cached
    entries[e].uses += 1


@inner
def let_go(engine: Any, entries: Any, e: int) -> None:
    """Stop using an entry; without users it is the newest that may be thrown out."""
    entries[e].uses -= 1
    if entries[e].uses == 0:
        engine.used -= entries[e].cached
        if entries[e].cached > 0:
            _list(engine, entries, e)


@inner
def remember(engine: Any, entries: Any, e: int, tokens: float) -> None:
    """Keep tokens that are no longer a request's own in an entry, used or not."""
    if tokens <= 0:
        return
    if entries[e].uses > 0:
        engine.used += tokens
        entries[e].cached += tokens
        return
    if entries[e].cached > 0:
        _unlist(engine, entries, e)
    entries[e].cached += tokens
    _list(engine, entries, e)


@inner
def make_room(engine: Any, entries: Any, room: float, tokens: float) -> bool:
    """Throw out the oldest entries until so many tokens are free; tell whether they can be."""
    if engine.used + tokens > room:
        return False
    while engine.used + engine.kept + tokens > room and engine.oldest >= 0:
        e = engine.oldest
        _unlist(engine, entries, e)
        entries[e].cached = 0.0
    return True
