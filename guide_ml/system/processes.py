"""Helper processes that import nothing from where they start, and end with who started them."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["Call", "safe", "side_by_side"]

Call = tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]]
"""A function and its arguments, as joblib's ``delayed`` makes it."""

LOOK_S = 0.5  # how often a helper looks whether who started it still lives
_watching: set[int] = set()


@contextmanager
def safe() -> Iterator[None]:
    """Let Python processes that start meanwhile import nothing from the working folder.

    A helper is started as ``python -m ...``, which looks there first: whoever may write to that
    folder could put a module of a usual name into it.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("PYTHONSAFEPATH", None)
        else:
            os.environ["PYTHONSAFEPATH"] = before


def side_by_side(jobs: int, work: Iterable[Call], shared_bytes: int) -> Iterator[Any]:
    """Do work in helper processes; results come in order.

    Parameters
    ----------
    jobs : int
        Processes.
    work : iterable of Call
        What to do.
    shared_bytes : int
        Arrays of more bytes are shared through files, not sent with each piece of work.
    """
    from joblib import Parallel, delayed

    mine = os.getpid()
    calls = (delayed(_work)(mine, *call) for call in work)
    with safe():
        yield from Parallel(n_jobs=jobs, return_as="generator", max_nbytes=shared_bytes)(calls)


def _work(
    parent: int, function: Callable[..., Any], given: tuple[Any, ...], named: Mapping[str, Any]
) -> Any:
    if os.getpid() != parent:
        _watch(parent)
    return function(*given, **named)


def _watch(parent: int) -> None:
    """End this process once who started it is gone, however that came about."""
    if parent in _watching or sys.platform == "win32" or os.getppid() != parent:
        return
    _watching.add(parent)
    threading.Thread(target=_outlive, args=(parent,), daemon=True).start()


def _outlive(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)
