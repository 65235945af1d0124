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
from guide_ml.ingest.content import load, number
from guide_ml.ingest.importers import opened
from guide_ml.ingest.importers import read as read_rows
from guide_ml.ingest.repeats import cold, thin
from guide_ml.ingest.rows import COLUMNS, FAULT, REPEAT, SAID, Row
from guide_ml.system.writing import distinct

__all__ = ["FileRead", "Summary", "ingest"]

#: What is known of a row beside what is stored.
_BESIDE = (FAULT, SAID, REPEAT, "file")
#: Reasons that a refusal names at most.
MOST_TOLD = 4


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
    rows : list of dict
        Rows that were stored, or would be; ``said`` holds what the file says of each column:
        its own words for names, blank where the cell was given or worked out.
    total : int
        Rows of the stored table afterwards.
    dry_run : bool
        Whether nothing was written.
    """

    files: list[FileRead]
    reasons: dict[str, int] = field(default_factory=dict)
    unused: dict[str, int] = field(default_factory=dict)
    rejects: list[dict[str, str]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
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
    where = rejects or out.with_name(out.name + ".rejects.csv")
    distinct([out, where], files)
    known = given.checked(facts or {})
    reads = [FileRead(str(f)) for f in files if not f.name.endswith(given.SIDE_FILES)]
    rows = [row | {"file": i} for i, r in enumerate(reads) for row in _rows(r, known, source)]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *_BESIDE], dtype=object)
    with nullcontext() if dry_run else store.locked(out):
        stored = store.read_stored(out)
        found = inspect(table, stored, store.shipped())
        thin(table, found)
        good = table[found.check == ""].drop(columns=list(_BESIDE))
        bad = _rejected(table, found, reads)
        if len(good) and not dry_run:
            store.append(stored, good, out)
        if len(bad) and not dry_run:
            with store.locked(where):
                store.add_rejects(bad, where)
    summary = _summary(table, found, reads)
    kept = table[found.check == ""].to_dict("records")
    summary.rows = [_plain({str(k): v for k, v in r.items()}) for r in kept]
    summary.out, summary.total, summary.dry_run = str(out), len(stored) + len(good), dry_run
    summary.rejects_file = str(where) if len(bad) else ""
    return summary


def _rejected(table: pd.DataFrame, found: Findings, reads: list[FileRead]) -> pd.DataFrame:
    """Rows for the rejects file: what is wrong, then the row and its file."""
    bad = (found.check != "") & (found.check != DUPLICATE)
    rows = table[bad].drop(columns=[FAULT, SAID, REPEAT])
    rows["file"] = [reads[i].file for i in rows["file"]]
    rows.insert(0, "check", found.check[bad])
    rows.insert(1, "reason", found.reason[bad])
    return rows


def _rows(read: FileRead, facts: Row, source: str | None) -> list[Row]:
    """Read one file; what is wrong with it is noted, not raised."""
    path = Path(read.file)
    try:
        importer, content = opened(load(path))
        side = given.beside(path)
        known = (given.read_side_file(side) if side else {}) | facts
        found = read_rows(importer, content)
        cold(found)
        rows = [_applied(row, known) for row in found]
        if not importer.complete:
            _require(rows, read.file, importer.name)
    except GuideError as error:
        read.error = str(error)
        return []
    read.importer, read.read = importer.name, len(rows)
    for place, row in enumerate(rows, 1):
        row["source"] = source or row.get("source", importer.name)
        row.setdefault("source_ref", f"{content.path.name}#{content.digest}:{place}")
    return rows


def _applied(row: Row, facts: Row) -> Row:
    """Complete a row, and keep what the file says of each column."""
    words = row.get(SAID, {})
    said = {k: words.get(k, v) for k, v in row.items() if k in COLUMNS and v is not None}
    out = given.apply(row, facts)
    return out | {SAID: said | {k: v for k, v in words.items() if k in COLUMNS}}


def _require(rows: list[Row], file: str, tool: str) -> None:
    """Refuse a file that lacks facts; where some of its rows are whole, the others have a fault."""
    lacks = [given.missing(r) if FAULT not in r else [] for r in rows]
    whole = any(not lack for lack, r in zip(lacks, rows, strict=True) if FAULT not in r)
    if not whole and any(lacks):
        names = list(dict.fromkeys(n for lack in lacks for n in lack))
        told = dict.fromkeys(t for lack, r in zip(lacks, rows, strict=True)
                             for t in given.reasons(r, lack))  # fmt: skip
        raise BadData(_asks(file, tool, names, list(told)))
    for lack, row in zip(lacks, rows, strict=True):
        if lack:
            row[FAULT] = "; ".join([f"give {', '.join(_options(lack))}", *given.reasons(row, lack)])


def _asks(file: str, tool: str, lacks: list[str], told: list[str]) -> str:
    beside = "a file of --facts" if file == "-" else f"{Path(file).name}.facts.toml beside it"
    text = (
        f"{file} ({tool}) does not say all that is needed; give {', '.join(_options(lacks))}, or"
        f" put them into {beside}"
    )
    return "; ".join([text, *told[:MOST_TOLD]])


def _options(lacks: list[str]) -> list[str]:
    """Name the options for what is missing."""
    either = ["--concurrency or --mode offline"] if "mode" in lacks else []
    asked = [given.option(n) for n in lacks
             if n != "mode" and not (n == "concurrency" and either)]  # fmt: skip
    return asked + either


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Leave blanks out, so that a row can be shown or written as JSON."""
    said = row.pop(SAID)
    kept = {k: v for k, v in row.items() if k in COLUMNS and not pd.isna(v)}
    numbers = {k: number(v) for k, v in kept.items() if isinstance(v, int | float)}
    return kept | numbers | {SAID: said if isinstance(said, dict) else {}}


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
