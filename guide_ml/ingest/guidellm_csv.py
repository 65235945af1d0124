"""GuideLLM's ``benchmarks.csv``: the same report as columns, under one row of headings or three.

Percentiles are a list: least, 0.1, 1, 5, 10, 25, 75, 90, 95, 99, most.
"""

from __future__ import annotations

import json
import re
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.guidellm import run
from guide_ml.ingest.rows import Importer, Row

__all__ = ["GUIDELLM_CSV"]

_P99 = 9  # place in the list of percentiles
_METRICS = {
    "request latency": "request_latency",
    "time to first token": "time_to_first_token_ms",
    "time per output token": "time_per_output_token_ms",
    "inter token latency": "inter_token_latency_ms",
    "prompt token count": "prompt_token_count",
    "output token count": "output_token_count",
    "token metrics|input tokens": "prompt_token_count",
    "token metrics|output tokens": "output_token_count",
    "output tokens per second": "output_tokens_per_second",
    "tokens per second": "tokens_per_second",
    "token throughput|output tokens/sec": "output_tokens_per_second",
    "token throughput|total tokens/sec": "tokens_per_second",
}
_OLD = re.compile(r"successful (.+?)(?: ms)? (mean|median|\[.*\])", re.I)


def _recognises(content: Content) -> bool:
    records = content.records
    if not records:
        return False
    old = {"Type", "Run Id", "Successful Time to first token ms mean"} <= set(records[0])
    new = len(records) > 3 and {"Run Info", "Request Latency"} <= set(records[0])
    return old or new


def _rows(content: Content) -> list[Row]:
    first = content.records[0]
    three = "Run Info" in first
    depth = 3 if three else 1
    heads = list(zip(*content.records[:depth], strict=False))
    return [run(_as_json(heads, r, three), _arguments(heads, r)) for r in content.records[depth:]]


def _as_json(heads: list[tuple[str, ...]], record: list[str], three: bool) -> dict[str, Any]:
    """Put a record in the form of the JSON report."""
    metrics: dict[str, Any] = {}
    for head, cell in zip(heads, record, strict=False):
        name, statistic = _new(head) if three else _old(head[0])
        if name in _METRICS and statistic:
            known = metrics.setdefault(_METRICS[name], {"successful": {}})["successful"]
            known |= _statistic(statistic, cell)
    cells = {h[:2] if three else h[0]: c for h, c in zip(heads, record, strict=False)}
    if three:
        strategy, backend = (
            cells.get(("Benchmark", "Strategy"), ""),
            cells.get(("Run Info", "Backend")),
        )
        counts = {
            k.lower(): cells.get(("Request Counts", k)) for k in ("Successful", "Errored", "Total")
        }
    else:
        strategy, backend = cells.get("Name", ""), None
        counts = {k.lower(): cells.get(f"{k} Requests") for k in ("Successful", "Errored")}
    return {
        "metrics": metrics | {"request_totals": counts},
        "config": {"strategy": _strategy(strategy, cells, three), "backend": _object(backend)},
    }


def _new(head: tuple[str, ...]) -> tuple[str, str]:
    group, about, statistic = (h.strip() for h in head)
    what = about.removeprefix("Successful").strip().lower()
    if not about.startswith("Successful"):
        return "", ""
    name = group.lower() if what in ("", "sec", "ms") else f"{group.lower()}|{what}"
    return name, statistic.lower()


def _old(head: str) -> tuple[str, str]:
    found = _OLD.fullmatch(head.strip())
    return (found[1].lower(), found[2].lower()) if found else ("", "")


def _statistic(name: str, cell: str) -> dict[str, Any]:
    if name in ("mean", "median"):
        return {name: number(cell)}
    if name in ("percentiles",) or name.startswith("["):
        values = _object(cell)
        if isinstance(values, list) and len(values) > _P99:
            return {"percentiles": {"p99": number(values[_P99])}}
    return {}


def _strategy(text: str, cells: dict[Any, str], three: bool) -> dict[str, Any]:
    """Read ``concurrent@4``, ``constant@8.00``, ``throughput``."""
    kind, _, value = text.partition("@")
    found: dict[str, Any] = {"type_": kind.strip()}
    figure = number(value)
    if kind == "throughput":
        profile = _object(cells.get(("Run Info", "Profile"))) if three else None
        known = profile.get("max_concurrency") if isinstance(profile, dict) else None
        found["max_concurrency"] = figure or known
    elif kind == "concurrent":
        found["streams"] = figure
    else:
        found["rate"] = figure
    return found


def _arguments(heads: list[tuple[str, ...]], record: list[str]) -> dict[str, Any]:
    cell = next(
        (c for h, c in zip(heads, record, strict=False) if h[:2] == ("Runtime Info", "Arguments")),
        None,
    )
    found = _object(cell)
    return {"config": found} if isinstance(found, dict) else {}


def _object(cell: str | None) -> Any:
    try:
        return json.loads(cell or "null")
    except (ValueError, RecursionError):
        return None


GUIDELLM_CSV = Importer(
    "guidellm", "GuideLLM: benchmarks.csv", _recognises, _rows, versions="0.3.1, 0.8.1",
    gives="load, lengths, TTFT, TPOT, throughput, failures; the model from 0.4 on",
)  # fmt: skip
