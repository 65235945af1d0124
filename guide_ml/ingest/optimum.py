"""optimum-benchmark's ``benchmark.json``: configuration and report of one text generation.

Latencies are in seconds, of the whole batch. `decode` covers all tokens but the first.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.devices import hardware_of
from guide_ml.ingest.names import backend_of, engine_of, model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import ASKS, FAULT, UNLIKE, Importer, Row, joined
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
    return joined(row, _deployment(config), _times(report, tokens))


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
    row = joined(engine_of(name), model_of(backend.get("model")))
    if name and "framework" not in row:
        row[FAULT] = f"the engine is {name!r}, which the catalogue lacks"
    if row.get("framework") == "hf-transformers":
        row["framework_version"] = machine.get("transformers_version")
    else:
        row["framework_version"] = backend.get("version")
    row = joined(row, _precision(backend))
    if backend.get("device") == "cpu":
        return joined(row, {"num_devices": 1.0, "backend": "cpu"}, hardware_of(machine.get("cpu")))
    row |= backend_of(backend.get("device")) if backend.get("device") != "cuda" else {}
    return joined(row, _gpus(machine.get("gpu") or [], str(backend.get("device_ids") or "")))


def _gpus(names: list[str], ids: str) -> Row:
    """Name the GPUs that were used: all of the machine, or those with the given numbers."""
    places = [int(i) for i in ids.split(",") if i.strip().isdigit()]
    used = [names[i] for i in places if i < len(names)] or names
    count: Row = {"num_devices": float(len(places))} if places else {}
    if len(set(used)) > 1:
        why = f"the machine has unlike GPUs ({', '.join(dict.fromkeys(used))}); which was used?"
        return count | {UNLIKE: list(dict.fromkeys(used)), ASKS: {"hardware": why}}
    return count | (hardware_of(used[0]) if used else {})


def _precision(backend: dict[str, Any]) -> Row:
    """Read the precision: a quantisation that is stated before any plain type."""
    config = backend.get("quantization_config") or {}
    method = config.get("quant_method") or backend.get("quantization_scheme")
    if str(method).lower() in ("bnb", "bitsandbytes"):
        method = (
            "nf4"
            if config.get("load_in_4bit")
            else "int8"
            if config.get("load_in_8bit")
            else method
        )
    bits = number(config.get("bits"))
    if str(method).lower() in ("gptq", "awq") and bits and bits != 4:
        method = f"{method}-int{bits:.0f}"
    plain = backend.get("torch_dtype") or backend.get("dtype")
    return precision(method, backend.get("quantize"), plain=plain, model=backend.get("model"))


OPTIMUM = Importer(
    "optimum-benchmark",
    "optimum-benchmark: benchmark.json",
    _recognises,
    _rows,
    versions="0.5, fields of 0.6",
    gives="engine, model, precision, device, batch, lengths, batch latency,"
    " TTFT, TPOT, peak memory",
)
