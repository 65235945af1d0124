"""``trtllm-bench throughput|latency --report_json``.

The report does not say the concurrency that was asked for, only the mean that was reached, so
`--concurrency` (or `--mode offline`, where all requests were there at once) must be given.
Percentiles are in milliseconds; ``output_throughput_per_gpu_tok_s`` is not of the deployment.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.devices import hardware_of
from guide_ml.ingest.names import model_of
from guide_ml.ingest.precision import kv_precision, precision
from guide_ml.ingest.rows import Importer, Row, drafted, joined, served, stats

__all__ = ["TRTLLM", "run"]


#: Where the tokens a step stand, by release.
_ACCEPTED = ("acceptance_length_percentiles", "acceptance_length", "acceptance_percentiles")


def _recognises(content: Content) -> bool:
    return any({"engine", "world_info", "request_info", "performance"} <= o.keys()
               for o in content.objects)  # fmt: skip


def _rows(content: Content) -> list[Row]:
    return [run(o) for o in content.objects if "world_info" in o]


def run(found: dict[str, Any]) -> Row:
    """Read one report."""
    engine, world, asked = found["engine"], found["world_info"], found["request_info"]
    speed, streamed = found["performance"], found.get("streaming_metrics") or {}
    row: Row = {
        "framework": "tensorrt-llm", "framework_version": str(engine.get("version") or "") or None,
        "num_devices": number(world.get("world_size")), "tp": number(world.get("tp_size")),
        "pp": number(world.get("pp_size")), "ep": _experts(world),
        "num_requests": number(asked.get("num_requests")),
        "input_len": number(asked.get("avg_input_length")),
        "output_len": number(asked.get("avg_output_length")),
        "output_tok_s": number(speed.get("system_output_throughput_tok_s")),
        "total_tok_s": number(speed.get("system_total_throughput_tok_s")),
    }  # fmt: skip
    name = engine.get("model") or engine.get("model_path")
    load = served(1) if row["num_requests"] == 1 else {}
    return joined(
        row,
        load,
        kv_precision(engine.get("kv_cache_dtype")),
        model_of(name),
        hardware_of(pick(found, "machine", "name")),
        precision(engine.get("quantization"), plain=engine.get("dtype"), model=name),
        _drafted(found.get("decoding_stats") or {}),
        _times(speed, streamed),
    )


def _drafted(found: dict[str, Any]) -> Row:
    """Read drafting; releases before 1.0 call the tokens a step an acceptance rate."""
    means = (pick(found, k, "average") for k in _ACCEPTED)
    return drafted(found.get("mode"), next((m for m in means if m is not None), None))


def _times(speed: dict[str, Any], streamed: dict[str, Any]) -> Row:
    row: Row = {}
    for name, part, mean in (("ttft", "ttft_percentiles", "avg_ttft_ms"),
                             ("tpot", "tpot_percentiles", "avg_tpot_ms")):  # fmt: skip
        quantiles = (pick(streamed, part, p) for p in ("p50", "p99"))
        row |= stats(name, (streamed.get(mean), *quantiles))
    latency = speed.get("request_latency_percentiles_ms") or {}
    return row | stats(
        "e2e", (speed.get("avg_request_latency_ms"), latency.get("p50"), latency.get("p99"))
    )


def _experts(world: dict[str, Any]) -> float | None:
    """Expert-parallel size; the report says -1 or nothing where none was set."""
    size = number(world.get("ep_size"))
    return size if size and size > 0 else None


TRTLLM = Importer(
    "trtllm-bench", "trtllm-bench --report_json", _recognises, _rows, versions="1.2, 1.3",
    gives="model, precision, layout, device, lengths, TTFT, TPOT, throughput; the concurrency is"
    " asked for",
)  # fmt: skip
