"""Universal Binary JSON, as XGBoost writes it, read in plain Python: https://ubjson.org.

Sizes are checked against what is left of the file before anything is made of them, so a file that
lies about its lengths costs nothing.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

__all__ = ["read"]

DEEPEST = 32
#: Numbers by their marker: what NumPy calls them, with the highest byte first.
_KINDS = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
_PLAIN = {"Z": None, "T": True, "F": False}


def read(data: bytes) -> Any:
    """Read one value; arrays of one kind of number become lists as well.

    Raises
    ------
    ValueError
        If it is cut off, nested too deep, or has a marker of another kind.
    """
    reader = _Reader(data)
    try:
        return reader.value(reader.marker(), 0)
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"it must be Universal Binary JSON: {error}") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if not 0 <= count <= len(self.data) - self.at:
            raise ValueError("it is shorter than it says")
        self.at += count
        return self.data[self.at - count : self.at]

    def marker(self) -> str:
        """Return the next marker."""
        found = "N"
        while found == "N":  # means nothing
            found = self.take(1).decode("latin-1")
        return found

    def length(self) -> int:
        """Read a whole number that says how much follows."""
        marker = self.marker()
        if marker not in "iUIlL":
            raise ValueError("a length must be a whole number")
        return int(self.value(marker, 0))

    def value(self, marker: str, depth: int) -> Any:
        """Read the value that a marker begins."""
        if depth > DEEPEST:
            raise ValueError(f"it may be nested {DEEPEST} times")
        if marker in _KINDS:
            kind = np.dtype(_KINDS[marker])
            return np.frombuffer(self.take(kind.itemsize), kind)[0].item()
        if marker in _PLAIN:
            return _PLAIN[marker]
        if marker in "SC":
            return self.take(1 if marker == "C" else self.length()).decode("utf-8")
        if marker == "{":
            return self._object(depth)
        if marker == "[":
            return self._array(depth)
        raise ValueError(f"it must be Universal Binary JSON; got a marker {marker!r}")

    def _header(self) -> tuple[str | None, int | None, str]:
        """Read what an array or object says of its members: their kind and their number."""
        kind, count, marker = None, None, self.marker()
        if marker == "$":
            kind, marker = self.marker(), self.marker()
        if marker == "#":
            count, marker = self.length(), ""
        if kind is not None and (count is None or kind in _PLAIN):
            # Members that take no bytes: a short file could hold any number of them.
            raise ValueError("an array of one kind must say how long it is and hold values")
        return kind, count, marker

    def _array(self, depth: int) -> list[Any]:
        kind, count, marker = self._header()
        if kind in _KINDS and count is not None:
            numbers = np.dtype(_KINDS[kind])
            values: list[Any] = np.frombuffer(self.take(count * numbers.itemsize), numbers).tolist()
            return values
        out: list[Any] = []
        while (len(out) < count) if count is not None else (marker != "]"):
            given = kind or marker or self.marker()
            out.append(self.value(given, depth + 1))
            marker = "" if count is not None else self.marker()
        return out

    def _object(self, depth: int) -> dict[str, Any]:
        kind, count, marker = self._header()
        out: dict[str, Any] = {}
        while (len(out) < count) if count is not None else (marker != "}"):
            size = self.length() if not marker else int(self.value(marker, 0))
            key = self.take(size).decode("utf-8")
            if key in out:
                raise ValueError(f"{key[:40]!r} is there twice")
            out[key] = self.value(kind or self.marker(), depth + 1)
            marker = "" if count is not None else self.marker()
        return out
