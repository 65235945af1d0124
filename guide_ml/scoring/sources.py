"""Readers: whatever the format, tables of a fixed number of rows, one after another."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from guide_ml.errors import InvalidInput
from guide_ml.scoring import formats, grid, lines
from guide_ml.scoring.tables import MOST_BYTES, in_batches

__all__ = ["Source", "open_source"]

Share = Callable[[], float | None]


@dataclass(frozen=True)
class Source:
    """A table of deployments that is read piece by piece.

    Parameters
    ----------
    name : str
        What it is called in messages.
    tables : iterator of pyarrow.Table
        The rows in order, in pieces of any size.
    total : int, optional
        Rows in all, where that is known before.
    share : callable
        Returns which share of it was read, where that is known.
    identity : str
        Changes when the content may have changed; blank for a stream, which cannot be read again.
    files : tuple of Path
        What it is read from; none for a stream.
    folder : Path, optional
        Folder that all of them were found in.
    """

    name: str
    tables: Iterator[pa.Table]
    total: int | None
    share: Share
    identity: str
    files: tuple[Path, ...] = ()
    folder: Path | None = None

    def fingerprint(self) -> str:
        """Hash the content of the files; their dates say little of it."""
        full = hashlib.sha256(b"" if self.files else self.identity.encode())
        for path in self.files:
            try:
                with path.open("rb") as file:
                    full.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise InvalidInput(f"{path} must be a file that can be read: {error.strerror}"
                                   ) from error  # fmt: skip
        return full.hexdigest()

    def batches(self, rows: int, skip: int = 0) -> Iterator[pa.Table]:
        """Yield tables of `rows` rows, the last one of what is left, after leaving some out.

        Raises
        ------
        InvalidInput
            If the file is truncated or malformed; the message says where.
        """
        return in_batches(_told(self.name, self.tables), rows, skip)


def _told(name: str, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Turn a reader's error into one that says which file and after which row."""
    rows = 0
    while True:
        try:
            table = next(tables)
        except StopIteration:
            return
        except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
            text = " ".join(str(error).split())[:300]
            raise InvalidInput(
                f"{name} is truncated or malformed after row {rows:,} (or in the rows right"
                f" behind): {text}"
            ) from error
        rows += len(table)
        yield table


def _unknown() -> None:
    return None


def open_source(path: str, given: str | None = None) -> Source:
    """Open a file, a folder, standard input or the description of a grid.

    Parameters
    ----------
    path : str
        Path, or ``-`` for standard input.
    given : str, optional
        Format, where the name does not tell.

    Raises
    ------
    InvalidInput
        If there is no such file, or it is of no format.
    """
    if path == formats.STREAM:
        return _stream(given)
    if not Path(path).exists():
        raise InvalidInput(f"{path} must be a file or a folder; there is none")
    openers: dict[str, Callable[[Path], Source]] = {
        "csv": _csv, "jsonl": _jsonl, "parquet": _parquet, "arrow": _arrow, "folder": _folder,
        "grid": _grid,
    }  # fmt: skip
    kind = formats.of_path(path, given)
    try:
        return openers[kind](Path(path))
    except (pa.ArrowException, OSError, EOFError) as error:
        text = " ".join(str(error).split())[:300]
        raise InvalidInput(f"{path} must be a readable {kind} file: {text}") from error


def _identity(*paths: Path) -> str:
    parts = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in paths]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _stream(given: str | None) -> Source:
    pipe: Any = sys.stdin.buffer
    kind = given or formats.of_bytes(pipe.peek(16)[:16])
    if kind not in ("csv", "jsonl", "arrow"):
        raise InvalidInput(f"standard input must be csv, jsonl or arrow; got {kind!r}")
    readers: dict[str, Callable[[Any], Iterator[pa.Table]]] = {
        "csv": lines.csv_tables, "jsonl": lines.json_tables,
        "arrow": lambda f: (pa.Table.from_batches([b]) for b in pa.ipc.open_stream(f)),
    }  # fmt: skip
    return Source("standard input", readers[kind](pipe), None, _unknown, "")


def _csv(path: Path) -> Source:
    stream, share = _counted(path)
    return Source(str(path), lines.csv_tables(stream), None, share, _identity(path), (path,))


def _jsonl(path: Path) -> Source:
    stream, share = _counted(path)
    return Source(str(path), lines.json_tables(stream), None, share, _identity(path), (path,))


def _counted(path: Path) -> tuple[Any, Share]:
    """Open a file, unpacking it if its name says so, and tell how far it was read."""
    raw = pa.OSFile(str(path))
    packed = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower())
    stream = pa.CompressedInputStream(raw, packed) if packed else raw
    size = max(path.stat().st_size, 1)
    return stream, lambda: None if raw.closed else min(raw.tell() / size, 1.0)


def _parquet(path: Path) -> Source:
    return _parquets(str(path), [path])


def _folder(path: Path) -> Source:
    found = sorted(p for p in path.rglob("*.parquet") if not p.name.startswith((".", "_")))
    if not found:
        raise InvalidInput(f"{path} must hold Parquet files; it has none that ends in .parquet")
    return replace(_parquets(f"folder {path}", found), folder=path)


def _parquets(name: str, paths: list[Path]) -> Source:
    files = [pq.ParquetFile(p) for p in paths]
    schema = files[0].schema_arrow
    for path, file in zip(paths, files, strict=True):
        if file.schema_arrow.names != schema.names:
            raise InvalidInput(f"all files of {name} must have the same columns; {path} has others"
                               f" than {paths[0]}")  # fmt: skip
    total = sum(file.metadata.num_rows for file in files)

    def tables() -> Iterator[pa.Table]:
        for path in paths:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_rows_at_once(file.metadata)):
                    yield pa.Table.from_batches([batch]).cast(schema)

    for file in files:
        file.close()
    return Source(name, tables(), total, _unknown, _identity(*paths), tuple(paths))


def _rows_at_once(told: pq.FileMetaData) -> int:
    """Rows of a Parquet file to unpack together: fewer where they are long."""
    size = sum(told.row_group(k).total_byte_size for k in range(told.num_row_groups))
    return int(max(min(65_536, MOST_BYTES * max(told.num_rows, 1) / max(size, 1)), 1))


def _arrow(path: Path) -> Source:
    raw = pa.OSFile(str(path))
    file_kind = raw.read(6) == b"ARROW1"
    raw.seek(0)
    size = max(path.stat().st_size, 1)

    def tables() -> Iterator[pa.Table]:
        if file_kind:
            reader = pa.ipc.open_file(raw)
            for k in range(reader.num_record_batches):
                yield pa.Table.from_batches([reader.get_batch(k)])
        else:
            for batch in pa.ipc.open_stream(raw):
                yield pa.Table.from_batches([batch])

    return Source(str(path), tables(), None, lambda: raw.tell() / size, _identity(path),
                  (path,))  # fmt: skip


def _grid(path: Path) -> Source:
    spec = grid.read(path)
    return Source(f"grid {path}", spec.tables(), spec.size if not spec.filtered else None,
                  spec.share, spec.identity, (path,))  # fmt: skip
