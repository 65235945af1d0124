"""Tables of results in Markdown, and the trained set that they belong to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

CARD = Path(__file__).parents[1] / "models" / "default" / "card.json"
LENGTH = 12  # characters of a hash that tell sets apart
DASH = "-"  # what no number is known of
STAMP = re.compile(r"^Trained set: (.*)\.$", re.MULTILINE)
HASH = re.compile(rf"`([0-9a-f]{{{LENGTH}}})`")


def markdown(table: pd.DataFrame) -> str:
    """Write a table in Markdown: a dash for what is not a number, whole numbers as such."""
    shown = {str(name): _cells(table.iloc[:, i]) for i, name in enumerate(table.columns)}
    head = "| " + " | ".join(shown) + " |"
    rows = ["| " + " | ".join(cells) + " |" for cells in zip(*shown.values(), strict=True)]
    return "\n".join([head, "|" + "---|" * len(shown), *rows])


def _cells(column: pd.Series) -> list[str]:
    known = column.dropna()
    floats = pd.api.types.is_float_dtype(column)
    whole = floats and bool(np.isfinite(known).all() and (known % 1 == 0).all())
    return [DASH if pd.isna(v) else f"{v:.0f}" if whole else str(v) for v in column]


def shipped() -> str:
    """Return the short hash of the trained set that is shipped: of all its files together."""
    return str(json.loads(CARD.read_text("utf-8"))["artefact_sha256"])[:LENGTH]


def set_of(data_sha256: str) -> str:
    """Return the set that figures of refitted estimators belong to.

    Scripts that refit without what they judge never load the set, so the data tell: the shipped
    set's hash where it was trained on the same rows, otherwise that it is none.
    """
    card = json.loads(CARD.read_text("utf-8"))
    return shipped() if card["data_sha256"] == data_sha256 else f"none, data {data_sha256[:LENGTH]}"


def stamp(sets: Iterable[str] = ()) -> str:
    """Say which trained set the tables of a report belong to; the shipped one by default."""
    named = dict.fromkeys(str(s) for s in sets) or {shipped(): None}
    told = [f"`{s}`" if HASH.fullmatch(f"`{s}`") else s for s in named]
    return f"Trained set: {', '.join(told)}."


def sets_in(report: str) -> tuple[str, ...]:
    """Read which sets a report belongs to, as :func:`stamp` wrote them.

    Raises
    ------
    ValueError
        If it does not say.
    """
    found = STAMP.search(report)
    if not found:
        raise ValueError("a report must say which trained set it belongs to: write stamp() into it")
    return tuple(part.strip("`") for part in re.split(r", (?!data )", found[1]))


def caption(sets: Iterable[str]) -> str:
    """Tell a reader whether figures are of the shipped set, or of which other."""
    named = list(dict.fromkeys(sets))
    if not named:
        return ""
    if named == [shipped()]:
        return f"*Set `{named[0]}`, the shipped one.*"
    told = " and ".join(f"`{s}`" if HASH.fullmatch(f"`{s}`") else s for s in named)
    return f"*Measured with set {told} (not the shipped one).*"
