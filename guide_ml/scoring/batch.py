"""One batch of a table: descriptors out, predictions beside."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from guide_ml.api import COLUMNS, predict_table
from guide_ml.errors import InvalidInput, UnknownName, nearest
from guide_ml.predictions.run import PredictorLike, predictor_of
from guide_ml.profiles import ProfileLike, profile_of
from guide_ml.scoring.cost import COST, costs
from guide_ml.simulation.names import E2E
from guide_ml.table import given
from guide_ml.table.given import HardwareLike, ModelLike
from guide_ml.table.interchange import frame_of
from guide_ml.table.read import DESCRIPTORS
from guide_ml.table.strange import lacking

__all__ = ["Counts", "Options", "hints", "score_batch"]

PREFIX = "predicted_"


@dataclass(frozen=True)
class Options:
    """What is wanted of each row.

    Parameters
    ----------
    level : float, optional
        Share of cases that intervals hold; none are made without.
    cost : bool
        Whether to add what the machines cost.
    profile : Profile or path, optional
        Calibration profile, made by ``guide calibrate``.
    columns : tuple of str
        Predicted columns to add; all by default.
    predictor : Predictor or path, optional
        Other estimators than those of the package.
    hardware, models : tuple
        What the catalogue lacks, as :func:`guide_ml.predict_table` takes it: files, mostly.
    """

    level: float | None = None
    cost: bool = False
    profile: ProfileLike | None = None
    columns: tuple[str, ...] = ()
    predictor: PredictorLike | None = None
    hardware: tuple[HardwareLike, ...] = ()
    models: tuple[ModelLike, ...] = ()

    def __post_init__(self) -> None:
        known = self.known(("request_rate_rps",))
        for name in self.columns:
            if name not in known:
                raise UnknownName("column", name, known, f"Columns are {', '.join(known)}.")

    def known(self, names: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the columns that can be had of a table that has the columns `names`.

        Only a table with rates has the time of a whole request: in every batch or in none.
        """
        plain = tuple(c for c in COLUMNS if not c.endswith(("_low", "_high")) and c != "in_domain")
        found = plain if self.level is None else COLUMNS
        whole: tuple[str, ...] = E2E if "request_rate_rps" in names else ()
        whole = whole[:1] if self.level is None else whole
        own = found.index("memory_fits")
        return (*found[:own], *whole, *(COST if self.cost else ()), *found[own:])

    def loaded(self) -> Options:
        """Read everything that files hold, so that a job has one set, one profile, from end to end.

        What an alias of a registry points to may move, and a file may be written anew, while a
        job runs.
        """
        return replace(
            self, predictor=predictor_of(self.predictor), profile=profile_of(self.profile),
            hardware=tuple(given.named("hardware", self.hardware, given.hardware).values()),
            models=tuple(given.named("model", self.models, given.model).values()),
        )  # fmt: skip

    def identity(self) -> dict[str, str]:
        """Say what the answers hang on, a hash each; asked of what :meth:`loaded` returns."""
        told = profile_of(self.profile)
        own = json.dumps(told.to_dict(), sort_keys=True) if told else ""
        card = getattr(self.predictor, "card", None) or {}
        trained = str(card.get("artefact_sha256") or repr(sorted(card.items())))
        asked = repr((self.level, self.cost, self.columns, self.hardware, self.models))
        return {"options": _hash(asked), "profile": _hash(own), "trained set": _hash(trained),
                "version of guide-ml": version("guide-ml")}  # fmt: skip


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Counts:
    """How rows came out.

    Parameters
    ----------
    rows, predicted, unfit, bad : int
        All; those with a prediction; those that no memory holds; those with an error.
    reasons : Counter
        What was wrong, with the rows it was wrong with.
    """

    rows: int = 0
    predicted: int = 0
    unfit: int = 0
    bad: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Add what another batch counted."""
        self.rows += other.rows
        self.predicted += other.predicted
        self.unfit += other.unfit
        self.bad += other.bad
        self.reasons.update(other.reasons)
        if len(self.reasons) > 1000:  # texts that name their row's number must not pile up
            self.reasons = Counter(dict(self.reasons.most_common(500)))


    def require(self, most: int | None) -> None:
        """Refuse more bad rows than allowed.

        Raises
        ------
        InvalidInput
            If there are more; the message says what was wrong most often.
        """
        if most is not None and self.bad > most:
            reason, rows = self.reasons.most_common(1)[0]
            raise InvalidInput(
                f"at most {most:,} rows may be bad; {self.bad:,} of the first {self.rows:,} are,"
                f" {rows:,} of them since: {reason}"
            )


def hints(names: Sequence[str]) -> list[str]:
    """Tell of columns that look like misspelt descriptors: they would be passed over in silence.

    Examples
    --------
    >>> hints(["hardware", "model", "concurency", "team"])
    ["column 'concurency' is no descriptor and is left as it is; is concurrency meant?"]
    """
    absent = [d for d in DESCRIPTORS if d not in names]
    found = []
    for name in names:
        near = nearest(name, absent, 1) if name not in DESCRIPTORS else []
        if near and abs(len(near[0]) - len(name)) <= 2:
            found.append(f"column {name!r} is no descriptor and is left as it is;"
                         f" is {near[0]} meant?")  # fmt: skip
    return found


def score_batch(table: pa.Table, options: Options) -> tuple[pa.Table, Counts]:
    """Predict a batch and put the predictions behind its columns.

    A column that the batch has already keeps its name; the prediction gets ``predicted_`` before
    it.

    Returns
    -------
    pyarrow.Table, Counts
    """
    found = predict_table(
        frame_of(table), errors="report", level=options.level, predictor=options.predictor,
        hardware=options.hardware, models=options.models, profile=options.profile,
    )  # fmt: skip
    counts = _count(found)
    if options.cost:
        found = found.assign(**costs(table, found))
    out = table
    for name in options.columns or options.known(table.column_names):
        if name not in found:  # a batch without open loads
            found[name] = np.nan
        label = PREFIX + name if name in table.column_names else name
        out = out.append_column(label, _arrow(found[name]))
    return out, counts


def _arrow(column: Any) -> pa.Array:
    """Return predictions as Arrow; no number is null."""
    if column.dtype == np.float64:
        return pa.array(column.to_numpy(), from_pandas=True)
    if column.dtype == bool:
        return pa.array(column.to_numpy())
    return pa.array(column.to_numpy(dtype=object), pa.string())


def _count(found: Any) -> Counts:
    fits = found["memory_fits"].to_numpy()
    error = found["error"].to_numpy(dtype=object)
    told = error[~fits]
    unfit = np.asarray([" does not fit " in str(e) for e in told], dtype=bool)
    reasons = Counter(str(e) for e in told[~unfit])
    return Counts(len(found), int(fits.sum()), int(unfit.sum()), int((~unfit).sum()), reasons)


def check_descriptors(names: Sequence[str]) -> None:
    """Refuse a table that lacks what every row needs.

    Raises
    ------
    InvalidInput
        If hardware or model is missing.
    """
    if told := lacking(names):
        raise InvalidInput(told)
