"""``vllm bench serve``, ``latency`` and ``throughput``, saved as JSON.

`serve` gives totals, so lengths are means of what was really sent. Its ``backend`` is the client's
protocol (``openai``, ``vllm``), which other engines speak too, so the engine must be given;
`latency` and `throughput` name neither batch nor lengths.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.devices import device_of
from guide_ml.ingest.rows import (
    TOKENS,
    Importer,
    Row,
    engine_of,
    failed,
    model_of,
    per_request,
    served,
    stats,
)

__all__ = ["LATENCY", "SERVE", "THROUGHPUT"]

#: What ``--metadata key=value`` may add to a result, under the names of this project's options.
_METADATA = {"num_devices", "tp", "pp", "dp", "ep", "weight_dtype", "kv_dtype", "spec_method",
             "framework_version"}  # fmt: skip


def _is_serve(content: Content) -> bool:
    return any({"model_id", "total_token_throughput", "max_concurrency"} <= o.keys()
               for o in content.objects)  # fmt: skip


def _serve(content: Content) -> list[Row]:
    return [_run(o) for o in content.objects if "total_token_throughput" in o]


def _run(found: dict[str, Any]) -> Row:
    done = found.get("completed")
    row: Row = {k: found[k] for k in _METADATA if found.get(k) is not None}
    row |= engine_of(found.get("framework")) | device_of(found.get("hardware"))
    if found.get("version") is not None:
        row["framework_version"] = found["version"]
    rate = found.get("request_rate")
    row |= served(found.get("max_concurrency"),
                  "trace" if found.get("ramp_up_strategy") else rate)  # fmt: skip
    row |= model_of(found.get("model_id"))
    row |= {"num_requests": number(done), "measured_on": _day(found.get("date")),
            "input_len": per_request(found.get("total_input_tokens"), done),
            "output_len": per_request(found.get("total_output_tokens"), done),
            "output_tok_s": number(found.get("output_throughput")),
            "total_tok_s": number(found.get("total_token_throughput"))}  # fmt: skip
    for name, key in (("ttft", "ttft"), ("tpot", "tpot"), ("e2e", "e2el")):
        row |= stats(name, (found.get(f"{s}_{key}_ms") for s in ("mean", "median", "p99")))
    return row | failed(found.get("failed"), done)


def _day(date: object) -> str | None:
    text = str(date or "")
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if text[:8].isdigit() else None


def _is_latency(content: Content) -> bool:
    return any({"avg_latency", "latencies", "percentiles"} <= o.keys() for o in content.objects)


def _latency(content: Content) -> list[Row]:
    return [{"mode": "static", "framework": "vllm", "batch_latency_s": number(o["avg_latency"])}
            | model_of(o.get("model_id"))
            for o in content.objects if "avg_latency" in o]  # fmt: skip


def _is_throughput(content: Content) -> bool:
    keys = {"elapsed_time", "num_requests", "total_num_tokens", "tokens_per_second"}
    return any(keys <= o.keys() for o in content.objects)


def _throughput(content: Content) -> list[Row]:
    return [{"mode": "offline", "framework": "vllm", "num_requests": number(o["num_requests"]),
             "total_tok_s": number(o["tokens_per_second"]),
             TOKENS: per_request(o["total_num_tokens"], o["num_requests"])}
            | model_of(o.get("model_id"))
            for o in content.objects if "total_num_tokens" in o]  # fmt: skip


SERVE = Importer("vllm-bench-serve", "vllm bench serve --save-result: JSON", _is_serve, _serve)
LATENCY = Importer(
    "vllm-bench-latency", "vllm bench latency --output-json", _is_latency, _latency
)
THROUGHPUT = Importer(
    "vllm-bench-throughput", "vllm bench throughput --output-json", _is_throughput, _throughput
)
