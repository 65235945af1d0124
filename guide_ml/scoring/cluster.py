"""Scoring spread over Dask workers: partitions to partitions, the numbers of one machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from guide_ml.answers.progress import RowProgress, RowProgressLike, reporting_rows
from guide_ml.api import predict_table
from guide_ml.errors import InvalidInput
from guide_ml.estimators.predictor import Predictor
from guide_ml.predictions.run import PredictorLike
from guide_ml.scoring import sinks
from guide_ml.scoring.batch import Counts, Options, check_descriptors, hints, score_batch
from guide_ml.scoring.job import BATCH, PART, Summary
from guide_ml.scoring.outputs import checked_out
from guide_ml.scoring.parts import Parts
from guide_ml.scoring.sources import Source
from guide_ml.scoring.tables import in_batches
from guide_ml.trust.intervals import LEVEL

if TYPE_CHECKING:
    from dask.dataframe import DataFrame as DaskFrame

__all__ = ["predict_dask", "score_on_cluster"]

RETRIES = 3
"""Times that a partition is tried again after its worker was lost."""

ROWS = BATCH * PART  # of a part


def predict_dask(
    table: DaskFrame, predictor: PredictorLike | None = None, level: float | None = LEVEL,
    errors: str = "report", profile: Any = None,
) -> DaskFrame:  # fmt: skip
    """Predict each deployment of a Dask data frame, partition by partition.

    Nothing is computed until the result is. Every worker process loads the estimators once.
    Persist or compute with ``retries=`` to have partitions of lost workers tried again.

    Parameters
    ----------
    table : dask.dataframe.DataFrame
        Columns as for :func:`guide_ml.predict_table`.
    predictor : Predictor or path, optional
        Other estimators; a path must lead to them on every worker.
    level : float, optional
        Share of cases that intervals hold; ``None`` for none, which is faster.
    errors : {"report", "raise"}
        As for :func:`guide_ml.predict_table`.
    profile : Profile or path, optional
        Calibration profile.

    Returns
    -------
    dask.dataframe.DataFrame
        The predictions, on the same index and partitions.
    """
    meta = predict_table(_sample(table), errors="report", level=level)
    parts: Any = table  # Dask's methods are not typed
    found: DaskFrame = parts.map_partitions(
        predict_table, errors=errors, predictor=predictor, level=level, profile=profile,
        meta=meta, enforce_metadata=False,
    )  # fmt: skip
    return found


def _sample(table: Any) -> pd.DataFrame:
    """Return no rows, with the columns that any table must have."""
    empty: pd.DataFrame = table._meta
    return empty.iloc[:0]


@dataclass(frozen=True)
class _Task:
    """One part: where its rows come from and where they go, on a disk that workers share."""

    source: str
    target: str
    kind: str
    options: Options
    sha: str = ""


def pinned(options: Options) -> Options:
    """Name the version that an alias of a registry points to now: workers must not see it move."""
    given = options.predictor
    if given is None or not str(given).startswith("models:/"):
        return options
    from guide_ml.registry.versions import pinned as version

    return replace(options, predictor=version(str(given)))


@lru_cache(maxsize=2)
def _set(path: str, sha: str) -> Predictor:
    """Read a set once a worker, and see that it is the one that was meant."""
    found = Predictor.load(path)
    if sha and found.card.get("artefact_sha256") != sha:
        raise InvalidInput(f"{path} must hold the same estimators for the scheduler and for every"
                           " worker; on this one it does not")  # fmt: skip
    return found


def _score_part(task: _Task) -> dict[str, Any]:
    """Score one part on a worker: read, predict, write beside, move into place.

    Run twice, by chance or after a loss, it writes the same file in the same place.
    """
    counts, options = Counts(), task.options
    if isinstance(options.predictor, str | os.PathLike):
        options = replace(options, predictor=_set(os.fspath(options.predictor), task.sha))
    aside = Path(f"{task.target}.{os.getpid()}.tmp")
    with pa.OSFile(task.source) as given, aside.open("wb") as file:
        sink = sinks.open_sink(task.kind, file)
        reader = pa.ipc.open_file(given)
        for table in in_batches((pa.Table.from_batches([reader.get_batch(k)])
                                 for k in range(reader.num_record_batches)), BATCH):  # fmt: skip
            found, counted = score_batch(table, options)
            sink.write(found)
            counts.add(counted)
        sink.close()
    os.replace(aside, task.target)
    return vars(counts)


def score_on_cluster(
    scheduler: str, source: Source, out: str, to: str | None, options: Options, *,
    max_errors: int | None = None, resume: bool = False, rows: int = ROWS,
    progress: RowProgressLike = None, overwrite: bool = False,
) -> Summary:  # fmt: skip
    """Score a table on the workers of a Dask scheduler.

    Parts are handed over as files beside the output, so the folder of `out` must be on a disk
    that all workers share. What a lost worker had begun is tried again elsewhere.

    Parameters
    ----------
    scheduler : str
        Address, such as ``tcp://scheduler:8786``.
    source, out, to, options, max_errors, resume, progress, overwrite
        As for :func:`guide_ml.scoring.score`.
    rows : int
        Rows of a part.

    Returns
    -------
    Summary

    Raises
    ------
    InvalidInput
        If the scheduler cannot be reached, Dask is not installed, or as for one machine.
    """
    place, kind = checked_out(out, to, source)
    try:
        import distributed
    except ImportError as error:
        raise InvalidInput("--dask needs Dask: pip install 'guide-ml[dask]'") from error
    make: Any = distributed.Client  # not typed
    try:
        client = make(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"a Dask scheduler must answer at {scheduler}; none does") from error
    folder = kind == "folder"
    parts = Parts(place, "parquet" if folder else kind, folder, overwrite)
    with client, reporting_rows(progress) as tell, parts.held():
        return _ClusterRun(client, source, pinned(options), max_errors, tell).into(
            parts, rows, resume
        )


@dataclass
class _ClusterRun:
    client: Any
    source: Source
    options: Options
    max_errors: int | None
    progress: RowProgress
    sha: str = ""

    def into(self, parts: Parts, rows: int, resume: bool) -> Summary:
        """Cut the input into parts, have them scored, put them together."""
        from time import perf_counter

        started, summary = perf_counter(), Summary()
        loaded = self.options.loaded()
        identity = {"input": self.source.fingerprint(), **loaded.identity(),
                    "format": parts.kind, "cut": f"{rows} rows"}  # fmt: skip
        # Sets do not travel; each worker reads the very set once.
        self.options = replace(loaded, predictor=self.options.predictor)
        self.sha = str(getattr(loaded.predictor, "card", {}).get("artefact_sha256", ""))
        before = parts.start(identity, resume)
        for counts in before:
            summary.counts.add(counts)
        summary.resumed = summary.counts.rows
        number = 0
        if not parts.moving:
            number = self._score(parts, rows, len(before), summary)
            if not number:
                raise InvalidInput(f"{self.source.name} must hold rows; it has none")
        parts.finish(number, summary.counts)
        summary.seconds = perf_counter() - started
        return summary

    def _score(self, parts: Parts, rows: int, number: int, summary: Summary) -> int:
        """Keep a few parts a worker under way; note each as it is done, in order."""
        waiting: list[Any] = []
        tables = self.source.batches(rows, summary.resumed)
        first = True
        for table in tables:
            if first:
                check_descriptors(table.column_names)
                summary.notes += hints(table.column_names)
                first = False
            waiting.append(self._submit(parts, number + len(waiting), table))
            while len(waiting) >= self._most():
                self._note(parts, number, waiting.pop(0), summary)
                number += 1
        for future in waiting:
            self._note(parts, number, future, summary)
            number += 1
        return number

    def _most(self) -> int:
        return 2 * max(len(self.client.scheduler_info()["workers"]), 1) + 1

    def _submit(self, parts: Parts, number: int, table: pa.Table) -> Any:
        given = parts.place / f"given-{number:06d}.arrow"
        with given.open("wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        task = _Task(str(given.resolve()), str(parts.part(number).resolve()), parts.kind,
                     self.options, self.sha)  # fmt: skip
        return self.client.submit(_score_part, task, retries=RETRIES, pure=False)

    def _note(self, parts: Parts, number: int, future: Any, summary: Summary) -> None:
        counts = Counts(**future.result())
        parts.note(number, counts)
        (parts.place / f"given-{number:06d}.arrow").unlink(missing_ok=True)
        total = summary.counts
        total.add(counts)
        total.require(self.max_errors)
        self.progress(total.rows, self.source.total, self.source.share())
