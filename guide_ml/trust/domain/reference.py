"""How far deployments are from what was measured, and in which descriptor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats
from guide_ml.trust.domain.cases import (
    LOADS,
    Cases,
    Coded,
    Compared,
    case_table,
    code,
    distances,
    load_numbers,
)

__all__ = ["FAMILIARITY", "KINDS", "Familiarity", "Reference"]

KINDS = ("device", "model", "engine", "mode", "precision", "layout")
#: What is looked up as a whole: whether these keys occur together in some measured case.
TOGETHER: dict[str, tuple[str, ...]] = {
    "device": ("hardware",), "model": ("architecture_key",), "engine": ("framework", "backend"),
    "device_engine": ("hardware", "framework"), "model_engine": ("architecture_key", "framework"),
    "device_model": ("hardware", "architecture_key"), "engine_mode": ("framework", "mode"),
    "engine_precision": ("framework", "family"),
    "deployment": ("hardware", "architecture_key", "framework", "devices"),
}  # fmt: skip
FAMILIARITY = (
    "distance", *(f"{k}_distance" for k in KINDS), *(f"{k}_seen" for k in TOGETHER),
    "device_nearest", "model_nearest", *(f"{k}_outside" for k in LOADS), "age", "log_rows",
)  # fmt: skip
"""Columns of :class:`Familiarity`."""

#: What a comparison tells of each case, besides the nearest measured one.
PER_CASE = (*(f"{k}_distance" for k in KINDS), "distance", "device_nearest", "model_nearest")
#: Cases that are remembered from table to table; a large study has some thousand.
REMEMBERED = 100_000

CHUNK = 512  # cases compared at a time: 512 x a few thousand numbers stay small


@dataclass(frozen=True)
class Familiarity:
    """How familiar n rows are.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        :data:`FAMILIARITY`: distance to the nearest case in all and by kind, whether parts
        occur (together) in the data, distance to the nearest device and model of any case,
        how far the load is outside the nearest case's range (logarithms), difference in release
        of the engine (years), and the rows of the nearest case (logarithm).
    nearest : array of shape (n,) of int
        Row of the nearest case in the reference.
    """

    columns: Columns
    nearest: NDArray[np.intp]


@dataclass(frozen=True)
class Reference:
    """The measured cases that deployments are compared with.

    Parameters
    ----------
    cases : dict of str to array of shape (cases,)
        :func:`guide_ml.trust.domain.cases.case_table`.
    """

    cases: Cases

    @classmethod
    def of(cls, columns: Columns, names: Mapping[str, NDArray[np.object_]]) -> Reference:
        """Gather the cases of measured rows."""
        return cls(case_table(columns, names))

    @cached_property
    def _known(self) -> dict[str, set[tuple[object, ...]]]:
        return {name: set(self._tuples(self.cases, keys)) for name, keys in TOGETHER.items()}

    @cached_property
    def compared(self) -> Compared:
        """The cases, ready to be compared with."""
        return Compared.of(self.cases)

    @staticmethod
    def _tuples(table: Cases, keys: tuple[str, ...]) -> list[tuple[object, ...]]:
        return list(zip(*(table[k].tolist() for k in keys), strict=True))

    def familiarity(
        self, columns: Columns, names: Mapping[str, NDArray[np.object_]]
    ) -> Familiarity:
        """Compare n rows with the measured cases.

        Parameters
        ----------
        columns, names : dict of str to array of shape (n,)
            Resolved descriptors and names.
        """
        coded = code(columns, names)
        per_case, nearest = self._per_case(coded)
        out = {k: v[coded.index] for k, v in per_case.items()}
        case = nearest[coded.index]
        for name, value in load_numbers(columns).items():
            low, high = self.cases[f"{name}_low"][case], self.cases[f"{name}_high"][case]
            out[f"{name}_outside"] = np.maximum(np.maximum(low - value, value - high), 0.0)
        out["age"] = columns["fw_release_year"] - self.cases["year"][case]
        out["log_rows"] = np.log(self.cases["rows"][case])
        return Familiarity(out, case)

    @cached_property
    def _found(self) -> dict[tuple[object, ...], tuple[float, ...]]:
        return {}

    def _per_case(self, coded: Coded) -> tuple[Columns, NDArray[np.intp]]:
        """Compare the distinct cases asked for; those of earlier tables are remembered."""
        asked = _keys(coded.table)
        found = self._found
        fresh = np.asarray([i for i, key in enumerate(asked) if key not in found], dtype=np.intp)
        now: dict[tuple[object, ...], tuple[float, ...]] = {}
        for start in range(0, len(fresh), CHUNK):
            rows = fresh[start : start + CHUNK]
            columns, nearest = self._compare({k: v[rows] for k, v in coded.table.items()})
            told = zip(*(columns[k].tolist() for k in PER_CASE), nearest.tolist(), strict=True)
            now |= zip((asked[i] for i in rows), told, strict=True)
        told_of = [now[k] if k in now else found[k] for k in asked]
        table = np.asarray(told_of, dtype=np.float64).reshape(len(asked), len(PER_CASE) + 1).T
        if len(found) + len(now) > REMEMBERED:
            self.__dict__["_found"] = found = {}  # other threads keep the one they have
        found |= now
        out = dict(zip(PER_CASE, table, strict=False))
        for name, keys in TOGETHER.items():
            known = self._known[name]
            together = self._tuples(coded.table, keys)
            out[f"{name}_seen"] = np.asarray([float(k in known) for k in together])
        return out, table[-1].astype(np.intp)

    def _compare(self, asked: Cases) -> tuple[Columns, NDArray[np.intp]]:
        by_kind = distances(Compared.of(asked), self.compared)
        total: Floats = np.sum(list(by_kind.values()), axis=0)
        nearest = np.argmin(total, axis=1)
        rows = np.arange(len(nearest))
        out = {f"{k}_distance": v[rows, nearest] for k, v in by_kind.items()}
        out["distance"] = total[rows, nearest]
        out["device_nearest"] = by_kind["device"].min(axis=1)
        out["model_nearest"] = by_kind["model"].min(axis=1)
        return out, nearest


def _keys(table: Cases) -> list[tuple[object, ...]]:
    """Make a key of each row: its names, and its numbers to the last bit (NaN among them)."""
    texts = [v.tolist() for v in table.values() if v.dtype == object]
    numbers = np.stack([v for v in table.values() if v.dtype != object], axis=1)
    bits = [row.tobytes() for row in np.ascontiguousarray(numbers, dtype=np.float64)]
    return list(zip(*texts, bits, strict=True))
