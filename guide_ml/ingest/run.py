"""From files to stored measurements: recognise, read, complete, check, store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from guide_ml.errors import BadData, GuideError
from guide_ml.ingest import facts as given
from guide_ml.ingest import store
from guide_ml.ingest.checks import DUPLICATE, Findings, inspect
from guide_ml.ingest.content import load
from guide_ml.ingest.importers import read as read_rows
from guide_ml.ingest.importers import recognise
from guide_ml.ingest.rows import COLUMNS, FAULT, Row

__all__ = ["FileRead", "Summary", "ingest"]


@dataclass
class FileRead:
    """What became of one file.

    Parameters
    ----------
    file : str
        Its path as given.
    importer : str
        The tool that it is of; blank if it could not be read.
    read, stored, duplicates, rejected : int
        Rows.
    error : str
        Why it could not be read; blank if it could.
    """

    file: str
    importer: str = ""
    read: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: int = 0
    error: str = ""


@dataclass
class Summary:
    """What an ingestion did, or would do.

    Parameters
    ----------
    files : list of FileRead
        In the order given.
    reasons : dict of str to int
        Rejected rows by check.
    unused : dict of str to int
        Stored rows that training leaves out, by reason.
    rejects : list of dict
        ``source_ref``, ``check`` and ``reason`` of the rejected rows.
    out, rejects_file : str
        Where rows went; the second is blank if none was rejected.
    total : int
        Rows of the stored table afterwards.
    dry_run : bool
        Whether nothing was written.
    """

    files: list[FileRead]
    reasons: dict[str, int] = field(default_factory=dict)
    unused: dict[str, int] = field(default_factory=dict)
    rejects: list[dict[str, str]] = field(default_factory=list)
    out: str = ""
    rejects_file: str = ""
    total: int = 0
    dry_run: bool = False

    def count(self, what: str) -> int:
        """Sum a count of the files: ``read``, ``stored``, ``duplicates`` or ``rejected``."""
        return sum(int(getattr(f, what)) for f in self.files)


def ingest(
    files: Sequence[Path],
    out: Path,
    *,
    facts: Mapping[str, Any] | None = None,
    source: str | None = None,
    rejects: Path | None = None,
    dry_run: bool = False,
) -> Summary:
    """Read benchmark results, check them, and add what is right and new to a table.

    Parameters
    ----------
    files : sequence of Path
        Results of the tools of :data:`guide_ml.ingest.importers.IMPORTERS`.
    out : Path
        Table to add to, Parquet or CSV; made if it is not there.
    facts : mapping, optional
        What files do not say, under the names of canonical columns. They win over a file's
        side file (``run.json.facts.toml``).
    source : str, optional
        Source of the rows; the tool's name by default.
    rejects : Path, optional
        Where rejected rows go, ``<out>.rejects.csv`` by default.
    dry_run : bool
        Write nothing.

    Returns
    -------
    Summary
        A file that could not be read has its reason there and costs no other file anything.

    Raises
    ------
    InvalidInput, UnknownName
        If a fact is wrong.
    BadData
        If what is at `out` is no table of measurements.

    Examples
    --------
    >>> found = ingest([Path("run.json")], Path("mine.parquet"), dry_run=True)
    >>> found.files[0].error
    'run.json cannot be read: No such file or directory'
    """
    store.require_kind(out)
    known = given.checked(facts or {})
    reads = [FileRead(str(f)) for f in files if not f.name.endswith(given.SIDE_FILES)]
    rows = [row | {"file": i} for i, r in enumerate(reads) for row in _rows(r, known, source)]
    table = pd.DataFrame(rows, columns=[*COLUMNS, FAULT, "file"], dtype=object)
    with nullcontext() if dry_run else store.locked(out):
        stored = store.read_stored(out)
        found = inspect(table, stored, store.shipped())
        good = table[found.check == ""].drop(columns=[FAULT, "file"])
        bad = _rejected(table, found, reads)
        if len(good) and not dry_run:
            store.append(stored, good, out)
        where = rejects or out.with_name(out.name + ".rejects.csv")
        if len(bad) and not dry_run:
            store.add_rejects(bad, where)
    summary = _summary(table, found, reads)
    summary.out, summary.total, summary.dry_run = str(out), len(stored) + len(good), dry_run
    summary.rejects_file = str(where) if len(bad) else ""
    return summary


def _rejected(table: pd.DataFrame, found: Findings, reads: list[FileRead]) -> pd.DataFrame:
    """Rows for the rejects file: what is wrong, then the row and its file."""
    bad = (found.check != "") & (found.check != DUPLICATE)
    rows = table[bad].drop(columns=[FAULT])
    rows["file"] = [reads[i].file for i in rows["file"]]
    rows.insert(0, "check", found.check[bad])
    rows.insert(1, "reason", found.reason[bad])
    return rows


def _rows(read: FileRead, facts: Row, source: str | None) -> list[Row]:
    """Read one file; what is wrong with it is noted, not raised."""
    path = Path(read.file)
    try:
        content = load(path)
        importer = recognise(content)
        side = given.beside(path)
        known = (given.read_side_file(side) if side else {}) | facts
        rows = [given.apply(row, known) for row in read_rows(importer, content)]
        asked = [] if importer.complete else [r for r in rows if FAULT not in r]
        lacks = dict.fromkeys(n for r in asked for n in given.missing(r))
        if lacks:
            raise BadData(_asks(read.file, importer.name, list(lacks)))
    except GuideError as error:
        read.error = str(error)
        return []
    read.importer, read.read = importer.name, len(rows)
    for place, row in enumerate(rows, 1):
        row["source"] = source or row.get("source", importer.name)
        row.setdefault("source_ref", f"{path.name}#{content.digest}:{place}")
    return rows


def _asks(file: str, tool: str, lacks: list[str]) -> str:
    either = ["--concurrency or --mode offline"] if "mode" in lacks else []
    asked = [given.option(n) for n in lacks
             if n != "mode" and not (n == "concurrency" and either)] + either  # fmt: skip
    return (
        f"{file} ({tool}) does not say all that is needed; give {', '.join(asked)}, or put"
        f" them into {Path(file).name}.facts.toml beside it"
    )


def _summary(table: pd.DataFrame, found: Findings, reads: list[FileRead]) -> Summary:
    for place, check in zip(table["file"], found.check, strict=True):
        name = {"": "stored", DUPLICATE: "duplicates"}.get(check, "rejected")
        setattr(reads[place], name, getattr(reads[place], name) + 1)
    bad = _rejected(table, found, reads)
    unused = found.unused[(found.check == "") & (found.unused != "")]
    told = [{str(k): str(v) for k, v in r.items()}
            for r in bad[["source_ref", "check", "reason"]].to_dict("records")]  # fmt: skip
    return Summary(reads, _count(bad["check"]), _count(unused), told)


def _count(reasons: pd.Series) -> dict[str, int]:
    return {str(k): int(n) for k, n in reasons.value_counts().items()}
