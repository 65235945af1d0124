"""What commands share: help whose examples can be copied, a progress bar, tables or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from guide_ml.answers.blocks import Block
from guide_ml.answers.progress import Progress, reporting
from guide_ml.cli import report
from guide_ml.errors import GuideError, InvalidInput
from guide_ml.system.writing import OF_DISKS, refusal

__all__ = ["App", "Group", "examples", "progress_bar", "show_or_json"]

F = TypeVar("F", bound=Callable[..., Any])

_HEAD = "[bold]Examples[/bold]"

#: Commands that people look for, and where what they do is found.
WITHIN = {
    "explain": "`guide predict --explain` says where the time goes",
    "batch": "`guide score` predicts a table of deployments",
    "compare": "`guide score` predicts a table of deployments, `guide search` finds the cheapest",
    "cost": "`guide search` finds the cheapest deployment, `guide prices` lists machines",
    "memory": "`guide predict` shows what fills a device's memory",
}


def examples(*lines: str) -> str:
    """Write the examples below a command's help, a paragraph each."""
    return "\n\n".join([_HEAD, *lines])


def _examples_below(command: Any, show: Callable[[], None]) -> None:
    """Show a help page, its examples a line each: a broken command cannot be copied."""
    epilog, command.epilog = command.epilog, None
    try:
        show()
    finally:
        command.epilog = epilog
    if epilog:
        head, *lines = epilog.split("\n\n")
        typer.echo("\n".join([" Examples" if head == _HEAD else head, "", *lines, ""]))


def _with_word(error: typer.BadParameter, words: list[str]) -> str:
    """Say what an option must be and what came; Typer's own message leaves the latter out."""
    plain = error.message.removeprefix("Value error, ")
    asked = re.sub(r"^Input should be (.*?)(, unable to parse .*)?$", r"must be \1", plain)
    names = tuple(error.param.opts) if error.param else ()
    pairs = [w.split("=", 1) for w in words if w.startswith(tuple(f"{n}=" for n in names))]
    came = [w for name, w in (*pairwise(words), *pairs) if name in names]
    return f"{asked}; got {came[-1]!r}" if asked != plain and came else asked


class _Command(TyperCommand):
    def make_context(self, info_name: str | None, args: list[str], *more: Any, **kept: Any) -> Any:
        """Read the words of a command; what is no number is told with what came."""
        words = list(args)
        try:
            return super().make_context(info_name, args, *more, **kept)
        except typer.BadParameter as error:
            error.message = _with_word(error, words)
            raise
        except Exception as error:  # Typer's own class moved from one release to the next
            unknown: Any = error
            if hasattr(unknown, "possibilities") and (meant := self._meant(unknown)):
                unknown.possibilities = [meant]
            raise

    def _meant(self, error: Any) -> str:
        """Find the option that people call otherwise elsewhere: ``--gpu`` is ``--hardware``."""
        from guide_ml.table.strange import ELSEWHERE

        asked = ELSEWHERE.get(str(error.option_name).strip("-").replace("-", "_"))
        return next((p.opts[0] for p in self.params if asked and p.name == asked), "")

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the help page."""
        _examples_below(self, lambda: super(_Command, self).format_help(ctx, formatter))


class Group(TyperGroup):
    """Commands whose errors on purpose end in one sentence and exit status 2."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the help page."""
        _examples_below(self, lambda: super(Group, self).format_help(ctx, formatter))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is called; what is an option here is pointed to."""
        if args and args[0] in WITHIN and self.get_command(ctx, args[0]) is None:
            raise InvalidInput(f"there is no command {args[0]!r}: {WITHIN[args[0]]}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; end in one sentence where it raises an error on purpose."""
        try:
            return super().invoke(ctx)
        except GuideError as error:
            typer.echo(f"guide: {error}", err=True)
            raise typer.Exit(2) from None
        except OSError as error:
            if error.errno not in OF_DISKS:
                raise
            typer.echo(f"guide: {refusal(error.filename or 'standard output', error)}", err=True)
            raise typer.Exit(2) from None


class App(typer.Typer):
    """A command with commands below it, all of whose examples can be copied."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, rich_markup_mode="rich", **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[F], F]:
        """Add a command, as :meth:`typer.Typer.command` does."""
        return super().command(name, cls=_Command, **settings)

    @contextmanager
    def only(self, words: list[str]) -> Iterator[None]:
        """Keep, while the block runs, the command that the first word names, if it names one.

        Typer reads the options of every command before it runs one, which takes as long as the
        prediction does.
        """
        named = {c.name or getattr(c.callback, "__name__", ""): c for c in self.registered_commands}
        all_of_them = self.registered_commands, self.registered_groups
        if words and words[0] in named:
            self.registered_commands, self.registered_groups = [named[words[0]]], []
        try:
            yield
        finally:
            self.registered_commands, self.registered_groups = all_of_them


def progress_bar() -> AbstractContextManager[Progress]:
    """Show a bar on a terminal's stderr while something long runs; yield what moves it."""
    return reporting(True)


def show_or_json(values: Any, shown: Callable[[], Iterable[Block]], as_json: bool) -> None:
    """Print values for programs, or lay them out for people."""
    if as_json:
        typer.echo(json.dumps(values, indent=2, ensure_ascii=False, default=str))
    else:
        report.show(shown())
