"""genai-bench: one scenario under one concurrency a file, times in the unit that it states."""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.rows import FAULT, Importer, Row, failed, joined, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["GENAI_BENCH"]

_SCALE = {"s": MS_PER_S, "ms": 1.0}


def _is_run(found: dict[str, Any]) -> bool:
    return isinstance(pick(found, "aggregated_metrics", "stats"), dict)


def _rows(content: Content) -> list[Row]:
    return [_run(o["aggregated_metrics"], str(o.get("_time_unit", "s")))
            for o in content.objects if _is_run(o)]  # fmt: skip


def _run(found: dict[str, Any], unit: str) -> Row:
    if unit not in _SCALE:
        return {FAULT: f"times are in {unit!r}; known are {', '.join(_SCALE)}"}
    if found.get("iteration_type", "num_concurrency") != "num_concurrency":
        return {FAULT: "the run is one of embeddings, which generate nothing"}
    done, lost = (
        number(found.get("num_completed_requests")),
        number(found.get("num_error_requests")),
    )
    row: Row = {
        "num_requests": done, "input_len": number(pick(found, "stats", "num_input_tokens", "mean")),
        "output_len": number(pick(found, "stats", "num_output_tokens", "mean")),
        "output_tok_s": number(found.get("mean_output_throughput_tokens_per_s")),
        "total_tok_s": number(found.get("mean_total_tokens_throughput_tokens_per_s")),
    }  # fmt: skip
    for name, key in (("ttft", "ttft"), ("tpot", "tpot"), ("e2e", "e2e_latency")):
        figures = (pick(found, "stats", key, s) for s in ("mean", "p50", "p99"))
        row |= stats(name, figures, _SCALE[unit])
    return joined(served(found.get("num_concurrency"), None, (done or 0) + (lost or 0)), row,
                  failed(lost, done))  # fmt: skip


GENAI_BENCH = Importer(
    "genai-bench", "genai-bench: one JSON a scenario and concurrency",
    lambda c: any(map(_is_run, c.objects)), _rows, versions="fields of 0.0.5",
    gives="load, lengths, TTFT, TPOT, throughput, failures; the model is asked for",
)  # fmt: skip
