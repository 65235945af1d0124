"""inference-perf's ``stage_*_lifecycle_metrics.json`` (or YAML): one stage of a load, in seconds.

Its time per output token is one a chunk of the stream in some releases. What follows from the
whole latency is taken where the two contradict.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.rows import Importer, Row, failed, flagged, joined, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["INFERENCE_PERF", "after_first"]

#: How far a stated TPOT may be from what latencies and lengths tell.
NEAR = 0.15


def _is_stage(found: dict[str, Any]) -> bool:
    latency = pick(found, "successes", "latency")
    return isinstance(latency, dict) and "request_latency" in latency and "load_summary" in found


def _rows(content: Content) -> list[Row]:
    return [_stage(o) for o in content.objects if _is_stage(o)]


def _stage(found: dict[str, Any]) -> Row:
    done, load = found["successes"], found.get("load_summary") or {}
    count = number(done.get("count"))
    rate, users = (
        load.get("requested_rate"),
        load.get("concurrency") or load.get("concurrency_level"),
    )
    reached = pick(done, "throughput", "requests_per_sec")
    took = pick(done, "latency", "request_latency", "mean")
    mode = served(users, rate, count, reached, took) if users or number(rate) else {}
    row = joined(
        mode, {"num_requests": count, "input_len": number(pick(done, "prompt_len", "mean")),
               "output_len": number(pick(done, "output_len", "mean")),
               "output_tok_s": number(pick(done, "throughput", "output_tokens_per_sec")),
               "total_tok_s": number(pick(done, "throughput", "total_tokens_per_sec"))},
        _times(done["latency"], "ttft", "time_to_first_token"),
        _times(done["latency"], "tpot", "time_per_output_token"),
        _times(done["latency"], "e2e", "request_latency"),
        failed(pick(found, "failures", "count"), count),
        flagged("multimodal" if _pictures(done) else None),
    )  # fmt: skip
    return after_first(row)


def _times(latency: dict[str, Any], column: str, key: str) -> Row:
    found = latency.get(key) or {}
    return stats(column, (found.get(s) for s in ("mean", "median", "p99")), MS_PER_S)


def after_first(row: Row) -> Row:
    """Work TPOT out where the stated one contradicts the whole latency.

    TPOT = (latency - TTFT) / (output_len - 1): of the means, near enough to tell tokens from
    chunks of them.
    """
    whole, first, tokens = (row.get(k) for k in ("e2e_ms", "ttft_ms", "output_len"))
    if not whole or not first or not tokens or tokens <= 1 or whole <= first:
        return row
    told = (whole - first) / (tokens - 1)
    stated = row.get("tpot_ms")
    if stated and abs(stated / told - 1) <= NEAR:
        return row
    return {k: v for k, v in row.items() if not k.startswith("tpot_")} | stats("tpot", [told])


def _pictures(done: dict[str, Any]) -> bool:
    kinds = ("image", "audio", "video")
    return any((number(pick(done, kind, "count", "mean")) or 0) > 0 for kind in kinds)


INFERENCE_PERF = Importer(
    "inference-perf", "inference-perf: stage_*_lifecycle_metrics.json",
    lambda c: any(map(_is_stage, c.objects)), _rows, versions="0.1 to 0.3",
    gives="load, lengths, TTFT, TPOT, throughput, failures; the model is asked for",
)  # fmt: skip
