"""The header of a GGUF file: its keys and its tensors, without their content.

Layout after ggml's ``docs/gguf.md``, versions 2 and 3: magic, version, two counts, then keys with
typed values, then the tensors' names, sides, types and offsets. Everything is little-endian.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from guide_ml.errors import InvalidInput

__all__ = ["BLOCKS", "Header", "Tensor", "read_header"]

_MAX_KEYS, _MAX_TENSORS = 100_000, 200_000
_MAX_TEXT, _MAX_ITEMS, _MAX_SIDES = 8_000_000, 20_000_000, 8
_KEPT_ITEMS = 4096  # longer lists are vocabularies, of which the length is enough
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q",
            12: "d"}  # fmt: skip
_TEXT, _LIST = 8, 9

#: Name, weights of a block and bytes of a block by the number of a tensor's type (ggml.h).
BLOCKS: dict[int, tuple[str, int, int]] = {
    0: ("f32", 1, 4), 1: ("f16", 1, 2), 2: ("q4_0", 32, 18), 3: ("q4_1", 32, 20),
    6: ("q5_0", 32, 22), 7: ("q5_1", 32, 24), 8: ("q8_0", 32, 34), 9: ("q8_1", 32, 40),
    10: ("q2_k", 256, 84), 11: ("q3_k", 256, 110), 12: ("q4_k", 256, 144), 13: ("q5_k", 256, 176),
    14: ("q6_k", 256, 210), 15: ("q8_k", 256, 292), 16: ("iq2_xxs", 256, 66),
    17: ("iq2_xs", 256, 74), 18: ("iq3_xxs", 256, 98), 19: ("iq1_s", 256, 50),
    20: ("iq4_nl", 32, 18), 21: ("iq3_s", 256, 110), 22: ("iq2_s", 256, 82),
    23: ("iq4_xs", 256, 136), 24: ("i8", 1, 1), 25: ("i16", 1, 2), 26: ("i32", 1, 4),
    27: ("i64", 1, 8), 28: ("f64", 1, 8), 29: ("iq1_m", 256, 56), 30: ("bf16", 1, 2),
    34: ("tq1_0", 256, 54), 35: ("tq2_0", 256, 66), 39: ("mxfp4", 32, 17),
    40: ("nvfp4", 64, 36), 41: ("q1_0", 128, 18),
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """One tensor: its name, number of weights, and type."""

    name: str
    weights: int
    kind: str
    bits: float


@dataclass(frozen=True)
class Header:
    """Keys and tensors of a file; a list that is longer than some thousands is its length."""

    keys: dict[str, Any]
    tensors: tuple[Tensor, ...]


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read the header of a GGUF file.

    Parameters
    ----------
    path : str or path
        The file; of a split one, its first part.

    Raises
    ------
    InvalidInput
        If it is no such file, or its header is cut off or absurd.
    """
    try:
        with open(path, "rb") as file:
            return _Reader(file, str(path)).header()
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} must be a readable GGUF file; {error}") from error


class _Reader:
    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name

    def header(self) -> Header:
        if self._bytes(4) != b"GGUF":
            raise self._bad("it must begin with the letters GGUF")
        version = self._number("I")
        if version not in (2, 3):
            raise self._bad(f"its version must be 2 or 3, little-endian; got {version}")
        tensors = self._bounded("tensors", _MAX_TENSORS)
        keys = self._bounded("keys", _MAX_KEYS)
        found = {self._text(): self._value(self._number("I")) for _ in range(keys)}
        return Header(found, tuple(self._tensor() for _ in range(tensors)))

    def _bad(self, why: str) -> InvalidInput:
        return InvalidInput(f"{self._name!r} must be a whole GGUF file; {why}")

    def _bytes(self, count: int) -> bytes:
        read = self._file.read(count)
        if len(read) != count:
            raise self._bad("its header is cut off")
        return read

    def _number(self, form: str) -> Any:
        return struct.unpack(f"<{form}", self._bytes(struct.calcsize(f"<{form}")))[0]

    def _bounded(self, what: str, most: int) -> int:
        count = int(self._number("Q"))
        if count > most:
            raise self._bad(f"it must have at most {most} {what}; got {count}")
        return count

    def _text(self) -> str:
        return self._bytes(self._bounded("bytes in a text", _MAX_TEXT)).decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind == _TEXT:
            return self._text()
        if kind != _LIST:
            raise self._bad(f"the type of a value must be from 0 to 12; got {kind}")
        inner = int(self._number("I"))
        count = self._bounded("entries in a list", _MAX_ITEMS)
        if inner in _SCALARS and count > _KEPT_ITEMS:
            self._bytes(count * struct.calcsize(f"<{_SCALARS[inner]}"))
            return count
        if inner == _TEXT and count > _KEPT_ITEMS:
            for _ in range(count):
                self._text()
            return count
        if inner == _LIST:
            raise self._bad("lists inside lists must not occur")
        return [self._value(inner) for _ in range(count)]

    def _tensor(self) -> Tensor:
        name, sides = self._text(), self._number("I")
        if sides > _MAX_SIDES:
            raise self._bad(f"a tensor must have at most {_MAX_SIDES} sides; got {sides}")
        weights = 1
        for _ in range(sides):
            weights *= int(self._number("Q"))
        kind = int(self._number("I"))
        self._number("Q")  # the offset
        if kind not in BLOCKS:
            raise self._bad(f"the type of tensor {name!r} must be a known one; got {kind}")
        label, block, size = BLOCKS[kind]
        return Tensor(name, weights, label, 8.0 * size / block)
