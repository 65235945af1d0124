"""How good are decisions: which meet the limits in truth, and what the others would have cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import tables


def worth(success: np.ndarray, cost: np.ndarray, cheapest: np.ndarray) -> np.ndarray:
    """Score decisions as S/O rewards them: success x (1 - overspend), at least 0."""
    return success * np.maximum(0.0, 2.0 - cost / cheapest)


def success_and_overspend(choices: pd.DataFrame) -> dict[str, float]:
    """Sum decisions up.

    Parameters
    ----------
    choices : DataFrame with columns answered, success (bool), overspend
        A decision a row; `overspend` is (its cost - the cheapest true cost) / the latter.

    Returns
    -------
    dict
        Shares, mean and median overspend of the successes, and S/O: the harmonic mean of the
        share of successes and max(0, 1 - mean overspend).
    """
    success = float(choices["success"].mean())
    over = choices.loc[choices["success"], "overspend"]
    mean = float(over.mean()) if len(over) else float("nan")
    rest = max(0.0, 1.0 - mean) if len(over) else 0.0
    both = success + rest
    return {
        "decisions": len(choices), "answered": float(choices["answered"].mean()),
        "success": success, "mean_overspend": mean,
        "median_overspend": float(over.median()) if len(over) else float("nan"),
        "s_o": 2 * success * rest / both if both else 0.0,
    }  # fmt: skip


def markdown(table: pd.DataFrame, digits: int = 3) -> str:
    """Write a table in Markdown."""
    shown = table.copy()
    for name in shown.select_dtypes(float).columns:
        shown[name] = [
            tables.DASH if np.isnan(v) else f"{v:.0f}" if abs(v) >= 1000 else f"{v:.{digits}g}"
            for v in shown[name]
        ]
    return tables.markdown(shown)
