"""Queues of a replica: who waits, who prefills, and who decodes by the step of the last token."""

from __future__ import annotations

from typing import Any

from guide_ml.compiled import inner

__all__ = ["drop_latest", "heap_pop", "heap_push", "prefill_next", "to_prefill", "wait",
           "wait_first", "waited"]  # fmt: skip


@inner
def wait(books: Any, engine: Any, i: int) -> None:
    """Let request i wait behind the others."""
    books[i].link = -1
    if engine.head < 0:
        engine.head = i
    else:
        books[engine.tail].link = i
    engine.tail = i
    engine.waiting += 1


@inner
def wait_first(books: Any, engine: Any, i: int) -> None:
    """Let request i wait before the others."""
    books[i].link = engine.head
    if engine.head < 0:
        engine.tail = i
    engine.head = i
    engine.waiting += 1


@inner
def waited(books: Any, engine: Any) -> None:
    """Take the first that waits out of the queue."""
    engine.head = books[engine.head].link
    if engine.head < 0:
        engine.tail = -1
    engine.waiting -= 1


@inner
def to_prefill(books: Any, engine: Any, i: int) -> None:
    """Put request i behind the others that prefill."""
    books[i].link = -1
    if engine.pre_head < 0:
        engine.pre_head = i
    else:
        books[engine.pre_tail].link = i
    engine.pre_tail = i


@inner
def prefill_next(books: Any, engine: Any) -> int:
    """Take the first that prefills out of the queue."""
    i: int = engine.pre_head
    engine.pre_head = books[i].link
    if engine.pre_head < 0:
        engine.pre_tail = -1
    return i


@inner
def heap_push(heap: Any, size: int, key: float, i: int) -> None:
    """Add a request to a heap of so many; the least key is on top."""
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        if heap[parent].key <= key:
            break
        heap[place].key, heap[place].id = heap[parent].key, heap[parent].id
        place = parent
    heap[place].key, heap[place].id = key, i


@inner
def _sift(heap: Any, size: int, place: int, key: float, i: int) -> None:
    """Let an entry sink from a place to where it belongs."""
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1].key < heap[child].key:
            child += 1
        if heap[child].key >= key:
            break
        heap[place].key, heap[place].id = heap[child].key, heap[child].id
        place = child
    heap[place].key, heap[place].id = key, i


@inner
def heap_pop(heap: Any, size: int) -> int:
    """Take the top of a heap of so many; the caller counts one less."""
    top: int = heap[0].id
    _sift(heap, size - 1, 0, heap[size - 1].key, heap[size - 1].id)
    return top


@inner
def drop_latest(heap: Any, size: int, books: Any) -> int:
    """Take out the request that was let in last; the caller counts one less."""
    place = 0
    for k in range(1, size):
        if books[heap[k].id].order > books[heap[place].id].order:
            place = k
    found: int = heap[place].id
    key, i = heap[size - 1].key, heap[size - 1].id
    while place > 0 and key < heap[(place - 1) >> 1].key:  # the last one rises in its place
        parent = (place - 1) >> 1
        heap[place].key, heap[place].id = heap[parent].key, heap[parent].id
        place = parent
    if place < size - 1:
        _sift(heap, size - 1, place, key, i)
    return found
