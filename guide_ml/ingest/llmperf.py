"""LLMPerf's ``*_summary.json`` (``token_benchmark_ray.py``), times in seconds.

Its inter-token latency is the whole request's time over its tokens, the first one included, so
TPOT is worked out from the latency and the TTFT. Medians of TPOT cannot be.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.rows import Importer, Row, failed, model_of, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["LLMPERF"]


def _recognises(content: Content) -> bool:
    keys = {"num_concurrent_requests", "results_ttft_s_mean", "results_end_to_end_latency_s_mean"}
    return any(keys <= o.keys() for o in content.objects)


def _rows(content: Content) -> list[Row]:
    return [_run(o) for o in content.objects if "results_ttft_s_mean" in o]


def _run(found: dict[str, Any]) -> Row:
    tokens = number(found.get("results_number_output_tokens_mean"))
    done = found.get("results_num_completed_requests")
    row: Row = served(found.get("num_concurrent_requests")) | model_of(found.get("model"))
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


LLMPERF = Importer("llmperf", "LLMPerf: *_summary.json", _recognises, _rows)
