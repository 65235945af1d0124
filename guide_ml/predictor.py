"""The trained set in use: deployments as numbers in, the four targets out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml import artefacts
from guide_ml.assume import Columns, Resolved
from guide_ml.envelope import NEAR, heavier
from guide_ml.errors import BadArtefact
from guide_ml.estimators import BLIND
from guide_ml.features.floors import floors
from guide_ml.features.load import Load, build
from guide_ml.knowledge import Judgement, Knowledge
from guide_ml.physics.design import drivers
from guide_ml.physics.inputs import inputs
from guide_ml.physics.model import estimate
from guide_ml.table import Floats
from guide_ml.targets import NAMES, TARGETS, Target
from guide_ml.units import MS_PER_S

__all__ = ["Outcome", "Predictor", "default_predictor"]

Names = dict[str, NDArray[np.object_]]

#: Rows that one thread works on together: their few hundred columns stay in its cache.
CHUNK = 2048


@dataclass(frozen=True)
class Outcome:
    """What was predicted, arrays of shape (n,).

    Parameters
    ----------
    values : dict of str to array
        By target; NaN where the mode has none, the row has an error or does not fit.
    floors : dict of str to array
        Bounds by target, likewise.
    memory : dict of str to array
        :func:`guide_ml.features.memory.extract`.
    errors : array of str
        Why a row has no prediction; blank if it has (or does not fit).
    """

    values: dict[str, Floats]
    floors: dict[str, Floats]
    memory: Columns
    errors: NDArray[np.object_]


class Predictor:
    """Predicts with a trained set.

    Parameters
    ----------
    fitted : Fitted
        What :mod:`guide_ml.training` made or :mod:`guide_ml.artefacts` loaded.
    """

    def __init__(self, fitted: artefacts.Fitted) -> None:
        self.fitted = fitted
        self._devices = {k: frozenset(v) for k, v in fitted.devices.items() if k in NAMES}

    @property
    def card(self) -> dict[str, Any]:
        """What a reader should know of the trained set."""
        return self.fitted.card

    @classmethod
    def load(cls, folder: str | os.PathLike[str] | None = None) -> Predictor:
        """Read a trained set from its folder; the shipped one by default.

        Raises
        ------
        BadArtefact
            If the folder holds none, or one that was changed or is of another version.
        """
        return cls(artefacts.load(Path(folder) if folder is not None else None))

    def predict(self, resolved: Resolved, force: bool = False) -> Outcome:
        """Predict every target of n deployments.

        Parameters
        ----------
        resolved : Resolved
            :func:`guide_ml.assume.resolve`.
        force : bool
            Predict also what the memory account holds for too big; for evaluation only.
        """
        starts = range(0, len(resolved.errors), CHUNK) or range(1)
        slices = [slice(i, i + CHUNK) for i in starts]
        if len(slices) == 1:
            parts = [self._chunk(resolved, slices[0], force)]
        else:  # numpy and the boosters let go of the interpreter's lock
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                parts = list(pool.map(lambda rows: self._chunk(resolved, rows, force), slices))
        values, bounds, memory = (
            {k: np.concatenate([p[i][k] for p in parts]) for k in parts[0][i]} for i in range(3)
        )
        return Outcome(values, bounds, memory, resolved.errors)

    def judge(self, resolved: Resolved, outcome: Outcome, level: float) -> Judgement:
        """Put intervals and domains beside predictions.

        Parameters
        ----------
        resolved : Resolved
            What was predicted.
        outcome : Outcome
            What :meth:`predict` returned for it.
        level : float
            Share of cases that the intervals are to hold, between 0 and 1.

        Raises
        ------
        BadArtefact
            If the trained set came without errors on what was held out.
        """
        return self.knowledge.judge(resolved, outcome.values, outcome.floors, level)

    @property
    def knowledge(self) -> Knowledge:
        """What the trained set knows of the data and of its errors."""
        if self.fitted.knowledge is None:
            raise BadArtefact(
                "these estimators were trained without held-out errors, so they give no intervals:"
                " ask with level=None, or train again with held-out errors"
            )
        return self.fitted.knowledge

    def _chunk(
        self, resolved: Resolved, rows: slice, force: bool
    ) -> tuple[Columns, Columns, Columns]:
        columns = {k: v[rows] for k, v in resolved.columns.items()}
        slugs = {k: v[rows] for k, v in resolved.names.items()}
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            load = build(columns)
            limits = floors(load)
            usable = (resolved.errors[rows] == "") & ((load.memory["fits"] > 0) | force)
            values = self._targets(load, slugs, limits, usable)
        blank = {k: np.where(np.isnan(values[k]), np.nan, limits[k]) for k in values}
        return values, blank, load.memory

    def _targets(
        self, load: Load, slugs: Names, limits: Columns, usable: NDArray[np.bool_]
    ) -> Columns:
        """Predict each target of the rows that have it; statistics differ by target."""
        mode = load.columns["mode"]
        out = {t.name: np.full(len(usable), np.nan) for t in TARGETS}
        for code, wanted in self._by_statistic(load.columns):
            rows = np.flatnonzero(usable & np.any([t.applies(mode) for t in wanted], axis=0))
            if not len(rows):
                continue
            names = {k: v[rows] for k, v in slugs.items()}
            for name, value in self._raw(load.take(rows), names, code[rows], wanted).items():
                out[name][rows] = value
        self._little(load, slugs, usable, out)
        for target in TARGETS:
            clip = np.maximum if target.is_time else np.minimum
            out[target.name] = clip(out[target.name], limits[target.name])
        self._by_definition(load, out)
        return out

    @staticmethod
    def _by_statistic(columns: Columns) -> list[tuple[Floats, list[Target]]]:
        """Group targets whose rows all ask for the same statistic: they share the physics."""
        mean = np.zeros(len(columns["mode"]))
        groups: list[tuple[Floats, list[Target]]] = [(mean, [])]
        for target in TARGETS:
            code = columns[target.stat] if target.stat else mean
            if np.any(code):
                groups.append((code, [target]))
            else:
                groups[0][1].append(target)
        return groups

    def _raw(self, load: Load, names: Names, code: Floats, wanted: list[Target]) -> Columns:
        """Predict targets of one statistic, latencies kept from falling with the load."""
        knobs = self.fitted.physics.knobs(drivers(load.columns, names, code))
        physics = estimate(load, knobs)
        shared = inputs(load, names, knobs, physics) | {"statistic": code}
        shared |= (device := self._measured(names["hardware"]))
        out = {}
        for target in wanted:
            own = np.flatnonzero(target.applies(load.columns["mode"]))
            out[target.name] = np.full(len(code), np.nan)
            out[target.name][own] = self._correct(target, shared, physics.targets, own)
        self._envelope(load, names, knobs, physics.targets, {"statistic": code, **device}, out)
        return out

    def _envelope(
        self, load: Load, names: Names, knobs: Columns, physics: Columns, further: Columns,
        out: Columns,
    ) -> None:  # fmt: skip
        """Lower latencies to those of heavier loads that the boosters put below them."""
        heavy = heavier(load.columns)
        large = build(heavy.columns)
        found = estimate(large, {k: v[heavy.parent] for k, v in knobs.items()})
        near = {}
        for target in TARGETS:
            if target.name in out and target.is_time:
                close = np.log(found.targets[target.name] / physics[target.name][heavy.parent])
                applies = target.applies(heavy.columns["mode"]) & heavy.bounds(target.name)
                near[target] = applies & (close < NEAR)
        rows = np.flatnonzero(
            np.any([np.zeros(len(heavy.parent), dtype=bool), *near.values()], axis=0)
        )
        if not len(rows):
            return
        parent, part = heavy.parent[rows], found.take(rows)
        shared = inputs(large.take(rows), {k: v[parent] for k, v in names.items()},
                        {k: v[parent] for k, v in knobs.items()}, part)  # fmt: skip
        shared |= {k: v[parent] for k, v in further.items()}
        for target, mask in near.items():
            own = np.flatnonzero(mask[rows])
            if len(own):
                value = self._correct(target, shared, part.targets, own)
                np.minimum.at(out[target.name], parent[own], value)

    def _correct(
        self, target: Target, shared: Columns, physics: Columns, own: NDArray[np.intp]
    ) -> Floats:
        """Multiply the physics estimate by what the boosters say of measured / physics."""
        log_physics = np.log(physics[target.name][own])
        measured = shared[f"{target.name}_device"][own] > 0
        ratio = np.empty(len(own))
        for name, rows in ((target.name, measured), (target.name + BLIND, ~measured)):
            place = np.flatnonzero(rows)
            if len(place):
                ratio[place] = self._boosted(name, shared, log_physics[place], own[place])
        return np.asarray(np.exp(log_physics + ratio))

    def _boosted(
        self, name: str, shared: Columns, log_physics: Floats, own: NDArray[np.intp]
    ) -> Floats:
        """Ask the boosters of one name for log(measured / physics)."""
        columns = self.fitted.inputs[name]
        x = np.empty((len(own), len(columns)), dtype=np.float32)
        for i, column in enumerate(columns):
            x[:, i] = log_physics if column == "log_estimate" else shared[column][own]
        members = self.fitted.members[name].values()
        return np.asarray(np.mean([m.predict(x) for m in members], axis=0))

    def _measured(self, hardware: NDArray[np.object_]) -> Columns:
        """Tell for each target which rows' devices it was measured on (1, else 0)."""
        index, distinct = pd.factorize(hardware)
        return {
            f"{name}_device": np.asarray([float(d in known) for d in distinct])[index]
            for name, known in self._devices.items()
        }

    def _little(
        self, load: Load, slugs: Names, usable: NDArray[np.bool_], out: Columns
    ) -> None:
        """Reconcile a server's throughput with its latencies.

        Little's law: users in flight = requests per second x time in flight, so mean TTFT and
        TPOT imply a throughput. It is estimated once more on its own; the two err apart, and
        their geometric mean errs less than either.
        """
        c = load.columns
        closed = usable & load.is_mode("closed")
        mean = {name: out[name].copy() for name in ("ttft_ms", "tpot_ms")}
        other = np.flatnonzero(closed & ((c["ttft_stat"] > 0) | (c["tpot_stat"] > 0)))
        if len(other):
            wanted = [t for t in TARGETS if t.name in mean]
            names = {k: v[other] for k, v in slugs.items()}
            found = self._raw(load.take(other), names, np.zeros(len(other)), wanted)
            for name, value in found.items():
                mean[name][other] = value
        flight_s = (mean["ttft_ms"] + (c["output_len"] - 1.0) * mean["tpot_ms"]) / MS_PER_S
        implied = c["batch"] * c["output_len"] / flight_s
        joint = np.sqrt(out["output_tok_s"] * implied)
        out["output_tok_s"] = np.where(closed, joint, out["output_tok_s"])

    @staticmethod
    def _by_definition(load: Load, out: Columns) -> None:
        """Set a static batch's throughput to its tokens over its latency, exactly."""
        c = load.columns
        static = load.is_mode("static")
        rate = c["batch"] * c["output_len"] / out["batch_latency_s"]
        out["output_tok_s"] = np.where(static, rate, out["output_tok_s"])


@cache
def default_predictor() -> Predictor:
    """Load the shipped trained set once."""
    return Predictor.load()
