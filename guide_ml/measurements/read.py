"""The only reader of measurements: one schema, checked; what is left out is counted.

A table is a folder of Parquet files (one a source) or one Parquet or CSV file with the columns
of ``data/README.md``. A row that cannot be used is left out with its reason, never mended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES, STATS
from guide_ml.describe.targets import TARGETS
from guide_ml.errors import BadData
from guide_ml.features.floors import floors
from guide_ml.features.load import Load, build
from guide_ml.measurements.columns import FIGURES, SETTINGS, TEXTS, faults, numbers
from guide_ml.measurements.derive import complete, modes
from guide_ml.system.lazily import pandas as pd
from guide_ml.table.assume import Resolved, resolve
from guide_ml.table.read import DESCRIPTORS, read
from guide_ml.units import GB

__all__ = [
    "Measurements", "Values", "default_folder", "prepare", "read_files", "unusable", "values",
]  # fmt: skip

#: Measured columns and the range in which a figure is believed.
MEASURED: dict[str, tuple[float, float]] = {
    "batch_latency_s": (1e-5, 1e6), "ttft_ms": (1e-3, 1e8), "ttft_median_ms": (1e-3, 1e8),
    "ttft_p99_ms": (1e-3, 1e8), "tpot_ms": (1e-4, 1e6), "tpot_median_ms": (1e-4, 1e6),
    "tpot_p99_ms": (1e-4, 1e6), "e2e_ms": (1e-3, 1e9), "output_tok_s": (1e-4, 1e8),
    "total_tok_s": (1e-4, 1e9),
}  # fmt: skip
KEPT = tuple(dict.fromkeys(
    ("source", "source_ref", *DESCRIPTORS, *TEXTS, *SETTINGS, *MEASURED, *FIGURES, "flags")
))  # fmt: skip

#: Weights beyond this share of a device's memory were not what ran: labels in GiB are 7 % short.
MOST_SHARE = 1.08


@dataclass(frozen=True)
class Measurements:
    """Usable measurements and an account of the rest.

    Parameters
    ----------
    table : DataFrame of shape (n, columns of KEPT)
        Rows in use, derivations made, index 0..n-1.
    resolved : Resolved
        The same rows as numbers.
    load : Load
        The same rows with their bounds.
    left_out : DataFrame with columns source, reason, rows
        What was not used, and why.
    sha256 : str
        Hash of the rows in use, for cards and tracking.
    """

    table: pd.DataFrame
    resolved: Resolved
    load: Load
    left_out: pd.DataFrame
    sha256: str


def default_folder() -> Path:
    """Folder of the project's own measurements: in the wheel, or in the checkout."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "_data" / "measurements"
    return shipped if shipped.is_dir() else package.parent / "data" / "measurements"


def read_files(path: Path | None = None) -> pd.DataFrame:
    """Read a folder of Parquet files, or one Parquet or CSV file.

    Raises
    ------
    BadData
        If there is no such file, it cannot be read, or a needed column is missing.
    """
    where = Path(path) if path is not None else default_folder()
    files = sorted(where.glob("*.parquet")) if where.is_dir() else [where]
    if not files or not files[0].exists():
        raise BadData(
            f"no measurements at {where}: give a folder of Parquet files, a Parquet or a CSV file"
        )
    tables = [_read_one(f) for f in files]
    return pd.concat(tables, ignore_index=True)


def _read_one(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except Exception as error:  # every reader raises its own kinds; all mean the same here
        raise BadData(f"{path} cannot be read as a table of measurements: {error}") from error
    missing = [c for c in ("hardware", "model", "framework") if c not in table.columns]
    if missing:
        page = default_folder().parent / "README.md"
        raise BadData(f"{path} must have the columns {', '.join(missing)}; all are told in {page}")
    table["mode"] = modes(table)
    if "ubatch" in table.columns:  # what llama.cpp calls the tokens of one pass
        stated = table.get("max_num_batched_tokens", pd.Series(np.nan, index=table.index))
        # What is no number stays behind, and is named in its row under its own name.
        cells = pd.to_numeric(table["ubatch"], errors="coerce")
        table["max_num_batched_tokens"] = stated.astype(object).where(stated.notna(), cells)
    table = table.reindex(columns=list(KEPT))
    for column in MEASURED:
        table[column] = pd.to_numeric(table[column], errors="coerce").astype(float)
    for column in ("batch_size", "input_len", "output_len"):
        cells = pd.to_numeric(table[column], errors="coerce").astype(float)
        broken = cells.isna() & table[column].notna()
        table["flags"] = table["flags"].astype(object).where(~broken, f"{column} is no number")
        table[column] = cells
    carried, first = numbers(table)
    table[carried.columns] = carried
    table["flags"] = table["flags"].astype(object).where(first == "", first + " is no number")
    table["source"] = table["source"].astype("string").fillna(path.stem).astype(str)
    return table


def _reasons(table: pd.DataFrame) -> NDArray[np.object_]:
    """Why each row is of no use before its deployment is looked at; blank if it is."""
    out = np.full(len(table), "", dtype=object)

    def mark(rows: pd.Series, reason: str) -> None:
        out[rows.to_numpy(bool) & (out == "")] = reason

    flags = table["flags"].astype("string").fillna("").str.strip()
    mark(flags != "", "flagged by its source's page")
    mark(~table["mode"].isin(MODES), "mode is not predicted (open, disaggregated)")
    spec = table["spec_method"].astype("string").fillna("none")
    mark(spec.str.startswith("unknown"), "speculative decoding unknown")
    for column, (low, high) in MEASURED.items():
        mark(table[column].notna() & ~table[column].between(low, high), f"{column} out of range")
    for rows, reason in faults(table):
        mark(rows, reason)
    measured = table[[t.name for t in TARGETS]].notna().any(axis=1)
    mark(~measured, "no target was measured")
    return out


def prepare(table: pd.DataFrame) -> Measurements:
    """Check measurements, derive targets, and leave out what cannot be used.

    Parameters
    ----------
    table : DataFrame
        :func:`read_files`.
    """
    return _judge(table)[0]


def unusable(table: pd.DataFrame) -> pd.Series:
    """Say of each row why :func:`prepare` leaves it out; blank if it is used.

    Parameters
    ----------
    table : DataFrame
        :func:`read_files`.
    """
    return pd.Series(_judge(table)[1], index=table.index, dtype=object)


def _judge(table: pd.DataFrame) -> tuple[Measurements, NDArray[np.object_]]:
    full = complete(table.reset_index(drop=True))
    reasons = _reasons(full)
    keep = np.flatnonzero(reasons == "")
    resolved = resolve(read(full.iloc[keep]))
    short = [_shorten(str(e)) for e in resolved.errors]
    reasons[keep] = short
    good = np.flatnonzero(np.asarray(short) == "")
    resolved = _take(resolved, good)
    load = build(resolved.columns)
    fast = beats_floor(full.iloc[keep[good]], load)
    reasons[keep[good[fast]]] = "faster than the hardware allows"
    large = ~fast & (load.memory["weights_byte"] > MOST_SHARE * load.columns["hw_memory_gb"] * GB)
    reasons[keep[good[large]]] = "weights larger than the devices' memory"
    rows = np.flatnonzero(~(fast | large))
    used = full.iloc[keep[good[rows]]].reset_index(drop=True)
    found = Measurements(
        used, _take(resolved, rows), load.take(rows),
        _count(full["source"], reasons), _digest(used),
    )  # fmt: skip
    return found, reasons


def _count(source: pd.Series, reasons: NDArray[np.object_]) -> pd.DataFrame:
    """Count the rows left out by source and reason."""
    left = pd.DataFrame({"source": source, "reason": reasons})
    left = left[left["reason"] != ""]
    return left.groupby(["source", "reason"]).size().rename("rows").reset_index()


def _shorten(error: str) -> str:
    """Group errors that differ only in the name."""
    return "unknown " + error.split()[1] if error.startswith("unknown ") else error


def _take(resolved: Resolved, rows: NDArray[np.intp]) -> Resolved:
    return Resolved(
        {k: v[rows] for k, v in resolved.columns.items()},
        {k: v[rows] for k, v in resolved.names.items()},
        resolved.errors[rows],
    )


def beats_floor(table: pd.DataFrame, load: Load) -> NDArray[np.bool_]:
    """Tell the rows with a mean that the hardware's peak rates do not allow."""
    bound = floors(load)
    out = np.zeros(len(table), dtype=bool)
    for target in TARGETS:
        value = table[target.name].to_numpy(float)
        applies = target.applies(load.columns["mode"]) & np.isfinite(value)
        limit = bound[target.name]
        out |= applies & ((value < limit) if target.is_time else (value > limit))
    return out


def _digest(table: pd.DataFrame) -> str:
    """Hash rows by content: the same rows in the same order give the same text."""
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.9g")
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Values:
    """Measured values of all targets in long form, m values.

    Parameters
    ----------
    row : array of shape (m,) of int
        Row of the measurements.
    target : array of shape (m,) of int
        Index into :data:`guide_ml.describe.targets.TARGETS`.
    statistic : array of shape (m,)
        Code of :data:`guide_ml.describe.descriptors.STATS`.
    value : array of shape (m,)
        Measured, in the unit of the target's name.
    """

    row: NDArray[np.intp]
    target: NDArray[np.intp]
    statistic: NDArray[np.float64]
    value: NDArray[np.float64]


def values(measured: Measurements) -> Values:
    """List every measured value with its statistic.

    TTFT and TPOT come as mean, median and 99th percentile of one run; each is a value of its
    own. Static throughput is not listed: by definition it says what the batch latency says.
    """
    mode = measured.load.columns["mode"]
    found: list[tuple[int, int, NDArray[np.intp], NDArray[np.float64]]] = []
    for index, target in enumerate(TARGETS):
        applies = target.applies(mode)
        if target.name == "output_tok_s":
            applies &= mode != MODES.index("static")
        for code, column in _columns(measured, index):
            value = column
            rows = np.flatnonzero(applies & np.isfinite(value) & (value > 0))
            found += [(index, int(code), rows, value[rows])]
    return _long(found)


def _columns(measured: Measurements, index: int) -> Sequence[tuple[float, NDArray[np.float64]]]:
    """Columns that hold a target, by statistic; a cell is never listed twice."""
    target, table = TARGETS[index], measured.table
    value = table[target.name].to_numpy(float)
    if not target.stat:
        return [(0.0, value)]
    stated = measured.resolved.columns[target.stat]
    base = target.name.removesuffix("_ms")
    out = [(float(s), np.where(stated == s, value, np.nan)) for s in range(len(STATS))]
    for stat in ("median", "p99"):
        code = STATS.index(stat)
        extra = table[f"{base}_{stat}_ms"].to_numpy(float)
        out.append((float(code), np.where(stated == code, np.nan, extra)))
    return out


def _long(found: list[tuple[int, int, NDArray[np.intp], NDArray[np.float64]]]) -> Values:
    return Values(
        np.concatenate([rows for _, _, rows, _ in found]).astype(np.intp),
        np.concatenate([np.full(len(rows), t) for t, _, rows, _ in found]).astype(np.intp),
        np.concatenate([np.full(len(rows), float(s)) for _, s, rows, _ in found]),
        np.concatenate([value for _, _, _, value in found]),
    )
