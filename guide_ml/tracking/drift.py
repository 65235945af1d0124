"""Drift: how far the descriptors of new rows are from those of the training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guide_ml.table.read import Floats

__all__ = ["DESCRIPTORS", "chance", "drift", "psi"]

DESCRIPTORS = ("hardware", "model", "framework", "framework_version", "weight_dtype", "mode",
               "num_devices", "batch_size", "concurrency", "input_len", "output_len",
               "context_depth")  # fmt: skip
BINS = 10
LEAST_SHARE = 5e-4
DRAWS = 400
SLIGHT, LARGE = 0.1, 0.25  # usual bounds of the index


def psi(old: pd.Series, new: pd.Series) -> float:
    """Compute the population stability index: sum of (p - q) ln(p / q) over bins.

    Parameters
    ----------
    old, new : Series
        Training rows (q) and new rows (p). Numbers fall into ten bins of equal count among the
        old ones, texts and blanks into a bin a word.

    Examples
    --------
    >>> same = pd.Series(["a", "a", "b", "b"])
    >>> psi(same, same)
    0.0
    >>> round(psi(same, pd.Series(["a", "b", "b", "b"])), 4)
    0.2747
    """
    before, after = _binned(old, new)
    names = before.index.union(after.index)
    counts = (c.reindex(names, fill_value=0).to_numpy(float) for c in (before, after))
    return float(_index(*counts))


def chance(old: pd.Series, rows: int, seed: int = 0) -> float:
    """Say up to where the index comes by chance: the 95 % quantile for rows drawn from the old.

    Few new rows cannot fill all bins, so the index of ten of them is large without any drift.

    Examples
    --------
    >>> few, many = (chance(pd.Series(list("abcdefgh") * 50), n) for n in (10, 1000))
    >>> few > 1 > 0.1 > many
    True
    """
    count = _binned(old, old)[0].to_numpy(float)
    drawn = np.random.default_rng(seed).multinomial(rows, count / count.sum(), DRAWS)
    return float(np.quantile(_index(count, drawn.astype(float)), 0.95))


def _index(old: Floats, new: Floats) -> Floats:
    q, p = _shares(old), _shares(new)
    return np.asarray(np.sum((p - q) * np.log(p / q), axis=-1))


def _shares(count: Floats) -> Floats:
    total = np.maximum(count.sum(axis=-1, keepdims=True), 1)
    return np.asarray(np.maximum(count / total, LEAST_SHARE))


def _binned(old: pd.Series, new: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Count both columns in the same bins."""
    if pd.api.types.is_numeric_dtype(old) and old.notna().any():
        inner = np.unique(np.nanquantile(old.to_numpy(float), np.linspace(0, 1, BINS + 1)[1:-1]))
        parts = [np.where(s.isna(), -1, np.searchsorted(inner, s.to_numpy(float), side="right"))
                 for s in (old, new.astype(float))]  # fmt: skip
        return pd.Series(parts[0]).value_counts(), pd.Series(parts[1]).value_counts()
    texts = [s.astype("string").fillna("").astype(object) for s in (old, new)]
    return texts[0].value_counts(), texts[1].value_counts()


def drift(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Compute the index of every descriptor that both tables have, largest first.

    Returns
    -------
    DataFrame with columns descriptor, psi, chance, finding
        Finding is none (below 0.1, or no more than chance brings), slight (below 0.25) or large.
    """
    shared = [c for c in DESCRIPTORS if c in old.columns and c in new.columns]
    rows = [{"descriptor": c, "psi": psi(old[c], new[c]), "chance": chance(old[c], len(new))}
            for c in shared]  # fmt: skip
    table = pd.DataFrame(rows).sort_values("psi", ascending=False, ignore_index=True)
    bounds = [-np.inf, SLIGHT, LARGE, np.inf]
    table["finding"] = pd.cut(table["psi"], bounds, right=False,
                              labels=["none", "slight", "large"]).astype(str)  # fmt: skip
    table.loc[table["psi"] <= table["chance"], "finding"] = "none"
    return table
