"""Writers: tables of one schema into a file or onto standard output."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from guide_ml.errors import InvalidInput

__all__ = ["SUFFIX", "Sink", "join", "open_sink"]

SUFFIX = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet", "arrow": ".arrow"}


class Sink(Protocol):
    """What takes tables."""

    def write(self, table: pa.Table) -> None:
        """Write a table."""

    def close(self) -> None:
        """Finish the file."""


def open_sink(kind: str, file: Any, stream: bool = False) -> Sink:
    """Begin to write.

    Parameters
    ----------
    kind : str
        Key of :data:`SUFFIX`.
    file : file of bytes
        Where to; it is not closed.
    stream : bool
        Whether it cannot be wound back: Arrow is written as a stream, Parquet refused.
    """
    if kind == "csv":
        return _Csv(file)
    if kind == "jsonl":
        return _JsonLines(file)
    if kind == "parquet" and stream:
        raise InvalidInput("Parquet cannot be written to a stream: use --to csv, jsonl or arrow")
    return _Arrow(file, kind, stream)


class _Csv:
    """CSV; cells are quoted where they must be."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._names: list[str] | None = None

    def write(self, table: pa.Table) -> None:
        if self._names is None:
            self._names = table.column_names
            line = io.StringIO()
            csv.writer(line, lineterminator="\n").writerow(self._names)
            self._file.write(line.getvalue().encode())
        cells = [_cells(c) for c in table.columns]
        lines = pc.binary_join_element_wise(*cells, _text(","), null_handling="replace")
        for chunk in pc.binary_join_element_wise(lines, _text("\n"), _text("")).chunks:
            first, last = _span(chunk)
            self._file.write(memoryview(chunk.buffers()[2])[first:last])

    def close(self) -> None:
        """Nothing is left to write."""


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Make a column fit for CSV: text, in quotes where it must be; what is nested as JSON."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_nested(kind):
        texts = [None if v is None else json.dumps(v, default=str) for v in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, pa.large_string())])
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column.cast(pa.large_string())
    column = column.cast(pa.large_string())
    special = pc.match_substring_regex(column, '[",\r\n]')
    if not pc.any(special).as_py():
        return column
    doubled = pc.replace_substring(column, '"', '""')
    quoted = pc.binary_join_element_wise(_text('"'), doubled, _text('"'), _text(""))
    return pc.if_else(special, quoted, column)


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


def _span(chunk: pa.Array) -> tuple[int, int]:
    """Bytes that the texts of an array take in its buffer."""
    if not len(chunk):
        return 0, 0
    ends = np.frombuffer(chunk.buffers()[1], dtype=np.int64)
    return int(ends[chunk.offset]), int(ends[chunk.offset + len(chunk)])


class _JsonLines:
    """JSON Lines; what is missing is null."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, table: pa.Table) -> None:
        lines = (json.dumps({k: _plain(v) for k, v in row.items()},
                            ensure_ascii=False, default=str)
                 for row in table.to_pylist())  # fmt: skip
        self._file.write("".join(line + "\n" for line in lines).encode())

    def close(self) -> None:
        """Nothing is left to write."""


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


class _Arrow:
    """Parquet and Arrow IPC; the first table settles the schema."""

    def __init__(self, file: Any, kind: str, stream: bool) -> None:
        self._file, self._kind, self._stream = file, kind, stream
        self._writer: Any = None
        self._schema: pa.Schema | None = None

    def write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._schema = table.schema
            self._writer = self._open(table.schema)
        if table.schema != self._schema:
            table = _fitted(table, self._schema)
        self._writer.write_table(table)

    def _open(self, schema: pa.Schema) -> Any:
        if self._kind == "parquet":
            return pq.ParquetWriter(self._file, schema, compression="zstd")
        make = pa.ipc.new_stream if self._stream else pa.ipc.new_file
        return make(self._file, schema)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _fitted(table: pa.Table, schema: pa.Schema | None) -> pa.Table:
    assert schema is not None
    try:
        found = {f.name: table[f.name] if f.name in table.column_names
                 else pa.nulls(len(table), f.type) for f in schema}  # fmt: skip
        if extra := [n for n in table.column_names if n not in found]:
            raise InvalidInput(
                f"column {extra[0]!r} begins late in the table: a Parquet or Arrow file needs it"
                " from the start; write JSON Lines"
            )
        return pa.table(found).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidInput(
            f"a Parquet or Arrow file needs columns of one type from start to end: {error};"
            " write CSV or JSON Lines"
        ) from error


def join(kind: str, parts: Sequence[Path], out: Path) -> None:
    """Put finished parts together in one file.

    Parameters
    ----------
    kind : str
        Key of :data:`SUFFIX`.
    parts : sequence of Path
        In order, each complete.
    out : Path
        Written anew.
    """
    with out.open("wb") as file:
        if kind == "csv":
            _join_lines(parts, file, header=True)
        elif kind == "jsonl":
            _join_lines(parts, file, header=False)
        else:
            sink = open_sink(kind, file)
            for part in parts:
                for table in _tables(kind, part):
                    sink.write(table)
            sink.close()


def _join_lines(parts: Sequence[Path], file: Any, header: bool) -> None:
    for number, part in enumerate(parts):
        with part.open("rb") as one:
            if header and number:
                one.readline()
            shutil.copyfileobj(one, file, 1 << 20)


def _tables(kind: str, part: Path) -> Any:
    if kind == "parquet":
        with pq.ParquetFile(part) as file:
            for k in range(file.num_row_groups):
                yield file.read_row_group(k)
        return
    with pa.OSFile(str(part)) as file:
        reader = pa.ipc.open_file(file)
        for k in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(k)])
