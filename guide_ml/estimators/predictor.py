"""The trained set in use: deployments as numbers in, the four targets out."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.errors import BadArtefact
from guide_ml.estimators import artefacts
from guide_ml.estimators.estimate import Answer, answer
from guide_ml.profiles import Profile
from guide_ml.table.assume import Columns, Resolved
from guide_ml.table.read import Floats
from guide_ml.trust.knowledge import Judgement, Knowledge

__all__ = ["Outcome", "Predictor", "default_predictor", "threads"]

Names = dict[str, NDArray[np.object_]]

#: Rows that one thread works on together: enough for steps over columns to be long, few enough
#: for the columns to stay in its cache.
CHUNK = 8192
#: Rows below which a further thread takes longer to set out than it saves.
LEAST = 2048
#: Why a row has no prediction whose numbers go beyond all bounds: no set from a training does that.
ENDLESS = ("these estimators give no finite number for this deployment: they must come from a"
           " training (`guide train`); restore or train them again")


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
        Why a row has no prediction; blank if it has (or does not fit). Those of what was asked,
        and rows whose numbers are not finite.
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
        What :mod:`guide_ml.training.train` made or :mod:`guide_ml.estimators.artefacts` loaded.
    """

    def __init__(self, fitted: artefacts.Fitted) -> None:
        self.fitted = fitted

    @property
    def card(self) -> dict[str, Any]:
        """What a reader should know of the trained set."""
        return self.fitted.card

    @classmethod
    def load(cls, folder: str | os.PathLike[str] | None = None) -> Predictor:
        """Read a trained set from its folder (or ``models:/...``); the shipped one by default.

        Raises
        ------
        BadArtefact
            If the folder holds none, or one that was changed or is of another version.
        """
        if str(folder).startswith("models:/"):
            return cls.from_mlflow(str(folder))
        return cls(artefacts.load(Path(folder) if folder is not None else None))

    @classmethod
    def from_mlflow(
        cls, model_uri: str = "models:/guide@champion", tracking_uri: str | None = None
    ) -> Predictor:
        """Read a registered set's native files; nothing of the model is unpickled or run.

        Parameters
        ----------
        model_uri : str
            MLflow model URI: ``models:/guide@champion``, ``models:/guide/3``.
        tracking_uri : str, optional
            Store; ``MLFLOW_TRACKING_URI`` or ``sqlite:///mlflow.db`` by default.

        Raises
        ------
        BadStore
            If the store or the model is not there.
        BadArtefact
            If its files were changed or are of another version.
        """
        from guide_ml.registry.versions import download  # MLflow takes seconds to import

        return cls.load(download(model_uri, tracking_uri))

    def predict(
        self, resolved: Resolved, force: bool = False, profile: Profile | None = None
    ) -> Outcome:
        """Predict every target of n deployments.

        Parameters
        ----------
        resolved : Resolved
            :func:`guide_ml.table.assume.resolve`.
        force : bool
            Predict also what the memory account holds for too big; for evaluation only.
        profile : Profile, optional
            Corrections of latencies by one's own measurements; :mod:`guide_ml.profiles.apply`
            adds those of throughput.
        """
        n = len(resolved.errors)
        size = rows_together(n, threads())
        if n <= size:
            found = self._answer(resolved.columns, resolved.names, resolved.errors, force, profile)
        else:  # numpy, the boosters and their trees let go of the interpreter's lock
            chunks = [slice(i, i + size) for i in range(0, n, size)]
            one = partial(self._chunk, resolved, force=force, profile=profile)
            with ThreadPoolExecutor(threads()) as pool:
                parts = list(pool.map(one, chunks))
            found = Answer(*(
                {k: np.concatenate([getattr(p, f.name)[k] for p in parts])
                 for k in getattr(parts[0], f.name)} for f in fields(Answer)))  # fmt: skip
        errors = resolved.errors
        together = np.stack(list(found.values.values()))
        usable = (errors == "") & ((found.memory["fits"] > 0) | force)
        endless = np.isinf(together).any(axis=0) | (usable & np.isnan(together).all(axis=0))
        if endless.any():
            errors = np.where(endless & (errors == ""), ENDLESS, errors)
            for values in found.values.values():
                values[endless] = np.nan
        return Outcome(found.values, found.floors, found.memory, errors)

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
        self, resolved: Resolved, rows: slice, force: bool, profile: Profile | None
    ) -> Answer:
        columns = {k: v[rows] for k, v in resolved.columns.items()}
        names = {k: v[rows] for k, v in resolved.names.items()}
        return self._answer(columns, names, resolved.errors[rows], force, profile)

    def _answer(
        self, columns: Columns, names: Names, errors: NDArray[np.object_], force: bool,
        profile: Profile | None,
    ) -> Answer:  # fmt: skip
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            return answer(self.fitted, columns, names, errors == "", force, profile)


def rows_together(n: int, many: int) -> int:
    """Tell how many rows a thread works on together, so that all threads end at once.

    Examples
    --------
    >>> [rows_together(n, 2) for n in (3000, 10_000, 20_000, 100_000)]
    [3000, 5000, 5000, 7143]
    """
    parts = many * math.ceil(n / CHUNK / many)
    return math.ceil(n / max(min(parts, n // LEAST), 1))


def threads() -> int:
    """Threads that a table may take: what ``GUIDE_ML_THREADS`` says, or one for each core."""
    told = os.environ.get("GUIDE_ML_THREADS", "")
    return int(told) if told.isdecimal() and int(told) else os.cpu_count() or 1


@cache
def default_predictor() -> Predictor:
    """Load the shipped trained set once."""
    return Predictor.load()
