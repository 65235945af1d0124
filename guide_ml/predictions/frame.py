"""What was predicted of a table, as a data frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from guide_ml.describe.targets import NAMES
from guide_ml.errors import whole_letters
from guide_ml.predictions.run import Run
from guide_ml.system.lazily import pandas as pd

__all__ = ["COLUMNS", "ENDS", "empty", "result"]

ENDS = tuple(f"{name}_{end}" for name in NAMES for end in ("low", "high"))
"""Columns of the ends of intervals."""
COLUMNS = (*NAMES, *ENDS, "in_domain", "memory_fits", "error")
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
    told = [whole_letters(str(reason)) for reason in reasons.tolist()]
    columns["error"] = pd.Series(told, index=index, dtype="str")
    return pd.DataFrame(columns, index=index)


def empty(index: pd.Index, level: float | None) -> pd.DataFrame:
    """Return the columns without rows."""
    names = [c for c in COLUMNS if level is not None or (c not in ENDS and c != "in_domain")]
    out = pd.DataFrame(index=index, columns=names, dtype=float)
    text = {c: "str" for c in ("in_domain", "error") if c in names}
    return out.astype(text | {"memory_fits": bool})
