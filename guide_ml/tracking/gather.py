"""What a retraining learns from: own measurements, joined with the project's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadData
from guide_ml.measurements.read import KEPT, Measurements, default_folder, prepare, read_files
from guide_ml.training.dataset import LEAST_VALUES, Dataset, build, sparse

__all__ = ["LEAST_VALUES", "Gathered", "gather"]

_CONTENT = [c for c in KEPT if c not in ("source", "source_ref", "flags")]


@dataclass(frozen=True)
class Gathered:
    """Measurements of a retraining, and where they come from.

    Parameters
    ----------
    measured, data : Measurements, Dataset
        Rows in use, ready for fitting.
    path : str
        Of the own measurements; blank if there are none.
    own, project, copies : int
        Own rows in use, rows in use of the project, own rows left out as copies of others.
    """

    measured: Measurements
    data: Dataset
    path: str
    own: int
    project: int
    copies: int

    @property
    def by_source(self) -> dict[str, int]:
        """Rows in use by source."""
        count = self.measured.table["source"].value_counts().sort_index()
        return {str(k): int(v) for k, v in count.items()}


def gather(path: Path | None, base: bool = True, base_path: Path | None = None) -> Gathered:
    """Read own measurements, and by default the project's with them.

    Parameters
    ----------
    path : Path, optional
        Own measurements: a folder of Parquet files, a Parquet or a CSV file.
    base : bool
        Whether to learn from the project's measurements too.
    base_path : Path, optional
        Other measurements in the place of the project's.

    Raises
    ------
    BadData
        If a file cannot be read, there is nothing to learn from, or no target has enough values.
    """
    if path is None and not base:
        raise BadData("there is nothing to learn from: give --data, or leave out --no-base")
    own = read_files(path) if path is not None else None
    shared = _project(base_path) if base else None
    tables = [t for t in (shared, own) if t is not None]
    full = pd.concat(tables, ignore_index=True)
    mine = np.arange(len(full)) >= len(full) - (len(own) if own is not None else 0)
    # The project's copies are its own affair (sources share runs); own rows come in once.
    copy = mine & full[_CONTENT].astype(str).duplicated().to_numpy(bool)
    measured = prepare(full[~copy])
    if not len(measured.table):
        reasons = measured.left_out.groupby("reason")["rows"].sum()
        raise BadData(f"no row of {path} can be used: {_counts(reasons)}")
    data = build(measured)
    hint = "" if base else "; leave out --no-base to learn from the project's as well"
    _check(data, hint)
    used = len(prepare(full[mine & ~copy]).table) if (mine & ~copy).any() else 0
    return Gathered(measured, data, str(path or ""), used, len(measured.table) - used,
                    int(copy.sum()))  # fmt: skip


def _check(data: Dataset, hint: str) -> None:
    """Refuse what no target can be learned from; a server's file has no batch latencies."""
    few = sparse(data.values.target)
    if len(few) == len(NAMES):
        raise BadData(
            f"one target at least needs {LEAST_VALUES} measured values:"
            f" {', '.join(f'{n} has {c}' for n, c in few.items())}{hint}"
        )


def _project(base_path: Path | None) -> pd.DataFrame:
    where = base_path or default_folder()
    if not where.exists():
        raise BadData(
            f"the project's measurements must be at {where}; there is no such folder. Install"
            " guide-ml anew, give --base-data FOLDER, or --no-base to learn from own ones alone"
        )
    return read_files(where)


def _counts(reasons: pd.Series) -> str:
    return "; ".join(f"{reason}: {rows}" for reason, rows in reasons.items())
