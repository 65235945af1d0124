"""Derivations that hold by definition, made once for measurements and predictions alike."""

from __future__ import annotations

import numpy as np

from guide_ml.system.lazily import pandas as pd
from guide_ml.units import MS_PER_S

__all__ = ["complete", "modes"]


def _fill(table: pd.DataFrame, column: str, rows: pd.Series, values: pd.Series) -> None:
    """Fill blank cells of `rows`; what was measured is never overwritten."""
    use = rows & table[column].isna() & np.isfinite(values) & (values > 0)
    table.loc[use, column] = values[use]


def complete(table: pd.DataFrame) -> pd.DataFrame:
    """Derive the targets that follow from other measured columns of the same row.

    prefill: TTFT = input_len * batch_size / total_tok_s. decode: TPOT = batch_size /
    output_tok_s. static: batch latency = batch_size * output_len / output_tok_s, or
    TTFT + (output_len - 1) * TPOT; output_tok_s = batch_size * output_len / batch latency.

    Parameters
    ----------
    table : DataFrame of shape (n, columns of the measurement table)
        Not changed.

    Returns
    -------
    DataFrame of shape (n, same columns)

    Examples
    --------
    >>> row = {"mode": "decode", "batch_size": 4.0, "output_tok_s": 200.0}
    >>> blank = ("input_len", "output_len", "total_tok_s", "ttft_ms", "tpot_ms", "batch_latency_s")
    >>> table = pd.DataFrame([row | dict.fromkeys(blank, float("nan"))])
    >>> float(complete(table).tpot_ms.iloc[0])
    20.0
    """
    out = table.copy()
    mode, batch = out["mode"], out["batch_size"].fillna(1.0)
    prefill, decode, static = mode == "prefill", mode == "decode", mode == "static"
    _fill(out, "ttft_ms", prefill, MS_PER_S * out["input_len"] * batch / out["total_tok_s"])
    _fill(out, "tpot_ms", decode, MS_PER_S * batch / out["output_tok_s"])
    _fill(out, "batch_latency_s", static, batch * out["output_len"] / out["output_tok_s"])
    steps = (out["output_len"] - 1.0) * out["tpot_ms"]
    _fill(out, "batch_latency_s", static, (out["ttft_ms"] + steps) / MS_PER_S)
    _fill(out, "output_tok_s", static, batch * out["output_len"] / out["batch_latency_s"])
    return out


def modes(table: pd.DataFrame) -> pd.Series:
    """Say of each row how it was measured: as stated, else a server where it has a concurrency.

    Deployments that are predicted are read by the same rule.
    """
    blank = pd.Series(np.nan, index=table.index)
    stated = table.get("mode", blank).astype("string").fillna("").str.strip().str.lower()
    users = pd.to_numeric(table.get("concurrency", blank), errors="coerce")
    guess = users.notna().map({True: "closed", False: "static"})
    return stated.where(stated != "", guess).astype(object)
