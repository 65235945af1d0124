"""Answers on a terminal: the blocks that they consist of, in the width that there is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from guide_ml.answers import pages
from guide_ml.answers.blocks import Block, Words, listing

__all__ = ["OFFER", "offers", "show", "width"]

#: Width where there is no terminal to ask, and nobody says ``COLUMNS``.
PIPE_WIDTH = 140
#: In less nothing can be laid out.
LEAST = 20
STYLES = {"title": "bold", "heading": "bold", "name": "cyan", "rule": "dim", "command": "bold"}

OFFER = {
    "hardware": "device", "num_devices": "GPUs", "usd_h": "USD/h", "usd_h_device": "USD/h each",
    "spot": "spot", "provider": "provider", "region": "region", "as_of": "price of",
    "instance_type": "machine",
}  # fmt: skip
"""Columns of a list of offers, and their headings."""
NOTHING = ("No offer is left: loosen what is asked; --marketplace, --undated and --spot let more"
           " in.")  # fmt: skip


def width(stream: TextIO) -> int:
    """Return the columns of a terminal; of a pipe what ``COLUMNS`` says, or enough for `grep`."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal():
        return max(int(told), LEAST)
    if not stream.isatty():
        return PIPE_WIDTH
    try:
        return max(os.get_terminal_size(stream.fileno()).columns, LEAST)
    except (OSError, ValueError):  # a terminal that does not tell
        return 80


def show(blocks: Iterable[Block], stream: TextIO | None = None) -> None:
    """Print blocks.

    Parameters
    ----------
    blocks : iterable of Block
        What is to be shown.
    stream : file, optional
        Where to; standard output by default.
    """
    out = stream or sys.stdout
    told = pages.lines(blocks, width(out))
    if not out.isatty():
        encoding = out.encoding or "utf-8"
        text = "".join("".join(piece for piece, _ in line).rstrip() + "\n" for line in told)
        out.write(text.encode(encoding, "replace").decode(encoding))
        return
    console = Console(file=out, highlight=False, soft_wrap=True)  # nothing is broken once more
    for line in told:
        console.print(Text.assemble(*((piece, STYLES.get(role, "")) for piece, role in line)))


def offers(rows: Iterable[Mapping[Any, Any]], total: int) -> list[Block]:
    """Lay offers out."""
    shown = list(rows)
    if not shown:
        return [Words(lines=(NOTHING,), inset=0)]
    return [listing(shown, OFFER, f"{len(shown)} of {total:,} offers", spare=1)]
