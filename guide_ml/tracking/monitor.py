"""Monitoring: new measurements against what was predicted of them, and what to do about it.

Errors and coverage are judged by :mod:`guide_ml.tracking.health`. Drift of descriptors is
reported beside, as the population stability index PSI = sum over bins of (p - q) ln(p / q), with
q the shares of the training rows in ten bins of equal count (or in each word) and p those of the
new rows, each at least 0.0005. It does not decide: new hardware that is predicted well needs no
training.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadData
from guide_ml.estimators.artefacts import Fitted
from guide_ml.estimators.predictor import Predictor
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements, prepare, read_files
from guide_ml.registry.versions import Registry
from guide_ml.system import private
from guide_ml.table.columns import records
from guide_ml.table.read import Floats
from guide_ml.tracking.drift import drift
from guide_ml.tracking.health import judge_targets
from guide_ml.tracking.held_table import described
from guide_ml.tracking.log import tracked
from guide_ml.training.crossval import predict_values
from guide_ml.training.dataset import Dataset, build

__all__ = ["Report", "Watch", "monitor"]

ORDER = ("fine", "calibrate", "retrain")


@dataclass(frozen=True)
class Watch:
    """What to compare with what.

    Parameters
    ----------
    data : Path
        New measurements.
    model : str
        MLflow model URI of the estimators.
    predictor : Path, optional
        Folder of estimators in the place of a registered model.
    level : float
        Of the intervals.
    experiment : str
        Name of the MLflow experiment.
    tracking_uri : str, optional
        Store.
    seed : int
        Of the resampling.
    """

    data: Path
    model: str = "models:/guide@champion"
    predictor: Path | None = None
    level: float = 0.9
    experiment: str = "guide-monitoring"
    tracking_uri: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Report:
    """What was found.

    Parameters
    ----------
    verdict : {"fine", "calibrate", "retrain"}
        What to do.
    reason : str
        Why, in a sentence.
    targets, groups, drift : DataFrame
        Errors and coverage by target; errors by target and deployment, worst first; PSI by
        descriptor.
    known : int
        New rows whose deployment and load the set was trained on.
    run_id : str
        Run that it was logged to.
    """

    verdict: str
    reason: str
    targets: pd.DataFrame
    groups: pd.DataFrame
    drift: pd.DataFrame
    known: int = 0
    run_id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        tables = {"targets": self.targets, "groups": self.groups, "drift": self.drift}
        plain = {"verdict": self.verdict, "reason": self.reason, "known": self.known}
        return plain | {"run_id": self.run_id} | {
            k: records(t, 4) for k, t in tables.items()
        }


def monitor(watch: Watch) -> Report:
    """Compare new measurements with predictions, and log what was found.

    Raises
    ------
    BadData
        If no new row can be used.
    BadStore
        If the store or the model is not there.
    """
    measured = prepare(read_files(watch.data))  # first: what is wrong with it is said at once
    if not len(measured.table):
        left = measured.left_out.groupby("reason")["rows"].sum()
        why = "; ".join(f"{reason}: {rows}" for reason, rows in left.items())
        raise BadData(f"no row of {watch.data} can be compared: {why or 'there are none'}")
    data = build(measured)
    predictor = (Predictor.load(watch.predictor) if watch.predictor
                 else Predictor.from_mlflow(watch.model, watch.tracking_uri))  # fmt: skip
    registry = Registry(watch.tracking_uri)
    values = _values(predictor, measured, data, watch.level)
    targets = judge_targets(values, _expected(predictor.fitted), watch.level, watch.seed)
    moved = drift(predictor.knowledge.measured.rows, measured.table)
    verdict, reason = _verdict(targets)
    means = values.assign(ape=100 * np.abs(np.exp(values["error"]) - 1))
    groups = evaluation.by(means, ["target", "deployment"])
    known = int(predictor.knowledge.measured.among(
        measured.resolved.columns, measured.resolved.names).sum())  # fmt: skip
    if known:
        reason += f"; {known} of {len(measured.table)} rows are of deployments and loads that the"
        reason += " estimators were trained on, so they say less"
    found = Report(verdict, reason, targets, groups, moved, known)
    return _log(registry, watch, measured, found)


def _values(
    predictor: Predictor, measured: Measurements, data: Dataset, level: float
) -> pd.DataFrame:
    """Put predictions and intervals beside each measured value."""
    out = described(measured, data)
    out["error"] = predict_values(predictor.fitted, measured.resolved, data.values) - out[
        "log_measured"
    ]
    outcome = predictor.predict(measured.resolved, force=True)
    judged = predictor.judge(measured.resolved, outcome, level)
    inside = np.full(len(out), np.nan)
    stated = _stated(measured, data)
    for index, name in enumerate(NAMES):
        mine = (data.values.target == index) & stated
        row, value = data.values.row[mine], data.values.value[mine]
        low, high = judged.low[name][row], judged.high[name][row]
        inside[mine] = np.where(np.isfinite(low), (value >= low) & (value <= high), np.nan)
    out["inside"] = inside
    return out.dropna(subset="error").reset_index(drop=True)


def _stated(measured: Measurements, data: Dataset) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell values of the statistic that their row asks for: those that intervals are for."""
    columns, v = measured.resolved.columns, data.values
    stats = {"ttft_ms": "ttft_stat", "tpot_ms": "tpot_stat"}
    zero = np.zeros(len(measured.table))
    asked = np.stack([columns[stats[n]] if n in stats else zero for n in NAMES])
    return np.asarray(asked[v.target, v.row] == v.statistic)


def _expected(fitted: Fitted) -> dict[str, Floats]:
    """Errors on held-out deployments, by target: |log| of what the set predicted of its data."""
    rows = fitted.knowledge.measured.rows if fitted.knowledge else pd.DataFrame()
    out = {}
    for name in NAMES:
        if f"held_out_{name}" in rows:
            ratio = rows[f"held_out_{name}"].to_numpy(float) / rows[name].to_numpy(float)
            with np.errstate(divide="ignore", invalid="ignore"):
                error = np.abs(np.log(ratio))
            out[name] = error[np.isfinite(error)]
    return out


def _verdict(targets: pd.DataFrame) -> tuple[str, str]:
    found = [f for f in ORDER if f in set(targets["finding"])]
    if not found:
        return "fine", "too few values to tell anything else"
    worst = found[-1]
    names = ", ".join(targets.loc[targets["finding"] == worst, "target"])
    why = {
        "fine": "errors and intervals are as on deployments held out in training",
        "calibrate": f"{names}: off by a factor that `guide calibrate` mends",
        "retrain": f"{names}: off in ways that no factor mends; `guide retrain`",
    }
    return worst, why[worst]


def _log(registry: Registry, watch: Watch, measured: Measurements, found: Report) -> Report:
    title = f"{Path(watch.data).stem}: {found.verdict}"
    with (
        private.scratch("monitor", temporary=True) as scratch,
        tracked(registry, watch.experiment, title) as log,
    ):
        log.params({"data": watch.data, "model": watch.predictor or watch.model,
                    "level": watch.level})  # fmt: skip
        log.tags({"guide.verdict": found.verdict, "guide.reason": found.reason,
                  "guide.data": measured.sha256})  # fmt: skip
        for row in found.targets.to_dict("records"):
            log.metrics({f"{row['target']}/{k}": row[k]
                         for k in ("rows", "median_ape", "expected_ape", "mended_ape", "covered")})
        log.metrics({f"psi/{r['descriptor']}": r["psi"] for r in found.drift.to_dict("records")})
        for name in ("targets", "groups", "drift"):
            log.table(f"tables/{name}.csv", getattr(found, name), scratch)
    return Report(**(vars(found) | {"run_id": log.run_id}))
