"""Out-of-fold predictions: physics and boosters refitted without the groups they predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from guide_ml.answers.progress import Progress, ProgressLike, reporting
from guide_ml.describe.targets import NAMES
from guide_ml.errors import UnknownName, check_seed
from guide_ml.estimators.artefacts import Fitted
from guide_ml.estimators.predictor import Predictor
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements, Values, prepare, read_files
from guide_ml.physics.design import Coefficients
from guide_ml.physics.fit import fit, log_estimate
from guide_ml.physics.inputs import BLIND as BLIND_INPUTS
from guide_ml.physics.inputs import INPUTS, MEMORY, PRECISION
from guide_ml.system.processes import side_by_side
from guide_ml.table.assume import Resolved
from guide_ml.table.read import Floats
from guide_ml.training.dataset import Dataset, Matrix, build, matrix
from guide_ml.trees.boosters import BLIND, Member, fit_member, hyper_parameters

__all__ = [
    "SHARED", "Fold", "HyperParameters", "boosted_inputs", "evaluate", "fit_boosters",
    "fold_errors", "known_devices", "out_of_fold", "out_of_folds", "predict_values", "scores",
]  # fmt: skip

#: Threads of one booster: it comes out the same for the same number only, so it is fixed.
THREADS = 1
#: Arrays of more bytes are shared with the processes through files, not sent with each fold.
SHARED = 16_384


_OWN = ("m_", "log_m_", "kv_heads_per_device", "heads_per_device")
_SHAPE = ("log_width_per_device", "log_expert_width", "kv_layer_share", "window_share")
#: What physics accounts for; bytes of weights also tell a model by name.
_ACCOUNTED = (*PRECISION, *MEMORY)
#: What a target's boosters do not see (how the names start): figures of the model itself, and
#: what physics accounts for already.
UNSEEN = {
    "batch_latency_s": (*_OWN, *_SHAPE), "ttft_ms": _ACCOUNTED,
    "tpot_ms": (*_OWN, *_SHAPE, *_ACCOUNTED), "output_tok_s": (*_OWN, *_ACCOUNTED),
}  # fmt: skip

Members = dict[str, dict[str, Member]]
HyperParameters = dict[str, dict[str, Any]]


def fit_boosters(
    data: Dataset, table: Matrix, seed: int, jobs: int = 1, blind: Sequence[str] = NAMES,
    params: HyperParameters | None = None, plain: Sequence[str] = NAMES, as_read: bool = True,
) -> Members:  # fmt: skip
    """Fit every kind of booster for every target, on log(measured / physics).

    Devices without measurements lean on physics: their estimators are of the first kind of the
    target only, with half of its rounds.

    Parameters
    ----------
    data, table : Dataset, Matrix
        What to fit on.
    seed : int
        Of the boosters.
    jobs : int
        Boosters that are fitted side by side, each by one thread.
    blind : sequence of str
        Targets that get boosters for unmeasured devices as well.
    params : dict, optional
        Hyper-parameters by ``target/kind``; those of the package by default.
    plain : sequence of str
        Targets that get boosters for measured devices.
    as_read : bool
        Whether the boosters are as their files will give them back; see
        :func:`guide_ml.trees.boosters.fit_member`.

    Returns
    -------
    dict of str to dict of str to Member
        A target without values (a fold of few data may have none) has no booster.
    """
    chosen = params or hyper_parameters()
    residual = data.sample.log_value - table.log_physics
    work, places = [], []
    for name in (*plain, *(f"{target}{BLIND}" for target in blind)):
        target = name.removesuffix(BLIND)
        rows = np.flatnonzero(data.values.target == NAMES.index(target))
        x = table.stack(boosted_inputs(name))[rows]
        y, weight = residual[rows], data.sample.weight[rows]
        kinds = [k.split("/")[1] for k in chosen if k.startswith(f"{target}/") and len(rows)]
        for kind in kinds[:1] if name.endswith(BLIND) else kinds:
            own = dict(chosen[f"{target}/{kind}"])
            if name.endswith(BLIND):
                own["rounds"] = max(int(own["rounds"]) // 2, 1)
            places.append((name, kind))
            work.append(delayed(fit_member)(kind, target, x, y, weight, seed, THREADS, own,
                                            as_read))
    fitted = Parallel(n_jobs=jobs, prefer="threads")(work)
    out: Members = {}
    for (name, kind), member in zip(places, fitted, strict=True):
        out.setdefault(name, {})[kind] = member
    return out


def boosted_inputs(name: str) -> list[str]:
    """Return the inputs of the estimators of a name, in order.

    Those of batch latency and TPOT see no figure of the model itself, only what physics makes of
    it, those of throughput only widths and windows: a new model would be taken for the nearest
    measured one. Precision and memory are seen by those of batch latency only.
    """
    found = BLIND_INPUTS if name.endswith(BLIND) else INPUTS
    return [n for n in found if not n.startswith(UNSEEN.get(name.removesuffix(BLIND), ()))]


def known_devices(data: Dataset) -> dict[str, list[str]]:
    """List the devices that each target was measured on."""
    device = data.slugs["hardware"].astype(str)
    return {
        name: sorted(set(device[data.values.target == index].tolist()))
        for index, name in enumerate(NAMES)
    }


def _asked_devices(data: Dataset) -> dict[str, set[str]]:
    """Devices that matter to each target: its own, and a server's to both of its latencies."""
    found = {name: set(devices) for name, devices in known_devices(data).items()}
    served = data.sample.load.is_mode("closed")
    for name in ("ttft_ms", "tpot_ms"):
        found[name] |= set(data.slugs["hardware"][served].astype(str).tolist())
    return found


@dataclass(frozen=True)
class Fold:
    """Predictions of one fold's held-out values.

    Parameters
    ----------
    rows : array of int
        Values held out.
    log_predicted, log_physics : array
        What a user would get, and calibrated physics alone.
    """

    rows: NDArray[np.intp]
    log_predicted: Floats
    log_physics: Floats


def predict_values(fitted: Fitted, resolved: Resolved, values: Values) -> Floats:
    """Predict measured values just as a user's call does, each with its own statistic."""
    predictor = Predictor(fitted)
    out = np.full(len(values.row), np.nan)
    for statistic in np.unique(values.statistic):
        mine = np.flatnonzero(values.statistic == statistic)
        rows, index = np.unique(values.row[mine], return_inverse=True)
        columns = {k: v[rows] for k, v in resolved.columns.items()}
        for stat in ("ttft_stat", "tpot_stat"):
            columns[stat] = np.full(len(rows), statistic)
        names = {k: v[rows] for k, v in resolved.names.items()}
        # A value was measured, so whatever the account says of memory, it did fit.
        found = predictor.predict(Resolved(columns, names, resolved.errors[rows]), force=True)
        stacked = np.stack([found.values[n] for n in NAMES])
        out[mine] = np.log(stacked[values.target[mine], index])
    return out


def fold_errors(
    data: Dataset, resolved: Resolved, held: NDArray[np.bool_], seed: int,
    params: HyperParameters | None = None,
) -> Fold:  # fmt: skip
    """Fit without the values held out, and predict them as a user's call does."""
    train, test = data.take(~held), data.take(held)
    coefficients: Coefficients = fit(train.sample)
    devices, asked = known_devices(train), _asked_devices(test)
    # Only the boosters that are asked: where devices are held out, none for measured ones.
    plain = [name for name in NAMES if asked[name] & set(devices[name])]
    blind = [name for name in NAMES if asked[name] - set(devices[name])]
    members = fit_boosters(train, matrix(train, coefficients), seed, blind=blind, params=params,
                           plain=plain, as_read=False)  # fmt: skip
    inputs = {name: boosted_inputs(name) for name in members}
    fitted = Fitted(coefficients, inputs, members, devices)
    predicted = predict_values(fitted, resolved, test.values)
    knobs = coefficients.knobs(test.sample.drivers)
    return Fold(np.flatnonzero(held), predicted, log_estimate(test.sample, knobs))


def out_of_fold(
    measured: Measurements, data: Dataset, split: str, seed: int = 0, jobs: int = 2,
    progress: Progress | None = None, params: HyperParameters | None = None,
    folds: int = evaluation.FOLDS,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Predict every value by a set that was fitted without its group.

    `params` are hyper-parameters other than the package's, `folds` the folds of the split.

    Returns
    -------
    array of shape (m,), array of shape (m,)
        Logarithms predicted by boosters on physics, and by physics alone; NaN for values that
        the split never holds out.
    """
    return out_of_folds(measured, data, {split: folds}, seed, jobs, progress, params)[split]


def out_of_folds(
    measured: Measurements, data: Dataset, folds: Mapping[str, int], seed: int = 0, jobs: int = 2,
    progress: Progress | None = None, params: HyperParameters | None = None,
) -> dict[str, tuple[Floats, Floats]]:  # fmt: skip
    """Do :func:`out_of_fold` for several splits, their folds in one queue: no process waits.

    `folds` are how many of them by split.
    """
    row = data.values.row
    fold = {s: evaluation.folds(evaluation.groups(measured, s), seed, count)[row]
            for s, count in folds.items()}  # fmt: skip
    asked = [(s, k) for s in folds for k in np.unique(fold[s][fold[s] >= 0])]
    work = (delayed(fold_errors)(data, measured.resolved, fold[s] == k, seed, params)
            for s, k in asked)  # fmt: skip
    out = {s: (np.full(len(row), np.nan), np.full(len(row), np.nan)) for s in folds}
    found = side_by_side(jobs, work, SHARED)
    for done, ((split, _), part) in enumerate(zip(asked, found, strict=True), start=1):
        predicted, physics = out[split]
        predicted[part.rows], physics[part.rows] = part.log_predicted, part.log_physics
        if progress:
            progress(done, len(asked), f"split {split}: fold")
    return out


def scores(data: Dataset, log_predicted: Floats) -> pd.DataFrame:
    """Sum errors up for each target, means only."""
    rows = []
    for index, name in enumerate(NAMES):
        mine = (data.values.target == index) & (data.values.statistic == 0)
        keep = mine & np.isfinite(log_predicted)
        ape = evaluation.errors(np.exp(log_predicted[keep]), data.values.value[keep])
        rows.append({"target": name} | evaluation.summary(ape))
    return pd.DataFrame(rows)


def evaluate(
    data: Path | None = None, splits: tuple[str, ...] = evaluation.SPLITS, seed: int = 0,
    jobs: int = 2, progress: ProgressLike = None,
) -> pd.DataFrame:  # fmt: skip
    """Score estimators on what they have not seen, for several splits.

    Parameters
    ----------
    data : Path, optional
        Measurements; the project's own by default.
    splits : tuple of str
        Names of :data:`guide_ml.measurements.evaluation.SPLITS` and ``CORNERS``.
    seed, jobs : int
        Seed of all that is random; processes.
    progress : bool or callable, optional
        ``True`` shows a bar; a callable is told of each fold.

    Returns
    -------
    DataFrame with columns split, target and :data:`guide_ml.measurements.evaluation.METRICS`
        Errors in percent, means only, out of fold.
    """
    check_seed(seed)
    for split in splits:
        if split not in (known := (*evaluation.SPLITS, *evaluation.CORNERS)):
            raise UnknownName("split", split, known)
    measured = prepare(read_files(data))
    dataset = build(measured)
    parts = []
    with reporting(progress) as tell:
        for split in splits:
            predicted, _ = out_of_fold(measured, dataset, split, seed, jobs, tell)
            parts.append(scores(dataset, predicted).assign(split=split))
    table = pd.concat(parts, ignore_index=True)
    return table[["split", "target", *evaluation.METRICS]]
