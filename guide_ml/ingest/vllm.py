"""``vllm bench serve``, ``sweep``, ``latency`` and ``throughput``, saved as JSON.

`serve` gives totals, so lengths are means of what was really sent. Its ``backend`` is the client's
protocol (``openai``, ``vllm``), which other engines speak too, so the engine must be given;
`latency` and `throughput` name neither batch nor lengths. ``max_concurrent_requests`` is a peak of
what was seen in a second and no load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.devices import device_of, hardware_of
from guide_ml.ingest.names import engine_of, model_of
from guide_ml.ingest.precision import kv_precision, precision
from guide_ml.ingest.rows import (
    REPEAT,
    TOKENS,
    Importer,
    Row,
    drafted,
    failed,
    flagged,
    joined,
    per_request,
    served,
    stats,
)
from guide_ml.units import MS_PER_S

__all__ = ["LATENCY", "SERVE", "THROUGHPUT", "run"]

#: What ``--metadata key=value`` may add to a result: this project's names, and the engines' own.
_METADATA = {
    "num_devices": ("num_devices", "num_gpus", "gpu_count", "n_gpus", "num_accelerators"),
    "tp": ("tp", "tp_size", "tensor_parallel_size"),
    "pp": ("pp", "pp_size", "pipeline_parallel_size"),
    "dp": ("dp", "dp_size", "data_parallel_size"),
    "ep": ("ep", "ep_size", "expert_parallel_size"),
}
_VERSIONS = ("framework_version", "version", "engine_version", "vllm_version")
_CARDS = ("gpu", "gpu_name", "gpu_type", "device_name", "accelerator")
#: Mean time of a request over that of a run, below which requests were never all there at once.
SPREAD_OUT = 0.05
#: Backends of the client that are one engine's own protocol.
_OWN = ("tgi", "tensorrt-llm", "lmdeploy", "sglang")
#: Fields that are measured: two results that agree in all others are repeats of one run.
_MEASURED = (
    "mean_",
    "median_",
    "std_",
    "p1",
    "p2",
    "p5",
    "p7",
    "p9",
    "max_output",
    "max_concurrent",
    "total_output",
    "request_throughput",
    "output_throughput",
    "total_token_throughput",
    "input_throughput",
    "spec_decode",
    "request_goodput",
    "rtfx",
    "duration",
    "date",
    "completed",
    "failed",
    "run_number",
    "errors",
    "itls",
    "ttfts",
    "input_lens",
    "output_lens",
    "generated_texts",
    "start_times",
    "queue_times",
    "timestamp",
    "good_completed",
)


def _is_run(found: dict[str, Any]) -> bool:
    timed = any(f"{s}_ttft{u}" in found for s in ("mean", "median") for u in ("_ms", ""))
    timed |= {"request_throughput", "total_output_tokens"} <= found.keys()
    return "model_id" in found and timed and ("request_rate" in found or "max_concurrency" in found
                                              or "multi_turn_concurrency" in found)  # fmt: skip


def _results(content: Content) -> list[dict[str, Any]]:
    """Results of the file; the summary of a sweep is a CSV with the same fields, too."""
    found: list[dict[str, Any]] = [*content.objects, *content.table]
    return [{k: None if v == "" else v for k, v in o.items()} for o in found if _is_run(o)]


def _is_serve(content: Content) -> bool:
    return bool(_results(content))


def _serve(content: Content) -> list[Row]:
    return [run(o) for o in _results(content)]


def run(found: dict[str, Any]) -> Row:
    """Read one result of `serve`; latencies under its own names."""
    done, sent = number(found.get("completed")), number(found.get("num_prompts"))
    name = found.get("model_id")
    row = joined(
        {k: _first(found, names, number) for k, names in _METADATA.items()},
        {"framework_version": _first(found, _VERSIONS, str)},
        _engine(found),
        _first(found, _CARDS, device_of) or {},
        hardware_of(found.get("hardware")),
        model_of(name),
        precision(found.get("weight_dtype"), found.get("quantization"), model=name),
        kv_precision(found.get("kv_dtype") or found.get("kv_cache_dtype")),
        _load(found, sent or done),
        _drafted(found),
        _figures(found, done),
        failed(_lost(found, sent, done), done),
        flagged(
            "multi-turn" if _talks(found) else None,
            "prefix-cached" if _shares(found) else None,
            "multimodal" if _shows(found) else None,
        ),
    )
    alike = {k: str(v) for k, v in found.items() if not k.startswith(_MEASURED)}
    return row | {REPEAT: ("vllm", *sorted(alike.items()))}


def _first(found: dict[str, Any], names: tuple[str, ...], read: Callable[[Any], Any]) -> Any:
    """Read the first of some fields that tells anything."""
    return next((r for n in names if found.get(n) is not None and (r := read(found[n]))), None)


def _engine(found: dict[str, Any]) -> Row:
    """Read the engine that is stated, or the one protocol that only it speaks."""
    own = str(found.get("backend") or "").lower()
    return engine_of(found.get("framework") or found.get("engine")) or (
        engine_of(own) if own in _OWN else {}
    )


def _load(found: dict[str, Any], sent: float | None) -> Row:
    cap = found.get("max_concurrency") or found.get("multi_turn_concurrency")
    rate = "trace" if found.get("ramp_up_strategy") else found.get("request_rate")
    unit = MS_PER_S if _in_ms(found) else 1.0
    took = number(found.get("mean_e2el_ms")) or number(found.get("mean_e2el"))
    took = took if took is not None else _parts(found)
    took = took and took / unit
    lasted = number(found.get("duration"))
    if took and lasted and took < SPREAD_OUT * lasted and number(rate) is None:
        rate = "trace"  # arrivals of a trace are saved as an infinite rate
    return served(cap, rate, sent, _reached(found), took)


def _in_ms(found: dict[str, Any]) -> bool:
    """Whether latencies are in milliseconds, as of all releases but some forks."""
    return any(k.endswith(("_ttft_ms", "_tpot_ms", "_itl_ms", "_e2el_ms")) for k in found)


def _reached(found: dict[str, Any]) -> float | None:
    """Read requests done a second, counted where the file does not say."""
    done, took = number(found.get("completed")), number(found.get("duration"))
    return number(found.get("request_throughput")) or (done / took if done and took else None)


def _parts(found: dict[str, Any]) -> float | None:
    """Mean time of a request from its parts, in the file's unit."""
    unit = "_ms" if "mean_ttft_ms" in found else ""
    first, step = (number(found.get(f"mean_{k}{unit}")) for k in ("ttft", "tpot"))
    tokens = per_request(found.get("total_output_tokens"), found.get("completed"))
    return first + (tokens - 1) * step if first and step and tokens else None


def _talks(found: dict[str, Any]) -> bool:
    """Whether requests are turns of conversations, whose history the engine has cached."""
    return found.get("mode") == "multi_turn" or bool(found.get("num_conversations"))


def _shares(found: dict[str, Any]) -> bool:
    text = f"{found.get('dataset_name')} {found.get('workload')}".lower()
    return "prefix" in text or "shared" in text


def _shows(found: dict[str, Any]) -> bool:
    """Whether prompts hold pictures or sound, whose tokens are not all counted."""
    text = str(found.get("dataset_name")).lower()
    return bool(number(found.get("rtfx"))) or any(k in text for k in ("-mm", "vision", "image"))


def _lost(found: dict[str, Any], sent: float | None, done: float | None) -> float | None:
    """Count requests that failed: as counted, or what was sent and not completed."""
    if (counted := number(found.get("failed"))) is not None:
        return counted
    return None if sent is None or done is None else max(sent - done, 0.0)


def _drafted(found: dict[str, Any]) -> Row:
    mean = found.get("spec_decode_acceptance_length")
    mean = found.get("avg_decoded_tokens_per_iter") if mean is None else mean  # TensorRT-LLM's
    return drafted(found.get("spec_method"), mean)


def _figures(found: dict[str, Any], done: float | None) -> Row:
    """Read figures; the experimental results of some forks give latencies in seconds."""
    unit, scale = ("_ms", 1.0) if _in_ms(found) else ("", MS_PER_S)
    inside, outside = number(found.get("total_input_tokens")), found.get("total_output_tokens")
    speed, took = number(found.get("output_throughput")), number(found.get("duration"))
    total = number(found.get("total_token_throughput"))
    if total is None and speed and took and inside is not None:
        total = speed + inside / took
    row: Row = {"num_requests": done, "measured_on": _day(found.get("date")),
                "input_len": per_request(inside, done), "output_len": per_request(outside, done),
                "output_tok_s": speed, "total_tok_s": total}  # fmt: skip
    for name, key in (("ttft", "ttft"), ("tpot", "tpot"), ("e2e", "e2el")):
        row |= stats(
            name, (found.get(f"{s}_{key}{unit}") for s in ("mean", "median", "p99")), scale
        )
    return row


def _day(date: object) -> str | None:
    text = str(date or "").replace("-", "")
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if text[:8].isdigit() else None


def _is_latency(content: Content) -> bool:
    return any({"avg_latency", "latencies", "percentiles"} <= o.keys() for o in content.objects)


def _latency(content: Content) -> list[Row]:
    return [
        joined(
            {"mode": "static", "framework": "vllm", "batch_latency_s": number(o["avg_latency"])},
            model_of(o.get("model_id")),
        )
        for o in content.objects
        if "avg_latency" in o
    ]


def _is_throughput(content: Content) -> bool:
    keys = {"elapsed_time", "num_requests", "total_num_tokens", "tokens_per_second"}
    return any(keys <= o.keys() for o in content.objects)


def _throughput(content: Content) -> list[Row]:
    return [
        joined(
            {
                "mode": "offline",
                "framework": "vllm",
                "num_requests": number(o["num_requests"]),
                "total_tok_s": number(o["tokens_per_second"]),
                TOKENS: per_request(o["total_num_tokens"], o["num_requests"]),
            },
            model_of(o.get("model_id")),
        )
        for o in content.objects
        if "total_num_tokens" in o
    ]


SERVE = Importer(
    "vllm-bench-serve",
    "vllm bench serve --save-result: JSON; vllm bench sweep: JSON, CSV",
    _is_serve,
    _serve,
    versions="0.7 to 0.25.1, fields of 0.33",
    gives="load, lengths, TTFT, TPOT, throughput, failures, acceptance",
)
LATENCY = Importer(
    "vllm-bench-latency", "vllm bench latency --output-json", _is_latency, _latency,
    versions="fields of 0.33", gives="batch latency; batch and lengths are asked for",
)  # fmt: skip
THROUGHPUT = Importer(
    "vllm-bench-throughput", "vllm bench throughput --output-json", _is_throughput, _throughput,
    versions="0.13, fields of 0.33", gives="throughput of a queue; a length is asked for",
)  # fmt: skip
