"""Blocks as the text of a terminal, and as HTML for a notebook: the one place that lays out."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from guide_ml.answers.blocks import Block, Command, Sheet, Words
from guide_ml.answers.cells import HELD
from guide_ml.answers.layout import Line, cell_width, laid_out, wrapped

__all__ = ["PROSE", "html", "lines", "text"]

#: Longer lines of prose are hard to read, however wide the window.
PROSE = 120
#: A name that holds control characters must not steer the terminal.
_PLAIN = {**dict.fromkeys((*range(32), *range(127, 160)), "?"), ord("\t"): " ", ord(HELD): " "}
#: How far a sentence that goes on is set in.
GOES_ON = 2


def text(blocks: Iterable[Block], width: int) -> str:
    """Write blocks as plain text, no line longer than `width` where words allow.

    Parameters
    ----------
    blocks : iterable of Block
        What is to be shown.
    width : int
        Columns of the terminal.
    """
    return "\n".join("".join(t for t, _ in line).rstrip() for line in lines(blocks, width))


def lines(blocks: Iterable[Block], width: int) -> list[Line]:
    """Lay blocks out, a blank line between two."""
    out: list[Line] = []
    for block in blocks:
        out += [(), *_lines(block, width)] if out else _lines(block, width)
    return [tuple((piece.translate(_PLAIN), role) for piece, role in line) for line in out]


def _lines(block: Block, width: int) -> list[Line]:
    if isinstance(block, Sheet):
        return laid_out(block, width)
    head: list[Line] = [((line, "title"),) for line in wrapped(block.title, width)]
    if isinstance(block, Command):
        return [*head, ((block.line, "command"),)]
    body = [((line, ""),) for told in block.lines for line in _sentence(told, block.inset, width)]
    return [*(head if block.title else []), *body]


def _sentence(told: str, inset: int, width: int) -> list[str]:
    """Break a line of prose; blanks inside it, which align it with others, are kept."""
    blank = " " * inset
    if cell_width(blank + told) <= min(width, PROSE):
        return [blank + told]
    # Set in by what follows, the first line has room for that much more.
    first, *more = wrapped(told, max(min(width, PROSE) - inset - GOES_ON, 1))
    return [blank + first, *(blank + " " * GOES_ON + line for line in more)]


def html(blocks: Iterable[Block]) -> str:
    """Write blocks as HTML; every text is escaped, none is markup."""
    return "<div>" + "".join(map(_html, blocks)) + "</div>"


def _html(block: Block) -> str:
    title = f"<p><b>{escape(block.title)}</b></p>" if block.title else ""
    if isinstance(block, Command):
        return f"{title}<pre><code>{escape(block.line)}</code></pre>"
    if isinstance(block, Words):
        return title + "".join(f"<p>{escape(line)}</p>" for line in block.lines)
    caption = f'<caption style="text-align:left"><b>{escape(block.title)}</b></caption>'
    head = "".join(_cell("th", name, k in block.right) for k, name in enumerate(block.headings))
    rows = "".join(f"<tr>{_row(block, row)}</tr>" for row in block.rows)
    return (f"<table>{caption}{f'<thead><tr>{head}</tr></thead>' if head else ''}"
            f"<tbody>{rows}</tbody></table>")  # fmt: skip


def _row(sheet: Sheet, row: tuple[str, ...]) -> str:
    first = "td" if sheet.headings else "th"
    return "".join(_cell(first if k == 0 else "td", value, k in sheet.right)
                   for k, value in enumerate(row))  # fmt: skip


def _cell(tag: str, value: str, right: bool) -> str:
    side = "right" if right else "left"
    return f'<{tag} style="text-align:{side}">{escape(value).replace(chr(10), "<br>")}</{tag}>'
