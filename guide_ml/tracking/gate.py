"""The gate: whether a challenger may take the champion's place.

Both are compared on values that each of them was fitted without, pair by pair:

- shared: both have the value; each predicts it without its whole deployment
- new deployment: only the challenger has it, the champion knows nothing of the deployment; the
  challenger predicts it without the deployment
- new row: the champion knows the deployment, not the row; so does the challenger's random split
- dropped deployment, dropped row: the same the other way round

The figure is the mean |log(predicted / measured)| (each capped at a factor of e), averaged over
a deployment's values, then over deployments. Its relative change gets an interval by resampling
deployments (rows, where there are few deployments) in pairs; the level is divided by the number
of comparisons (Bonferroni), so that equal sets seldom look unequal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.table.columns import records
from guide_ml.table.read import Floats

__all__ = ["COLUMNS", "SETS", "Verdict", "compare", "judge"]

SETS = ("shared", "new deployment", "new row", "dropped deployment", "dropped row")
COLUMNS = ("set", "target", "unit", "units", "values", "champion", "challenger", "change", "low",
           "high", "finding")  # fmt: skip
CAP = 1.0  # an error of a factor e is as bad as any: no prediction at all
LEVEL = 0.05  # chance that equal sets look unequal anywhere
TOLERANCE = 0.01  # a relative change below this is none, however sure
DRAWS = 4000
FEW_UNITS = 4  # deployments below which rows are resampled
LEAST_UNITS = 3


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Parameters
    ----------
    passed : bool
        Whether the challenger may become champion.
    reason : str
        Why, in a sentence.
    table : DataFrame with columns :data:`COLUMNS`
        Median errors in percent of both, relative change of the mean error with its interval,
        and finding (better, worse, equal, too few) by set and target.
    """

    passed: bool
    reason: str
    table: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(COLUMNS)))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        rows = records(self.table, 4)
        return {"passed": self.passed, "reason": self.reason, "comparisons": rows}


def _unit_means(error: Floats, unit: NDArray[np.intp], count: int) -> Floats:
    total = np.bincount(unit, weights=error, minlength=count)
    return np.asarray(total / np.bincount(unit, minlength=count))


def _interval(champion: Floats, challenger: Floats, alpha: float, seed: int) -> Floats:
    """Resample units in pairs; return the interval of the relative change."""
    rng = np.random.default_rng(seed)
    changes = []
    for _ in range(DRAWS // 100):  # a hundred draws at a time keep memory small
        draw = rng.integers(0, len(champion), (100, len(champion)))
        changes.append(challenger[draw].mean(axis=1) / champion[draw].mean(axis=1) - 1)
    return np.asarray(np.quantile(np.concatenate(changes), [alpha / 2, 1 - alpha / 2]))


def compare(pairs: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Compare both on every set and target.

    Parameters
    ----------
    pairs : DataFrame with columns set, target, deployment, key, champion, challenger
        Logarithms of predicted / measured, one row a value.
    seed : int
        Of the resampling.

    Returns
    -------
    DataFrame with columns :data:`COLUMNS`
    """
    finite = pairs[np.isfinite(pairs["champion"]) & np.isfinite(pairs["challenger"])]
    parts = [(name, part) for name, part in finite.groupby(["set", "target"], sort=False)]
    alpha = LEVEL / max(len(parts), 1)
    rows = [{"set": s, "target": t} | _compare(part, alpha, seed) for (s, t), part in parts]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = table["set"].map({s: i for i, s in enumerate(SETS)})
    return table.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def _compare(part: pd.DataFrame, alpha: float, seed: int) -> dict[str, Any]:
    """Compare both on one set and target."""
    unit, names = pd.factorize(part["deployment"])
    name = "deployment"
    if len(names) < FEW_UNITS:
        (unit, names), name = pd.factorize(part["key"]), "row"
    logs = {who: part[who].to_numpy(float) for who in ("champion", "challenger")}
    mean = {who: _unit_means(np.minimum(np.abs(x), CAP), unit, len(names))
            for who, x in logs.items()}  # fmt: skip
    median = {who: float(np.median(100 * np.abs(np.exp(x) - 1))) for who, x in logs.items()}
    out = {"unit": name, "units": len(names), "values": len(part), **median}
    base = mean["champion"].mean()
    if len(names) < LEAST_UNITS or base == 0:
        blank = dict.fromkeys(("change", "low", "high"), np.nan)
        return out | blank | {"finding": "too few" if len(names) < LEAST_UNITS else "equal"}
    change = float(mean["challenger"].mean() / base - 1)
    low, high = map(float, _interval(mean["champion"], mean["challenger"], alpha, seed))
    return out | {"change": change, "low": low, "high": high,
                  "finding": _finding(change, low, high)}  # fmt: skip


def _finding(change: float, low: float, high: float) -> str:
    if low > 0 and change > TOLERANCE:
        return "worse"
    if high < 0 and change < -TOLERANCE:
        return "better"
    return "equal"


def judge(pairs: pd.DataFrame, seed: int = 0) -> Verdict:
    """Let the challenger pass if it is nowhere worse beyond noise, and better somewhere.

    Parameters
    ----------
    pairs : DataFrame
        As :func:`compare` takes it.
    seed : int
        Of the resampling.
    """
    table = compare(pairs, seed)
    where = {word: [f"{r.target} ({r.set})" for r in table.itertuples() if r.finding == word]
             for word in ("worse", "better")}  # fmt: skip
    if where["worse"]:
        return Verdict(False, f"worse beyond noise on {', '.join(where['worse'])}", table)
    if not where["better"]:
        return Verdict(False, "nowhere better beyond noise", table)
    reason = f"better on {', '.join(where['better'])}, nowhere worse beyond noise"
    return Verdict(True, reason, table)
