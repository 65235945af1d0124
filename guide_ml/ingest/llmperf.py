"""LLMPerf's ``*_summary.json`` (``token_benchmark_ray.py``), times in seconds.

Its inter-token latency is the whole request's time over its tokens, the first one included, so
TPOT is worked out from the latency and the TTFT. Medians of TPOT cannot be.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.names import model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import Importer, Row, failed, joined, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["LLMPERF", "LLMPERF_TABLE"]


def _found(content: Content, *keys: str) -> list[dict[str, Any]]:
    """Objects with some keys; a file may hold several, one a concurrency."""
    inside = [v for o in content.objects for v in (o, *o.values()) if isinstance(v, dict)]
    return [o for o in inside if set(keys) <= o.keys()]


def _summaries(content: Content) -> list[dict[str, Any]]:
    return _found(content, "num_concurrent_requests", "results_ttft_s_mean",
                  "results_end_to_end_latency_s_mean")  # fmt: skip


def _run(found: dict[str, Any]) -> Row:
    tokens = number(found.get("results_number_output_tokens_mean"))
    done = found.get("results_num_completed_requests")
    sent = (number(done) or 0) + (number(found.get("results_number_errors")) or 0)
    row = joined(served(found.get("num_concurrent_requests"), None, sent),
                 model_of(found.get("model")), precision(model=found.get("model")))  # fmt: skip
    row |= {
        "num_requests": number(done), "output_len": tokens,
        "input_len": number(found.get("results_number_input_tokens_mean")),
        "output_tok_s": number(found.get("results_mean_output_throughput_token_per_s")),
    }  # fmt: skip
    for name, key in (("ttft", "ttft_s"), ("e2e", "end_to_end_latency_s")):
        quantiles = (found.get(f"results_{key}_quantiles_{p}") for p in ("p50", "p99"))
        row |= stats(name, (found.get(f"results_{key}_mean"), *quantiles), MS_PER_S)
    if tokens and tokens > 1 and {"ttft_ms", "e2e_ms"} <= row.keys():
        row |= stats("tpot", [(row["e2e_ms"] - row["ttft_ms"]) / (tokens - 1)])
    return row | failed(found.get("results_number_errors"), done)


def _table(content: Content) -> list[dict[str, Any]]:
    return _found(
        content, "concurrency", "first-time-to-token_mean_in_ms", "throughput_token_per_s"
    )


def _line(found: dict[str, Any]) -> Row:
    """Read a line of the table that some make of summaries; its time a token is left alone."""
    row = served(found.get("concurrency"))
    row |= {"input_len": number(found.get("input_token_length")),
            "output_len": number(found.get("output_token_length")),
            "output_tok_s": number(found.get("throughput_token_per_s"))}  # fmt: skip
    return row | stats("ttft", [found.get("first-time-to-token_mean_in_ms")])


LLMPERF = Importer(
    "llmperf", "LLMPerf: *_summary.json", lambda c: bool(_summaries(c)),
    lambda c: [_run(o) for o in _summaries(c)], versions="2.0",
    gives="model, load, lengths, TTFT, TPOT, throughput, failures",
)  # fmt: skip
LLMPERF_TABLE = Importer(
    "llmperf", "LLMPerf, one line a concurrency: JSON", lambda c: bool(_table(c)),
    lambda c: [_line(o) for o in _table(c)], versions="2.0",
    gives="load, lengths, TTFT, throughput; the model is asked for",
)  # fmt: skip
