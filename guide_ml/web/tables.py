"""Tables of candidates in and out: CSV, JSON, JSON Lines, Arrow and Parquet."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from guide_ml.errors import InvalidInput
from guide_ml.scoring import lines, sinks
from guide_ml.web.plain import text
from guide_ml.web.problems import Problem

__all__ = ["TYPES", "read", "write"]

#: Formats by media type.
TYPES = {
    "application/json": "json", "application/x-ndjson": "jsonl", "text/csv": "csv",
    "application/vnd.apache.arrow.stream": "arrow", "application/vnd.apache.parquet": "parquet",
}  # fmt: skip
#: A body may unfold to so many times its size.
UNFOLDS = 64
MAX_COLUMNS = 500


def read(body: bytes, media: str, most: int) -> pa.Table:
    """Read a table.

    Parameters
    ----------
    body : bytes
    media : str
        Its media type.
    most : int
        Most rows.

    Raises
    ------
    Problem, InvalidInput
        If it is of no known format, broken, or too large.
    """
    kind = kind_of(media)
    readers: dict[str, Callable[[bytes, int], Iterator[pa.Table]]] = {
        "json": _json, "jsonl": lambda b, n: lines.json_tables(io.BytesIO(b)),
        "csv": lambda b, n: lines.csv_tables(io.BytesIO(b)), "arrow": _arrow, "parquet": _parquet,
    }  # fmt: skip
    parts, rows = [], 0
    try:
        for part in readers[kind](body, most):
            rows += len(part)
            _require_rows(rows, most)
            parts.append(part)
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body must be a readable {kind} table:"
                           f" {' '.join(str(error).split())[:200]}") from error  # fmt: skip
    if not rows:
        raise InvalidInput("the table must have a row or more; got none")
    table = pa.concat_tables(parts, promote_options="permissive")
    if table.num_columns > MAX_COLUMNS:
        raise Problem(413, f"a table may have {MAX_COLUMNS} columns; got {table.num_columns:,}")
    return table


def kind_of(media: str) -> str:
    """Return the format of a media type.

    Examples
    --------
    >>> kind_of("text/csv; charset=utf-8")
    'csv'
    """
    name = media.partition(";")[0].strip().lower()
    if name not in TYPES:
        raise Problem(415, f"Content-Type must be one of {', '.join(TYPES)}; got {name or 'none'}")
    return TYPES[name]


def _require_rows(rows: int, most: int) -> None:
    if rows > most:
        raise Problem(413, f"a table may have {most:,} rows; got more: send it in parts, or use"
                           " guide score where guide-ml is installed")  # fmt: skip


def _json(body: bytes, most: int) -> Iterator[pa.Table]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise Problem(400, f"the body must be JSON: {error}") from error
    rows = found.get("rows") if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Problem(422, 'the body must be a list of objects, or {"rows": [...]}')
    _require_rows(len(rows), most)
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    yield from lines.json_tables(io.BytesIO(data))


def _arrow(body: bytes, most: int) -> Iterator[pa.Table]:
    rows = size = 0
    for batch in pa.ipc.open_stream(pa.BufferReader(body)):
        rows += batch.num_rows
        size += batch.nbytes
        _require_rows(rows, most)
        _require_size(size, len(body))
        yield pa.Table.from_batches([batch])


def _parquet(body: bytes, most: int) -> Iterator[pa.Table]:
    with pq.ParquetFile(pa.BufferReader(body)) as file:
        told = file.metadata
        _require_rows(told.num_rows, most)
        unfolded = sum(told.row_group(k).total_byte_size for k in range(told.num_row_groups))
        _require_size(unfolded, len(body))
        yield file.read()


def _require_size(unfolded: int, size: int) -> None:
    if unfolded > UNFOLDS * max(size, 65_536):
        raise Problem(413, f"a table may unfold to {UNFOLDS} times its size; it has more")


def write(table: pa.Table, kind: str) -> tuple[bytes, str]:
    """Write a table; return it with its media type."""
    media = next(name for name, known in TYPES.items() if known == kind)
    if kind == "json":
        return text({"rows": table.to_pylist()}).encode(), media
    out = io.BytesIO()
    sink: Any = sinks.open_sink(kind, out, stream=kind == "arrow")
    sink.write(table)
    sink.close()
    return out.getvalue(), media
