"""Repeats of one run in one file: a cold one is left out, of the others the median is kept."""

from __future__ import annotations

import pandas as pd

from guide_ml.ingest.checks import DUPLICATE, Findings
from guide_ml.ingest.rows import REPEAT

__all__ = ["thin"]

#: What repeats that are not kept are rejected by.
CHECK = "repeat"
#: Mean TTFT over its median from which on a run is cold, where another repeat lies below half of
#: it: kernels were compiled, or weights paged in, while the first requests waited.
COLD = 3.0


def thin(table: pd.DataFrame, found: Findings) -> None:
    """Keep one of each group of repeats that passed the checks.

    Parameters
    ----------
    table : DataFrame
        Rows as they were inspected; those with equal file and ``REPEAT`` are repeats of one run.
    found : Findings
        What the checks say; changed in place.
    """
    passed = found.check.isin(["", DUPLICATE]) & table[REPEAT].notna()
    groups: dict[tuple[object, object], list[int]] = {}
    for place in table.index[passed]:
        groups.setdefault((table.at[place, "file"], table.at[place, REPEAT]), []).append(place)
    for members in groups.values():
        if len(members) > 1:
            _thin(table, found, members)


def _thin(table: pd.DataFrame, found: Findings, members: list[int]) -> None:
    tails = {i: _tail(table.loc[i]) for i in members}
    usual = min(tails.values())
    cold = [i for i in members if tails[i] >= COLD and tails[i] > 2 * usual]
    for i in cold:
        found.check[i] = CHECK
        found.reason[i] = (
            f"a cold run: its mean TTFT is {tails[i]:.2g} times its median, that of another"
            f" repeat {usual:.2g} times"
        )
    warm = sorted(set(members) - set(cold), key=lambda i: (_speed(table.loc[i]), i))
    kept = warm[(len(warm) - 1) // 2]
    for i in set(warm) - {kept}:
        found.check[i] = CHECK
        found.reason[i] = f"one of {len(warm)} runs alike; the median one is kept"


def _tail(row: pd.Series) -> float:
    mean, median = _figure(row, "ttft_ms"), _figure(row, "ttft_median_ms")
    return mean / median if mean and median else 1.0


def _speed(row: pd.Series) -> float:
    """Rank repeats by throughput, or by the time that stands for it."""
    if speed := _figure(row, "output_tok_s") or _figure(row, "total_tok_s"):
        return speed
    times = (_figure(row, c) for c in ("batch_latency_s", "tpot_ms", "ttft_ms"))
    return next((1.0 / t for t in times if t), 0.0)


def _figure(row: pd.Series, column: str) -> float:
    value = row[column]
    return 0.0 if pd.isna(value) else float(value)
