"""What commands share: examples below their help, a progress bar, tables or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from guide_ml.cli import report

__all__ = ["Report", "examples", "progress_bar", "show_or_json"]

Report = Callable[[int, int, str], None]


def examples(*lines: str) -> str:
    """Write the examples below a command's help, a paragraph each."""
    return "\n\n".join(["[bold]Examples[/bold]", *lines])


@contextmanager
def progress_bar() -> Iterator[Report]:
    """Show a bar on stderr while something long runs; yield what moves it."""
    bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                   TimeElapsedColumn(), console=Console(stderr=True), transient=True)  # fmt: skip
    with bar:
        task = bar.add_task("starting", total=None)

        def move(done: int, total: int, text: str) -> None:
            bar.update(task, completed=done, total=total, description=text)

        yield move


def show_or_json(values: Any, shown: Callable[[], RenderableType], as_json: bool) -> None:
    """Print values for programs, or lay them out for people."""
    if as_json:
        typer.echo(json.dumps(values, indent=2, ensure_ascii=False, default=str))
    else:
        report.show(shown())
