"""AIPerf and GenAI-Perf: their JSON, and their CSV (which does not state the load).

Each metric says its unit. ``inter_token_latency`` leaves the first token out, so it is the TPOT.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.devices import hardware_of
from guide_ml.ingest.names import model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import (
    FAULT,
    Importer,
    Row,
    drafted,
    failed,
    flagged,
    joined,
    served,
    stats,
)
from guide_ml.units import MS_PER_S

__all__ = ["AIPERF_CSV", "AIPERF_JSON", "metrics", "named"]

_MS = {"ms": 1.0, "s": 1e3, "sec": 1e3, "us": 1e-3, "ns": 1e-6}


#: Names of metrics in AIPerf 0.1, whose JSON holds them as ``records``.
_OLD = {"ttft": "time_to_first_token"}


def _is_json(content: Content) -> bool:
    return any(isinstance(o.get("request_latency"), dict) and "input_config" in o
               for o in map(_of_age, content.objects))  # fmt: skip


def _json(content: Content) -> list[Row]:
    found = map(_of_age, content.objects)
    return [joined(metrics(o), _config(o)) for o in found if "request_latency" in o]


def _of_age(found: dict[str, Any]) -> dict[str, Any]:
    """Bring the form of AIPerf 0.1 into the later one."""
    records = found.get("records")
    if not isinstance(records, dict) or "request_latency" not in records:
        return found
    return found | {_OLD.get(str(k), str(k)): v for k, v in records.items()}


def metrics(found: dict[str, Any]) -> Row:
    """Read the metrics of a run, each with its unit."""
    done = _avg(found, "request_count")
    row: Row = {
        "num_requests": done,
        "input_len": _avg(found, "input_sequence_length"),
        "output_len": _avg(found, "output_sequence_length"),
        "output_tok_s": _avg(found, "output_token_throughput"),
        "total_tok_s": _avg(found, "total_token_throughput"),
    }
    for name, key in (("ttft", "time_to_first_token"), ("tpot", "inter_token_latency"),
                      ("e2e", "request_latency")):  # fmt: skip
        metric = found.get(key) or {}
        unit = str(metric.get("unit") or "ms")
        if metric and unit not in _MS:
            return {FAULT: f"{key} is in {unit!r}; known are {', '.join(_MS)}"}
        figures = (metric.get(s) for s in ("avg", "p50", "p99"))
        row |= stats(name, figures, _MS.get(unit, 1.0))
    row = joined(row, _of_the_engine(found), failed(_avg(found, "error_request_count"), done))
    if found.get("was_cancelled") or found.get("is_complete") is False:
        row[FAULT] = "the run was cut short"
    return row


def _of_the_engine(found: dict[str, Any]) -> Row:
    """Read what the engine said of drafted and of cached tokens; the CSV has other names."""
    accepted, hits = (
        next((a for k in names if (a := _avg(found, k)) is not None), None)
        for names in (_ACCEPTED, _HITS)
    )
    share = hits / _PERCENT if hits else None
    return joined(drafted(None, accepted), {"prefix_hit_rate": share},
                  flagged("prefix-cached" if share else None))  # fmt: skip


_ACCEPTED = ("spec_decode_token_weighted_acceptance_length", "spec_decode_acceptance_length",
             "token_weighted_acceptance_length", "acceptance_length")  # fmt: skip
_HITS = ("overall_usage_prompt_cache_read_pct", "overall_usage_prompt_cache_read")
_PERCENT = 100.0


def _avg(found: dict[str, Any], key: str) -> float | None:
    return number(pick(found, key, "avg"))


def _config(found: dict[str, Any]) -> Row:
    config = found.get("input_config") or {}
    names = [m.get("name") for m in pick(config, "models", "items") or []]
    names += config.get("model_names") or pick(config, "endpoint", "model_names") or []
    names += (
        [config["model"]] if isinstance(config.get("model"), str) else config.get("model") or []
    )
    done, lost = _avg(found, "request_count"), _avg(found, "error_request_count")
    sent = (done or 0) + (lost or 0)
    row = joined(_load(config, sent, _pace(found)), _shared(config), _shown(found))
    if len(set(names)) > 1:
        row[FAULT] = f"the run is one of several models ({', '.join(map(str, names))})"
    elif names:
        row = joined(row, model_of(names[0]), precision(model=names[0]))
    if start := found.get("start_time"):
        row["measured_on"] = str(start)[:10]
    gpus = [g.get("gpu_name") for e in (pick(found, "telemetry_data", "endpoints") or {}).values()
            for g in (e.get("gpus") or {}).values()]  # fmt: skip
    return joined(row, hardware_of(gpus[0]) if len(set(gpus)) == 1 else {})


def _pace(found: dict[str, Any]) -> tuple[float | None, float | None]:
    """Read requests done a second, and the mean time of one in seconds."""
    took = _avg(found, "request_latency")
    scale = _MS.get(str(pick(found, "request_latency", "unit")), 1.0)
    return _avg(found, "request_throughput"), took and took * scale / MS_PER_S


def _load(
    config: dict[str, Any], sent: float | None, pace: tuple[float | None, float | None]
) -> Row:
    """Read the load that was measured: AIPerf's phases, or older configurations."""
    phases = [p for p in config.get("phases") or [] if isinstance(p, dict)
              and "warmup" not in (p.get("kind"), p.get("name"))
              and not p.get("exclude_from_results")]  # fmt: skip
    stimulus = pick(config, "perf_analyzer", "stimulus") or {}
    older = pick(config, "loadgen") or config
    if phases:
        phase = phases[-1]
        if str(phase.get("type")) == "concurrency":
            return served(phase.get("concurrency") or 1, None, sent)
        return served(phase.get("concurrency"), phase.get("rate") or "trace", sent, *pace)
    if "concurrency" in stimulus or "request_rate" in stimulus:
        return served(stimulus.get("concurrency"), stimulus.get("request_rate"), sent, *pace)
    if sessions := stimulus.get("session_concurrency"):
        return served(sessions) | flagged("multi-turn")
    if stimulus:
        return served(None, "trace")
    if older.get("concurrency") or older.get("request_rate"):
        return served(older.get("concurrency"), older.get("request_rate"), sent, *pace)
    return {}


def _shared(config: dict[str, Any]) -> Row:
    """Flag conversations and shared beginnings of prompts: the engine may have them cached."""
    sets = [d for d in config.get("datasets") or [] if isinstance(d, dict)]
    inside = config.get("input") if isinstance(config.get("input"), dict) else {}
    kinds = {str(v).lower() for d in sets for v in (d.get("format"), d.get("type"))}
    kinds.add(str((inside or {}).get("custom_dataset_type") or "").lower())
    turns = [pick(d, "turns", "mean") or pick(d, "turns") for d in sets]
    turns.append(pick(inside or {}, "conversation", "turn", "mean"))
    prefix = [d.get("prefix_prompts") or pick(d, "prompts", "prefix") for d in sets]
    prefix.append(number(pick(inside or {}, "prompt", "prefix_prompt", "length")))
    talks = kinds & {"multi_turn", "mooncake_trace", "conversation"} or any(
        (number(t) or 1) > 1 for t in turns)  # fmt: skip
    return flagged("multi-turn" if talks else None, "prefix-cached" if any(prefix) else None)


def _shown(found: dict[str, Any]) -> Row:
    """Flag runs whose prompts hold pictures, sound or films: their tokens are not all counted."""
    seen = any(k.startswith(_MEDIA) and isinstance(v, dict) for k, v in found.items())
    return flagged("multimodal" if seen else None)


#: How metrics of runs with more than text begin.
_MEDIA = ("image_", "num_images", "num_videos", "num_audio", "video_", "audio_")


def _is_csv(content: Content) -> bool:
    records = content.records
    return (
        bool(records)
        and records[0][:2] == ["Metric", "avg"]
        and "request_latency" in named(records)
    )


def named(records: list[list[str]]) -> dict[str, dict[str, Any]]:
    """Read both sections, each with its heading, as the JSON has them.

    With failed requests a second row of some metrics says so in brackets: it is passed over.
    """
    found: dict[str, dict[str, Any]] = {}
    heading: list[str] = []
    for record in records:
        words = re.findall(r"\(([^()]*)\)", record[0])
        if record[0] == "Metric":
            heading = ["avg" if h == "Value" else h for h in record]
        elif heading and not any("adjusted" in w for w in words):
            key = re.sub(
                r"\W+", "_", re.sub(r"\s*\([^()]*\)", "", record[0]).strip().lower()
            ).strip("_")
            values = dict(zip(heading[1:], record[1:], strict=False))
            found.setdefault(key, {"unit": words[-1] if words else "", **values})
    return found


def _csv(content: Content) -> list[Row]:
    return [metrics(named(content.records))]


AIPERF_JSON = Importer(
    "aiperf", "AIPerf and GenAI-Perf: profile_export_aiperf.json", _is_json, _json,
    versions="AIPerf 0.1 to 0.13, GenAI-Perf 0.0.16",
    gives="model, load, lengths, TTFT, TPOT, throughput, failures, GPU of the telemetry",
)  # fmt: skip
AIPERF_CSV = Importer(
    "aiperf", "AIPerf and GenAI-Perf: profile_export_aiperf.csv", _is_csv, _csv,
    versions="AIPerf 0.1 to 0.13, GenAI-Perf 0.0.16",
    gives="lengths, TTFT, TPOT, throughput, failures; the load is asked for",
)  # fmt: skip
