"""The trained set in use: deployments as numbers in, the four targets out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml import artefacts
from guide_ml.assume import Columns, Resolved
from guide_ml.boosted import predict
from guide_ml.columns import distinct
from guide_ml.errors import BadArtefact
from guide_ml.features.floors import floors
from guide_ml.features.load import build
from guide_ml.knowledge import Judgement, Knowledge
from guide_ml.table import Floats

__all__ = ["Outcome", "Predictor", "default_predictor"]

#: Rows that one thread works on together: enough to take them through trees at once, few
#: enough for their columns to stay in its cache.
CHUNK = 4096

#: What makes rows alike to the trees, the first the most: columns or names.
ALIKE = ("mode", "framework", "hardware", "model", "weight_dtype", "tp", "batch", "input_len")


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

    def predict(self, resolved: Resolved, force: bool = False) -> Outcome:
        """Predict every target of n deployments.

        Parameters
        ----------
        resolved : Resolved
            :func:`guide_ml.assume.resolve`.
        force : bool
            Predict also what the memory account holds for too big; for evaluation only.
        """
        n = len(resolved.errors)
        if n <= CHUNK:
            parts = [self._chunk(resolved, slice(None), force)]
        else:  # numpy and the boosters let go of the interpreter's lock
            order = _alike(resolved)
            chunks = [order[i : i + CHUNK] for i in range(0, n, CHUNK)]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                parts = list(pool.map(lambda rows: self._chunk(resolved, rows, force), chunks))
        values, bounds, memory = (
            {k: np.concatenate([p[i][k] for p in parts]) for k in parts[0][i]} for i in range(3)
        )
        if n > CHUNK:
            place = np.empty(n, dtype=np.intp)
            place[order] = np.arange(n)
            values, bounds, memory = (
                {k: v[place] for k, v in part.items()} for part in (values, bounds, memory)
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
        self, resolved: Resolved, rows: slice | NDArray[np.intp], force: bool
    ) -> tuple[Columns, Columns, Columns]:
        columns = {k: v[rows] for k, v in resolved.columns.items()}
        slugs = {k: v[rows] for k, v in resolved.names.items()}
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            load = build(columns)
            limits = floors(load)
            usable = (resolved.errors[rows] == "") & ((load.memory["fits"] > 0) | force)
            values = predict(self.fitted, load, slugs, limits, usable)
        blank = {k: np.where(np.isnan(values[k]), np.nan, limits[k]) for k in values}
        return values, blank, load.memory


def _alike(resolved: Resolved) -> NDArray[np.intp]:
    """Order rows so that alike ones follow each other: they take the same way through a tree.

    A processor guesses the way from the row before, so this halves the time in the trees.
    """
    keys = [distinct(resolved.names[k])[0] if k in resolved.names else resolved.columns[k]
            for k in reversed(ALIKE)]  # fmt: skip
    return np.lexsort(keys)


@cache
def default_predictor() -> Predictor:
    """Load the shipped trained set once."""
    return Predictor.load()
