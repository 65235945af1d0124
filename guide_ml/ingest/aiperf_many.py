"""AIPerf's summaries of several runs: repeats put together (aggregate), and sweeps of a load.

An aggregate names no load; a sweep has one row a combination. A sweep's CSV has no units: they are
those of the tool's display, milliseconds.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.aiperf import metrics
from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.rows import FAULT, Importer, Row, joined, served
from guide_ml.units import MS_PER_S

__all__ = ["AGGREGATE", "SWEEP"]

_FLAT = re.compile(r"(.+)_(avg|p50|p99)")


def _aggregates(content: Content) -> list[dict[str, Any]]:
    found = [
        o["metrics"]
        for o in content.objects
        if pick(o, "metadata", "aggregation_type") == "confidence" and _flat(o.get("metrics"))
    ]
    records = content.records
    if records and records[0][:2] == ["metric", "mean"] and "unit" in records[0]:
        rows = {r["metric"]: r for r in content.table if r.get("metric")}
        found += [rows] if _flat(rows) else []
    return found


def _flat(found: Any) -> bool:
    return isinstance(found, dict) and "request_latency_avg" in found


def _aggregate(content: Content) -> list[Row]:
    return [metrics(_nested(found)) for found in _aggregates(content)]


def _nested(found: dict[str, Any]) -> dict[str, Any]:
    """Put statistics of a metric together, each the mean over the runs."""
    out: dict[str, dict[str, Any]] = {}
    for key, value in found.items():
        if match := _FLAT.fullmatch(key):
            metric = out.setdefault(match[1], {"unit": value.get("unit")})
            metric[match[2]] = number(value.get("mean"))
    return out


def _combinations(content: Content) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Parameters and metrics of each point of a sweep."""
    found = [(p.get("parameters") or {}, p.get("metrics") or {})
             for o in content.objects for p in o.get("per_combination_metrics") or []]  # fmt: skip
    heading = content.records[0] if content.records else []
    if "request_latency_mean" in heading and "time_to_first_token_mean" in heading:
        for record in content.records[1:]:
            if len(record) == len(heading):
                cells = dict(zip(heading, record, strict=True))
                named = {
                    k.removesuffix("_mean"): {"avg": v}
                    for k, v in cells.items()
                    if k.endswith("_mean")
                }
                found.append(({k: v for k, v in cells.items() if k in _PARAMETERS}, named))
    return found


_PARAMETERS = ("concurrency", "request_rate")


def _sweep(content: Content) -> list[Row]:
    return [_point(*point) for point in _combinations(content)]


def _point(parameters: dict[str, Any], found: dict[str, Any]) -> Row:
    row = metrics(found)
    values = {k.split(".")[-1]: v for k, v in parameters.items()}
    cap, rate = values.get("concurrency"), values.get("request_rate") or values.get("rate")
    if cap is None and rate is None:
        return row
    if FAULT in row:
        return row
    pace = found.get("request_throughput", {}).get("avg"), row.get("e2e_ms", 0.0) / MS_PER_S
    return joined(served(cap, rate, row.get("num_requests"), *pace), row)


AGGREGATE = Importer(
    "aiperf", "AIPerf, several runs: profile_export_aiperf_aggregate.json, .csv",
    lambda c: bool(_aggregates(c)), _aggregate, versions="0.13",
    gives="lengths, TTFT, TPOT, throughput as means over the runs; model and load are asked for",
)  # fmt: skip
SWEEP = Importer(
    "aiperf", "AIPerf, a sweep: profile_export_aiperf_sweep.json, .csv",
    lambda c: bool(_combinations(c)), _sweep, versions="0.13",
    gives="load, lengths, TTFT, TPOT, throughput; the model is asked for",
)  # fmt: skip
