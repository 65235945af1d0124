"""What a trained set knows about itself: the data's cases, measured rows, and error bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guide_ml.assume import Columns, Resolved
from guide_ml.domain import LEVELS, Familiarity, Reference, domain, levels
from guide_ml.domain.cases import code, distances, load_numbers
from guide_ml.domain.measured import DESCRIBED, MEASURED, Measured
from guide_ml.intervals import Bands, spread_inputs
from guide_ml.prediction import Domain, Evidence
from guide_ml.table import Floats
from guide_ml.targets import TARGETS

__all__ = ["Judgement", "Knowledge"]

STATIC = 0.0  # code of mode static; checked by a test against descriptors.MODES


@dataclass(frozen=True)
class Judgement:
    """How sure n predictions are.

    Parameters
    ----------
    low, high : dict of str to array of shape (n,)
        Ends of the interval by target; NaN where there is no prediction.
    level : float
        Share of cases that the interval is to hold.
    domain : array of shape (n,) of int
        Code of :data:`guide_ml.domain.LEVELS`.
    familiarity : Familiarity
        Distances to the data.
    """

    low: dict[str, Floats]
    high: dict[str, Floats]
    level: float
    domain: NDArray[np.intp]
    familiarity: Familiarity

    def words(self) -> NDArray[np.object_]:
        """Return ``in_domain`` of each row."""
        return np.asarray(LEVELS, dtype=object)[self.domain]


@dataclass(frozen=True)
class Knowledge:
    """What predictions are judged with.

    Parameters
    ----------
    reference : Reference
        Measured cases.
    measured : Measured
        Measured rows.
    bands : Bands
        Widths and quantiles of errors on what was held out.
    """

    reference: Reference
    measured: Measured
    bands: Bands

    def judge(
        self, resolved: Resolved, values: Mapping[str, Floats], floors: Mapping[str, Floats],
        level: float,
    ) -> Judgement:  # fmt: skip
        """Put intervals and domains beside n predictions.

        Parameters
        ----------
        resolved : Resolved
            What was predicted.
        values, floors : dict of str to array of shape (n,)
            Predictions and physical bounds by target; NaN where there is none.
        level : float
            Between 0 and 1.
        """
        c, names = resolved.columns, resolved.names
        found = self.reference.familiarity(c, names)
        codes = levels(found, self.measured.among(c, names))
        low, high = {}, {}
        for index, target in enumerate(TARGETS):
            value = values[target.name]
            statistic = c[target.stat] if target.stat else np.zeros(len(value))
            has = np.flatnonzero(np.isfinite(value))
            down, up = self._factors(c, found, codes, index, statistic, has, level)
            low[target.name], high[target.name] = np.full((2, len(value)), np.nan)
            low[target.name][has], high[target.name][has] = value[has] * down, value[has] * up
            if target.is_time:
                low[target.name] = np.maximum(low[target.name], floors[target.name])
            else:
                high[target.name] = np.minimum(high[target.name], floors[target.name])
        _by_definition(c, low, high)
        return Judgement(low, high, level, codes, found)

    def _factors(
        self, columns: Columns, found: Familiarity, codes: NDArray[np.intp], index: int,
        statistic: Floats, rows: NDArray[np.intp], level: float,
    ) -> tuple[Floats, Floats]:  # fmt: skip
        if not len(rows):
            return np.empty(0), np.empty(0)
        target = np.full(len(rows), index)
        x = spread_inputs({k: v[rows] for k, v in columns.items()},
                          {k: v[rows] for k, v in found.columns.items()},
                          target.astype(float), statistic[rows])  # fmt: skip
        mode = columns["mode"][rows].astype(np.intp)
        # Residuals come from what was held out: none of them is of a measured row itself.
        domains = np.maximum(codes[rows], LEVELS.index("interpolated"))
        return self.bands.factors(self.bands.width(x), target, mode, domains, level)

    def domain(self, judged: Judgement, row: int = 0) -> Domain:
        """Tell in words how familiar one row is."""
        return domain(judged.familiarity, self.reference.cases, int(judged.domain[row]), row)

    def evidence(self, resolved: Resolved, count: int = 3) -> tuple[Evidence, ...]:
        """Find the measured rows nearest to the only deployment."""
        asked = code(resolved.columns, resolved.names)
        total = np.sum(list(distances(asked.table, self.reference.cases).values()), axis=0)[0]
        loads = load_numbers(resolved.columns)
        rows = self.measured.nearest(total, loads, count).to_dict("records")
        return tuple(_evidence({str(k): v for k, v in row.items()}) for row in rows)


def _by_definition(columns: Columns, low: dict[str, Floats], high: dict[str, Floats]) -> None:
    """Derive a static batch's ends of throughput: tokens over the ends of its latency."""
    static = columns["mode"] == STATIC
    tokens = columns["batch"] * columns["output_len"]
    slow, fast = tokens / high["batch_latency_s"], tokens / low["batch_latency_s"]
    low["output_tok_s"] = np.where(static, slow, low["output_tok_s"])
    high["output_tok_s"] = np.where(static, fast, high["output_tok_s"])


def _evidence(row: Mapping[str, object]) -> Evidence:
    """Keep what a row says."""
    plain = {k: v for k, v in row.items() if v is not None and v == v}
    return Evidence(
        source=str(plain["source"]), source_ref=str(plain["source_ref"]),
        deployment={k: plain[k] for k in DESCRIBED[2:] if k in plain},
        measured={k: float(str(plain[k])) for k in MEASURED if k in plain},
        held_out={k: float(str(plain[f"held_out_{k}"])) for k in MEASURED
                  if k in plain and f"held_out_{k}" in plain},
        distance=round(float(str(plain["distance"])), 3),
    )  # fmt: skip
