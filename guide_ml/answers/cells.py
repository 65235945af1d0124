"""Values as people read them in a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["HELD", "cell", "plain"]

#: Blank at which no line breaks, between a figure and its unit; on the page it is a plain one.
HELD = "\N{NO-BREAK SPACE}"


def cell(value: Any) -> str:
    """Write a value for people: four significant digits, yes or no, lists with commas.

    Examples
    --------
    >>> cell(0.123456), cell(12345.6), cell(True), cell([1, 2.5]), cell({"tp": 2}), cell(None)
    ('0.1235', '12,346', 'yes', '1, 2.5', 'tp 2', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if value != value:  # NaN: nothing is known
            return "-"
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:{',' * (abs(value) >= 1e4)}.0f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_inner(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_inner, value))
    return str(value)


def plain(value: float) -> str:
    """Write a figure in a sentence: four significant digits, never as a power of ten if large.

    Examples
    --------
    >>> plain(0.123456), plain(1234.5), plain(12345.6), plain(2.5e7)
    ('0.1235', '1,234', '12,346', '25,000,000')
    """
    return f"{value:,.4g}" if abs(value) < 9999.5 else f"{value:,.0f}"


def _inner(value: Any) -> str:
    return f"({cell(value)})" if isinstance(value, Mapping | list | tuple) else cell(value)
