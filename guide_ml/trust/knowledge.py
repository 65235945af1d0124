"""What a trained set knows about itself: the data's cases, measured rows, and error bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guide_ml.answers.prediction import Domain, Evidence
from guide_ml.describe.targets import TARGETS
from guide_ml.table.assume import Columns, Resolved
from guide_ml.table.columns import Gathered, some
from guide_ml.table.read import Floats
from guide_ml.trust.domain import LEVELS, Familiarity, Reference, domain, levels
from guide_ml.trust.domain.cases import Compared, code, distances, load_numbers
from guide_ml.trust.domain.measured import DESCRIBED, MEASURED, Measured
from guide_ml.trust.intervals import Bands, spread_inputs
from guide_ml.units import MS_PER_S

__all__ = ["Judgement", "Knowledge", "within_latency"]

STATIC, DECODE = 0.0, 2.0  # codes of modes; checked by a test against descriptors.MODES


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
        Code of :data:`guide_ml.trust.domain.LEVELS`; -1 where there is no prediction.
    familiarity : Familiarity
        Distances to the data of the rows that have one.
    """

    low: dict[str, Floats]
    high: dict[str, Floats]
    level: float
    domain: NDArray[np.intp]
    familiarity: Familiarity

    def words(self) -> NDArray[np.object_]:
        """Return ``in_domain`` of each row."""
        return np.asarray([*LEVELS, ""], dtype=object)[self.domain]


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
        n = len(resolved.errors)
        has = np.flatnonzero(np.any([np.isfinite(v) for v in values.values()], axis=0))
        c, names = some(resolved.columns, has, n), some(resolved.names, has, n)
        found = self.reference.familiarity(c, names)
        codes = levels(found, self.measured.among(c, names))
        value = np.stack([values[t.name][has] for t in TARGETS])
        down, up = self._factors(c, found, codes, np.isfinite(value), level)
        low, high = {}, {}
        for target, least, most in zip(TARGETS, value * down, value * up, strict=True):
            bound = floors[target.name][has]
            low[target.name] = np.maximum(least, bound) if target.is_time else least
            high[target.name] = most if target.is_time else np.minimum(most, bound)
        _by_definition(c, low, high)
        within_latency(c, dict(zip(low, value, strict=True)), high)
        domains = np.full(n, -1, dtype=np.intp)
        domains[has] = codes
        return Judgement(
            {k: _spread_out(v, has, n) for k, v in low.items()},
            {k: _spread_out(v, has, n) for k, v in high.items()}, level, domains, found,
        )  # fmt: skip

    def _factors(
        self, columns: Columns, found: Familiarity, codes: NDArray[np.intp],
        usable: NDArray[np.bool_], level: float,
    ) -> tuple[Floats, Floats]:  # fmt: skip
        """Return what to multiply with for both ends; NaN where nothing is predicted.

        All of shape (targets, n).
        """
        down, up = np.full((2, *usable.shape), np.nan)
        target, rows = np.nonzero(usable)
        statistic = np.stack([columns[t.stat] if t.stat else np.zeros(len(codes))
                              for t in TARGETS])[target, rows]  # fmt: skip
        x = spread_inputs(Gathered(columns, rows), Gathered(found.columns, rows),
                          target.astype(float), statistic)  # fmt: skip
        mode = columns["mode"][rows].astype(np.intp)
        # Residuals come from what was held out: none of them is of a measured row itself.
        domains = np.maximum(codes[rows], LEVELS.index("interpolated"))
        width = self.bands.width(x)
        down[usable], up[usable] = self.bands.factors(width, target, mode, domains, level)
        return down, up

    def domain(self, judged: Judgement) -> Domain:
        """Tell in words how familiar the only row is."""
        return domain(judged.familiarity, self.reference.cases, int(judged.domain[0]), 0)

    def evidence(self, resolved: Resolved, count: int = 3) -> tuple[Evidence, ...]:
        """Find the measured rows nearest to the only deployment."""
        asked = code(resolved.columns, resolved.names)
        apart = distances(Compared.of(asked.table), self.reference.compared)
        total = np.sum(list(apart.values()), axis=0)[0]
        loads = load_numbers(resolved.columns)
        rows = self.measured.nearest(total, loads, count)
        return tuple(_evidence({str(k): v for k, v in row.items()}) for row in rows)


def within_latency(columns: Columns, values: Mapping[str, Floats], high: Columns) -> None:
    """Lower a static batch's upper ends of TTFT and TPOT, in place, to what its latency allows.

    The first token and the steps after it are parts of the batch: where its latency is below its
    upper end, so are they. Few sources measure them, so their own far ends are known worse.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        Resolved descriptors.
    values, high : dict of str to array of shape (n,)
        Predictions, which stay within, and upper ends of their intervals by target.
    """
    static = columns["mode"] == STATIC
    most_ms = MS_PER_S * high["batch_latency_s"]
    steps = np.maximum(columns["output_len"] - 1.0, 1.0)
    for name, most in (("ttft_ms", most_ms), ("tpot_ms", most_ms / steps)):
        lowered = np.maximum(np.minimum(high[name], most), values[name])
        high[name] = np.where(static, lowered, high[name])


def _spread_out(value: Floats, rows: NDArray[np.intp], n: int) -> Floats:
    out = np.full(n, np.nan)
    out[rows] = value
    return out


def _by_definition(columns: Columns, low: dict[str, Floats], high: dict[str, Floats]) -> None:
    """Derive ends of throughput: tokens over those of a batch's latency, or of a decode step."""
    steps = MS_PER_S * columns["batch"]
    tokens = columns["batch"] * columns["output_len"]
    for mode, done, name in ((STATIC, tokens, "batch_latency_s"), (DECODE, steps, "tpot_ms")):
        of_mode = columns["mode"] == mode
        low["output_tok_s"] = np.where(of_mode, done / high[name], low["output_tok_s"])
        high["output_tok_s"] = np.where(of_mode, done / low[name], high["output_tok_s"])


def _evidence(row: Mapping[str, object]) -> Evidence:
    """Keep what a row says; any of its cells may be blank, in one's own data above all."""
    plain = {k: v for k, v in row.items() if v is not None and v == v}
    return Evidence(
        source=str(plain.get("source", "")), source_ref=str(plain.get("source_ref", "")),
        deployment={k: plain[k] for k in DESCRIBED[2:] if k in plain},
        measured={k: float(str(plain[k])) for k in MEASURED if k in plain},
        held_out={k: float(str(plain[f"held_out_{k}"])) for k in MEASURED
                  if k in plain and f"held_out_{k}" in plain},
        distance=round(float(str(plain["distance"])), 3),
    )  # fmt: skip
