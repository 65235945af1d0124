"""Calibrated physics, corrected by boosters: the four targets of some rows at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guide_ml.artefacts import Fitted
from guide_ml.assume import Columns
from guide_ml.columns import Gathered, distinct
from guide_ml.descriptors import MODES, STATS
from guide_ml.envelope import AXES, NEAR, Heavier, heavier
from guide_ml.estimators import BLIND
from guide_ml.features.load import Load, build
from guide_ml.physics.design import drivers
from guide_ml.physics.inputs import INPUTS, fixed, loaded
from guide_ml.physics.model import Estimate, estimate
from guide_ml.table import Floats
from guide_ml.targets import TARGETS, Target
from guide_ml.units import MS_PER_S

__all__ = ["predict"]

Names = dict[str, NDArray[np.object_]]
Wanted = dict[str, NDArray[np.bool_]]

#: Up to so many rows, all ways of being heavier are worked out in one go: fewer, larger steps.
FEW = 64
FLIGHT = ("ttft_ms", "tpot_ms")  # what a request's time in flight is made of


@dataclass(frozen=True)
class Asked:
    """What has to be estimated: rows by statistic, and which targets of them.

    Parameters
    ----------
    row : array of int of shape (m,)
        Row of the table.
    statistic : array of shape (m,)
        Code of :data:`guide_ml.descriptors.STATS`.
    wanted : dict of str to array of bool of shape (m,)
        By target.
    """

    row: NDArray[np.intp]
    statistic: Floats
    wanted: Wanted


def predict(
    fitted: Fitted, load: Load, slugs: Names, limits: Columns, usable: NDArray[np.bool_]
) -> Columns:
    """Predict each target of the rows that have it.

    Parameters
    ----------
    fitted : Fitted
        Physics and boosters.
    load : Load
        n deployments.
    slugs : dict of str to array of shape (n,)
        Names in force.
    limits : dict of str to array of shape (n,)
        :func:`guide_ml.features.floors.floors`; nothing is predicted beyond them.
    usable : array of bool of shape (n,)
        Rows to predict.

    Returns
    -------
    dict of str to array of shape (n,)
        By target; NaN where a row has none.
    """
    asked = _asked(load.columns, usable)
    out = {t.name: np.full(len(usable), np.nan) for t in TARGETS}
    mean = {name: out[name].copy() for name in FLIGHT}
    if len(asked.row):
        found = _estimate(fitted, load, slugs, asked)
        for target in TARGETS:
            name, plain = target.name, asked.statistic == 0
            own = asked.wanted[name].copy()
            if name in mean:
                mean[name][asked.row[own & plain]] = found[name][own & plain]
            own &= asked.statistic == _statistic(load.columns, target)[asked.row]
            out[name][asked.row[own]] = found[name][own]
    _little(load, usable, mean, out)
    for target in TARGETS:
        clip = np.maximum if target.is_time else np.minimum
        out[target.name] = clip(out[target.name], limits[target.name])
    _by_definition(load, out)
    return out


def _statistic(columns: Columns, target: Target) -> Floats:
    """Code of the statistic that each row wants of a target."""
    return columns[target.stat] if target.stat else np.zeros(len(columns["mode"]))


def _asked(columns: Columns, usable: NDArray[np.bool_]) -> Asked:
    """List what to estimate: what rows want, and mean latencies of servers (:func:`_little`)."""
    mode = columns["mode"]
    has = {t.name: usable & t.applies(mode) for t in TARGETS}
    has["output_tok_s"] &= mode != MODES.index("static")  # follows from the latency
    served = usable & (mode == MODES.index("closed"))
    rows: list[NDArray[np.intp]] = []
    wanted: dict[str, list[NDArray[np.bool_]]] = {t.name: [] for t in TARGETS}
    for code in range(len(STATS)):
        now = {t.name: has[t.name] & (_statistic(columns, t) == code) for t in TARGETS}
        if code == 0:
            now |= {name: now[name] | served for name in FLIGHT}
        any_target = np.flatnonzero(np.any(list(now.values()), axis=0))
        rows.append(any_target)
        for name, mask in now.items():
            wanted[name].append(mask[any_target])
    statistic = np.repeat(np.arange(float(len(STATS))), [len(r) for r in rows])
    return Asked(np.concatenate(rows), statistic,
                 {name: np.concatenate(masks) for name, masks in wanted.items()})  # fmt: skip


def _measured(fitted: Fitted, hardware: NDArray[np.object_]) -> dict[str, NDArray[np.bool_]]:
    """Tell for each target which rows' devices it was measured on."""
    index, devices = distinct(hardware)
    return {
        t.name: np.asarray([d in known for d in devices], dtype=bool)[index]
        for t in TARGETS
        for known in [frozenset(fitted.devices[t.name])]
    }


def _estimate(fitted: Fitted, load: Load, slugs: Names, asked: Asked) -> Columns:
    """Estimate what is asked, latencies kept from falling with the load."""
    rows, m = asked.row, len(asked.row)
    if m != len(load.held) or np.any(rows != np.arange(m)):
        load, slugs = load.take(rows), {k: v[rows] for k, v in slugs.items()}
    knobs = fitted.physics.knobs(drivers(load.columns, slugs, asked.statistic))
    physics = estimate(load, knobs)
    shared = fixed(load, slugs, knobs) | {"statistic": asked.statistic}
    alone = _Rows(np.arange(m), physics.targets, loaded(load, physics), asked.wanted)
    found = [alone]
    few = [tuple(range(len(AXES)))] if m <= FEW else [(k,) for k in range(len(AXES))]
    for axes in few:
        heavy = _near(load, knobs, physics, asked.wanted, heavier(load.columns, axes))
        if heavy is not None:
            found.append(heavy)
    x = _inputs(shared, found)
    measured = _measured(fitted, slugs["hardware"])
    out = {}
    for target in TARGETS:
        out[target.name] = np.full(m, np.nan)
        own = np.flatnonzero(np.concatenate([f.wanted[target.name] for f in found]))
        if len(own):
            parent = np.concatenate([f.parent for f in found])[own]
            physics_of = np.concatenate([f.physics[target.name] for f in found])[own]
            known = measured[target.name][parent]
            value = _correct(fitted, target, x[:, own], np.log(physics_of), known)
            asked_for = int(np.count_nonzero(asked.wanted[target.name]))  # these come first
            out[target.name][parent[:asked_for]] = value[:asked_for]
            np.minimum.at(out[target.name], parent[asked_for:], value[asked_for:])
    return out


@dataclass(frozen=True)
class _Rows:
    """Loads to be corrected: the asked ones themselves, or heavier ones that bound them.

    Parameters
    ----------
    parent : array of int of shape (k,)
        Asked row that each is a version of.
    physics, inputs : dict of str to array of shape (k,)
        Targets by physics, and the inputs that differ from the parent's.
    wanted : dict of str to array of bool of shape (k,)
        By target.
    """

    parent: NDArray[np.intp]
    physics: Columns
    inputs: Columns
    wanted: Wanted


def _near(
    load: Load, knobs: Columns, physics: Estimate, wanted: Wanted, heavy: Heavier
) -> _Rows | None:
    """Keep the heavier loads that physics puts close above."""
    if not len(heavy.rows):
        return None
    large = build(heavy.columns)
    found = estimate(large, Gathered(knobs, heavy.rows[:, None]))
    near = {}
    for target in TARGETS:
        if target.is_time:
            name, below = target.name, physics.targets[target.name][heavy.rows, None]
            close = np.log(found.targets[name] / below) < NEAR
            close &= heavy.possible & heavy.bounds(name) & wanted[name][heavy.rows, None]
            near[name] = close
    row, step = np.nonzero(np.any(list(near.values()), axis=0))
    if not len(row):
        return None
    chosen = (row, step)
    part = found.take(chosen)
    close_to = {t.name: near[t.name][chosen] if t.is_time else np.zeros(len(row), dtype=bool)
                for t in TARGETS}  # fmt: skip
    return _Rows(heavy.rows[row], part.targets, loaded(large.take(chosen), part), close_to)


def _inputs(shared: Columns, found: list[_Rows]) -> NDArray[np.float32]:
    """Arrange the inputs of all loads, shape (inputs, loads); heavier ones share their parent's."""
    ends = np.cumsum([0, *(len(f.parent) for f in found)])
    x = np.full((len(INPUTS), ends[-1]), np.nan, dtype=np.float32)
    for name, line in zip(INPUTS, x, strict=True):
        if name in shared:
            line[: ends[1]] = shared[name]
            for part, start, end in zip(found[1:], ends[1:], ends[2:], strict=False):
                line[: ends[1]].take(part.parent, out=line[start:end], mode="clip")
        else:
            for part, start, end in zip(found, ends, ends[1:], strict=False):
                if name in part.inputs:
                    line[start:end] = part.inputs[name]
    return x


def _correct(
    fitted: Fitted, target: Target, x: NDArray[np.float32], log_physics: Floats,
    measured: NDArray[np.bool_],
) -> Floats:  # fmt: skip
    """Multiply the physics estimate by what the boosters say of measured / physics.

    Those for unmeasured devices are asked where the target was not `measured` on the device.
    """
    x[INPUTS.index("log_estimate")] = log_physics
    if measured.all() or target.name + BLIND not in fitted.members:
        return np.asarray(np.exp(log_physics + _boosted(fitted, target.name, x)))
    ratio = np.empty(len(log_physics))
    for name, rows in ((target.name, measured), (target.name + BLIND, ~measured)):
        place = np.flatnonzero(rows)
        if len(place):
            ratio[place] = _boosted(fitted, name, x[:, place])
    return np.asarray(np.exp(log_physics + ratio))


def _boosted(fitted: Fitted, name: str, x: NDArray[np.float32]) -> Floats:
    """Ask the boosters of one name for log(measured / physics)."""
    names = fitted.inputs[name]
    if list(names) != list(INPUTS):
        x = x[[INPUTS.index(n) for n in names]]
    members = fitted.members[name].values()
    return np.asarray(np.mean([m.predict(x.T) for m in members], axis=0))


def _little(load: Load, usable: NDArray[np.bool_], mean: Columns, out: Columns) -> None:
    """Reconcile a server's throughput with its latencies.

    Little's law: users in flight = requests per second x time in flight, so mean TTFT and
    TPOT imply a throughput. It is estimated once more on its own; the two err apart, and
    their geometric mean errs less than either.
    """
    c = load.columns
    flight_s = (mean["ttft_ms"] + (c["output_len"] - 1.0) * mean["tpot_ms"]) / MS_PER_S
    implied = c["batch"] * c["output_len"] / flight_s
    joint = np.sqrt(out["output_tok_s"] * implied)
    closed = usable & load.is_mode("closed")
    out["output_tok_s"] = np.where(closed, joint, out["output_tok_s"])


def _by_definition(load: Load, out: Columns) -> None:
    """Set a static batch's throughput to its tokens over its latency, exactly."""
    c = load.columns
    static = load.is_mode("static")
    rate = c["batch"] * c["output_len"] / out["batch_latency_s"]
    out["output_tok_s"] = np.where(static, rate, out["output_tok_s"])
