"""A cheap guess of what a point will score: the physical floor times learned efficiencies.

log(predicted / floor) is fitted as a sum of effects of device, engine, precisions and layout and a
quadratic in the load (ridge regression). It only says where to look next; what a search reports
was predicted in full.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from guide_ml.searching.space import CONFIG, Ints, Space
from guide_ml.table import Columns, Floats

__all__ = ["Surrogate"]

#: Guesses before anything is known: a server reaches half of what physics allows.
PRIOR = np.log(2.0)
RIDGE = 1.0
#: Effects of pairs: engines differ from device to device.
PAIRS = (("hardware", "framework"), ("hardware", "weight_dtype"))


class Surrogate:
    """Effects on log(predicted / floor), learned from the points scored so far.

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
        b, c = space.bounds, np.nan_to_num(space.concurrency, nan=1.0)
        waiting = c * b["prefill_ms"]
        output = np.maximum(b["tpot_ms"], 1e-9)
        self._base = {
            "ttft_ms": b["ttft_ms"] + 0.1 * waiting,
            "tpot_ms": b["tpot_ms"] + 1e-3 * waiting,
            "output_tok_s": b["output_tok_s"],
        }
        x = np.log(c)
        mix = np.log1p(waiting / output)
        self._smooth = np.stack([np.ones_like(x), x, x**2 / 5, mix, mix**2 / 5], 1)

    def fit(self, points: Ints, values: Columns) -> None:
        """Learn from points; without any, from the prior alone."""
        a = self._design(points)
        width = a.shape[1]
        penalty = np.full(width, RIDGE)
        penalty[self._width :] = 0.05
        gram = a.T @ a + np.diag(penalty)
        self._effects, self._noise = {}, {}
        for name, base in self._base.items():
            sign = -1.0 if name == "output_tok_s" else 1.0
            with np.errstate(divide="ignore", invalid="ignore"):
                y = sign * np.log(values[name] / base[points]) - PRIOR
            y = np.nan_to_num(y, nan=0.0, posinf=0.0, neginf=0.0)
            self._effects[name] = np.linalg.solve(gram, a.T @ y)
            left = y - a @ self._effects[name]
            self._noise[name] = float(np.sqrt(np.mean(left**2))) if len(y) else 0.5
        seen = np.zeros(int(self._codes[-2].max()) + 1)
        np.add.at(seen, self._codes[-2][self.space.config[points]], 1.0)
        self._seen = seen

    def guess(self, points: Ints, hope: float = 0.0) -> Columns:
        """Guess the metrics of points.

        Parameters
        ----------
        hope : float
            Standard errors by which the guess is too good: pairs of device and engine of which
            little is known get the benefit of the doubt.
        """
        known = self._seen[self._codes[-2][self.space.config[points]]]
        out = {}
        for name, base in self._base.items():
            effect = self._effects[name]
            y = self._smooth[points] @ effect[self._width :] + PRIOR
            for codes, start in zip(self._codes, self._starts, strict=True):
                y += effect[start + codes[self.space.config[points]]]
            y -= hope * (self._noise[name] + 0.4 / np.sqrt(1.0 + known))
            y = np.clip(y, 0.0, 8.0)
            sign = -1.0 if name == "output_tok_s" else 1.0
            out[name] = base[points] * np.exp(sign * y)
        for name in ("ttft_ms", "tpot_ms"):
            out[name] = np.maximum(out[name], self.space.bounds[name][points])
        out["far"] = np.zeros(len(points))
        return out

    def _design(self, points: Ints) -> Floats:
        a = np.zeros((len(points), self._width + self._smooth.shape[1]))
        rows = np.arange(len(points))
        for codes, start in zip(self._codes, self._starts, strict=True):
            a[rows, start + codes[self.space.config[points]]] = 1.0
        a[:, self._width :] = self._smooth[points]
        return a
