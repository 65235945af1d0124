"""A profile: what one's own measurements say of the general model, on disk and in use."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.assume import Columns
from guide_ml.calibration.effects import TRAITS, Names, traits
from guide_ml.calibration.shrink import Cells, Solution, solve
from guide_ml.descriptors import MODES
from guide_ml.errors import BadArtefact, InvalidInput
from guide_ml.targets import NAMES

__all__ = ["FORMAT", "Profile", "ProfileLike", "load", "profile_of"]

FORMAT = 1
KIND = "guide-ml profile"
#: No believable machine is off the general model by more than this factor.
MOST = 50.0


@dataclass(frozen=True, eq=False)
class Profile:
    """Corrections for one's own hardware, engine or network.

    A deployment is corrected if its hardware or its engine was measured (the scope), by what it
    shares with the measured ones: least if only the engine is the same, most for a measured
    deployment under another load. Any other deployment is left alone.

    Parameters
    ----------
    cells : Cells
        What was measured, as ln(measured / predicted).
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
            Of :class:`guide_ml.assume.Resolved`, n rows.
        values : dict of str to array of shape (n,)
            Predictions by target.

        Returns
        -------
        dict of str to array of shape (n,)
            The same targets, times one factor each; out of scope it is 1.
        """
        scope, first, index = self._distinct(columns, names)
        factor = np.exp(self._solution.mean(first)) if len(first) else np.ones((0, len(NAMES)))
        out = {k: v.copy() for k, v in values.items()}
        for t, name in enumerate(NAMES):
            if name in out:
                out[name][scope] *= factor[index, t]
        return out

    def width(self, columns: Columns, names: Names) -> Columns:
        """Say how far the logarithm of an interval shrinks: at most 1, out of scope 1.

        The standard deviation of what is left to be known over the one before any measurement.

        Returns
        -------
        dict of str to array of shape (n,)
            By target.
        """
        scope, first, index = self._distinct(columns, names)
        n = len(names["hardware"])
        out = {name: np.ones(n) for name in NAMES}
        if len(first):
            ratio = self._solution.width(first)
            for t, name in enumerate(NAMES):
                out[name][scope] = ratio[index, t]
        return out

    def _distinct(
        self, columns: Columns, names: Names
    ) -> tuple[NDArray[np.intp], pd.DataFrame, NDArray[np.intp]]:
        """Rows in scope, their distinct traits, and each row's place among those."""
        scope = np.flatnonzero(self.in_scope(names))
        own = traits({k: v[scope] for k, v in columns.items()},
                     {k: v[scope] for k, v in names.items()})  # fmt: skip
        index = own.groupby(list(TRAITS), sort=False, dropna=False).ngroup().to_numpy(np.intp)
        at = np.unique(index, return_index=True)[1]
        return scope, own.iloc[at], np.asarray(index, dtype=np.intp)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that :func:`json.dumps` takes."""
        c = self.cells
        listed = []
        for i, row in enumerate(c.traits.to_dict("records")):
            numbers = {
                "n": int(c.n[i]), "measured_over_predicted": round(math.exp(c.log_ratio[i]), 6),
                "spread_percent": round(100.0 * math.expm1(c.spread[i]), 3),
            }  # fmt: skip
            plain = {str(k): int(v) if k in ("tp", "pp", "dp") else v for k, v in row.items()}
            listed.append(plain | {"target": NAMES[c.target[i]]} | numbers)
        return {"kind": KIND, "format": FORMAT, "trained_set": self.trained_set,
                "scope": {"hardware": list(self.hardware), "framework": list(self.frameworks)},
                "facts": dict(self.facts), "measured": listed}  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the profile as JSON, beside its place first.

        Raises
        ------
        InvalidInput
            If the folder does not exist or cannot be written.
        """
        where = Path(path)
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"
        try:
            handle, fresh = tempfile.mkstemp(prefix=f".{where.name}-", dir=where.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(fresh).chmod(0o644)
            os.replace(fresh, where)
        except OSError as error:
            raise InvalidInput(f"the profile cannot be written to {where}: {error}") from error
        return where


ProfileLike = Profile | str | os.PathLike[str]


def profile_of(given: ProfileLike | None) -> Profile | None:
    """Return the profile that a caller means: an object, or the file of one."""
    if given is None or isinstance(given, Profile):
        return given
    if isinstance(given, str | os.PathLike):
        return load(given)
    raise InvalidInput(f"profile must be a Profile or the file of one; got {given!r}")


def load(path: str | os.PathLike[str]) -> Profile:
    """Read a profile and check it.

    Raises
    ------
    BadArtefact
        If there is no such file, or it is no profile of this version.
    """
    where = Path(path)
    try:
        found = json.loads(where.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadArtefact(f"{where} must be a readable JSON file: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise BadArtefact(f"{where} must be a profile, as `guide calibrate` writes it")
    if found.get("format") != FORMAT:
        raise BadArtefact(f"{where} must be a profile of format {FORMAT}; got"
                          f" {found.get('format')!r}: run guide calibrate again")  # fmt: skip
    try:
        return _profile(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadArtefact(
            f"{where} must be a profile, as `guide calibrate` writes it; it was changed or is"
            f" incomplete: {error}"
        ) from error


def _profile(found: Mapping[str, Any]) -> Profile:
    rows = [_cell(row) for row in found["measured"]]
    if not rows:
        raise ValueError("it lists no measured deployment")
    table = pd.DataFrame(rows)
    numbers = {k: table[k].to_numpy(float) for k in ("n", "ratio", "spread")}
    known = Cells(table[list(TRAITS)], table["target"].to_numpy(np.intp), numbers["n"],
                  np.log(numbers["ratio"]), np.log1p(numbers["spread"] / 100.0))  # fmt: skip
    return Profile(known, str(found["trained_set"]), dict(found["facts"]))


def _cell(row: Mapping[str, Any]) -> dict[str, Any]:
    """Check one measured deployment of a file."""
    out: dict[str, Any] = {"target": NAMES.index(row["target"])}
    for trait in ("hardware", "framework", "model", "weight_dtype", "mode"):
        out[trait] = row[trait]
        if not isinstance(row[trait], str):
            raise TypeError(f"{trait} must be text; got {row[trait]!r}")
    if row["mode"] not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}; got {row['mode']!r}")
    limits = {"tp": (1, 1e5), "pp": (1, 1e5), "dp": (1, 1e5), "params_active_b": (1e-6, 1e6),
              "n": (1, 1e9), "measured_over_predicted": (1 / MOST, MOST),
              "spread_percent": (0, 1e6)}  # fmt: skip
    for name, (low, high) in limits.items():
        value = row[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} must be a number; got {value!r}")
        if not low <= value <= high:
            raise ValueError(f"{name} must be from {low:g} to {high:g}; got {value:g}")
        out[name] = float(value)
    out["ratio"], out["spread"] = out.pop("measured_over_predicted"), out.pop("spread_percent")
    return out
