"""The loop: read ahead, predict, write behind; count, report progress, stop, go on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from guide_ml.answers.progress import RowProgress, RowProgressLike, reporting_rows
from guide_ml.errors import InvalidInput
from guide_ml.estimators.predictor import threads
from guide_ml.scoring import formats, sinks
from guide_ml.scoring.batch import Counts, Options, check_descriptors, hints, score_batch
from guide_ml.scoring.outputs import checked_out, kind_of_stream
from guide_ml.scoring.parts import Parts
from guide_ml.scoring.sources import Source, open_source
from guide_ml.scoring.tables import MOST_BYTES, ahead, side_by_side
from guide_ml.system.writing import distinct, is_stream, told, written

__all__ = ["BATCH", "PART", "Summary", "score"]

BATCH = 32_768  # rows predicted together: memory stays bounded, both cores have work
PART = 8  # batches in a part: what a kill may cost


@dataclass
class Summary:
    """What a job did.

    Parameters
    ----------
    counts : Counts
        Rows by how they came out, those of an earlier run that was killed included.
    resumed : int
        Rows that an earlier run had done.
    seconds : float
        Wall time of this run.
    stages_s : dict of str to float
        Time that reading, predicting and writing took in all threads; they run side by side.
    notes : list of str
        What a reader should look at.
    """

    counts: Counts = field(default_factory=Counts)
    resumed: int = 0
    seconds: float = 0.0
    stages_s: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("read", "predict", "write"), 0.0)
    )
    notes: list[str] = field(default_factory=list)

    @property
    def rows_per_s(self) -> float:
        """Rows of this run a second."""
        return (self.counts.rows - self.resumed) / max(self.seconds, 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        c = self.counts
        return {
            "rows": c.rows, "predicted": c.predicted, "does_not_fit": c.unfit, "bad": c.bad,
            "reasons": dict(c.reasons.most_common(10)), "resumed": self.resumed,
            "seconds": round(self.seconds, 3), "rows_per_s": round(self.rows_per_s, 1),
            "stages_s": {k: round(v, 3) for k, v in self.stages_s.items()}, "notes": self.notes,
        }  # fmt: skip


def score(
    source: str | Path | Source, out: str | Path, options: Options | None = None, *,
    max_errors: int | None = None, resume: bool = False, to: str | None = None,
    progress: RowProgressLike = None, overwrite: bool = False,
) -> Summary:  # fmt: skip
    """Predict every row of a table and write it with its predictions.

    Parameters
    ----------
    source : path or Source
        What :func:`guide_ml.scoring.open_source` takes or returns.
    out : path
        File or folder; ``-`` for standard output. It is moved into place when it is whole. A
        folder that is there is replaced only if it holds nothing but an earlier output.
    options : Options, optional
        What is wanted of each row.
    max_errors : int, optional
        Bad rows to take at most.
    resume : bool
        Go on where a run that was killed stopped.
    to : str, optional
        Format of the output, where the name does not tell.
    progress : bool or callable, optional
        ``True`` shows a bar; a callable is told rows done, rows in all and the share of the input
        that was read, after every batch.
    overwrite : bool
        Replace a folder whatever it holds.

    Returns
    -------
    Summary

    Raises
    ------
    InvalidInput
        If the input is truncated, malformed or lacks a needed column, more rows are bad than
        allowed, there is nothing to go on with, another process writes the output, or the disk
        does not take it.
    """
    found = source if isinstance(source, Source) else open_source(str(source))
    # One set and one profile from end to end: an alias may move, a file be written anew.
    loaded = (options or Options()).loaded()
    with reporting_rows(progress) as tell:
        run = _Run(found, loaded, max_errors, tell)
        if str(out) == formats.STREAM or is_stream(out):
            return run.onto_stream(str(out), to or kind_of_stream(str(out)), resume)
        place, kind = checked_out(str(out), to, found)
        return run.into_file(place, kind, resume, overwrite)


def write_only(
    source: Source, out: str, to: str | None = None, progress: RowProgressLike = None
) -> int:
    """Write a source as it is, batch after batch; return its rows.

    Parameters
    ----------
    source : Source
        What to write.
    out : str
        File, or ``-`` for standard output.
    to : str, optional
        Format, where the name does not tell.
    progress : bool or callable, optional
        As for :func:`score`.
    """
    stream = out == formats.STREAM
    kind = (to or "csv") if stream else formats.of_path(out, to)
    if kind not in sinks.SUFFIX:
        raise InvalidInput(f"{out} must be a file of {', '.join(sinks.SUFFIX)}; got {kind}")
    distinct([out], source.files)
    rows = 0
    with (
        reporting_rows(progress) as tell,
        told("standard output") if stream else nullcontext(),
        nullcontext(None) if stream else written(out, 0) as aside,
        nullcontext(sys.stdout.buffer) if aside is None else aside.open("wb") as file,
    ):
        sink = sinks.open_sink(kind, file, stream or is_stream(out))
        for table in ahead(lambda: source.batches(BATCH)):
            sink.write(table)
            rows += len(table)
            tell(rows, source.total, source.share())
        sink.close()
        file.flush()
    return rows


@dataclass
class _Run:
    source: Source
    options: Options
    max_errors: int | None
    progress: RowProgress
    summary: Summary = field(default_factory=Summary)
    started: float = field(default_factory=time.perf_counter)

    def onto_stream(self, out: str, kind: str, resume: bool) -> Summary:
        """Write to standard output, a pipe or a device as soon as a batch is done."""
        if resume:
            raise InvalidInput("--resume needs a file as output; standard output keeps nothing")
        own = out == formats.STREAM
        with (
            told("standard output" if own else out),
            nullcontext(sys.stdout.buffer) if own else open(out, "wb") as file,
        ):
            sink = sinks.open_sink(kind, file, stream=True)
            for table, _ in ahead(lambda: self._scored(0)):
                with _Clock(self.summary, "write"):
                    sink.write(table)
            sink.close()
            file.flush()
        return self._done()

    def into_file(self, out: Path, kind: str, resume: bool, overwrite: bool) -> Summary:
        """Write parts beside the output, then the output."""
        if resume and not self.source.identity:
            raise InvalidInput("--resume needs a file as input; a stream cannot be read again")
        folder = kind == "folder"
        parts = Parts(out, "parquet" if folder else kind, folder, overwrite)
        identity = {"input": self.source.fingerprint(), **self.options.identity(),
                    "format": kind, "cut": f"{BATCH} x {PART}"}  # fmt: skip
        with parts.held():
            self._into(parts, parts.start(identity, resume))
        return self._done()

    def _into(self, parts: Parts, before: list[Counts]) -> None:
        for counts in before:
            self.summary.counts.add(counts)
        self.summary.resumed = self.summary.counts.rows
        if parts.moving:
            parts.finish(0, self.summary.counts)
            return
        number = len(before)
        tables: list[pa.Table] = []
        mine = Counts()
        for table, counts in ahead(lambda: self._scored(self.summary.resumed)):
            tables.append(table)
            mine.add(counts)
            if len(tables) == PART or sum(t.nbytes for t in tables) > 2 * MOST_BYTES:
                self._write(parts, number, tables, mine)
                tables, mine, number = [], Counts(), number + 1
        if tables or not number:
            self._write(parts, number, tables, mine)
            number += 1
        with _Clock(self.summary, "write"):
            parts.finish(number, self.summary.counts)

    def _write(self, parts: Parts, number: int, tables: list[pa.Table], counts: Counts) -> None:
        with _Clock(self.summary, "write"):
            parts.write(number, tables, counts)

    def _scored(self, skip: int) -> Iterator[tuple[pa.Table, Counts]]:
        """Predict batch after batch; what it yields is in order."""
        read = ahead(lambda: self._read(skip))
        for found, counts in side_by_side(self._predicted, read, threads()):
            total = self.summary.counts
            total.add(counts)
            total.require(self.max_errors)
            self.progress(total.rows, self.source.total, self.source.share())
            yield found, counts

    def _predicted(self, table: pa.Table) -> tuple[pa.Table, Counts]:
        with _Clock(self.summary, "predict"):
            return score_batch(table, self.options)

    def _read(self, skip: int) -> Iterator[pa.Table]:
        batches, first = self.source.batches(BATCH, skip), True
        while True:
            with _Clock(self.summary, "read"):
                table = next(batches, None)
            if table is None:
                return
            if first:
                check_descriptors(table.column_names)
                self.summary.notes += hints(table.column_names)
                first = False
            yield table

    def _done(self) -> Summary:
        self.summary.seconds = time.perf_counter() - self.started
        if not self.summary.counts.rows:
            self.summary.notes.append(f"{self.source.name} holds no rows")
        return self.summary


@dataclass(frozen=True)
class _Clock:
    """Adds the time of a block to a stage."""

    summary: Summary
    stage: str
    begun: list[float] = field(default_factory=list)

    def __enter__(self) -> None:
        self.begun.append(time.perf_counter())

    def __exit__(self, *error: object) -> None:
        self.summary.stages_s[self.stage] += time.perf_counter() - self.begun.pop()
