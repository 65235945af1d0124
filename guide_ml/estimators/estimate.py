"""Calibrated physics, corrected by boosters: the four targets of some rows at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES, STATS
from guide_ml.describe.targets import NAMES, TARGETS, Target
from guide_ml.estimators.agree import FLIGHT, PARTS, at_best, one_answer, scale_parts
from guide_ml.estimators.artefacts import Fitted
from guide_ml.estimators.heavier_loads import Rows, Steps, Wanted, all_near, near
from guide_ml.estimators.load_order import NEAR, NEAR_PROFILED
from guide_ml.estimators.rising import least, least_batches
from guide_ml.features.floors import floors
from guide_ml.features.load import Load, build
from guide_ml.physics.design import Coefficients, Drivers, drivers
from guide_ml.physics.inputs import INPUTS, LOADED, MIXED, MOVED, STATIC, fixed, loaded
from guide_ml.physics.model import estimate
from guide_ml.profiles.profile import Correction, Profile
from guide_ml.table.assume import Columns
from guide_ml.table.columns import distinct
from guide_ml.table.read import Floats
from guide_ml.trees.boosters import BLIND

__all__ = ["Answer", "answer", "trust"]

Names = dict[str, NDArray[np.object_]]

#: Up to so many rows, all ways of being heavier are worked out in one go: fewer, larger steps.
FEW = 64
CHANGING = tuple(n for n in (*LOADED, *MIXED, *MOVED) if n != "log_estimate")
PLACE = {name: k for k, name in enumerate(INPUTS)}
#: Share of their correction (its logarithm) that boosters keep where much of what they learned is
#: habits of others: a release series of an engine that nobody measured, or a mixture of experts.
UNMEASURED, UNMEASURED_EXPERTS = 0.5, 0.25


@dataclass(frozen=True)
class Asked:
    """What has to be estimated: rows by statistic, and which targets of them.

    Parameters
    ----------
    row : array of int of shape (m,)
        Row of the table.
    statistic : array of shape (m,)
        Code of :data:`guide_ml.describe.descriptors.STATS`.
    wanted : dict of str to array of bool of shape (m,)
        By target.
    """

    row: NDArray[np.intp]
    statistic: Floats
    wanted: Wanted


@dataclass(frozen=True)
class Answer:
    """What is known of n deployments, arrays of shape (n,).

    Parameters
    ----------
    values, floors : dict of str to array
        Predictions and bounds by target; NaN where a row has none.
    memory : dict of str to array
        :func:`guide_ml.features.memory.extract`.
    """

    values: Columns
    floors: Columns
    memory: Columns


def answer(
    fitted: Fitted, columns: Columns, slugs: Names, right: NDArray[np.bool_], force: bool,
    profile: Profile | None = None,
) -> Answer:  # fmt: skip
    """Predict each target of the rows that have it.

    Parameters
    ----------
    fitted : Fitted
        Physics and boosters.
    columns, slugs : dict of str to array of shape (n,)
        Resolved descriptors, and names in force.
    right : array of bool of shape (n,)
        Rows without an error.
    force : bool
        Predict also what the memory account holds for too big.
    profile : Profile, optional
        Corrections of latencies, made before heavier loads bound lighter ones.
    """
    few = Steps.of(columns, None) if len(right) <= FEW else None
    load = build(columns) if few is None else few.own()
    limits = floors(load)
    usable = right & ((load.memory["fits"] > 0) | force)
    own = None if profile is None else profile.correction(columns, slugs)
    values = _predict(fitted, load, slugs, limits, usable, few, own)
    best = at_best(load, limits)
    blank = {k: np.where(np.isnan(values[k]), np.nan, best[k]) for k in values}
    return Answer(values, blank, load.memory)


def _predict(
    fitted: Fitted, load: Load, slugs: Names, limits: Columns, usable: NDArray[np.bool_],
    few: Steps | None, own: Correction | None,
) -> Columns:  # fmt: skip
    """Put what was estimated into place, and reconcile the targets with each other."""
    asked = _asked(load.columns, usable)
    out = {t.name: np.full(len(usable), np.nan) for t in TARGETS}
    mean = {name: out[name].copy() for name in FLIGHT}
    if len(asked.row):
        found = _estimate(fitted, load, slugs, asked, few, own)
        for target in TARGETS:
            name, plain = target.name, asked.statistic == 0
            has = asked.wanted[name]
            if name in mean:
                mean[name][asked.row[has & plain]] = found[name][has & plain]
            has = has & (asked.statistic == _statistic(load.columns, target)[asked.row])
            out[name][asked.row[has]] = found[name][has]
    one_answer(load, limits, mean, out)
    return out


def _statistic(columns: Columns, target: Target) -> Floats:
    """Code of the statistic that each row wants of a target: of one batch there is one figure."""
    if not target.stat:
        return np.zeros(len(columns["mode"]))
    return np.where(columns["mode"] == MODES.index("static"), 0.0, columns[target.stat])


def _asked(columns: Columns, usable: NDArray[np.bool_]) -> Asked:
    """List what to estimate: what rows want, and mean latencies of servers.

    Throughput of a static batch or a server follows from its latencies
    (:mod:`guide_ml.estimators.agree`).
    """
    mode = columns["mode"]
    has = {t.name: usable & t.applies(mode) for t in TARGETS}
    has["output_tok_s"] &= mode == MODES.index("offline")  # of others, it follows from latencies
    served = usable & (mode == MODES.index("closed"))
    of = {t.name: _statistic(columns, t) for t in TARGETS}
    rows: list[NDArray[np.intp]] = []
    wanted: dict[str, list[NDArray[np.bool_]]] = {t.name: [] for t in TARGETS}
    codes = [0, *(k for k in range(1, len(STATS)) if any(
        np.any(of[t.name] == k) for t in TARGETS if t.stat))]  # fmt: skip
    for code in codes:
        now = {name: mask & (of[name] == code) for name, mask in has.items()}
        if code == 0:
            now |= {name: now[name] | served for name in FLIGHT}
        any_target = np.flatnonzero(np.logical_or.reduce(list(now.values())))
        rows.append(any_target)
        for name, mask in now.items():
            wanted[name].append(mask[any_target])
    statistic = np.repeat(np.asarray(codes, dtype=float), [len(r) for r in rows])
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


def _estimate(
    fitted: Fitted, load: Load, slugs: Names, asked: Asked, few: Steps | None,
    correction: Correction | None,
) -> Columns:  # fmt: skip
    """Estimate what is asked, latencies kept from falling with the load."""
    rows, m = asked.row, len(asked.row)
    if m != len(load.held) or np.any(rows != np.arange(m)):
        load, slugs = load.take(rows), {k: v[rows] for k, v in slugs.items()}
        few = few and Steps(few.heavy.take(rows), few.load.take(rows))
    moved_by = drivers(load.columns, slugs, asked.statistic, load.held)
    knobs, share = fitted.physics.knobs(moved_by), trust(fitted.physics, moved_by)
    shared = fixed(load, slugs, knobs) | {"statistic": asked.statistic}
    reach = NEAR if correction is None else NEAR_PROFILED
    if few is not None:
        every_row, _ = near(few, fitted.physics, (knobs, moved_by.numbers), asked.wanted,
                            reach=reach)  # fmt: skip
        found = [every_row]
    else:
        physics = estimate(load, knobs)
        found = [Rows(np.arange(m), physics.targets, loaded(load, knobs, physics), asked.wanted,
                      asked.wanted, np.zeros(m, dtype=np.intp))]  # fmt: skip
        found += all_near(load, fitted.physics, (knobs, moved_by.numbers), asked.wanted, physics,
                          reach)  # fmt: skip
    x = _inputs(shared, found, m)
    parent = np.concatenate([f.parent for f in found])
    known = _measured(fitted, slugs["hardware"])
    moved = None if correction is None else correction(rows[parent], _loads(found))
    every = {}
    for target in TARGETS:
        name = target.name
        every[name] = np.full(len(parent), np.nan)
        own = np.flatnonzero(np.concatenate([f.wanted[name] for f in found]))
        if len(own):
            log_physics = np.log(np.concatenate([f.physics[name] for f in found])[own])
            mine = x if len(own) == len(parent) else x.take(own, axis=1)
            ratio = _correct(fitted, target, mine, log_physics, known[name][parent[own]])
            found_log = log_physics + share[parent[own]] * ratio
            if moved is not None and target.is_time:
                found_log += moved[own, NAMES.index(name)]
            every[name][own] = np.exp(found_log)
    _sum_up(every, load.is_mode("static")[parent], found)
    bounds = {t.name: np.concatenate([f.wanted[t.name] & f.bounds[t.name] for f in found])
              for t in TARGETS}  # fmt: skip
    out = {name: least(values, bounds[name], parent, m) for name, values in every.items()}
    batches = np.flatnonzero(load.is_mode("static"))
    if len(batches):
        doubled = np.concatenate([f.doubled for f in found])
        parts = least_batches(every, bounds, parent, doubled, batches,
                              load.columns["output_len"][batches])  # fmt: skip
        for name, values in parts.items():
            out[name][batches] = values
    return out


def _sum_up(every: Columns, static: NDArray[np.bool_], found: list[Rows]) -> None:
    """Let the parts of static batches sum to their latency, in place; heavier ones as well."""
    rows = np.flatnonzero(static)
    if len(rows):
        batch = {name: every[name][rows] for name in PARTS}
        scale_parts(batch, np.exp(np.concatenate([f.inputs["log_output"] for f in found])[rows]))
        for name, values in batch.items():
            every[name][rows] = values


def _loads(found: list[Rows]) -> Columns:
    """Load of each of the asked and heavier rows, as a profile knows it."""
    inputs = {"sequences": "log_batch", "input_len": "log_input", "output_len": "log_output"}
    return {k: np.exp(np.concatenate([f.inputs[v] for f in found])) for k, v in inputs.items()}


def _inputs(shared: Columns, found: list[Rows], m: int) -> NDArray[np.float32]:
    """Arrange the inputs of all loads, shape (inputs, loads); heavier ones share their parent's."""
    ends = np.cumsum([0, *(len(f.parent) for f in found)]).tolist()
    x = np.empty((len(INPUTS), ends[-1]), dtype=np.float32)
    for name in shared:
        x[PLACE[name], :m] = shared[name]
    heavier_of = np.concatenate([f.parent for f in found])[m:]
    np.take(x[: len(STATIC), :m], heavier_of, axis=1, out=x[: len(STATIC), m:], mode="clip")
    for part, start, end in zip(found, ends, ends[1:], strict=False):
        for name in CHANGING:
            x[PLACE[name], start:end] = part.inputs[name]
    return x


def _correct(
    fitted: Fitted, target: Target, x: NDArray[np.float32], log_physics: Floats,
    measured: NDArray[np.bool_],
) -> Floats:  # fmt: skip
    """Ask the boosters of a target for log(measured / physics).

    Those for unmeasured devices are asked where the target was not `measured` on the device.
    """
    x[INPUTS.index("log_estimate")] = log_physics
    if measured.all() or target.name + BLIND not in fitted.members:
        return _boosted(fitted, target.name, x)
    ratio = np.empty(len(log_physics))
    for name, rows in ((target.name, measured), (target.name + BLIND, ~measured)):
        place = np.flatnonzero(rows)
        if len(place):
            ratio[place] = _boosted(fitted, name, x.take(place, axis=1))
    return ratio


def trust(physics: Coefficients, rows: Drivers) -> Floats:
    """Share of the boosters' correction that n deployments get: less where they are strange.

    Dense models are alike, so what others showed serves a new one, too; experts differ in number,
    width and routing from model to model.
    """
    share = np.where(physics.known(rows, "series"), 1.0, UNMEASURED)
    strange = (rows.numbers["moe"] > 0.0) & ~physics.known(rows, "model")
    return np.where(strange, np.minimum(share, UNMEASURED_EXPERTS), share)


def _boosted(fitted: Fitted, name: str, x: NDArray[np.float32]) -> Floats:
    """Ask the boosters of one name for log(measured / physics)."""
    if name not in fitted.members:  # a fold without values of the target: physics alone
        return np.zeros(x.shape[1])
    names = fitted.inputs[name]
    if list(names) != list(INPUTS):
        x = x[[PLACE[n] for n in names]]
    found = [member.predict(x.T) for member in fitted.members[name].values()]
    return found[0] if len(found) == 1 else np.asarray(np.mean(found, axis=0))
