"""From a table of descriptors to columns of numbers: the one way in.

Names are looked up once for each distinct spelling, numbers are checked as whole columns,
and what is blank is assumed by the rules of :mod:`guide_ml.table.assume`. A bad row gets its reason
in ``errors`` and costs no other row anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.errors import GuideError, InvalidInput
from guide_ml.system.lazily import pandas as pd
from guide_ml.table.cells import BLANK, UNREAD, one_by_one
from guide_ml.table.known import DESCRIPTORS, NUMBERS, TEXTS
from guide_ml.table.strange import lacking
from guide_ml.table.words import Definitions, resolvers

__all__ = [
    "DESCRIPTORS", "NUMBERS", "TEXTS", "Codes", "Columns", "Definitions", "Floats", "Raw", "read",
    "read_row",
]  # fmt: skip

Floats = NDArray[np.float64]
Columns = dict[str, Floats]



@dataclass(frozen=True)
class Codes:
    """A text column as its distinct values, resolved, and the row's index among them.

    ``index`` is -1 where the cell is blank; ``values[-1]`` is never read for those.
    """

    index: NDArray[np.intp]
    values: list[Any]

    def numbers(self, get: Callable[[Any], float | None], blank: float = np.nan) -> Floats:
        """Gather one number of each row's value; `blank` where there is none."""
        found = [blank if v is None or (x := get(v)) is None else float(x) for v in self.values]
        return np.asarray([*found, blank], dtype=np.float64)[self.index]

    def gather(self, get: Callable[[Any], tuple[float, ...]], names: Sequence[str]) -> Columns:
        """Gather several numbers of each row's value; NaN where there is none."""
        blank = (math.nan,) * len(names)
        rows = [blank if v is None else get(v) for v in self.values]
        table = np.asarray([*rows, blank], dtype=np.float64).T
        return dict(zip(names, table.take(self.index, axis=1, mode="wrap"), strict=True))

    def objects(self) -> NDArray[np.object_]:
        """Gather each row's value; ``None`` where the cell is blank."""
        out = np.empty(len(self.values) + 1, dtype=object)
        out[:-1] = self.values
        return out[self.index]


@dataclass(frozen=True)
class Raw:
    """A table after reading: looked-up names, checked numbers, and what was wrong.

    Parameters
    ----------
    n : int
        Rows.
    codes : dict of str to Codes
        Text columns.
    numbers : dict of str to array of shape (n,)
        Number columns, NaN where blank.
    errors : array of shape (n,) of str
        Why a row cannot be used; blank if it can.
    """

    n: int
    codes: dict[str, Codes]
    numbers: dict[str, Floats]
    errors: NDArray[np.object_]

    def fail(self, bad: NDArray[np.bool_], reason: str | Callable[[int], str]) -> None:
        """Note a reason on the bad rows that have none yet."""
        for i in np.flatnonzero(bad):
            if not self.errors[i]:
                self.errors[i] = reason if isinstance(reason, str) else reason(int(i))


def read(table: pd.DataFrame, definitions: Definitions | None = None) -> Raw:
    """Look names up and check numbers of a table of deployments.

    Parameters
    ----------
    table : DataFrame of shape (n, any of DESCRIPTORS)
        Other columns are left alone.
    definitions : Definitions, optional
        Hardware and models that the catalogue lacks.

    Raises
    ------
    InvalidInput
        If a needed column is missing: that concerns all rows.
    """
    if told := lacking(table.columns, "a table of deployments"):
        raise InvalidInput(told)
    known = definitions or Definitions()
    raw = Raw(len(table), {}, {}, np.full(len(table), "", dtype=object))
    for name, (low, high, whole) in NUMBERS.items():
        raw.numbers[name] = _number(raw, table, name, low, high, whole)
    for name, resolve in resolvers(known).items():
        raw.codes[name] = _text(raw, table, name, resolve)
    for name in ("hardware", "model"):
        raw.fail(raw.codes[name].index < 0, f"{name} must be given; the cell is blank")
    return raw


def read_row(row: Mapping[str, Any], definitions: Definitions | None = None) -> Raw:
    """Read one row as :func:`read` does; nothing is looked at as a table.

    Parameters
    ----------
    row : mapping of str to str or float
        Cells that :mod:`guide_ml.predictions.keywords` has checked; hardware and model among them.
    definitions : Definitions, optional
        Hardware and models that the catalogue lacks.
    """
    raw = Raw(1, {}, {}, np.full(1, "", dtype=object))
    for name, limits in NUMBERS.items():
        value = np.asarray([row.get(name, math.nan)], dtype=np.float64)
        low, high, whole = limits
        good = name not in row or (low <= value[0] <= high and (not whole or value[0] % 1 == 0))
        raw.numbers[name] = value if good else _in_range(raw, name, value, *limits)
    for name, resolve in resolvers(definitions or Definitions()).items():
        text = str(row.get(name, "")).strip()
        raw.codes[name] = Codes(np.full(1, 0 if text else -1, dtype=np.intp), [])
        if not text:
            continue
        try:
            raw.codes[name].values.append(resolve(text))
        except GuideError as error:
            raw.codes[name].values.append(None)
            raw.fail(np.ones(1, dtype=bool), str(error))
    return raw


def _number(
    raw: Raw, table: pd.DataFrame, name: str, low: float, high: float, whole: bool
) -> Floats:
    """Read one number column; blank and NaN are not given."""
    if name not in table.columns:
        return np.full(raw.n, np.nan)
    column = table[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _by_category(raw, column, name, low, high, whole)
    if pd.api.types.is_bool_dtype(column.dtype) or column.dtype.kind in "cmM":
        what = {"b": "a truth value", "c": "a complex one"}.get(column.dtype.kind, "a date or time")
        raw.fail(np.ones(raw.n, dtype=bool), f"{name} must be a number; got {what}")
        return np.full(raw.n, np.nan)
    try:
        values, text = _together(column)
    except (TypeError, ValueError, ArithmeticError):  # a cell that pandas stumbles over
        values, text = one_by_one(column)
    if text is not None:
        broken = np.isnan(values) & ~np.isin(text, BLANK)
        raw.fail(broken, lambda i: f"{name} must be a number; got {text[i]!r:.200}")
    return _in_range(raw, name, values, low, high, whole)


def _together(column: pd.Series) -> tuple[Floats, NDArray[Any] | None]:
    """Read all numbers of a column at once; their text, where cells are no numbers already."""
    if column.dtype == object:
        column = column.map(_plain)
    plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu"
    numbers = column if plain else pd.to_numeric(column, errors="coerce")
    values = numbers.to_numpy(np.float64, na_value=np.nan)
    if plain or pd.api.types.is_numeric_dtype(column.dtype):
        return values, None
    return values, column.astype("string").str.strip().fillna("").to_numpy()


def _by_category(
    raw: Raw, column: pd.Series, name: str, low: float, high: float, whole: bool
) -> Floats:
    """Read each distinct number of a column once."""
    distinct = pd.DataFrame({name: column.cat.categories})
    each = Raw(len(distinct), {}, {}, np.full(len(distinct), "", dtype=object))
    values = np.append(_number(each, distinct, name, low, high, whole), np.nan)
    index = column.cat.codes.to_numpy()
    wrong = np.append(each.errors != "", False)
    raw.fail(wrong[index], lambda i: str(each.errors[index[i]]))
    return values[index]


def _in_range(
    raw: Raw, name: str, values: Floats, low: float, high: float, whole: bool
) -> Floats:
    """Refuse numbers beyond their range; NaN is not given."""
    bad = (values < low) | (values > high)
    if whole:
        bad |= np.isfinite(values) & (values != np.floor(values))
    if not bad.any():
        return values
    kind = "a whole number" if whole else "a number"
    raw.fail(bad, lambda i: f"{name} must be {kind} from {low:g} to {high:g}; got {values[i]:g}")
    return np.where(bad, np.nan, values)


def _plain(value: object) -> object:
    """Keep pandas from reading ``True`` as 1 and from failing on a number beyond any float."""
    if isinstance(value, bool | np.bool_ | complex):
        return str(value)
    if isinstance(value, int) and abs(value) > 1e300:
        return math.inf if value > 0 else -math.inf
    return value


def _distinct(column: pd.Series) -> tuple[NDArray[Any], Any]:
    """Tell which distinct cell each row has, -1 for none."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), column.cat.categories
    cells = column.to_numpy(dtype=object)
    try:
        return pd.factorize(cells)
    except (TypeError, ValueError, ArithmeticError):  # named in its error like any other text
        texts = [v if isinstance(v, str) or v is None else repr(v) for v in cells]
        return pd.factorize(np.asarray(texts, dtype=object))


def _text(raw: Raw, table: pd.DataFrame, name: str, resolve: Callable[[str], Any]) -> Codes:
    """Resolve each distinct value of a text column once."""
    if name not in table.columns:
        return Codes(np.full(raw.n, -1, dtype=np.intp), [])
    index, uniques = _distinct(table[name])
    values: list[Any] = []
    reasons: dict[int, str] = {}
    blank: set[int] = set()
    for k, value in enumerate(uniques):
        text = value.strip() if isinstance(value, str) else value
        if text == "" or (isinstance(text, float) and np.isnan(text)):
            blank.add(k)
            values.append(None)
            continue
        try:
            values.append(resolve(text if isinstance(text, str) else str(text)))
        except GuideError as error:
            values.append(None)
            reasons[k] = text if text in UNREAD.values() else str(error)
    index = index.astype(np.intp)
    if blank:
        index = np.where(np.isin(index, list(blank)), -1, index)
    if reasons:
        raw.fail(np.isin(index, list(reasons)), lambda i: reasons[int(index[i])])
    return Codes(index, values)
