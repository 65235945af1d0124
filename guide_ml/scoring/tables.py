"""Small tools for Arrow tables that come in pieces."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa

__all__ = ["ahead", "in_batches", "side_by_side"]

T = TypeVar("T")
R = TypeVar("R")

#: Bytes of a batch: rows of many or long columns are worked on fewer at a time.
MOST_BYTES = 64 << 20


def in_batches(tables: Iterator[pa.Table], rows: int, skip: int = 0) -> Iterator[pa.Table]:
    """Cut tables of any size into tables of `rows` rows; the last may be shorter.

    A table that would have more than :data:`MOST_BYTES` is cut into shorter ones, down to a row.

    Parameters
    ----------
    tables : iterator of pyarrow.Table
        Of one schema.
    rows : int
        Rows of each table.
    skip : int
        Rows to leave out at the start.

    Examples
    --------
    >>> pieces = iter([pa.table({"a": [1, 2, 3]}), pa.table({"a": [4]})])
    >>> [t["a"].to_pylist() for t in in_batches(pieces, 2, skip=1)]
    [[2, 3], [4]]
    """
    kept: list[pa.Table] = []
    count, size = 0, 0
    for piece in tables:
        table = piece
        if skip:
            left_out = min(skip, len(table))
            skip, table = skip - left_out, table.slice(left_out)
        while len(table):
            a_row = table.nbytes / len(table)
            room = max(int((MOST_BYTES - size) / max(a_row, 1.0)), 0 if kept else 1)
            taken = min(rows - count, room, len(table))
            if taken:
                kept.append(table.slice(0, taken))
                table = table.slice(taken)
            count, size = count + taken, size + int(taken * a_row)
            if count == rows or taken == room:
                yield _joined(kept)
                kept, count, size = [], 0, 0
    if count:
        yield _joined(kept)


def _joined(tables: list[pa.Table]) -> pa.Table:
    """Put tables together; a column of numbers here and text there becomes text."""
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        first = [t.schema for t in tables]
        mixed = {f.name for s in first for f in s
                 if any(f.name in o.names and o.field(f.name).type != f.type for o in first)}
        texts = [t.cast(pa.schema([pa.field(f.name, pa.string()) if f.name in mixed else f
                                   for f in t.schema])) for t in tables]  # fmt: skip
        return pa.concat_tables(texts, promote_options="permissive")


def side_by_side(
    work: Callable[[T], R], items: Iterator[T], workers: int
) -> Iterator[R]:
    """Work on a few items at once; results come in order, and no more wait than there are workers.

    Examples
    --------
    >>> list(side_by_side(lambda x: 2 * x, iter(range(4)), 2))
    [0, 2, 4, 6]
    """
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def ahead(make: Callable[[], Iterator[T]], depth: int = 2) -> Iterator[T]:
    """Run an iterator in a thread of its own, at most `depth` items ahead of who asks.

    Parameters
    ----------
    make : callable
        Returns the iterator; called in the thread.
    depth : int
        Items that may wait, which bounds memory.
    """
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(depth)
    stop = threading.Event()

    def put(kind: str, item: object) -> bool:
        while not stop.is_set():
            try:
                waiting.put((kind, item), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            for item in make():
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:  # raised again where the items are asked for
            put("error", error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    try:
        while True:
            kind, item = waiting.get()
            if kind == "error":
                raise item
            if kind == "end":
                return
            yield item
    finally:
        stop.set()
        worker.join()
