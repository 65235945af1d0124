"""From a table of one's own measurements to a profile."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.calibration.open_rows import as_served, open_rows
from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import NAMES, TARGETS
from guide_ml.errors import BadData, InvalidInput
from guide_ml.estimators.predictor import Outcome, Predictor
from guide_ml.measurements.derive import complete, modes
from guide_ml.measurements.evaluation import errors as ape
from guide_ml.measurements.plausible import implausible
from guide_ml.predictions.run import PredictorLike, ask, predictor_of
from guide_ml.profiles import Profile, apply
from guide_ml.profiles.effects import traits
from guide_ml.profiles.profile import MOST
from guide_ml.profiles.shrink import cells
from guide_ml.table import given
from guide_ml.table.assume import Columns, Resolved
from guide_ml.table.given import HardwareLike, ModelLike
from guide_ml.table.read import DESCRIPTORS, Definitions, Floats

__all__ = ["ENOUGH", "calibrate", "read"]

ENOUGH = 3  # rows that a profile needs
#: Runs of the same deployment under the same load differ by less than this factor.
REPEATABLE = 3.0
#: Turns over open loads: each takes out what waiting made of the errors that the last one left.
TURNS = 3


def read(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a CSV or Parquet file of measurements.

    Raises
    ------
    BadData
        If there is no such file or it cannot be read as a table.
    """
    where = Path(path)
    if not where.exists():
        raise BadData(f"{where} must be a CSV or a Parquet file of measurements; there is none")
    try:
        return pd.read_parquet(where) if where.suffix == ".parquet" else pd.read_csv(where)
    except Exception as error:  # every reader raises its own kinds; all mean the same here
        raise BadData(f"{where} cannot be read as a table of measurements: {error}") from error


def calibrate(
    table: pd.DataFrame,
    predictor: PredictorLike | None = None,
    hardware: Mapping[str, HardwareLike] | Iterable[HardwareLike] | None = None,
    models: Mapping[str, ModelLike] | Iterable[ModelLike] | None = None,
) -> Profile:
    """Compare measurements with predictions and keep what they differ by.

    Parameters
    ----------
    table : DataFrame of shape (n, any of ``guide_ml.table.read.DESCRIPTORS`` and the targets)
        A measured run each: the descriptors that :func:`guide_ml.predict_table` takes, and what
        was measured under ``batch_latency_s``, ``ttft_ms``, ``tpot_ms``, ``output_tok_s``; blank
        where it was not. At least three rows. Of requests at a rate (``request_rate_rps``)
        ``ttft_ms``, ``tpot_ms`` and ``e2e_ms`` count.
    predictor : Predictor or path, optional
        Other estimators than the ones that come with the package; the profile fits only them.
    hardware, models : mapping or iterable, optional
        What the catalogue lacks, as for :func:`guide_ml.predict_table`.

    Returns
    -------
    Profile

    Raises
    ------
    InvalidInput
        If there are too few rows, or one is bad, contradicts itself, physics or another row, or
        looks like a mix-up of units: a profile of wrong rows would spoil every prediction.
    """
    known = Definitions(
        given.named("hardware", hardware, given.hardware), given.named("model", models, given.model)
    )
    chosen, plain = predictor_of(predictor), table.reset_index(drop=True)
    opens = open_rows(plain)
    if opens.any():
        _enough(len(plain))
        turns: list[Profile] = []
        for _ in range(TURNS):
            served = as_served(plain, opens, known, chosen, turns[-1] if turns else None)
            turns.append(_calibrated(served, known, chosen))
        return turns[-1]
    return _calibrated(plain, known, chosen)


def _calibrated(table: pd.DataFrame, known: Definitions, chosen: Predictor) -> Profile:
    """Compare loads that are no open ones with their predictions."""
    full = _checked(table)
    _, resolved = ask(full[[c for c in DESCRIPTORS if c in full]], known)
    _refuse(full, np.asarray(resolved.errors, dtype=object))
    _refuse(full, implausible(full, known).to_numpy(object))
    _refuse(full, _contradictions(full, resolved))
    # A row was measured, so whatever the account says of memory, it did fit.
    outcome = chosen.predict(resolved, force=True)
    values = _values(full, resolved, outcome)
    _refuse(full, _outlandish(values, len(full)))
    own = traits(resolved.columns, resolved.names).iloc[values.row].reset_index(drop=True)
    profile = Profile(
        cells(own, values.target, np.log(values.measured / values.predicted)),
        str(chosen.card.get("artefact_sha256", "")), {},
    )  # fmt: skip
    moved = chosen.predict(resolved, force=True, profile=profile).values
    after = apply.values(profile, resolved, outcome.values, moved, outcome.floors)
    return Profile(profile.cells, profile.trained_set, _facts(values, after))


@dataclass(frozen=True)
class _Values:
    """Measured values in long form, beside their predictions, each of shape (m,)."""

    row: NDArray[np.intp]
    target: NDArray[np.intp]
    measured: Floats
    predicted: Floats


def _checked(table: pd.DataFrame) -> pd.DataFrame:
    """Check that there is enough to calibrate with, and derive what follows by definition."""
    names = [t for t in NAMES if t in table.columns]
    if not names:
        raise InvalidInput(
            f"measurements need at least one of the columns {', '.join(NAMES)}; got"
            f" {', '.join(map(str, table.columns[:8])) or 'no column'}"
        )
    full = table.copy()
    for name in names:
        numbers = pd.to_numeric(full[name], errors="coerce").astype(float)
        text = full[name].astype("string").fillna("").str.strip()
        bad = (numbers.isna() & ~text.str.lower().isin(["", "nan", "none"])) | (numbers <= 0)
        bad |= np.isinf(numbers)
        reason = f"{name} must be a number above 0, or blank"
        _refuse(full, np.where(bad, reason + "; got " + text, "").astype(object))
        full[name] = numbers
    full = _with_mode(full)
    used = int(full[list(NAMES)].notna().any(axis=1).sum())
    _enough(used)
    return full


def _enough(rows: int) -> None:
    if rows < ENOUGH:
        raise InvalidInput(
            f"a profile needs {ENOUGH} measured rows or more; got {rows}: measure other loads too"
        )


def _with_mode(table: pd.DataFrame) -> pd.DataFrame:
    """Write the mode out and derive targets; blanks become columns of their own."""
    needed = ("mode", "batch_size", "concurrency", "input_len", "output_len", "total_tok_s", *NAMES)
    full = table.reindex(columns=list(dict.fromkeys([*table.columns, *needed])))
    for name in ("batch_size", "concurrency", "input_len", "output_len"):
        full[name] = pd.to_numeric(full[name], errors="coerce").astype(float)
    full["mode"] = modes(full)
    derived = complete(full)
    # Only latency and throughput of a static batch are one figure; its parts are measured apart.
    static = (full["mode"] == "static") & full["output_tok_s"].notna()
    full.loc[static, "batch_latency_s"] = derived.loc[static, "batch_latency_s"]
    return full


def _refuse(table: pd.DataFrame, reasons: NDArray[np.object_]) -> None:
    """Raise the first reason, with the number of its row as a reader of the file counts."""
    bad = np.flatnonzero(reasons != "")
    if len(bad):
        more = f" ({len(bad)} of {len(table)} rows are refused)" if len(bad) > 1 else ""
        raise InvalidInput(
            f"row {bad[0] + 1} cannot calibrate: {str(reasons[bad[0]]).rstrip('.')}{more};"
            " correct it or leave it out"
        )


def _contradictions(table: pd.DataFrame, resolved: Resolved) -> NDArray[np.object_]:
    """Tell rows of one deployment and load whose figures differ by more than runs ever do."""
    out = np.full(len(table), "", dtype=object)
    load = pd.DataFrame({k: resolved.columns[k] for k in
                         ("batch", "ttft_stat", "tpot_stat", "requests_per_slot", "queued",
                          "fw_release_year")})  # fmt: skip
    keys = pd.concat([traits(resolved.columns, resolved.names), load], axis=1)
    same = keys.groupby(list(keys.columns), dropna=False, sort=False).ngroup()
    for name in NAMES:
        least = table[name].groupby(same).transform("min")
        wide = (table[name] / least > REPEATABLE).to_numpy(bool)
        for i in np.flatnonzero(wide & (out == "")):
            first = int(np.flatnonzero((same == same[i]) & (table[name] == least[i]))[0])
            out[i] = (
                f"{name} {table[name][i]:.4g} contradicts row {first + 1}, which says"
                f" {least[i]:.4g} of the same deployment and load"
            )
    return out


def _values(table: pd.DataFrame, resolved: Resolved, outcome: Outcome) -> _Values:
    """List every measured value that its mode has, with its prediction."""
    mode = resolved.columns["mode"]
    static = mode == MODES.index("static")
    row, target = [], []
    for index, one in enumerate(TARGETS):
        has = one.applies(mode) & table[one.name].notna().to_numpy(bool)
        if one.name == "output_tok_s":
            has &= ~static  # it says what the batch latency says
        row.append(np.flatnonzero(has))
        target.append(np.full(int(has.sum()), index))
    rows, targets = np.concatenate(row), np.concatenate(target).astype(np.intp)
    measured = np.stack([table[n].to_numpy(np.float64) for n in NAMES])
    predicted = np.stack([outcome.values[n] for n in NAMES])
    if len(np.unique(rows)) < ENOUGH:
        raise InvalidInput(
            f"a profile needs {ENOUGH} rows or more with a figure of their mode; got"
            f" {len(np.unique(rows))}: prefill has ttft_ms, decode tpot_ms, offline output_tok_s"
        )
    return _Values(rows, targets, measured[targets, rows], predicted[targets, rows])


def _outlandish(values: _Values, n: int) -> NDArray[np.object_]:
    """Tell rows so far off any prediction that the figure must mean something else."""
    out = np.full(n, "", dtype=object)
    ratio = values.measured / values.predicted
    for i in np.flatnonzero((ratio > MOST) | (ratio < 1.0 / MOST)):
        name = NAMES[values.target[i]]
        out[values.row[i]] = (
            f"{name} {values.measured[i]:.4g} is {ratio[i]:.3g} times the predicted"
            f" {values.predicted[i]:.4g}; its unit or its load must be another one"
        )
    return out


def _facts(values: _Values, after: Columns) -> dict[str, object]:
    """Say what a profile rests on, and the median error before and after, by target."""
    stacked = np.stack([after[n] for n in NAMES])[values.target, values.row]
    found: dict[str, object] = {"rows": len(np.unique(values.row)), "values": len(values.row)}
    for index, name in enumerate(NAMES):
        mine = values.target == index
        if mine.any():
            found[name] = {
                "values": int(mine.sum()),
                "median_ape_before": _median(values.predicted[mine], values.measured[mine]),
                "median_ape_after": _median(stacked[mine], values.measured[mine]),
            }
    return found


def _median(predicted: Floats, measured: Floats) -> float:
    return round(float(np.median(ape(predicted, measured))), 2)
