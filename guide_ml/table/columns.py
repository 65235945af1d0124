"""Columns of numbers, gathered row by row only when they are asked for; names as codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.system.lazily import pandas as pd

__all__ = ["FIRST", "Gathered", "distinct", "each", "joined", "pick", "records", "some"]

Array = NDArray[Any]
Index = Any  # what numpy takes between brackets

FIRST: Index = (slice(None), 0)
"""Every row of a table of rows x steps, at its first step."""


class Gathered(dict[str, Any]):
    """Some rows of columns; a column is gathered when it is first used.

    A deployment has some hundred columns, of which most steps need a few.

    Parameters
    ----------
    columns : mapping of str to array
        What to take from. Iterating sees only the columns that were used or set.
    rows : index
        Which rows, and in what shape.

    Examples
    --------
    >>> some = Gathered({"tp": np.asarray([1.0, 2.0, 4.0])}, np.asarray([2, 0]))
    >>> some["tp"].tolist()
    [4.0, 1.0]
    """

    def __init__(self, columns: Mapping[str, Array], rows: Index) -> None:
        super().__init__()
        self._columns, self._rows = columns, rows

    def __missing__(self, name: str) -> Array:
        value = self[name] = pick(self._columns[name], self._rows)
        return value


def some(columns: Mapping[str, Array], rows: NDArray[np.intp], n: int) -> dict[str, Any]:
    """Take rows, in order and each at most once, of n; all of them as they are.

    Examples
    --------
    >>> tp = {"tp": np.asarray([1.0, 2.0])}
    >>> some(tp, np.asarray([0, 1]), 2)["tp"] is tp["tp"], some(tp, np.asarray([1]), 2)["tp"]
    (True, array([2.]))
    """
    return dict(columns) if len(rows) == n else Gathered(columns, rows)


def each(columns: Mapping[str, Array]) -> dict[str, Any]:
    """Take every row, as a table of one step: views, made at once.

    Examples
    --------
    >>> each({"tp": np.asarray([1.0, 2.0])})["tp"].tolist()
    [[1.0], [2.0]]
    """
    return {name: values[:, None] for name, values in columns.items()}


def pick(values: Array, rows: Index) -> Array:
    """Take rows; from a table of rows x steps also a pair (rows, steps), one number each.

    Examples
    --------
    >>> pick(np.asarray([[1.0], [2.0]]), (np.asarray([1, 1]), np.asarray([0, 5]))).tolist()
    [2.0, 2.0]
    """
    if isinstance(rows, tuple) and values.ndim == 2 and values.shape[1] == 1:
        rows = (rows[0], 0)  # the same at every step
    picked: Array = values[rows]
    return picked


def distinct(values: Array) -> tuple[NDArray[np.intp], list[str]]:
    """Tell which distinct value each row has; the values as text, in alphabetical order.

    Examples
    --------
    >>> distinct(np.asarray(["b", "a", "b"], dtype=object))
    (array([1, 0, 1]), ['a', 'b'])
    """
    if len(values) == 1:
        return np.zeros(1, dtype=np.intp), [str(values[0])]
    index, found = pd.factorize(values, use_na_sentinel=False)
    return _sorted(index, [str(x) for x in found])


def joined(
    a: tuple[NDArray[np.intp], list[str]], b: tuple[NDArray[np.intp], list[str]]
) -> tuple[NDArray[np.intp], list[str]]:
    """Join two texts of each row, given as of :func:`distinct`, with a bar between them.

    Examples
    --------
    >>> left, right = np.asarray([0, 1, 1]), np.asarray([0, 0, 0])
    >>> joined((left, ["x", "y"]), (right, ["1"]))
    (array([0, 1, 1]), ['x|1', 'y|1'])
    """
    wide = len(b[1])
    flat = a[0] * wide + b[0]
    if len(flat) == 1:
        return np.zeros(1, dtype=np.intp), [f"{a[1][flat[0] // wide]}|{b[1][flat[0] % wide]}"]
    index, found = pd.factorize(flat)
    return _sorted(index, [f"{a[1][k // wide]}|{b[1][k % wide]}" for k in found.tolist()])


def records(table: pd.DataFrame, digits: int) -> list[dict[str, Any]]:
    """List rows as plain values; a missing number is None, which JSON knows, not NaN.

    Examples
    --------
    >>> records(pd.DataFrame({"a": [1.26, np.nan], "b": ["x", "y"]}), 1)
    [{'a': 1.3, 'b': 'x'}, {'a': None, 'b': 'y'}]
    """
    plain = table.round(digits).astype(object).where(table.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in plain.to_dict("records")]


def _sorted(index: NDArray[Any], texts: list[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Give texts their place in the alphabet as codes; equal texts get equal ones."""
    levels = sorted(set(texts))
    place = {text: k for k, text in enumerate(levels)}
    return np.asarray([place[t] for t in texts], dtype=np.intp)[index], levels
