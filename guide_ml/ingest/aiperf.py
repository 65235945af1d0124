"""AIPerf and GenAI-Perf: their JSON, and their CSV (which does not state the load).

Each metric says its unit. ``inter_token_latency`` leaves the first token out, so it is the TPOT.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.devices import device_of
from guide_ml.ingest.rows import FAULT, Importer, Row, failed, model_of, served, stats

__all__ = ["AIPERF_CSV", "AIPERF_JSON"]

_MS = {"ms": 1.0, "s": 1e3, "sec": 1e3, "us": 1e-3, "ns": 1e-6}


def _is_json(content: Content) -> bool:
    return any(isinstance(o.get("request_latency"), dict) and "input_config" in o
               for o in content.objects)  # fmt: skip


def _json(content: Content) -> list[Row]:
    return [_metrics(o) | _config(o) for o in content.objects if "request_latency" in o]


def _metrics(found: dict[str, Any]) -> Row:
    row: Row = {
        "num_requests": _avg(found, "request_count"),
        "input_len": _avg(found, "input_sequence_length"),
        "output_len": _avg(found, "output_sequence_length"),
        "output_tok_s": _avg(found, "output_token_throughput"),
        "total_tok_s": _avg(found, "total_token_throughput"),
    }
    for name, key in (("ttft", "time_to_first_token"), ("tpot", "inter_token_latency"),
                      ("e2e", "request_latency")):  # fmt: skip
        metric = found.get(key) or {}
        unit = str(metric.get("unit", "ms"))
        if metric and unit not in _MS:
            return {FAULT: f"{key} is in {unit!r}; known are {', '.join(_MS)}"}
        figures = (metric.get(s) for s in ("avg", "p50", "p99"))
        row |= stats(name, figures, _MS.get(unit, 1.0))
    row |= failed(_avg(found, "error_request_count"), row["num_requests"])
    if found.get("was_cancelled") or found.get("is_complete") is False:
        row[FAULT] = "the run was cut short"
    return row


def _avg(found: dict[str, Any], key: str) -> float | None:
    return number(pick(found, key, "avg"))


def _config(found: dict[str, Any]) -> Row:
    config = found.get("input_config") or {}
    names = [m.get("name") for m in pick(config, "models", "items") or []]
    names += config.get("model_names") or pick(config, "endpoint", "model_names") or []
    row = _load(config) | (model_of(names[0]) if len(names) == 1 else {})
    if start := found.get("start_time"):
        row["measured_on"] = str(start)[:10]
    gpus = [g.get("gpu_name") for e in (pick(found, "telemetry_data", "endpoints") or {}).values()
            for g in (e.get("gpus") or {}).values()]  # fmt: skip
    return row | (device_of(gpus[0]) if len(set(gpus)) == 1 else {})


def _load(config: dict[str, Any]) -> Row:
    """Read the load that was measured: AIPerf's phases, or older configurations."""
    phases = [p for p in config.get("phases") or [] if isinstance(p, dict)
              and "warmup" not in (p.get("kind"), p.get("name"))]  # fmt: skip
    stimulus = pick(config, "perf_analyzer", "stimulus") or {}
    older = pick(config, "loadgen") or config
    if phases:
        phase = phases[-1]
        if str(phase.get("type")) == "concurrency":
            return served(phase.get("concurrency") or 1)
        return served(None, phase.get("rate") or "trace")
    if "concurrency" in stimulus or "request_rate" in stimulus:
        return served(stimulus.get("concurrency"), stimulus.get("request_rate"))
    if stimulus:
        return served(None, "trace")
    if older.get("concurrency") or older.get("request_rate"):
        return served(older.get("concurrency"), older.get("request_rate"))
    return {}


def _is_csv(content: Content) -> bool:
    records = content.records
    return bool(records) and records[0][:2] == ["Metric", "avg"] and "request_latency" in _named(
        records
    )


def _named(records: list[list[str]]) -> dict[str, dict[str, Any]]:
    """Read both sections, each with its heading, as the JSON has them."""
    found: dict[str, dict[str, Any]] = {}
    heading: list[str] = []
    for record in records:
        if record[0] == "Metric":
            heading = ["avg" if h == "Value" else h for h in record]
        elif heading and (name := re.fullmatch(r"(.+?)(?: \((.*)\))?", record[0])):
            key = re.sub(r"\W+", "_", name[1].lower())
            values = dict(zip(heading[1:], record[1:], strict=False))
            found.setdefault(key, {"unit": name[2] or "", **values})
    return found


def _csv(content: Content) -> list[Row]:
    return [_metrics(_named(content.records))]


AIPERF_JSON = Importer("aiperf", "AIPerf and GenAI-Perf: JSON", _is_json, _json)
AIPERF_CSV = Importer("aiperf", "AIPerf and GenAI-Perf: CSV", _is_csv, _csv)
