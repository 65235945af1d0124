"""Columns that a measured row carries beside what is read of every deployment: settings, figures.

They are checked and kept. Which of them a prediction may be asked with is said in
:mod:`guide_ml.table.read`; a column that is listed there is checked there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from guide_ml.system.lazily import pandas as pd
from guide_ml.table.read import DESCRIPTORS

__all__ = ["ARRIVAL", "FIGURES", "SETTINGS", "TEXTS", "faults", "numbers"]

#: Settings of a run: lowest and highest, and whether only whole numbers make sense.
SETTINGS: dict[str, tuple[float, float, bool]] = {
    "draft_tokens": (1, 1000, False), "draft_steps": (1, 1000, False),
    "accept_len": (1, 1000, False), "max_num_seqs": (1, 1e6, True),
    "max_num_batched_tokens": (1, 1e8, True), "memory_share": (0.01, 1, False),
    "max_model_len": (1, 1e8, True), "prefix_hit_rate": (0, 1, False),
    "shared_prefix_len": (0, 1e8, False), "replicas": (1, 1e5, True),
    "host_sockets": (1, 64, True), "host_bandwidth_gbs": (1, 1e5, False),
    "host_mem_gb": (0.1, 1e6, False), "vcpus": (1, 10_000, True), "threads": (1, 10_000, True),
    "gpu_layers": (0, 10_000, True), "experts_on_cpu": (0, 10_000, True),
    "ubatch": (1, 1e6, True), "flash_attention": (0, 1, True), "weight_group": (1, 1e5, True),
    "power_cap_w": (1, 1e5, False),
}  # fmt: skip

#: Further figures of a run and the range in which each is believed.
FIGURES: dict[str, tuple[float, float]] = {
    **{f"{time}_{stat}_ms": (1e-4, 1e9) for time in ("ttft", "tpot", "e2e")
       for stat in ("p90", "p95")},
    "e2e_median_ms": (1e-3, 1e9), "e2e_p99_ms": (1e-3, 1e9),
    **{f"itl_{stat}_ms": (0, 1e8) for stat in ("mean", "median", "p95", "p99")},
    "achieved_rps": (1e-6, 1e6), "duration_s": (1e-3, 1e8), "peak_concurrency": (1, 1e6),
    "failed_requests": (0, 1e9),
}  # fmt: skip

#: Text columns that are kept; ``doubts`` names descriptors that are assumed, and hinders nothing.
TEXTS = ("arrival", "task", "host", "kernels", "doubts")

#: How requests come; data/README.md says what each means.
ARRIVAL = re.compile(r"poisson|constant|burst|concurrency|gamma( \(burstiness=\d+(\.\d+)?\))?")


def numbers(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Read the columns of numbers; name in each row the first cell that is none.

    Parameters
    ----------
    table : DataFrame of shape (n, any columns)
        Not changed.

    Returns
    -------
    DataFrame of shape (n, columns of SETTINGS and FIGURES), Series of shape (n,) of str
        The name is blank where every cell is a number or blank.

    Examples
    --------
    >>> read, broken = numbers(pd.DataFrame({"threads": ["8", "many"]}))
    >>> read["threads"].tolist(), broken.tolist()
    ([8.0, nan], ['', 'threads'])
    """
    broken = pd.Series("", index=table.index, dtype=object)
    out: dict[str, pd.Series] = {}
    for name in (*SETTINGS, *FIGURES):
        cells = table[name] if name in table else pd.Series(np.nan, index=table.index)
        out[name] = pd.to_numeric(cells, errors="coerce").astype(float)
        if not pd.api.types.is_numeric_dtype(cells):
            lost = out[name].isna() & (cells.astype("string").fillna("").str.strip() != "")
            broken = broken.where(~(lost & (broken == "")).astype(bool), name)
    return pd.DataFrame(out, index=table.index), broken


def faults(table: pd.DataFrame) -> Iterator[tuple[pd.Series, str]]:
    """Yield rows that cannot be meant as written, and the reason.

    Parameters
    ----------
    table : DataFrame of shape (n, columns with those of SETTINGS, FIGURES and TEXTS)
        Numbers as of :func:`numbers`.
    """
    for name, (low, high, whole) in SETTINGS.items():
        if name in DESCRIPTORS:
            continue
        value = table[name]
        yield value.notna() & ~value.between(low, high), f"{name} out of range"
        if whole:
            yield value.notna() & (value % 1 != 0), f"{name} must be a whole number"
    for name, (least, most) in FIGURES.items():
        yield table[name].notna() & ~table[name].between(least, most), f"{name} out of range"
    arrival = table["arrival"].astype("string").fillna("").str.strip()
    yield ~arrival.str.fullmatch(ARRIVAL.pattern) & (arrival != ""), "unknown arrival"
