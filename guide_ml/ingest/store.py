"""The tables on disk: read whole, written beside and moved into place, one writer at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from guide_ml.errors import BadData, InvalidInput
from guide_ml.ingest.rows import COLUMNS
from guide_ml.measurements import MEASURED, default_folder, read_files
from guide_ml.table import NUMBERS

__all__ = ["add_rejects", "append", "locked", "read_stored", "require_kind", "shipped",
           "typed", "write"]  # fmt: skip

_NUMBERS = {*NUMBERS, *MEASURED, "e2e_median_ms", "e2e_p99_ms", "peak_mem_gb", "power_w"}


def require_kind(path: Path) -> None:
    """Refuse a table that is neither Parquet nor CSV by its ending.

    Raises
    ------
    InvalidInput
        If it is not.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise InvalidInput(f"--out must end in .parquet or .csv; got {path.name!r}")


def read_stored(path: Path) -> pd.DataFrame:
    """Read the table that rows are added to; empty if there is none yet.

    Raises
    ------
    BadData
        If there is a file that is no table of measurements.
    """
    if not path.exists():
        return typed(pd.DataFrame(columns=list(COLUMNS), dtype=object))
    read_files(path)  # complains of what is no table of measurements
    table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    return typed(table)


def shipped() -> pd.DataFrame:
    """Measurements that come with the project; none in a wheel."""
    folder = default_folder()
    return read_files(folder) if any(folder.glob("*.parquet")) else read_stored(Path("no file"))


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Give every canonical column its type, so that an empty one is not of none."""
    extra = [c for c in table.columns if c not in COLUMNS]
    out = table.reindex(columns=[*COLUMNS, *extra])
    for name in COLUMNS:
        if name in _NUMBERS:
            out[name] = pd.to_numeric(out[name], errors="coerce").astype(float)
        else:
            out[name] = out[name].astype("string")
    return out


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table so that a reader sees the old one or the new one, never half of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.suffix == ".csv":
            table.to_csv(beside, index=False)
        else:
            table.to_parquet(beside, index=False)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def append(stored: pd.DataFrame, rows: pd.DataFrame, path: Path) -> None:
    """Write a stored table with new rows at its end."""
    write(typed(pd.concat([stored, typed(rows)], ignore_index=True)), path)


def add_rejects(rows: pd.DataFrame, path: Path) -> None:
    """Add rows to the rejects file; those that it has already are not repeated.

    Raises
    ------
    BadData
        If the file that is there is no CSV.
    """
    new = rows.dropna(axis="columns", how="all").astype("string")
    if path.exists():
        try:
            old = pd.read_csv(path, dtype="string")
        except ValueError as error:  # pandas' own errors are of this kind
            raise BadData(f"{path} is no file of rejected rows: {error}") from error
        new = pd.concat([old, new], ignore_index=True)
    write(new.drop_duplicates(["source_ref", "check", "reason"], keep="last"), path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other writers of a table out; a writer that dies lets go of it."""
    try:
        import fcntl
    except ImportError:  # no such lock on this system: writing stays atomic
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)  # a file for it would stay behind
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
