"""A table whose rows become objects when they are first asked for: one deployment needs two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

__all__ = ["Later", "typed"]

Made = TypeVar("Made")


class Later(Mapping[str, Made]):
    """Objects by name, each made and checked when it is first asked for.

    Parameters
    ----------
    rows : dict of str to dict
        What each is made of.
    make : callable
        What makes one.

    Examples
    --------
    >>> table = Later({"a": {"x": "1"}}, lambda row: int(row["x"]))
    >>> list(table), table["a"], table.get("b")
    (['a'], 1, None)
    """

    def __init__(self, rows: Mapping[str, Any], make: Callable[[Any], Made]) -> None:
        self._rows, self._make = rows, make
        self._made: dict[str, Made] = {}

    def __getitem__(self, name: str) -> Made:
        if name not in self._made:
            self._made[name] = self._make(self._rows[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def typed(row: Mapping[str, str], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Read the cells of a CSV row as the types of the dataclass; blank means the default."""
    out: dict[str, Any] = {}
    for name, text in row.items():
        if name not in kinds or text == "":
            continue
        kind = kinds[name]
        if kind == "str":
            out[name] = text
        elif kind == "bool":
            out[name] = text == "1"
        elif kind == "int":
            out[name] = int(float(text))
        else:
            out[name] = float(text)
    return out
