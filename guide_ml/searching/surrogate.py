"""A cheap guess of what a point will score: calibrated physics times its errors learned so far.

Physics alone is known of every point of the space. log(predicted / physics) is fitted as a sum of
effects of device, engine, precisions and layout and a quadratic in the load (ridge regression);
what is left over is carried from points that were scored to those of the same configuration. It
only says where to look next; what a search reports was predicted in full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from guide_ml.searching.space import CONFIG, METRICS, Ints, Space
from guide_ml.table.read import Columns, Floats

__all__ = ["Surrogate"]

RIDGE, SMOOTH = 1.0, 0.05
#: Effects of pairs: engines differ from device to device.
PAIRS = (("hardware", "framework"), ("hardware", "weight_dtype"))
#: Standard error of a guess before anything is known of its device and engine.
UNKNOWN = 0.3
#: A guess is off from physics by no more than this factor either way, as a logarithm.
MOST = 2.0
#: Scored points of a configuration that weigh as much as not knowing any.
OWN = 1.0


class Surrogate:
    """Effects on log(predicted / physics), learned from the points scored so far.

    Parameters
    ----------
    space : Space
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        columns: dict[str, Any] = {name: space.configs[name] for name in CONFIG}
        columns |= {"+".join(p): pd.MultiIndex.from_frame(space.configs[list(p)]) for p in PAIRS}
        self._codes = [pd.factorize(c)[0] for c in columns.values()]
        sizes = [int(c.max()) + 1 for c in self._codes]
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self._width = int(sum(sizes))
        physics = space.estimates
        self._base = {m: np.maximum(physics[m], 1e-9) for m in METRICS}
        x = np.log(np.nan_to_num(space.concurrency, nan=1.0))
        mix = np.log1p(self._base["ttft_ms"] / self._base["tpot_ms"])
        mix = np.nan_to_num(mix, nan=0.0)
        self._smooth = np.stack([np.ones_like(x), x, x**2 / 5, mix, mix**2 / 5], 1)

    def fit(self, points: Ints, values: Columns) -> None:
        """Learn from points; without any, physics alone is the guess."""
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.stack([np.log(values[m] / base[points]) for m, base in self._base.items()], 1)
        y = np.nan_to_num(y, nan=0.0, posinf=0.0, neginf=0.0)
        effects, off = self._ridge(self._design(points), y)
        config = self.space.config[points]
        count = np.bincount(config, minlength=len(self.space.configs)).astype(float)
        self._effects, self._own, self._noise = {}, {}, {}
        for name, effect, left in zip(self._base, effects.T, off.T, strict=True):
            self._effects[name] = effect
            total = np.bincount(config, weights=left, minlength=len(count))
            self._own[name] = total / (count + OWN)
            self._noise[name] = float(np.sqrt(np.mean(left**2))) if len(left) else UNKNOWN
        pair = self._codes[-2]
        self._seen = np.bincount(pair[config], minlength=int(pair.max()) + 1).astype(float)

    def guess(self, points: Ints, hope: float = 0.0) -> Columns:
        """Guess the metrics of points.

        Parameters
        ----------
        hope : float
            Standard errors by which the guess is too good: pairs of device and engine of which
            little is known get the benefit of the doubt.
        """
        config = self.space.config[points]
        known = self._seen[self._codes[-2][config]]
        out = {}
        for name, base in self._base.items():
            effect = self._effects[name]
            y = self._smooth[points] @ effect[self._width :] + self._own[name][config]
            for codes, start in zip(self._codes, self._starts, strict=True):
                y += effect[start + codes[config]]
            sign = -1.0 if name == "output_tok_s" else 1.0
            y -= sign * hope * np.hypot(self._noise[name], UNKNOWN / np.sqrt(1.0 + known))
            out[name] = base[points] * np.exp(np.clip(y, -MOST, MOST))
        for name in ("ttft_ms", "tpot_ms"):
            out[name] = np.maximum(out[name], self.space.bounds[name][points])
        out["output_tok_s"] = np.minimum(out["output_tok_s"],
                                         self.space.bounds["output_tok_s"][points])  # fmt: skip
        out["far"] = np.zeros(len(points))
        return out

    def _ridge(self, a: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Fit effects, shape (columns, metrics), and say what they leave over."""
        used = np.flatnonzero(a.any(axis=0))  # what no point has, has no effect
        some = a[:, used]
        penalty = np.where(used < self._width, RIDGE, SMOOTH)
        effects = np.zeros((a.shape[1], y.shape[1]))
        with threadpool_limits(1, "blas"):  # several threads wait longer than so little work takes
            effects[used] = np.linalg.solve(some.T @ some + np.diag(penalty), some.T @ y)
        return effects, y - a @ effects

    def _design(self, points: Ints) -> Floats:
        a = np.zeros((len(points), self._width + self._smooth.shape[1]))
        rows = np.arange(len(points))
        for codes, start in zip(self._codes, self._starts, strict=True):
            a[rows, start + codes[self.space.config[points]]] = 1.0
        a[:, self._width :] = self._smooth[points]
        return a
