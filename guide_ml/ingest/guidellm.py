"""GuideLLM's ``benchmarks.json``: one row a benchmark of the report.

Its ``time_per_output_token_ms`` counts the first token too; TPOT in this project's sense (after
the first token) is its ``inter_token_latency_ms``. Latencies of requests are in seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.rows import Importer, Row, engine_of, failed, model_of, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["GUIDELLM"]


def _recognises(content: Content) -> bool:
    return any(isinstance(b, dict) and "time_to_first_token_ms" in (b.get("metrics") or {})
               for o in content.objects for b in _benchmarks(o))  # fmt: skip


def _benchmarks(found: dict[str, Any]) -> list[Any]:
    inside = found.get("benchmarks")
    return inside if isinstance(inside, list) else []


def _rows(content: Content) -> list[Row]:
    return [_run(b, o) for o in content.objects for b in _benchmarks(o) if isinstance(b, dict)]


def _run(found: dict[str, Any], report: dict[str, Any]) -> Row:
    counts = pick(found, "metrics", "request_totals") or {}
    row = _load(pick(found, "config", "strategy") or pick(found, "args", "strategy") or {})
    row |= _model(found, report)
    row |= engine_of(str(pick(found, "config", "backend", "kind") or "").split("_")[0])
    row |= {"num_requests": number(counts.get("successful")),
            "input_len": _of(found, "prompt_token_count", "mean"),
            "output_len": _of(found, "output_token_count", "mean"),
            "output_tok_s": _of(found, "output_tokens_per_second", "mean"),
            "total_tok_s": _of(found, "tokens_per_second", "mean")}  # fmt: skip
    row |= _stats(found, "ttft", "time_to_first_token_ms")
    row |= _stats(found, "tpot", "inter_token_latency_ms")
    row |= _stats(found, "e2e", "request_latency", MS_PER_S)
    if "tpot_ms" not in row:
        row |= stats("tpot", [_after_first(found, row)])
    if start := number(found.get("start_time")):
        row["measured_on"] = datetime.fromtimestamp(start, UTC).date().isoformat()
    return row | failed(counts.get("errored"), counts.get("successful"))


def _load(strategy: dict[str, Any]) -> Row:
    kind = strategy.get("type_")
    if kind == "synchronous":
        return served(1)
    if kind in ("concurrent", "throughput"):
        return served(strategy.get("streams") or strategy.get("max_concurrency"))
    return served(None, strategy.get("rate") or "trace")


def _model(found: dict[str, Any], report: dict[str, Any]) -> Row:
    places = (
        ("config", "backend", "model"), ("config", "backend", "attributes", "model"),
        ("backend", "model"), ("worker", "backend_model"),
    )  # fmt: skip
    names = [pick(found, *place) for place in places]
    names.append(pick(report, "config", "spec", "backend", "model"))
    return next((row for name in names if name and (row := model_of(name))), {})


def _of(found: dict[str, Any], name: str, statistic: str) -> float | None:
    return number(pick(found, "metrics", name, "successful", statistic))


def _stats(found: dict[str, Any], column: str, name: str, scale: float = 1.0) -> Row:
    p99 = pick(found, "metrics", name, "successful", "percentiles", "p99")
    return stats(column, (_of(found, name, "mean"), _of(found, name, "median"), p99), scale)


def _after_first(found: dict[str, Any], row: Row) -> float | None:
    """Take the first token out of the mean time a token, where that alone is given."""
    each, tokens = _of(found, "time_per_output_token_ms", "mean"), row["output_len"]
    if each is None or not tokens or tokens <= 1 or "ttft_ms" not in row:
        return None
    rest: float = (each * tokens - row["ttft_ms"]) / (tokens - 1)
    return rest


GUIDELLM = Importer("guidellm", "GuideLLM: benchmarks.json", _recognises, _rows)
