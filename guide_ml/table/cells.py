"""Cells of number columns, read one after the other where pandas stumbles over one of them."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.system.lazily import pandas as pd

__all__ = ["BLANK", "UNREAD", "is_blank", "one_by_one"]

BLANK = ("", "nan", "NaN", "None", "<NA>")
"""Texts of cells that are not given."""

UNREAD = {
    "nested": "the line is nested too deep to be read; give an object of plain cells",
    "long": "the line has more than 16 MiB; a row of a table has less",
}
"""Why a row was not read at all: what its cell of the hardware holds then."""


def is_blank(cell: object) -> bool:
    """Tell whether a cell is not given, whatever it holds.

    Examples
    --------
    >>> is_blank(None), is_blank(" "), is_blank(float("nan")), is_blank(np.zeros(2)), is_blank(0)
    (True, True, True, False, False)
    """
    if isinstance(cell, str):
        return not cell.strip()
    told: Any = cell
    if isinstance(told, Decimal) and told.is_snan():
        return False  # pandas cannot ask it; it says nothing, but something was given
    missing = pd.isna(told)  # of a list or an array one answer for each of its elements
    return isinstance(missing, bool | np.bool_) and bool(missing)


def one_by_one(column: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Read numbers of a column, and each cell as text; what is no number is NaN.

    Examples
    --------
    >>> from decimal import Decimal
    >>> values, text = one_by_one(pd.Series([Decimal("sNaN"), "8", None], dtype=object))
    >>> values.tolist(), text.tolist()
    ([nan, 8.0, nan], ["Decimal('sNaN')", '8', ''])
    """
    found = [_read(value) for value in column.to_numpy(dtype=object)]
    values = np.asarray([value for value, _ in found], dtype=np.float64)
    text = np.empty(len(found), dtype=object)
    text[:] = [words for _, words in found]
    return values, text


def _read(value: Any) -> tuple[float, str]:
    if value is None or value is pd.NA or value is pd.NaT:
        return math.nan, ""
    text = value.strip() if isinstance(value, str) else repr(value)
    if isinstance(value, str):
        plain = text.isascii() and "_" not in text
        return _float(text) if plain else math.nan, text
    number = isinstance(value, int | float | Decimal | Fraction | np.integer | np.floating)
    if not number or isinstance(value, bool):
        return math.nan, text
    if isinstance(value, float) and math.isnan(value):
        return math.nan, ""
    return _float(value), text


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError, ArithmeticError):
        return math.nan
