"""Repeats of one run in one file: a cold first one is left out, of the others the median is kept."""

from __future__ import annotations

from guide_ml.ingest.rows import FAULT, REPEAT, Row

__all__ = ["settle"]

#: Mean TTFT over its median from which on a run is cold, where the other repeats lie below half
#: of it: kernels were compiled, or weights paged in, while the first requests waited.
COLD = 3.0


def settle(rows: list[Row]) -> list[Row]:
    """Mark all but one run of each group of repeats as a fault.

    Parameters
    ----------
    rows : list of dict
        As an importer read them; those with equal ``REPEAT`` are repeats of one run.
    """
    groups: dict[object, list[int]] = {}
    for place, row in enumerate(rows):
        if row.get(REPEAT) is not None and FAULT not in row:
            groups.setdefault(row[REPEAT], []).append(place)
    out = [dict(row) for row in rows]
    for members in groups.values():
        _settle_group(out, members)
    return out


def _settle_group(rows: list[Row], members: list[int]) -> None:
    if len(members) < 2:
        return
    tails = {i: _tail(rows[i]) for i in members}
    usual = min(tails.values())
    warm = [i for i in members if not (tails[i] >= COLD and tails[i] > 2 * usual)]
    for i in set(members) - set(warm):
        rows[i][FAULT] = (
            f"a cold run: its mean TTFT is {tails[i]:.2g} times its median, that of another"
            f" repeat {usual:.2g} times"
        )
    ranked = sorted(warm, key=lambda i: _figure(rows[i]))
    kept = ranked[(len(ranked) - 1) // 2]
    for i in set(warm) - {kept}:
        rows[i][FAULT] = f"a repeat: of {len(warm)} runs alike row {kept + 1} is the median"


def _tail(row: Row) -> float:
    mean, median = row.get("ttft_ms"), row.get("ttft_median_ms")
    return float(mean) / float(median) if mean and median else 1.0


def _figure(row: Row) -> float:
    """What repeats are ranked by: throughput, or the time that stands for it."""
    if speed := row.get("output_tok_s") or row.get("total_tok_s"):
        return float(speed)
    time = row.get("batch_latency_s") or row.get("tpot_ms") or row.get("ttft_ms") or 1.0
    return 1.0 / float(time)
