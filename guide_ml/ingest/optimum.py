"""optimum-benchmark's ``benchmark.json``: configuration and report of one text generation.

Latencies are in seconds, of the whole batch. `decode` covers all tokens but the first.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.devices import device_of
from guide_ml.ingest.rows import FAULT, Importer, Row, backend_of, dtype_of, engine_of, model_of
from guide_ml.units import MS_PER_S

__all__ = ["OPTIMUM"]


def _recognises(content: Content) -> bool:
    return any("scenario" in (o.get("config") or {}) and isinstance(o.get("report"), dict)
               for o in content.objects)  # fmt: skip


def _rows(content: Content) -> list[Row]:
    return [_run(o["config"], o["report"]) for o in content.objects if "report" in o]


def _run(config: dict[str, Any], report: dict[str, Any]) -> Row:
    scenario, shapes = config["scenario"], pick(config, "scenario", "input_shapes") or {}
    tokens = number(pick(scenario, "generate_kwargs", "max_new_tokens"))
    tokens = tokens or number(scenario.get("new_tokens"))
    row: Row = {
        "mode": "static", "batch_size": number(shapes.get("batch_size")),
        "input_len": number(shapes.get("sequence_length")), "output_len": tokens,
    }  # fmt: skip
    return row | _deployment(config) | _times(report, tokens)


def _times(report: dict[str, Any], tokens: float | None) -> Row:
    first, rest = _mean(report, "prefill"), _mean(report, "decode")
    whole = _mean(report, "generate") or (first + rest if first and rest else None)
    if not first and not whole:
        return {FAULT: "no latency of prefill or generate (is the task text generation?)"}
    row: Row = {"batch_latency_s": whole, "ttft_ms": MS_PER_S * first if first else None}
    if rest and tokens and tokens > 1:
        row["tpot_ms"] = MS_PER_S * rest / (tokens - 1)
    peak = number(pick(report, "decode", "memory", "max_global_vram"))
    return row | ({"peak_mem_gb": peak / MS_PER_S} if peak else {})  # MB


def _mean(report: dict[str, Any], target: str) -> float | None:
    return number(pick(report, target, "latency", "mean"))


def _deployment(config: dict[str, Any]) -> Row:
    backend, machine = config.get("backend") or {}, config.get("environment") or {}
    name = "hf-transformers" if backend.get("name") == "pytorch" else backend.get("name")
    row = engine_of(name) | model_of(backend.get("model"))
    if row.get("framework") == "hf-transformers":
        row["framework_version"] = machine.get("transformers_version")
    elif row:
        row["framework_version"] = backend.get("version")
    gpus = machine.get("gpu") or []
    if backend.get("device") == "cpu":
        return row | {"num_devices": 1.0, "backend": "cpu"} | device_of(machine.get("cpu"))
    row |= backend_of(backend.get("device")) if backend.get("device") != "cuda" else {}
    if ids := backend.get("device_ids"):
        row["num_devices"] = float(len(str(ids).split(",")))
    quantised = pick(backend, "quantization_config", "quant_method")
    row["weight_dtype"] = dtype_of(
        backend.get("quantization_scheme"), quantised, backend.get("torch_dtype"),
        backend.get("dtype"),
    )  # fmt: skip
    return row | (device_of(gpus[0]) if len(set(gpus)) == 1 else {})


OPTIMUM = Importer("optimum-benchmark", "optimum-benchmark: benchmark.json", _recognises, _rows)
