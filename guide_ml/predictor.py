"""The trained set in use: deployments as numbers in, the four targets out."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml import artefacts
from guide_ml.assume import Columns, Resolved
from guide_ml.features.floors import floors
from guide_ml.features.load import Load, build
from guide_ml.physics.design import drivers
from guide_ml.physics.inputs import inputs
from guide_ml.physics.model import estimate
from guide_ml.table import Floats
from guide_ml.targets import TARGETS, Target

__all__ = ["Outcome", "Predictor", "default_predictor"]

#: Rows that are worked on together: a few hundred columns of this many rows fit in the caches.
CHUNK = 16_384


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

    def predict(self, resolved: Resolved) -> Outcome:
        """Predict every target of n deployments.

        Parameters
        ----------
        resolved : Resolved
            :func:`guide_ml.assume.resolve`.
        """
        n = len(resolved.errors)
        parts = [self._chunk(resolved, slice(i, i + CHUNK)) for i in range(0, n, CHUNK)]
        if not parts:
            parts = [self._chunk(resolved, slice(0, 0))]
        values, bounds, memory = (
            {k: np.concatenate([p[i][k] for p in parts]) for k in parts[0][i]} for i in range(3)
        )
        return Outcome(values, bounds, memory, resolved.errors)

    def _chunk(self, resolved: Resolved, rows: slice) -> tuple[Columns, Columns, Columns]:
        columns = {k: v[rows] for k, v in resolved.columns.items()}
        slugs = {k: v[rows] for k, v in resolved.names.items()}
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            load = build(columns)
            limits = floors(load)
            usable = (resolved.errors[rows] == "") & (load.memory["fits"] > 0)
            values = self._targets(load, slugs, limits, usable)
        blank = {k: np.where(np.isnan(values[k]), np.nan, limits[k]) for k in values}
        return values, blank, load.memory

    def _targets(
        self, load: Load, slugs: dict[str, NDArray[np.object_]], limits: Columns,
        usable: NDArray[np.bool_],
    ) -> Columns:  # fmt: skip
        """Predict each target of the rows that have it; statistics differ by target."""
        c = load.columns
        out = {t.name: np.full(len(usable), np.nan) for t in TARGETS}
        for stat in ("", "ttft_stat", "tpot_stat"):
            wanted = [t for t in TARGETS if t.stat == stat]
            rows = np.flatnonzero(usable & np.any([t.applies(c["mode"]) for t in wanted], axis=0))
            if not len(rows):
                continue
            part, names = load.take(rows), {k: v[rows] for k, v in slugs.items()}
            code = part.columns[stat] if stat else np.zeros(len(rows))
            knobs = self.fitted.physics.knobs(drivers(part.columns, names, code))
            physics = estimate(part, knobs)
            shared = inputs(part, names, knobs, physics) | {"statistic": code}
            for target in wanted:
                own = np.flatnonzero(target.applies(part.columns["mode"]))
                values = self._correct(target, shared, physics.targets[target.name], own)
                limit = limits[target.name][rows[own]]
                clip = np.maximum if target.is_time else np.minimum
                out[target.name][rows[own]] = clip(values, limit)
        self._by_definition(load, out)
        return out

    def _correct(
        self, target: Target, shared: Columns, physics: Floats, own: NDArray[np.intp]
    ) -> Floats:
        """Multiply the physics estimate by what the boosters say of measured / physics."""
        log_physics = np.log(physics[own])
        columns = self.fitted.inputs[target.name]
        x = np.empty((len(own), len(columns)), dtype=np.float32)
        for i, name in enumerate(columns):
            x[:, i] = log_physics if name == "log_estimate" else shared[name][own]
        members = self.fitted.members[target.name].values()
        mean = np.mean([m.predict(x) for m in members], axis=0)
        return np.asarray(np.exp(log_physics + mean))

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
