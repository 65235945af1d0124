"""What was predicted of a table, as a data frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from guide_ml.describe.targets import NAMES
from guide_ml.errors import whole_letters
from guide_ml.predictions.run import Run
from guide_ml.system.lazily import pandas as pd
from guide_ml.table.columns import distinct
from guide_ml.table.read import Floats
from guide_ml.units import GB

__all__ = ["CACHE", "COLUMNS", "ENDS", "cache", "empty", "result"]

ENDS = tuple(f"{name}_{end}" for name in NAMES for end in ("low", "high"))
"""Columns of the ends of intervals."""
CACHE = ("kv_budget_gb", "kv_tokens")
"""Columns of the memory for the KV cache of a device, GB, and of its tokens in a replica."""
COLUMNS = (*NAMES, *ENDS, "in_domain", "memory_fits", *CACHE, "error")
"""Columns of a table of predictions; without a level those of intervals and domain are absent."""


def result(index: pd.Index, done: Run) -> pd.DataFrame:
    """Lay out what was found."""
    found, fits = done.outcome.values, done.fits
    out = {name: np.where(fits, found[name], np.nan) for name in NAMES}
    columns: dict[str, Any] = dict(out)
    if done.judged is not None:
        for name in NAMES:
            columns[f"{name}_low"] = np.where(fits, done.judged.low[name], np.nan)
            columns[f"{name}_high"] = np.where(fits, done.judged.high[name], np.nan)
        words = np.where(fits, done.judged.words(), "")
        columns["in_domain"] = pd.Series(words, index=index, dtype="str")
    reasons = done.errors.copy()
    reasons[done.unfit] = done.shortages()
    columns["memory_fits"] = fits
    columns |= cache(done)
    which, texts = distinct(reasons)
    told = np.asarray([whole_letters(text) for text in texts], dtype=object)[which]
    columns["error"] = pd.Series(told, index=index, dtype="str")
    return pd.DataFrame(columns, index=index)


def cache(done: Run) -> dict[str, Floats]:
    """Return the columns of the KV cache; NaN where a row is bad, 0 where it has no room."""
    memory, right = done.outcome.memory, done.errors == ""
    budget = np.maximum(memory["kv_budget_byte"], 0.0) / GB
    found = zip(CACHE, (budget, memory["kv_tokens"]), strict=True)
    return {name: np.where(right, values, np.nan) for name, values in found}


def empty(index: pd.Index, level: float | None) -> pd.DataFrame:
    """Return the columns without rows."""
    names = [c for c in COLUMNS if level is not None or (c not in ENDS and c != "in_domain")]
    out = pd.DataFrame(index=index, columns=names, dtype=float)
    text = {c: "str" for c in ("in_domain", "error") if c in names}
    return out.astype(text | {"memory_fits": bool})
