"""The tables on disk: read whole, written beside and moved into place, one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pandas as pd

from guide_ml.errors import BadData, InvalidInput
from guide_ml.ingest.rows import COLUMNS, SLUGS, slug, typed
from guide_ml.measurements.read import default_folder, read_files
from guide_ml.system.locks import WAIT_S, claimed
from guide_ml.system.writing import place_of, told, written

__all__ = ["add_rejects", "append", "locked", "read_stored", "require_kind", "shipped", "write"]


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


@cache
def shipped() -> pd.DataFrame:
    """Measurements that come with the project, names as the catalogue spells them."""
    folder = default_folder()
    if not any(folder.glob("*.parquet")):
        return typed(pd.DataFrame(columns=list(COLUMNS)))
    table = read_files(folder)
    for name in SLUGS:
        spelt = {v: slug(name, v) for v in table[name].dropna().unique()}
        table[name] = table[name].map(spelt)
    return table


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table so that a reader sees the old one or the new one, never half of either.

    Raises
    ------
    InvalidInput
        If the disk does not take it.
    """
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as beside:
        if path.suffix == ".csv":
            table.to_csv(beside, index=False)
        else:
            table.to_parquet(beside, index=False)


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
    """Keep other writers of a table out; a writer that dies lets go of it.

    Raises
    ------
    InvalidInput
        If nothing can be written there, or another writer does not come to an end.
    """
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        place = place_of(path)
        with claimed(place, WAIT_S):
            yield
