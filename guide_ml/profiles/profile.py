"""A profile: what one's own measurements say of the general model, on disk and in use."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.answers.blocks import Block, details, listing
from guide_ml.answers.shown import Shown
from guide_ml.describe.targets import NAMES
from guide_ml.errors import InvalidInput
from guide_ml.profiles.effects import LOADS, Names, traits
from guide_ml.profiles.shrink import Cells, Solution, solve
from guide_ml.system.lazily import pandas as pd
from guide_ml.system.writing import write_text
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats

__all__ = ["FORMAT", "KIND", "MOST", "Correction", "Profile"]

Correction = Callable[[NDArray[np.intp], Mapping[str, Floats]], Floats]

FORMAT = 2
KIND = "guide-ml profile"
#: Numbers without a fraction, nearly always.
WHOLE = ("tp", "pp", "dp", "ep", "spec", "kv_bits", *LOADS)
#: No believable machine is off the general model by more than this factor.
MOST = 50.0


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Shown):
    """Corrections for one's own hardware, engine or network.

    A deployment is corrected if its hardware or its engine was measured (the scope), by what it
    shares with the measured ones: least if only the engine is the same, most for a measured
    deployment under a load close to a measured one. Any other deployment is left alone.

    Parameters
    ----------
    cells : Cells
        What was measured, as ln(measured / predicted), and under which loads.
    trained_set : str
        Fingerprint of the trained set that the measurements were compared with.
    facts : mapping
        What a reader should know: rows, errors before and after.
    """

    cells: Cells
    trained_set: str
    facts: Mapping[str, Any]

    @cached_property
    def _solution(self) -> Solution:
        return solve(self.cells)

    @property
    def hardware(self) -> tuple[str, ...]:
        """Devices that were measured."""
        return tuple(sorted(set(self.cells.traits["hardware"])))

    @property
    def frameworks(self) -> tuple[str, ...]:
        """Engines that were measured."""
        return tuple(sorted(set(self.cells.traits["framework"])))

    def require(self, trained_set: str) -> None:
        """Refuse to correct another trained set than the one that was compared with.

        Raises
        ------
        InvalidInput
            If the fingerprints differ.
        """
        if self.trained_set != trained_set:
            raise InvalidInput(
                "a profile must be used with the estimators that it was made with; got one made"
                f" with the set {self.trained_set[:12] or 'without a card'}, in use is"
                f" {trained_set[:12] or 'one without a card'}: run guide calibrate again"
            )

    def in_scope(self, names: Names) -> NDArray[np.bool_]:
        """Tell which of n deployments the profile says something of."""
        hardware = np.isin(names["hardware"].astype(str), self.hardware)
        return np.asarray(hardware | np.isin(names["framework"].astype(str), self.frameworks))

    def words(self, names: Names) -> str:
        """Say what the profile has to do with the only deployment."""
        hardware, engine = (str(names[k][0]) for k in ("hardware", "framework"))
        rows = self.facts.get("rows", len(self.cells.n))
        measured = [n for n, known in ((hardware, self.hardware), (engine, self.frameworks))
                    if n in known]  # fmt: skip
        if measured:
            return f"corrected by {rows} rows of your own, which measured {' and '.join(measured)}"
        return (
            f"not corrected: your own rows measured {', '.join(self.hardware)} and"
            f" {', '.join(self.frameworks)}, neither this hardware nor this engine"
        )

    def correct(self, columns: Columns, names: Names, values: Columns) -> Columns:
        """Correct predictions by what was measured.

        Parameters
        ----------
        columns, names : dict
            Of :class:`guide_ml.table.assume.Resolved`, n rows.
        values : dict of str to array of shape (n,)
            Predictions by target.

        Returns
        -------
        dict of str to array of shape (n,)
            The same targets, times a factor each; out of scope it is 1.
        """
        scope, own = self._own(columns, names)
        out = {k: v.copy() for k, v in values.items()}
        if len(scope):
            factor = np.exp(self._solution.mean(own))
            for t, name in enumerate(NAMES):
                if name in out:
                    out[name][scope] *= factor[:, t]
        return out

    def correction(self, columns: Columns, names: Names) -> Correction:
        """Prepare to correct n deployments, and these under other loads, before they are bounded.

        Parameters
        ----------
        columns, names : dict
            Of :class:`guide_ml.table.assume.Resolved`, n rows.

        Returns
        -------
        callable
            Given the index of rows, shape (k,), and the sequences a replica, prompts and outputs
            that they are to have, it returns the logarithms of the factors on each target, (k, 4).
        """
        n = len(names["hardware"])
        scope, own = self._own(columns, names)
        place = np.full(n, -1)
        place[scope] = np.arange(len(scope))
        steady = self._solution.steady(own) if len(scope) else np.zeros((0, len(NAMES)))

        def at(rows: NDArray[np.intp], loads: Mapping[str, Floats]) -> Floats:
            out = np.zeros((len(rows), len(NAMES)))
            inside = np.flatnonzero(place[rows] >= 0)
            if len(inside):
                which = place[rows[inside]]
                asked = own.iloc[which].assign(**{k: v[inside] for k, v in loads.items()})
                out[inside] = steady[which] + self._solution.moving(asked)
            return out

        return at

    def width(self, columns: Columns, names: Names) -> Columns:
        """Say how far the logarithm of an interval shrinks: at most 1, out of scope 1.

        The standard deviation of what is left to be known over the one before any measurement.

        Returns
        -------
        dict of str to array of shape (n,)
            By target.
        """
        scope, own = self._own(columns, names)
        out = {name: np.ones(len(names["hardware"])) for name in NAMES}
        if len(scope):
            ratio = self._solution.width(own)
            for t, name in enumerate(NAMES):
                out[name][scope] = ratio[:, t]
        return out

    def _own(self, columns: Columns, names: Names) -> tuple[NDArray[np.intp], pd.DataFrame]:
        """Rows in scope, with their traits and loads."""
        scope = np.flatnonzero(self.in_scope(names))
        return scope, traits({k: v[scope] for k, v in columns.items()},
                             {k: v[scope] for k, v in names.items()})  # fmt: skip

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it: how well it fits what was measured, and what it corrects."""
        rows = [{"target": k, **v} for k, v in self.facts.items() if isinstance(v, Mapping)]
        columns = {"target": "", "values": "values", "median_ape_before": "median error before, %",
                   "median_ape_after": "after, %"}  # fmt: skip
        count = self.facts.get("rows", len(self.cells.n))
        scope = {"hardware": ", ".join(self.hardware), "framework": ", ".join(self.frameworks)}
        return [
            listing(rows, columns, f"profile of {count} rows of your own"),
            details(scope, "it corrects what runs on this hardware or with these engines, and"
                    " nothing else"),
        ]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that :func:`json.dumps` takes."""
        c = self.cells
        listed = []
        for i, row in enumerate(c.traits.to_dict("records")):
            numbers = {
                "n": int(c.n[i]), "measured_over_predicted": round(math.exp(c.log_ratio[i]), 6),
                "spread_percent": round(100.0 * math.expm1(c.spread[i]), 3),
            }  # fmt: skip
            plain = {str(k): int(v) if k in WHOLE and v == round(v) else v for k, v in row.items()}
            listed.append(plain | {"target": NAMES[c.target[i]]} | numbers)
        return {"kind": KIND, "format": FORMAT, "trained_set": self.trained_set,
                "scope": {"hardware": list(self.hardware), "framework": list(self.frameworks)},
                "facts": dict(self.facts), "measured": listed}  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the profile as JSON, beside its place first.

        Raises
        ------
        InvalidInput
            If the folder does not exist, or the disk does not take it.
        """
        where = Path(path)
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        write_text(where, text)
        return where
