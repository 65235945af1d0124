"""Work that takes time: in threads, so many at once, with an end."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from guide_ml.web import metrics
from guide_ml.web.problems import Problem
from guide_ml.web.settings import Settings

__all__ = ["Stop", "Stopped", "Work"]

T = TypeVar("T")
LOOK_S = 0.05


class Stopped(Exception):
    """A search was cancelled: its client went away, or its time was over."""


class Stop:
    """Tells work in another thread to end; is asked between two batches.

    Parameters
    ----------
    seconds : float
        After so many seconds it says so by itself.
    """

    def __init__(self, seconds: float) -> None:
        self._said, self._seconds = threading.Event(), seconds
        self._end = time.monotonic() + seconds
        self.done: tuple[int, int, str] = (0, 0, "starting")

    def say(self) -> None:
        """Have the work end at its next batch."""
        self._said.set()

    def tell(self, done: int, total: int, text: str) -> None:
        """Take what a search tells of its progress; end it where it is to end."""
        self.done = (done, total, text)
        if self._said.is_set():
            raise Stopped("the search was cancelled")
        if time.monotonic() > self._end:
            raise Problem(503, f"the search took longer than {self._seconds:g} s, the limit of this"
                               " service: ask for less, or give n_trials", 5)  # fmt: skip


class Work:
    """Threads of a process, and who waits for them.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._short = anyio.CapacityLimiter(settings.threads)
        self._long = anyio.CapacityLimiter(settings.searches)
        self._waiting = 0

    async def run(self, call: Callable[[], T]) -> T:
        """Run something short, such as a prediction, in a thread."""
        with self._queued(self.settings.waiting):
            try:
                with anyio.fail_after(self.settings.answer_s):
                    return await anyio.to_thread.run_sync(
                        call, limiter=self._short, abandon_on_cancel=True
                    )
            except TimeoutError as error:
                raise Problem(503, f"there was no answer within {self.settings.answer_s:g} s: the"
                                   " service is busy, or the table is too large", 5) from error

    async def search(self, call: Callable[[Stop], T], gone: Callable[[], Any]) -> T:
        """Run a search in a thread; end it where its client goes away.

        Parameters
        ----------
        call : callable
            Takes what it must tell of its progress.
        gone : coroutine function
            Tells whether the client went away.
        """
        async with self.started(call) as (stop, task):
            while not task.done():
                await asyncio.wait([task], timeout=LOOK_S * 4)
                if not task.done() and await gone():
                    stop.say()
                    raise Stopped("the client went away")
            return task.result()

    @asynccontextmanager
    async def started(
        self, call: Callable[[Stop], T]
    ) -> AsyncIterator[tuple[Stop, asyncio.Task[T]]]:
        """Start a search; it is told to end when the context is left."""
        if self._long.statistics().tasks_waiting >= 4 * self.settings.searches:
            raise Problem(503, f"{self.settings.searches} searches run already and others wait:"
                               " try again in a few seconds", 5)  # fmt: skip
        stop = Stop(self.settings.search_s)
        task = asyncio.create_task(self._long_run(lambda: call(stop)))
        try:
            yield stop, task
        finally:
            stop.say()
            if not task.done():
                task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # it was seen: nothing is to be logged of it

    async def _long_run(self, call: Callable[[], T]) -> T:
        async with self._long:
            metrics.SEARCHES.inc()
            try:
                # Cancelled or not, the thread ends at its next batch; its place is kept until then.
                found: list[T] = []
                with anyio.CancelScope(shield=True):
                    found.append(await anyio.to_thread.run_sync(call))
                return found[0]
            finally:
                metrics.SEARCHES.dec()

    @contextmanager
    def _queued(self, most: int) -> Iterator[None]:
        if self._waiting >= most:
            raise Problem(503, f"{most:,} requests wait already: try again in a few seconds", 5)
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
