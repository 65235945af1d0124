"""What engines limit by themselves: requests that run together, tokens of one pass.

In ``catalogue/limits.csv`` the first row that fits an engine, backend, release and device holds.
"""

from __future__ import annotations

import csv
import io
import math
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from guide_ml.table.columns import distinct
from guide_ml.table.read import Columns, Raw

__all__ = ["limits"]

Rule = dict[str, str]


@cache
def _rules() -> dict[str, list[Rule]]:
    """Return the rows of each engine, in order."""
    text = files("guide_ml.catalogue").joinpath("limits.csv").read_text(encoding="utf-8")
    found: dict[str, list[Rule]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        found.setdefault(row["framework"], []).append(row)
    return found


def _fits(rule: Rule, backend: str, year: float, memory_gb: float, device: str) -> bool:
    """Tell whether a rule is about this deployment; what a rule leaves blank fits all."""
    return (
        rule["backend"] in ("", backend)
        and year >= float(rule["since"] or -math.inf)
        and memory_gb < float(rule["below_gb"] or math.inf)
        and rule["device"] in device
    )


def limits(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    """Settle both limits, in place: what is stated, else what the engine does by itself.

    Parameters
    ----------
    raw : Raw
        What the table states.
    columns : dict of str to array of shape (n,)
        Gains ``max_seqs`` (infinite where an engine has no limit that is known); ``pass_tokens``
        is replaced where a rule knows better.
    names : dict of str to array of shape (n,) of object
        Names in force.
    """
    engine, engines = distinct(names["framework"])
    seqs, tokens = np.full(len(engine), math.inf), columns["pass_tokens"].copy()
    for code, name in enumerate(engines):
        for i in np.flatnonzero(engine == code) if name in _rules() else ():
            facts = (str(names["backend"][i]), float(columns["fw_release_year"][i]),
                     float(columns["hw_memory_gb"][i]), str(names["hardware"][i]))  # fmt: skip
            own = _first(name, *facts)
            seqs[i] = own[0]
            tokens[i] = own[1] if math.isfinite(own[1]) else tokens[i]
    stated = raw.numbers["max_num_seqs"]
    columns["max_seqs"] = np.where(np.isnan(stated), seqs, stated)
    stated = raw.numbers["max_num_batched_tokens"]
    columns["pass_tokens"] = np.where(np.isnan(stated), tokens, stated)


@cache
def _first(
    engine: str, backend: str, year: float, memory_gb: float, device: str
) -> tuple[float, float]:
    """Return sequences and tokens by the first rule that fits; infinite where it is silent."""
    for rule in _rules()[engine]:
        if _fits(rule, backend, year, memory_gb, device):
            return (float(rule["max_num_seqs"] or math.inf),
                    float(rule["pass_tokens"] or math.inf))  # fmt: skip
    return math.inf, math.inf
