"""CSV and JSON Lines as tables: nothing is guessed that a later row could contradict."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from guide_ml.errors import InvalidInput, whole_letters
from guide_ml.table.cells import UNREAD

__all__ = ["csv_tables", "json_tables"]

BLOCK_BYTES = 4 << 20
ROWS = 16_384  # JSON Lines taken together
#: Bytes of JSON Lines taken together, and those of one line beyond which it is not read.
TOGETHER, LONGEST = 32 << 20, 16 << 20


def csv_tables(file: Any) -> Iterator[pa.Table]:
    """Read CSV with a header; every cell stays the text that it is.

    Parameters
    ----------
    file : file of bytes
        UTF-8. A byte-order mark is left out.

    Raises
    ------
    InvalidInput
        If a column comes twice; a row of the wrong length raises an error of Arrow that gives its
        number, the header not counted.
    """
    names, rest = _header(file)
    while not rest.strip() and (more := file.read(BLOCK_BYTES)):
        rest = bytes(more)
    if not names or not rest.strip():
        return  # a header alone is a table without rows; Arrow takes it for a damaged one
    reader = pa_csv.open_csv(
        pa.PythonFile(_Rest(rest, file), mode="r"),
        read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES, column_names=names,
                                        use_threads=False),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )  # fmt: skip
    for batch in reader:
        yield pa.Table.from_batches([batch])


def _header(file: Any) -> tuple[list[str], bytes]:
    """Read the names of the columns; return what was read too far, too."""
    head = b""
    while b"\n" not in head and (more := file.read(65_536)):
        head += more
    first, _, rest = head.partition(b"\n")
    text = first.decode("utf-8-sig").rstrip("\r")
    names = next(csv.reader([text]), [])
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InvalidInput(f"a table must have each column once; {twice[0]} comes more often")
    return names, rest


class _Rest(io.RawIOBase):
    """What is left of a stream: bytes in hand, then the stream itself."""

    def __init__(self, head: bytes, file: Any) -> None:
        self._head, self._file = head, file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._head:
            size = len(self._head) if size < 0 else size
            out, self._head = self._head[:size], self._head[size:]
            return out
        return bytes(self._file.read(size) if size >= 0 else self._file.read())


def json_tables(file: Any) -> Iterator[pa.Table]:
    """Read JSON Lines; an object a line, whose keys may differ from line to line.

    Parameters
    ----------
    file : file of bytes
        UTF-8; blank lines do not count. What no table can hold becomes text: a number of more
        than 64 bits, half of a letter. A line that is nested too deep or longer than 16 MiB
        becomes a row that says so, so that it costs no other row anything.

    Raises
    ------
    InvalidInput
        If a line is no JSON object; the message names the line.
    """
    rows: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    size = 0
    for number, line in enumerate(_lines(file), start=1):
        if line is not None and not line.strip():
            continue
        row = {"hardware": UNREAD["long"]} if line is None else _object(line, number)
        names |= dict.fromkeys(row)
        rows.append(row)
        size += len(line or b"")
        if len(rows) == ROWS or size > TOGETHER:
            yield _table(rows, names)
            rows, size = [], 0
    if rows:
        yield _table(rows, names)


def _lines(file: Any) -> Iterator[bytes | None]:
    """Cut a stream into lines; ``None`` stands for one that is longer than any row."""
    left, over = b"", False
    while more := file.read(BLOCK_BYTES):
        found = (left + bytes(more)).split(b"\n")
        left = found.pop()
        for line in found:
            yield None if over or len(line) > LONGEST else line
            over = False
        if len(left) > LONGEST:
            left, over = b"", True
    yield None if over else left


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except RecursionError:
        return {"hardware": UNREAD["nested"]}
    except (ValueError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"line {number:,} must be a JSON object; it cannot be read: {error}"
        ) from error
    if not isinstance(found, dict):
        raise InvalidInput(f"line {number:,} must be a JSON object; got {line[:60]!r}")
    return {whole_letters(name): value for name, value in found.items()}


def _table(rows: list[dict[str, Any]], names: dict[str, None]) -> pa.Table:
    if not names:  # a table without columns would lose its rows
        names = {"hardware": None}
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    """Build a column; values of different kinds, or that no column holds, become text."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeError, RecursionError):
        return pa.array([_text(v) for v in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return whole_letters(value if isinstance(value, str) else json.dumps(value))
    except RecursionError:
        return "nested too deep to be written"
