"""A replica of a continuous-batching engine, advanced from event to event.

Between events every decode step has the same sequences, so all of them up to the next event are one
jump: an arrival, a last token, or the end of the free KV cache ends it. Steps with prompt tokens
are taken one by one.
"""

from __future__ import annotations

import math
from typing import Any

from guide_ml.compiled import inner
from guide_ml.simulation.prefixes import let_go, look_up, make_room, pin
from guide_ml.simulation.queues import (
    drop_latest,
    heap_pop,
    prefill_next,
    to_prefill,
    wait_first,
    waited,
)
from guide_ml.simulation.requests import begin, over
from guide_ml.simulation.steps import beside_s, bin_of, decode_s, note, note_tokens, prefill_s

__all__ = ["advance"]


@inner
def _admit(world: Any, r: int, i: int) -> bool:
    """Let request i in if its prompt has room, and tell so."""
    book, rules, engine = world.books[i], world.rules[0], world.engines[r]
    entries = world.entries
    made, answer = book.made, world.requests[i].answer
    prompt = world.requests[i].prompt + int(made)
    ready = rules.ready > 0 and book.evicted == 0
    hit, place = 0, -1
    if not ready:
        hit, place = look_up(world, r, i)
    if place >= 0:
        pin(engine, entries, place)
    need = math.ceil((prompt - hit) / rules.block) * rules.block + rules.extra
    answers = engine.decoding * rules.accept  # the next step of those that run goes first
    if rules.reserve > 0:
        to_come = engine.promised - engine.decoding * engine.step
        answers = rules.reserve * (to_come * rules.accept + engine.owed + answer - made)
    fits = make_room(engine, entries, rules.room, need + answers)
    if not fits and engine.decoding + engine.prefilling == 0:  # the only one may fill the cache
        need = prompt - hit + rules.extra
        fits = make_room(engine, entries, rules.room, need)
    if not fits:
        if place >= 0:
            let_go(engine, entries, place)
        return False
    found = hit if hit > 0 or ready else int(rules.found * (prompt - 1))
    book.pinned, book.hit, book.done, book.held = place, found, found, need
    book.todo = 0 if ready else prompt - found
    engine.used += need
    if book.evicted == 0:
        now = bin_of(world, engine.clock)
        world.series[now].prompt += prompt - made
        world.series[now].hit += found
    book.order = rules.order
    rules.order += 1
    return True


@inner
def _preempt(world: Any, r: int) -> None:
    """Take the KV cache from the request let in last; it is computed anew later."""
    rules, engine = world.rules[0], world.engines[r]
    i = drop_latest(world.heap[r], engine.decoding, world.books)
    book, answer = world.books[i], world.requests[i].answer
    engine.decoding -= 1
    steps = engine.step - book.start
    engine.promised -= book.start + math.ceil((answer - book.made) / rules.accept - 1e-9)
    engine.context -= world.requests[i].prompt + book.made + steps * rules.accept
    engine.used -= book.held + steps * rules.accept
    book.made = min(book.made + steps * rules.accept, answer - 1.0)
    book.held = 0.0
    if book.pinned >= 0:
        let_go(engine, world.entries, book.pinned)
        book.pinned = -1
    book.evicted += 1
    world.series[bin_of(world, engine.clock)].preempted += 1
    wait_first(world.books, engine, i)


@inner
def _schedule(world: Any, r: int) -> tuple[int, float]:
    """Give the tokens of a step to prompts; return how many, and what they look back on."""
    books, rules, engine = world.books, world.rules[0], world.engines[r]
    budget = rules.budget
    if rules.mixed:
        budget -= int(engine.decoding * rules.checked)
    taken, attended = 0, 0.0
    i = engine.pre_head
    while i >= 0:
        chunk = max(min(books[i].todo, budget), 0)
        books[i].chunk = chunk
        attended += chunk * (books[i].done + 0.5 * chunk)
        budget, taken = budget - chunk, taken + chunk
        i = books[i].link
    while budget > 0 and engine.head >= 0:
        i = engine.head
        if books[i].entry > engine.clock or engine.decoding + engine.prefilling >= rules.seqs:
            break
        if not rules.chunked and taken > 0 and world.requests[i].prompt + books[i].made > budget:
            break
        if not _admit(world, r, i):
            break
        waited(books, engine)
        if books[i].todo == 0:
            begin(world, r, i)
            continue
        to_prefill(books, engine, i)
        engine.prefilling += 1
        engine.owed += world.requests[i].answer - books[i].made
        chunk = min(books[i].todo, budget) if rules.chunked else books[i].todo
        books[i].chunk = chunk
        attended += chunk * (books[i].done + 0.5 * chunk)
        budget, taken = budget - chunk, taken + chunk
    return taken, attended / max(taken, 1)


@inner
def _decoded(world: Any, r: int, steps: float) -> None:
    """Count decode steps, and end the requests whose last token came."""
    rules, engine, heap = world.rules[0], world.engines[r], world.heap[r]
    grown = engine.decoding * steps * rules.accept
    engine.step += steps
    engine.context += grown
    engine.used += grown
    while engine.decoding > 0 and heap[0].key <= engine.step:
        engine.promised -= heap[0].key
        i = heap_pop(heap, engine.decoding)
        engine.decoding -= 1
        own = (engine.step - world.books[i].start) * rules.accept
        engine.context -= world.requests[i].prompt + world.books[i].made + own
        world.books[i].held += own
        over(world, r, i)


@inner
def _prefill_step(world: Any, r: int, tokens: int, attended: float) -> None:
    """Take a step with prompt tokens, with a token of the decoding ones where engines mix."""
    books, rules, engine = world.books, world.rules[0], world.engines[r]
    sequences, now, ends = engine.decoding, engine.clock, engine.prefilling
    took = prefill_s(world, tokens, attended)
    if sequences > 0:
        took *= world.beside[min(sequences, len(world.beside) - 1), 0]
    if sequences > 0 and rules.mixed:
        took += beside_s(world, sequences, engine.context / sequences)
        gap = (took + engine.stall) / rules.accept
        note_tokens(world, now, gap, sequences * rules.accept)
        engine.stall = 0.0
    elif sequences > 0:
        engine.stall += took
    note(world, now, now + took, sequences + ends, engine.waiting, engine.used)
    engine.clock = now + took
    if rules.mixed and sequences > 0:
        _decoded(world, r, 1.0)
    for _ in range(ends):  # once round the queue: whoever is not done stays in order
        i = prefill_next(books, engine)
        books[i].done += books[i].chunk
        books[i].todo -= books[i].chunk
        if books[i].todo > 0:
            to_prefill(books, engine, i)
            continue
        engine.prefilling -= 1
        engine.owed -= world.requests[i].answer - books[i].made
        books[i].made += 1.0
        books[i].held += 1.0
        engine.used += 1.0
        begin(world, r, i)


@inner
def _jump(world: Any, r: int, until: float) -> None:
    """Take all decode steps up to the next event at once."""
    rules, engine = world.rules[0], world.engines[r]
    sequences, now, accept, used = engine.decoding, engine.clock, rules.accept, engine.used
    context = engine.context / sequences
    steps = world.heap[r][0].key - engine.step
    room = (rules.room - used) / (sequences * accept)
    steps = max(min(steps, math.floor(room + 1e-9)), 1.0)
    one = decode_s(world, sequences, context)
    if until < now + steps * one:
        steps = max(min(steps, math.ceil((until - now) / one - 1e-9)), 1.0)
    if steps > 1.0:  # contexts grow meanwhile: half of the way is their mean
        one = decode_s(world, sequences, context + 0.5 * (steps - 1.0) * accept)
        if until < now + (steps - 1.0) * one:
            steps = max(min(steps, math.ceil((until - now) / one - 1e-9)), 1.0)
    took, tokens = steps * one, steps * sequences * accept
    if engine.stall > 0.0:
        note_tokens(world, now, (one + engine.stall) / accept, sequences * accept)
        tokens -= sequences * accept
        engine.stall = 0.0
    note_tokens(world, now, one / accept, tokens)
    note(world, now, now + took, sequences, engine.waiting, used)
    engine.clock = now + took
    if engine.kept > 0.0:
        make_room(engine, world.entries, rules.room, sequences * steps * accept)
    _decoded(world, r, steps)


@inner
def advance(world: Any, r: int, until: float) -> None:
    """Advance replica r until its clock reaches `until`, or nothing is left to do before."""
    books, rules, engine = world.books, world.rules[0], world.engines[r]
    while engine.clock < until:
        if engine.decoding + engine.prefilling == 0:
            i = engine.head
            if i < 0 or books[i].entry >= until:
                return
            engine.clock = max(engine.clock, books[i].entry)
        tokens, attended = _schedule(world, r)
        while engine.decoding > 1 and engine.used + engine.decoding * rules.accept > rules.room:
            _preempt(world, r)
        if tokens > 0:
            _prefill_step(world, r, tokens, attended)
        elif engine.decoding > 0:
            limit, i = until, engine.head
            if i >= 0 and books[i].entry > engine.clock and engine.decoding < rules.seqs:
                limit = min(until, books[i].entry)
            _jump(world, r, limit)
