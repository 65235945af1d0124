"""Measured rows, to look up and to show: whether this very deployment is one, and what is near."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.system.lazily import pandas as pd
from guide_ml.table.assume import Columns
from guide_ml.table.columns import Gathered, distinct
from guide_ml.trust.domain.cases import LOADS, load_numbers

__all__ = ["DESCRIBED", "HASHES", "MEASURED", "Measured", "keys"]

Names = Mapping[str, NDArray[np.object_]]

STIR = 0xFF51AFD7ED558CCD  # the multiplier of MurmurHash's finaliser
NAMED = ("hardware", "model", "framework", "backend", "weight_dtype")
NUMBERED = ("devices", "tp", "pp", "mode", "spec", *LOADS)
MEASURED = ("batch_latency_s", "ttft_ms", "tpot_ms", "output_tok_s")
DESCRIBED = ("source", "source_ref", "hardware", "num_devices", "model", "framework",
             "framework_version", "weight_dtype", "mode", "batch_size", "concurrency",
             "input_len", "output_len", "context_depth")  # fmt: skip
HASHES = ("key", "version_key")


def keys(columns: Columns, names: Names, with_version: bool) -> NDArray[np.uint64]:
    """Hash deployment and load of n rows: equal keys are the same deployment under one load.

    Lengths count as equal within one percent.
    """
    numbers = np.stack([columns[name] for name in NUMBERED])
    loads = numbers[-len(LOADS) :]  # a view: they are the last
    loads[:] = np.round(100 * np.log(np.maximum(loads, 1.0)))
    further = list((numbers + 0.0).view(np.uint64))
    for name in reversed((*NAMED, "framework_version") if with_version else NAMED):
        index, values = distinct(names[name])
        table = np.frombuffer(b"".join(map(_digest, values)), dtype="<u8")
        further.insert(0, table[index] if len(index) else table)
    if len(numbers[0]) == 1:
        return np.asarray([_mix_one([int(x[0]) for x in further])], dtype=np.uint64)
    out = np.zeros(len(numbers[0]), dtype=np.uint64)
    for bits in further:
        out = _mix(out, bits)
    return out


@lru_cache(maxsize=4096)
def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()


def _mix(seen: NDArray[np.uint64], further: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Stir further bits into a hash (multiply and shift, as in MurmurHash's finaliser)."""
    mixed = (seen ^ further) * np.uint64(STIR)  # wraps around, as it should
    return np.asarray(mixed ^ (mixed >> np.uint64(33)), dtype=np.uint64)


def _mix_one(further: list[int]) -> int:
    """Do the same for one row with plain numbers, which takes a tenth of the time."""
    out = 0
    for bits in further:
        mixed = (out ^ bits) * STIR % 2**64
        out = mixed ^ (mixed >> 33)
    return out


def _within(asked: NDArray[np.uint64], known: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Tell which of n hashes are among some in order; np.isin would sort them at each call."""
    if not len(known):
        return np.zeros(len(asked), dtype=bool)
    place = np.searchsorted(known, asked)
    return np.asarray(known[np.minimum(place, len(known) - 1)] == asked)


@dataclass(frozen=True)
class Measured:
    """The measured rows behind a trained set.

    Parameters
    ----------
    source : DataFrame or callable
        The rows, or what reads them when they are first needed, all or those at some places as
        plain values: what describes them, measured values, ``held_out_<metric>`` (what was
        predicted without the row's deployment), ``case`` (its place in the reference), ``key`` and
        ``version_key``.
    hashes : dict of str to array of shape (rows,), optional
        ``key`` and ``version_key``, where they were read already.
    loads : dict of str to array of shape (rows,), optional
        ``case`` and the logarithms of loads, likewise.
    """

    source: pd.DataFrame | Callable[..., Any]
    hashes: Mapping[str, NDArray[np.uint64]] | None = None
    loads: Mapping[str, NDArray[Any]] | None = None

    @classmethod
    def of(
        cls, table: pd.DataFrame, columns: Columns, names: Names,
        case: NDArray[np.intp], held_out: Mapping[str, NDArray[np.float64]],
    ) -> Measured:  # fmt: skip
        """Gather measured rows.

        Parameters
        ----------
        table : DataFrame of shape (n, columns of measurements)
            Measured rows.
        columns, names : dict of str to array of shape (n,)
            The same, resolved.
        case : array of shape (n,)
            Case of each row.
        held_out : dict of str to array of shape (n,)
            Predictions by metric, made without the row's deployment.
        """
        out = table[[*DESCRIBED, *MEASURED]].copy()
        for name in ("source", "source_ref"):
            out[name] = out[name].astype("string").fillna("").astype(str)
        for name, value in load_numbers(columns).items():
            out[f"log_{name}"] = value
        for name in MEASURED:
            out[f"held_out_{name}"] = np.round(held_out[name], 4)
        out["case"] = case.astype(np.int32)
        out["key"] = keys(columns, names, with_version=False)
        out["version_key"] = keys(columns, names, with_version=True)
        return cls(out)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows as a table."""
        found: pd.DataFrame = self.source() if callable(self.source) else self.source
        return found

    @cached_property
    def _known(self) -> dict[str, NDArray[np.uint64]]:
        """Hashes of the measured rows, in order."""
        found = self.hashes or {name: self.rows[name].to_numpy() for name in HASHES}
        return {name: np.sort(values) for name, values in found.items()}

    def among(self, columns: Columns, names: Names) -> NDArray[np.bool_]:
        """Tell which of n rows were measured; a stated engine version must be the same one."""
        plain = _within(keys(columns, names, False), self._known["key"])
        stated = (columns["fw_version_stated"] > 0) & (names["framework_version"] != "")
        rows = np.flatnonzero(plain & stated)
        if len(rows):
            some, named = Gathered(columns, rows), Gathered(names, rows)
            plain[rows] = _within(keys(some, named, True), self._known["version_key"])
        return plain

    def nearest(
        self, distance: NDArray[np.float64], loads: Columns, count: int
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Find the rows closest to one deployment.

        Parameters
        ----------
        distance : array of shape (cases,)
            From each case to the deployment.
        loads : dict of str to array of shape (1,)
            :func:`guide_ml.trust.domain.cases.load_numbers` of the deployment.
        count : int
            How many.

        Returns
        -------
        list of dict
            With ``distance``: of the case, plus 0.3 for each e-fold in batch and lengths.
        """
        known = self.loads or {
            k: self.rows[k].to_numpy() for k in ("case", *(f"log_{name}" for name in LOADS))
        }
        total = distance[known["case"]]
        for name in LOADS:
            total = total + 0.3 * np.abs(known[f"log_{name}"] - loads[name][0])
        best = np.argsort(total, kind="stable")[:count]
        found = (self.source(rows=best) if callable(self.source)
                 else self.source.iloc[best].to_dict("records"))  # fmt: skip
        return [row | {"distance": float(total[k])} for row, k in zip(found, best, strict=True)]
