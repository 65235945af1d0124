"""Bars for what takes long: on a terminal, in a notebook; a line a minute anywhere else."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from html import escape
from typing import Any

from guide_ml.errors import InvalidInput

__all__ = ["Progress", "ProgressLike", "RowProgress", "RowProgressLike", "reporting",
           "reporting_rows"]  # fmt: skip

Progress = Callable[[int, int, str], None]
"""Told of steps done, steps to do, and a word."""
RowProgress = Callable[[int, int | None, float | None], None]
"""Told of rows done, rows in all and share of the input read, where these are known."""

ProgressLike = Progress | bool | None
"""``True`` shows a bar; a callable is told; ``None`` and ``False`` tell nobody."""
RowProgressLike = RowProgress | bool | None

LINE_S = 60.0
"""Seconds between lines where there is neither terminal nor notebook."""

Move = Callable[[int, int | None, str], None]


def reporting(progress: ProgressLike) -> AbstractContextManager[Progress]:
    """Return what a long call tells how far it is, while the context is open.

    Parameters
    ----------
    progress : bool or callable, optional
        As the caller gave it.
    """
    return _steps(_checked(progress))


@contextmanager
def _steps(progress: Any) -> Iterator[Progress]:
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda done, total, text: None
    else:
        with _bar() as move:
            yield move


@contextmanager
def reporting_rows(progress: RowProgressLike) -> Iterator[RowProgress]:
    """Return what a job over rows tells how far it is, while the context is open."""
    checked = _checked(progress)
    if callable(checked):
        yield checked
        return
    if not checked:
        yield lambda done, total, share: None
        return
    begun: list[tuple[float, int]] = []
    with _bar() as move:

        def rows(done: int, total: int | None, share: float | None) -> None:
            now = time.perf_counter()
            begun[:] = begun or [(now, done)]
            since, first = begun[0]
            rate = f", {(done - first) / (now - since):,.0f}/s" if now > since else ""
            whole = total or (int(done / share) if share else None)
            move(done, whole, f"{done:,} rows{rate}")

        yield rows


def _checked(progress: Any) -> Any:
    if progress is None or isinstance(progress, bool) or callable(progress):
        return progress
    raise InvalidInput(f"progress must be True, False or a callable; got {progress!r}")


def _bar() -> AbstractContextManager[Move]:
    display = _notebook()
    return _terminal() if display is None else _html(display)


def _notebook() -> Any:
    """Return what shows things in the notebook that this runs in; ``None`` elsewhere.

    Where no notebook runs, nothing of it is imported.
    """
    core, shown = sys.modules.get("IPython"), sys.modules.get("IPython.display")
    if core is None or shown is None or not hasattr(core, "get_ipython"):
        return None
    return shown if hasattr(core.get_ipython(), "kernel") else None


@contextmanager
def _terminal() -> Iterator[Move]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_terminal:
        with _lines() as tell:
            yield tell
        return
    bar = Bar(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"),
              TimeElapsedColumn(), TimeRemainingColumn(), console=console,
              transient=True)  # fmt: skip
    with bar:
        task = bar.add_task("starting", total=None, count="")

        def move(done: int, total: int | None, text: str) -> None:
            count = "" if total is None else f"{done:,}/{total:,}"
            bar.update(task, completed=done, total=total, description=text, count=count)

        yield move


@contextmanager
def _lines() -> Iterator[Move]:
    """Write where the work is once in :data:`LINE_S` to standard error, for the log of a job."""
    state, ended = ["starting"], threading.Event()
    begun = time.perf_counter()

    def write() -> None:
        while not ended.wait(LINE_S):
            minutes, seconds = divmod(int(time.perf_counter() - begun), 60)
            print(f"guide: {minutes}:{seconds:02d} {state[0]}", file=sys.stderr,  # noqa: T201
                  flush=True)  # fmt: skip

    def move(done: int, total: int | None, text: str) -> None:
        state[0] = f"{text} {done:,}" + ("" if total is None else f"/{total:,}")

    writer = threading.Thread(target=write, name="guide-progress", daemon=True)
    writer.start()
    try:
        yield move
    finally:
        ended.set()
        writer.join()


@contextmanager
def _html(display: Any) -> Iterator[Move]:
    """Show a bar of HTML, which needs no widgets, and take it away at the end."""
    shown = display.display(display.HTML("<progress></progress>"), display_id=True)

    def move(done: int, total: int | None, text: str) -> None:
        span = "" if total is None else f' value="{done}" max="{total}"'
        count = "" if total is None else f" {done:,}/{total:,}"
        shown.update(display.HTML(f"<progress{span}></progress>{count} {escape(text)}"))

    try:
        yield move
    finally:
        shown.update(display.HTML(""))
