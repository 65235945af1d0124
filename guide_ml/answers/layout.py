"""Tables that fit a width: no word is broken, and what cannot stand side by side is stacked.

A table takes the width that its cells need. Where that is too much, in this order: lines break
between words; long names in other than the first column break after ``-``, ``/``, ``_``, ``|`` and
``,``; columns that may be spared are left out, and the table says so; each row becomes a block of
its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from guide_ml.answers.blocks import Sheet

__all__ = ["Line", "cell_width", "laid_out", "wrapped"]

#: Blanks between two columns.
GAP = 2
#: Longer words are names, which may break at their joints.
LONG = 16
JOINTS = "-/_,|"
#: Rows of so many lines need a blank line between them to be told apart.
TALL = 3

Line = tuple[tuple[str, str], ...]
"""Pieces of a line with their role: ``title``, ``heading``, ``name``, ``rule`` or blank."""


def cell_width(text: str) -> int:
    """Return the columns of a terminal that a text takes; letters of the far east take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, width: int, joints: bool = False) -> list[str]:
    """Break a text between words, and long names at their joints where that is asked for.

    A piece that is longer than the width stays whole.

    Examples
    --------
    >>> wrapped("weights in fp8", 10)
    ['weights in', 'fp8']
    >>> wrapped("dataoorts-nova-h100-sxm5", 12, joints=True)
    ['dataoorts-', 'nova-h100-', 'sxm5']
    """
    out: list[str] = []
    for paragraph in text.split("\n"):  # a no-break space holds a figure and its unit together
        line = ""
        for space, piece in _pieces(paragraph, joints):
            longer = line + space + piece if line else piece
            if line and cell_width(longer) > width:
                out.append(line)
                longer = piece
            line = longer
        out.append(line)
    return out


def _pieces(text: str, joints: bool) -> Iterator[tuple[str, str]]:
    """Yield what must stay whole, with the blank before it."""
    for word in filter(None, text.split(" ")):
        if not joints or len(word) <= LONG:
            yield " ", word
            continue
        begin, before = 0, " "
        for i, letter in enumerate(word[:-1], 1):
            if letter in JOINTS and word[i] not in JOINTS:
                yield before, word[begin:i]
                begin, before = i, ""
        yield before, word[begin:]


def laid_out(sheet: Sheet, width: int) -> list[Line]:
    """Lay a table out in at most `width` columns of a terminal, where its words allow.

    Parameters
    ----------
    sheet : Sheet
        The table.
    width : int
        Columns of the terminal.
    """
    if not sheet.rows:
        return _title(replace(sheet, title=f"{sheet.title}: none"), width)
    for fewer in range(sheet.spare + 1):
        kept = _without(sheet, fewer)
        for joints in (False, True):
            widths = _widths(kept, width, joints)
            if widths is not None:
                head = _title(sheet, width)
                return head + _grid(kept, widths, joints) + _left_out(sheet, fewer, width)
    return _title(sheet, width) + _stacked(sheet, width)


def _title(sheet: Sheet, width: int) -> list[Line]:
    return [((line, "title"),) for line in wrapped(sheet.title, width) if line]


def _without(sheet: Sheet, fewer: int) -> Sheet:
    if not fewer:
        return sheet
    return replace(sheet, headings=sheet.headings[:-fewer],
                   rows=tuple(row[:-fewer] for row in sheet.rows))  # fmt: skip


def _left_out(sheet: Sheet, fewer: int, width: int) -> list[Line]:
    if not fewer:
        return []
    names = ", ".join(sheet.headings[-fewer:])
    note = f"Left out for want of width: {names}."
    return [((line, "rule"),) for line in wrapped(note, width)]


def _widths(sheet: Sheet, width: int, joints: bool) -> list[int] | None:
    """Return the columns' widths; ``None`` where the table does not fit."""
    columns = [[*column] for column in zip(*sheet.rows, strict=True)]
    heads = sheet.headings or ("",) * len(columns)
    whole = [max(cell_width(line) for text in [head, *column] for line in text.split("\n"))
             for head, column in zip(heads, columns, strict=True)]  # fmt: skip
    least = [max(_longest(text, joints and k > 0) for text in [head, *column])
             for k, (head, column) in enumerate(zip(heads, columns, strict=True))]  # fmt: skip
    room = width - GAP * (len(columns) - 1)
    if sum(least) > room:
        return None
    while sum(whole) > room:  # the widest gives way first
        widest = max((k for k in range(len(whole)) if whole[k] > least[k]), key=whole.__getitem__)
        whole[widest] -= 1
    return whole


def _longest(text: str, joints: bool) -> int:
    """Return the width that a cell needs at least; names are not broken smaller than LONG."""
    lines = text.split("\n")
    if not joints:
        return max((cell_width(p) for line in lines for _, p in _pieces(line, False)), default=0)
    whole = _longest(text, False)
    pieces = max((cell_width(p) for line in lines for _, p in _pieces(line, True)), default=0)
    return min(whole, max(LONG, pieces))


def _grid(sheet: Sheet, widths: Sequence[int], joints: bool) -> list[Line]:
    def rows(cells: Sequence[str], roles: Sequence[str]) -> list[Line]:
        broken = [wrapped(text, w, joints and k > 0)
                  for k, (text, w) in enumerate(zip(cells, widths, strict=True))]  # fmt: skip
        return [_line([lines[i] if i < len(lines) else "" for lines in broken], widths,
                      sheet.right, roles) for i in range(max(map(len, broken)))]  # fmt: skip

    plain = [""] * len(widths)
    out: list[Line] = []
    if sheet.headings:
        out += rows(sheet.headings, ["heading"] * len(widths))
        out += [_line(["-" * w for w in widths], widths, frozenset(), ["rule"] * len(widths))]
    roles = plain if sheet.headings else ["name", *plain[1:]]
    for i, lines in enumerate(found := [rows(row, roles) for row in sheet.rows]):
        apart = i > 0 and sheet.headings and max(map(len, found)) >= TALL
        out += [(), *lines] if apart else lines
    return out


def _line(
    cells: Sequence[str], widths: Sequence[int], right: frozenset[int], roles: Sequence[str]
) -> Line:
    out: list[tuple[str, str]] = []
    for k, (text, width, role) in enumerate(zip(cells, widths, roles, strict=True)):
        blank = " " * (width - cell_width(text))
        last = k == len(cells) - 1
        padded = blank + text if k in right else text + ("" if last else blank)
        out += [(padded, role), ("" if last else " " * GAP, "")]
    return tuple(piece for piece in out if piece[0])


def _stacked(sheet: Sheet, width: int) -> list[Line]:
    """Write each row as a block: what it is called, and the other cells set in below."""
    out: list[Line] = []
    heads = [" ".join(head.split()) for head in sheet.headings] or [""] * len(sheet.rows[0])
    aside = max((cell_width(head) for head in heads[1:]), default=0)
    inset = 2 + (aside + GAP if aside else 0)
    for row in sheet.rows:
        out += [((line, "name"),) for line in wrapped(row[0], width)]
        for head, text in zip(heads[1:], row[1:], strict=True):
            if not text.strip():
                continue
            flat = " / ".join(part.strip() for part in text.split("\n") if part.strip())
            first, *more = wrapped(flat, max(width - inset, 1))
            name = "  " + (head + " " * (aside - cell_width(head) + GAP) if aside else "")
            out.append(((name, "heading"), (first, "")))
            out += [((" " * inset + line, ""),) for line in more]
    return out
