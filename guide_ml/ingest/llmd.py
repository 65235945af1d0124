"""llm-d's benchmark reports, version 0.1 and 0.2, as YAML or JSON.

Every figure says its unit. Prefill and decode workers are a disaggregated deployment with the
devices of both; replicas multiply.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.devices import hardware_of
from guide_ml.ingest.inference_perf import after_first
from guide_ml.ingest.names import engine_of, model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import FAULT, Importer, Row, failed, flagged, joined, served, stats

__all__ = ["LLMD"]

_MS = {"ms": 1.0, "s": 1e3, "us": 1e-3, "ms/token": 1.0, "s/token": 1e3, "us/token": 1e-3}


def _is_report(found: dict[str, Any]) -> bool:
    old = isinstance(pick(found, "metrics", "latency"), dict) and "scenario" in found
    return old or isinstance(pick(found, "results", "request_performance", "aggregate"), dict)


def _rows(content: Content) -> list[Row]:
    return [_old(o) if "metrics" in o else _new(o) for o in content.objects if _is_report(o)]


def _figures(found: dict[str, Any], speeds: dict[str, Any]) -> Row:
    """Read lengths, latencies and rates, which both versions lay out alike."""
    row: Row = {
        "input_len": number(pick(found, "requests", "input_length", "mean")),
        "output_len": number(pick(found, "requests", "output_length", "mean")), **speeds,
    }  # fmt: skip
    for name, key in (("ttft", "time_to_first_token"), ("tpot", "time_per_output_token"),
                      ("e2e", "request_latency")):  # fmt: skip
        metric = pick(found, "latency", key) or {}
        unit = str(metric.get("units", "ms"))
        if metric and unit not in _MS:
            return {FAULT: f"{key} is in {unit!r}; known are {', '.join(_MS)}"}
        row |= stats(name, (metric.get(s) for s in ("mean", "p50", "p99")), _MS.get(unit, 1.0))
    sent, lost = (number(pick(found, "requests", k)) for k in ("total", "failures"))
    done = sent - (lost or 0.0) if sent is not None else None
    return joined(after_first(row), {"num_requests": done}, failed(lost, done))


def _old(found: dict[str, Any]) -> Row:
    scenario, measured = found["scenario"], found["metrics"]
    name = pick(scenario, "model", "name")
    cards = pick(scenario, "host", "accelerator") or []
    engines = pick(scenario, "platform", "engine") or []
    roles = pick(scenario, "host", "type") or []
    args = pick(scenario, "load", "args") or {}
    speeds = {
        "output_tok_s": number(pick(measured, "throughput", "output_tokens_per_sec")),
        "total_tok_s": number(pick(measured, "throughput", "total_tokens_per_sec")),
    }
    first = cards[0] if cards else {}
    row = joined(
        _load(args.get("qps_values"), args.get("max_concurrency")),
        model_of(name),
        precision(pick(scenario, "model", "quantization"), model=name),
        _card(cards),
        _engine(engines),
        _figures(measured, speeds),
        {"num_devices": _sum(number(c.get("count")) for c in cards) if cards else None},
        {} if len(cards) != 1 else _layout(first.get("parallelism") or {}),
        flagged("multi-turn" if (number(args.get("num_rounds")) or 1) > 1 else None),
    )
    return joined(row, {"mode": "disagg"}) if {"prefill", "decode"} <= set(roles) else row


def _new(found: dict[str, Any]) -> Row:
    stack = [pick(s, "standardized") or {} for s in pick(found, "scenario", "stack") or []]
    engines = [s for s in stack if s.get("kind") == "inference_engine"]
    load = pick(found, "scenario", "load", "standardized") or {}
    measured = found["results"]["request_performance"]["aggregate"]
    name = pick(engines[0], "model", "name") if engines else None
    cards = [s.get("accelerator") or {} for s in engines]
    counts = [(number(c.get("count")) or 0) * (number(s.get("replicas")) or 1)
              for c, s in zip(cards, engines, strict=True)]  # fmt: skip
    speeds = {
        "output_tok_s": number(pick(measured, "throughput", "output_token_rate", "mean")),
        "total_tok_s": number(pick(measured, "throughput", "total_token_rate", "mean")),
    }
    row = joined(
        _load(load.get("rate_qps"), load.get("concurrency")), model_of(name),
        precision(pick(engines[0], "model", "quantization") if engines else None, model=name),
        _card(cards), _engine([{"name": _tool(s)} for s in engines]), _figures(measured, speeds),
        {"num_devices": sum(counts) if counts and all(counts) else None},
        _replicas(engines), _shared(load),
    )  # fmt: skip
    roles = {s.get("role") for s in engines}
    return joined(row, {"mode": "disagg"}) if {"prefill", "decode"} <= roles else row


def _tool(engine: dict[str, Any]) -> object:
    """Engine of a component: llm-d serves with vLLM, but may name only itself."""
    return engine.get("tool")


def _load(rate: object, users: object) -> Row:
    cap, pace = number(users), number(rate)
    return served(cap, pace) if cap or pace else {}


def _card(cards: list[dict[str, Any]]) -> Row:
    names = {f"{c.get('model')} {c['memory']}GB" if c.get("memory") else str(c.get("model") or "")
             for c in cards}  # fmt: skip
    return hardware_of(next(iter(names)).replace("-", " ")) if len(names) == 1 else {}


def _engine(engines: list[dict[str, Any]]) -> Row:
    known = [
        joined(engine_of(e.get("name")), {"framework_version": e.get("version")}) for e in engines
    ]
    return (
        known[0] if known and all(k == known[0] for k in known) and "framework" in known[0] else {}
    )


def _layout(found: dict[str, Any]) -> Row:
    return {k: number(found.get(k)) for k in ("tp", "pp", "dp", "ep")}


def _replicas(engines: list[dict[str, Any]]) -> Row:
    """Layout of one kind of worker, whose replicas are data-parallel."""
    if len(engines) != 1:
        return {}
    row = _layout(pick(engines[0], "accelerator", "parallelism") or {})
    copies = number(engines[0].get("replicas")) or 1.0
    return row | {"dp": (row.get("dp") or 1.0) * copies}


def _shared(load: dict[str, Any]) -> Row:
    talks = pick(load, "multi_turn", "enabled") is True
    prefix = (number(pick(load, "prefix", "prefix_len", "value")) or 0) > 0
    return flagged("multi-turn" if talks else None, "prefix-cached" if prefix else None)


def _sum(counts: Any) -> float | None:
    found = list(counts)
    return sum(found) if all(found) else None


LLMD = Importer(
    "llm-d",
    "llm-d benchmark report: YAML, JSON",
    lambda c: any(map(_is_report, c.objects)),
    _rows,
    versions="schema 0.1, 0.2",
    gives="model, device, layout, load, lengths, TTFT, TPOT, throughput, failures",
)
