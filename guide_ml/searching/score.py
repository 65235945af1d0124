"""Score points: one table of predictions, sized, priced and held against the limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml import api
from guide_ml.predictions.run import PredictorLike
from guide_ml.searching.cost import Market, Sized, e2e_ms, market, size
from guide_ml.searching.request import Request
from guide_ml.searching.space import METRICS, Ints, Space, table_of
from guide_ml.table.read import Columns, Floats

__all__ = [
    "ANY_LEVEL", "METRICS", "Problem", "Scores", "excess", "objectives", "predict", "predict_at",
]  # fmt: skip

#: What a limit that cannot be judged counts as missed by.
HOPELESS = 1e6
#: Stands for infinity where only finite values are taken.
HUGE = 1e15
#: Level of the intervals with which domains are asked for; the ends are not used.
ANY_LEVEL = 0.5


@dataclass(frozen=True)
class Problem:
    """A request with its space and its machines.

    Parameters
    ----------
    request : Request
    space : Space
    offers : DataFrame
        Offers that may be taken.
    predictor : Predictor or path, optional
    profile : optional
        Measured corrections, handed on to :func:`guide_ml.predict_table`.
    """

    request: Request
    space: Space
    offers: pd.DataFrame
    predictor: PredictorLike | None = None
    profile: Any = None
    where: Market = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", market(self.space.configs, self.offers))

    @property
    def points(self) -> int:
        """Points that may carry the load; those beyond the users only tell the headroom."""
        return int(self.carrying.sum())

    @property
    def deployments(self) -> int:
        """Points times the offers that each may be put on."""
        return int(self.where.count[self.space.config[self.carrying]].sum())

    @property
    def carrying(self) -> NDArray[np.bool_]:
        """Whether a point may carry the load, shape (points of the space,)."""
        users = self.request.load.users
        if users is None:
            return np.ones(len(self.space), dtype=bool)
        return np.asarray(self.space.concurrency <= np.ceil(users))

    def table(self, points: Ints, level: float | None) -> pd.DataFrame:
        """Predict points in one call; with a level also their intervals and domains."""
        space, model = self.space, self.request.model
        rows = space.configs.iloc[space.config[points]]
        more = {} if self.profile is None else {"profile": self.profile}
        return api.predict_table(
            table_of(self.request, rows, space.concurrency[points]), errors="report",
            predictor=self.predictor, models={model.model: model}, level=level, **more,
        )  # fmt: skip

    def size(self, points: Ints, values: Columns) -> Sized:
        """Size points for the load and choose their machines."""
        return size(self.request, self.space, self.where, points, values)


def predict(problem: Problem, points: Ints, confidence: float | None = None) -> Columns:
    """Predict points at a confidence: the bad ends of intervals that hold as often.

    Of an interval that holds a share ``2 c - 1`` of cases, a share ``1 - c`` lies beyond the bad
    end, so a limit that the bad end keeps is kept with chance ``c``.

    Returns
    -------
    dict
        ``ttft_ms``, ``tpot_ms``, ``output_tok_s`` (arrays of shape (n,); an offline queue has
        only the last) and ``far`` (1 where the point is far from the data, NaN if not asked).
    """
    wanted = problem.request.confidence if confidence is None else confidence
    return predict_at(problem, points, (wanted,))[wanted]


def predict_at(
    problem: Problem, points: Ints, confidences: Sequence[float]
) -> dict[float, Columns]:
    """Predict points at several confidences, in no more tables than there are intervals."""
    levels: list[float | None] = [2.0 * c - 1.0 for c in confidences if c > 0.5]
    domain = ANY_LEVEL if problem.request.constraints.in_domain else None
    tables = {level: problem.table(points, level) for level in dict.fromkeys(levels or [domain])}
    plain = next(iter(tables.values()))  # estimates are the same in all of them
    return {c: _ends(tables[2.0 * c - 1.0] if c > 0.5 else plain, c > 0.5) for c in confidences}


def _ends(found: pd.DataFrame, bad_end: bool) -> Columns:
    """Take the estimates out of a table, or the bad ends of its intervals."""
    ends = {"ttft_ms": "_high", "tpot_ms": "_high", "output_tok_s": "_low"}
    out = {m: found[m + ends[m] * bad_end].to_numpy(float) for m in METRICS}
    far = found["in_domain"].to_numpy() == "far" if "in_domain" in found else np.nan
    out["far"] = np.broadcast_to(np.asarray(far, dtype=float), len(found)).copy()
    return out


@dataclass
class Scores:
    """What was predicted of the points of a space; NaN where nothing was.

    Parameters
    ----------
    problem : Problem
    values : dict of str to array of shape (n,)
        :func:`predict`, by point.
    seen : array of bool of shape (n,)
        Points that were scored.
    """

    problem: Problem
    values: Columns = field(init=False)
    seen: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.problem.space)
        self.values = {m: np.full(n, np.nan) for m in (*METRICS, "far")}
        self.seen = np.zeros(n, dtype=bool)

    def add(self, points: Ints, values: Columns | None = None) -> None:
        """Score points, or take over what is known of them."""
        found = predict(self.problem, points) if values is None else values
        for name, column in found.items():
            self.values[name][points] = column
        self.seen[points] = True

    def judged(self) -> tuple[Ints, Sized, Columns, Floats]:
        """Return the points scored, sized; their values; by how much they miss in all."""
        points = np.flatnonzero(self.seen)
        values = {k: v[points] for k, v in self.values.items()}
        sized = self.problem.size(points, values)
        missed = excess(self.problem.request, values, sized)
        return points, sized, values, np.sum([*missed.values()], axis=0) + np.zeros(len(points))


def excess(request: Request, values: Columns, sized: Sized) -> Columns:
    """By what share each limit is missed; 0 where it is kept.

    Returns
    -------
    dict
        By limit: those of the SLO, ``max_usd_h``, ``max_devices``, ``in_domain``.
    """
    found: Columns = {}
    measured = dict(values)
    if not request.load.offline:
        measured["e2e_ms"] = e2e_ms(request, values)
    for name, most in request.slo.limits.items():
        found[name] = measured[name] / most - 1.0
    asked = request.constraints
    if asked.max_usd_h:
        found["max_usd_h"] = sized.usd_h / asked.max_usd_h - 1.0
    if asked.max_devices:
        found["max_devices"] = sized.devices / asked.max_devices - 1.0
    if asked.in_domain:
        found["in_domain"] = values["far"]
    found["predicted"] = np.where(sized.offer < 0, HOPELESS, 0.0)
    tiny = 1e-9  # a limit met to the last digit is met
    return {k: np.where(np.nan_to_num(v, nan=HOPELESS) > tiny,
                        np.nan_to_num(v, nan=HOPELESS, posinf=HOPELESS), 0.0)
            for k, v in found.items()}  # fmt: skip


def objectives(request: Request, values: Columns, sized: Sized) -> Floats:
    """Gather what is to be made small, shape (n, objectives); throughput gets its sign turned."""
    columns: dict[str, Callable[[], Floats]] = {
        "cost": lambda: sized.cost,
        "latency": lambda: e2e_ms(request, values),
        "throughput": lambda: -sized.capacity_req_s * request.workload.output_len,
    }
    out: Floats = np.stack([columns[name]() for name in request.objectives], 1)
    return np.asarray(np.nan_to_num(out, nan=HUGE, posinf=HUGE, neginf=-HUGE))
