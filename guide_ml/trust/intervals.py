"""Intervals around predictions: conformal, from errors on deployments that were held out.

Every residual r = log(measured / predicted) comes from a fold whose fit saw neither the row nor
its deployment, model or device. A small booster learns from the mode, the load and the distance
to the fold's measurements how large |r| tends to be; the residuals over that width, pooled by
target, mode and domain, give the quantiles (locally weighted split conformal prediction, Lei et
al., JASA 113, 2018). Widths used for the quantiles are themselves out of fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadArtefact, InvalidInput
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats
from guide_ml.trees.boosters import LightGbm, Member
from guide_ml.trust.domain import FAMILIARITY, LEVELS

__all__ = ["INPUTS", "LEVEL", "Bands", "Residuals", "check_level", "fit_bands", "spread_inputs"]

LEVEL = 0.9  # of an interval, if none is asked for

LOAD_INPUTS = (
    "mode", "spec", "fw_version_stated", "weight_bits", "devices", "m_mla", "hw_is_amd", "depth",
    "batch", "input_len", "output_len", "requests_per_slot", "m_params_total_b", "m_num_experts",
)  # fmt: skip
INPUTS = ("target", "statistic", *FAMILIARITY, *LOAD_INPUTS)
"""Inputs of the width booster, in order."""

#: Upper quantile of |r| that the booster aims at, near what most users ask for.
AIM = 0.85
SMALLEST = 0.005  # residuals below half a percent are noise
PARAMS = {
    "objective": "quantile", "alpha": AIM, "learning_rate": 0.08, "num_leaves": 12,
    "min_child_samples": 150, "feature_fraction": 0.5, "lambda_l2": 1.0, "verbose": -1,
    "deterministic": True, "force_row_wise": True, "num_threads": 1,
}  # fmt: skip
ROUNDS = 100
PARTS = 5
FARTHEST = 200.0  # logarithm by which an end may be away: a number that still has a reciprocal
ENOUGH = 400  # residuals that a group of its own needs

#: Probabilities whose quantiles are kept.
GRID = np.concatenate([[0.0005, 0.0025], np.linspace(0.005, 0.995, 199), [0.9975, 0.9995]])


def check_level(level: object) -> float | None:
    """Return a level of confidence (or ``None``, for no intervals), or say what it must be.

    Raises
    ------
    InvalidInput
        If it is not a number between 0 and 1, both excluded.
    """
    if level is None:
        return None
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise InvalidInput(
            f"level must be a share between 0 and 1, such as 0.9 for nine in ten; got {level!r}"
        )
    return float(level)


def spread_inputs(columns: Columns, familiarity: Columns, target: Floats, statistic: Floats) -> Any:
    """Arrange the inputs of the width booster, shape (n, inputs), float32."""
    x = np.empty((len(INPUTS), len(target)), dtype=np.float32)
    x[0], x[1] = target, statistic
    for name, line in zip(INPUTS[2:], x[2:], strict=True):
        line[:] = familiarity[name] if name in FAMILIARITY else columns[name]
    return x.T


@dataclass(frozen=True)
class Residuals:
    """Errors on what was held out, n of them over all splits.

    Parameters
    ----------
    x : array of shape (n, inputs)
        :func:`spread_inputs`, distances measured to what the fold was fitted on.
    residual : array of shape (n,)
        log(measured / predicted).
    target, mode, domain : array of shape (n,) of int
        Codes of target, mode and :data:`guide_ml.trust.domain.LEVELS`.
    group : array of shape (n,) of str
        Deployment; a group's residuals are alike, so they stay together.
    """

    x: NDArray[np.float32]
    residual: Floats
    target: NDArray[np.intp]
    mode: NDArray[np.intp]
    domain: NDArray[np.intp]
    group: NDArray[np.object_]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Residuals:
        """Keep some rows."""
        return Residuals(self.x[rows], self.residual[rows], self.target[rows], self.mode[rows],
                         self.domain[rows], self.group[rows])  # fmt: skip


@dataclass(frozen=True)
class Bands:
    """What intervals are made from.

    Parameters
    ----------
    spread : Member
        Booster of the logarithm of the width.
    tables : dict of str to list of float
        By ``target/mode/domain`` (or less, down to a blank): quantiles on ``GRID`` of the
        residual over its width.
    """

    spread: Member
    tables: Mapping[str, list[float]]

    def width(self, x: NDArray[np.float32]) -> Floats:
        """Estimate how large the error of n predictions tends to be (a logarithm)."""
        return np.asarray(np.exp(self.spread.predict(x)))

    def factors(
        self, width: Floats, target: NDArray[np.intp], mode: NDArray[np.intp],
        domain: NDArray[np.intp], level: float,
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """Return what n predictions must be multiplied with for both ends of the interval.

        The lower is 1 at most, the upper 1 at least, so the interval holds the prediction; both
        only move outwards as the level grows.
        """
        low, high = np.empty(len(width)), np.empty(len(width))
        joined = (target * len(MODES) + mode) * len(LEVELS) + domain
        for value in np.flatnonzero(np.bincount(joined)):
            rows = joined == value
            low[rows], high[rows] = self._ends(int(value), level)
        ends = (np.clip(end * width, -FARTHEST, FARTHEST) for end in (low, high))
        down, up = (np.exp(end) for end in ends)
        return down, up

    def _ends(self, joined: int, level: float) -> tuple[float, float]:
        """Look up the quantiles of one group at both ends; they are remembered."""
        key = joined, level
        if key not in self._found:
            ends = [(1 - level) / 2, (1 + level) / 2]
            low, high = np.interp(ends, GRID, self._table(joined)).tolist()
            self._found[key] = min(low, 0.0), max(high, 0.0)
        return self._found[key]

    @cached_property
    def _found(self) -> dict[tuple[int, float], tuple[float, float]]:
        return {}

    def _table(self, joined: int) -> list[float]:
        rest, domain = divmod(joined, len(LEVELS))
        target, mode = divmod(rest, len(MODES))
        for key in _keys(target, mode, domain):
            if key in self.tables:
                return self.tables[key]
        raise BadArtefact("the intervals of these estimators lack the table of last resort")


def _keys(target: int, mode: int, domain: int) -> tuple[str, ...]:
    """Name the groups of a residual, from the narrowest to all."""
    by_target = NAMES[target]
    by_mode = f"{by_target}/{MODES[mode]}"
    return f"{by_mode}/{LEVELS[domain]}", by_mode, by_target, ""


def _fit_spread(found: Residuals) -> LightGbm:
    y = np.log(np.maximum(np.abs(found.residual), SMALLEST))
    import lightgbm as lgb  # not at the top: it takes seconds, and a prediction needs none of it

    data = lgb.Dataset(found.x, y, params={"verbose": -1})
    return LightGbm(lgb.train(PARAMS | {"seed": 0}, data, ROUNDS))


def _tables(found: Residuals, scaled: Floats) -> dict[str, list[float]]:
    """Quantiles of scaled residuals by group, for groups that have enough of them."""
    members: dict[str, list[NDArray[np.intp]]] = {}
    joined = (found.target * len(MODES) + found.mode) * len(LEVELS) + found.domain
    for value in np.unique(joined):
        rest, domain = divmod(int(value), len(LEVELS))
        for key in _keys(*divmod(rest, len(MODES)), domain):
            members.setdefault(key, []).append(np.flatnonzero(joined == value))
    out = {}
    for key, rows in members.items():
        own = scaled[np.concatenate(rows)]
        if len(own) >= ENOUGH or not key:
            out[key] = np.quantile(own, GRID, method="median_unbiased").round(5).tolist()
    return out


def fit_bands(found: Residuals, jobs: int = 1) -> Bands:
    """Learn widths and quantiles from errors on what was held out.

    Parameters
    ----------
    found : Residuals
        Errors.
    jobs : int
        Boosters that are fitted side by side, each by one thread.
    """
    # A prediction needs none of these.
    from joblib import Parallel, delayed

    from guide_ml.measurements.evaluation import folds

    part = folds(found.group, count=PARTS)
    left = [part == k for k in np.unique(part)]
    work = [delayed(_fit_spread)(x) for x in (found, *(found.take(~rows) for rows in left))]
    whole, *others = Parallel(n_jobs=jobs, prefer="threads")(work)
    width = np.empty(len(part))
    for rows, spread in zip(left, others, strict=True):
        width[rows] = np.exp(spread.predict(found.x[rows]))
    return Bands(whole, _tables(found, found.residual / width))
