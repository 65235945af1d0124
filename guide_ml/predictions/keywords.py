"""Keyword arguments of one prediction, checked and laid out as the row of a table.

A table may hold numbers as text, as CSV files do; a call may not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from guide_ml.errors import InvalidInput

__all__ = ["check_errors", "numbers", "raise_if", "require_lengths", "switch", "texts"]


def check_errors(errors: object) -> None:
    """Refuse what is no way of a table to treat bad rows.

    Raises
    ------
    InvalidInput
        If it is neither ``"raise"`` nor ``"report"``.
    """
    if errors not in ("raise", "report"):
        raise InvalidInput(f"errors must be 'raise' or 'report'; got {errors!r}")


def raise_if(error: str) -> None:
    """Raise what is wrong, if anything is."""
    if error:
        raise InvalidInput(error)


def switch(value: object) -> object:
    """Return a switch as the number that a table has; anything else as it came."""
    return int(value) if isinstance(value, bool) else value


def texts(given: Mapping[str, object], framework: Mapping[str, str]) -> dict[str, Any]:
    """Return the text cells of a row.

    Parameters
    ----------
    given : mapping
        Arguments by name; ``None`` and blank text count as not given.
    framework : mapping of str to str
        Cells that the framework brings along, from :func:`guide_ml.table.given.framework`.

    Raises
    ------
    InvalidInput
        If one is no text, or contradicts the framework.
    """
    row = {k: v for k, v in framework.items() if v}
    for name, value in given.items():
        if value is None:
            continue
        if not isinstance(value, str):
            raise InvalidInput(f"{name} must be text; got {_what(value)}")
        if not value.strip():
            continue
        if row.setdefault(name, value) != value:
            raise InvalidInput(
                f"give {name} as an argument or in the Framework, not both;"
                f" got {value!r} and {row[name]!r}"
            )
    return row


def numbers(given: Mapping[str, object]) -> dict[str, float]:
    """Return the number cells of a row; ranges are checked with the table.

    Raises
    ------
    InvalidInput
        If one is no finite number.
    """
    row: dict[str, float] = {}
    for name, value in given.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Real):
            raise InvalidInput(f"{name} must be a number; got {_what(value)}")
        try:
            row[name] = float(value)
        except OverflowError:
            row[name] = math.inf
        if not math.isfinite(row[name]):
            raise InvalidInput(f"{name} must be a finite number; got {row[name]}")
    return row


def require_lengths(row: Mapping[str, Any]) -> None:
    """Refuse a row that lacks a length which its mode needs, or a load; all of them at once.

    Raises
    ------
    InvalidInput
        If ``input_len`` (all modes but decode), ``output_len`` (all but prefill) or the load is
        missing.
    """
    mode = str(row.get("mode", "")).strip().lower()
    needed = {"input_len": ("prompt", "decode"), "output_len": ("generated", "prefill")}
    lacks = [f"{name} must be given: mean {tokens} tokens a request (only mode {exempt} does"
             " without)" for name, (tokens, exempt) in needed.items()
             if name not in row and mode != exempt]  # fmt: skip
    if lacks and not mode and not {"batch_size", "concurrency", "request_rate_rps"} & {*row}:
        lacks.append("give mode, or batch_size (a fixed batch), or concurrency (a server)")
    if lacks:
        raise InvalidInput("; ".join(lacks))


def _what(value: object) -> str:
    text = repr(value)
    short = text if len(text) <= 60 else text[:57] + "..."
    return f"{short} ({type(value).__name__})"
