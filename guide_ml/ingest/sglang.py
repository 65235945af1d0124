"""``sglang.bench_serving`` (``sglang.benchmark.serving``), one JSON object a line.

``random_input_len`` and its like are upper ends of a range (``random_range_ratio``), so lengths
come from the totals. ``concurrency`` is what was measured, ``max_concurrency`` what was asked.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.rows import (
    Importer,
    Row,
    dtype_of,
    engine_of,
    model_of,
    per_request,
    served,
    stats,
)

__all__ = ["SGLANG"]


def _recognises(content: Content) -> bool:
    keys = {"backend", "max_concurrency", "total_throughput", "mean_e2e_latency_ms"}
    return any(keys <= o.keys() for o in content.objects)


def _rows(content: Content) -> list[Row]:
    return [_run(o) for o in content.objects if "mean_e2e_latency_ms" in o]


def _run(found: dict[str, Any]) -> Row:
    done = found.get("completed")
    row = served(found.get("max_concurrency"), found.get("request_rate"))
    row |= engine_of(found.get("backend"))
    if row.get("framework") == "sglang":
        row |= _server(found.get("server_info") or {})
    row |= {"num_requests": number(done),
            "input_len": per_request(found.get("total_input_tokens"), done),
            "output_len": per_request(found.get("total_output_tokens"), done),
            "output_tok_s": number(found.get("output_throughput")),
            "total_tok_s": number(found.get("total_throughput"))}  # fmt: skip
    for name, key in (("ttft", "ttft"), ("tpot", "tpot"), ("e2e", "e2e_latency")):
        row |= stats(name, (found.get(f"{s}_{key}_ms") for s in ("mean", "median", "p99")))
    return row


def _server(info: dict[str, Any]) -> Row:
    """Read what the server says of itself; blank where a server of another age does not."""
    inside = info.get("server_args")
    args = inside if isinstance(inside, dict) else info
    tp, pp, dp = (number(pick(args, f"{k}_size")) for k in ("tp", "pp", "dp"))
    shared = bool(args.get("enable_dp_attention"))  # attention ranks are taken from the tp ones
    row: Row = {"pp": pp, "ep": number(args.get("ep_size")), "dp": dp,
                "tp": tp / dp if tp and dp and shared else tp,
                "framework_version": info.get("version"),
                "weight_dtype": dtype_of(args.get("quantization")),  # dtype is the activations'
                "kv_dtype": dtype_of(args.get("kv_cache_dtype"))}  # fmt: skip
    if tp:
        row["num_devices"] = tp * (pp or 1) * (1 if shared else dp or 1)
    if args.get("speculative_algorithm"):
        row["spec_method"] = str(args["speculative_algorithm"]).lower()
    return row | model_of(args.get("model_path"))


SGLANG = Importer("sglang-bench-serving", "sglang.bench_serving: JSONL", _recognises, _rows)
