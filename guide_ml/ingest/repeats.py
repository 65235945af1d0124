"""Repeats of one run in one file: a cold one is left out, of the others the median is kept."""

from __future__ import annotations

from typing import Any

import pandas as pd

from guide_ml.ingest.checks import DUPLICATE, Findings
from guide_ml.ingest.rows import FAULT, REPEAT, Row

__all__ = ["cold", "thin"]

#: What repeats that are not kept are rejected by.
CHECK = "repeat"
#: Mean TTFT over its median from which on a run is cold, where another repeat lies below half of
#: it: kernels were compiled, or weights paged in, while the first requests waited.
COLD = 3.0


def cold(rows: list[Row]) -> None:
    """Mark cold runs as faults: before they are held against others, which they contradict.

    Parameters
    ----------
    rows : list of dict
        Of one file, as an importer read them; changed in place.
    """
    groups: dict[object, list[Row]] = {}
    for row in rows:
        if row.get(REPEAT) is not None and FAULT not in row:
            groups.setdefault(row[REPEAT], []).append(row)
    for members in groups.values():
        usual = min(map(_tail, members))
        for row in members:
            if (tail := _tail(row)) >= COLD and tail > 2 * usual:
                row[FAULT] = (
                    f"a cold run: its mean TTFT is {tail:.2g} times its median, that of another"
                    f" repeat {usual:.2g} times"
                )


def _tail(row: Row) -> float:
    mean, median = row.get("ttft_ms"), row.get("ttft_median_ms")
    return float(mean) / float(median) if mean and median else 1.0


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
        groups.setdefault((table["file"][place], table[REPEAT][place]), []).append(place)
    records = {i: dict(zip(table.columns, v, strict=True)) for i, v in
               zip(table.index, table.to_numpy(object), strict=True)}  # fmt: skip
    for members in groups.values():
        ranked = sorted(members, key=lambda i: (_speed(records[i]), i))
        kept = ranked[(len(ranked) - 1) // 2]
        for i in set(members) - {kept}:
            found.check[i] = CHECK
            found.reason[i] = f"one of {len(members)} runs alike; the median one is kept"


def _speed(row: dict[str, Any]) -> float:
    """Rank repeats by throughput, or by the time that stands for it."""
    if speed := _figure(row, "output_tok_s") or _figure(row, "total_tok_s"):
        return speed
    times = (_figure(row, c) for c in ("batch_latency_s", "tpot_ms", "ttft_ms"))
    return next((1.0 / t for t in times if t), 0.0)


def _figure(row: dict[str, Any], column: str) -> float:
    value = row[column]
    return 0.0 if pd.isna(value) else float(value)
