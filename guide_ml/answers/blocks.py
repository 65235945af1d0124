"""What an answer is shown as: tables, paragraphs and commands, not yet laid out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from guide_ml.answers.cells import cell

__all__ = ["Block", "Command", "Sheet", "Words", "details", "listing"]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table.

    Parameters
    ----------
    title : str
        Heading of the table.
    rows : tuple of tuple of str
        Cells; a cell may have several lines.
    headings : tuple of str
        Of the columns. Without them the first column holds names, the second their values.
    right : frozenset of int
        Columns of numbers, which end at the same place.
    spare : int
        So many of the last columns are left out where the width is too small for them.
    """

    title: str
    rows: tuple[tuple[str, ...], ...]
    headings: tuple[str, ...] = ()
    right: frozenset[int] = frozenset()
    spare: int = 0


@dataclass(frozen=True, kw_only=True)
class Words:
    """Sentences below a heading, a line each; one that is too long goes on further in.

    Parameters
    ----------
    title : str
        Heading; blank for none.
    lines : tuple of str
        What is said.
    inset : int
        Blanks before a line.
    """

    title: str = ""
    lines: tuple[str, ...]
    inset: int = 2


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command to be copied: it stands alone, on one line whatever the width.

    Parameters
    ----------
    title : str
        What it does.
    line : str
        The command.
    """

    title: str
    line: str


Block = Sheet | Words | Command


def listing(
    rows: Iterable[Mapping[Any, Any]], columns: Mapping[str, str], title: str, spare: int = 0
) -> Sheet:
    """Make a table of rows.

    Parameters
    ----------
    rows : iterable of mapping
        One for each line.
    columns : mapping of str to str
        Keys of the rows to show, and their headings; the first names the row.
    title : str
        Heading of the table.
    spare : int
        So many of the last columns may be left out for want of width.
    """
    taken = [[row.get(key) for key in columns] for row in rows]
    right = frozenset(
        k for k in range(len(columns))
        if all(isinstance(r[k], int | float | None) and not isinstance(r[k], bool) for r in taken)
    )  # fmt: skip
    cells = tuple(tuple(map(cell, row)) for row in taken)
    return Sheet(title=title, rows=cells, headings=tuple(columns.values()), right=right,
                 spare=spare)  # fmt: skip


def details(values: Mapping[str, Any], title: str) -> Sheet:
    """Make a table of names and values of one thing; blanks are left out.

    Parameters
    ----------
    values : mapping
        What is known of it.
    title : str
        Heading of the table.
    """
    rows = tuple((str(k), cell(v)) for k, v in values.items() if v is not None and v != "")
    return Sheet(title=title, rows=rows)
