"""``llama-bench`` as JSON, JSONL, CSV, SQL or Markdown (``-o``), also as people collect it.

A row is a prefill (`pp`), a decode (`tg`) or both in turn (`pg`), at a context depth (``n_depth``,
``@ d4096``): tokens that are in the KV cache before. Rows with layers, or experts, on the CPU
beside a device are flagged. A backend ``RPC`` means further machines, which the file does not name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.llama_devices import devices
from guide_ml.ingest.llama_text import from_markdown, from_sql
from guide_ml.ingest.names import backend_of, bare_name, engine_of, model_of
from guide_ml.ingest.precision import gguf_type, kv_precision
from guide_ml.ingest.rows import (
    BITS,
    FAULT,
    LAYERS,
    PARAMETERS,
    SAID,
    Importer,
    Row,
    asking,
    flagged,
    joined,
)
from guide_ml.units import BILLION, MS_PER_S

__all__ = ["LLAMA_BENCH"]

_NEEDED = {"n_prompt", "n_gen", "avg_ts"}
_SIGNS = {"build_number", "build_commit", "n_ubatch", "model_type"}
_WIDTH = re.compile(
    r"[._-](?:UD[._-])?(i?q\d(?:_[0-9a-z]+)*|bf16|f16|fp16|f32|mxfp4)(?:[._-]|$)", re.I
)
_PER_NS = 1e9
#: Columns that only the fork ik_llama.cpp has.
FORK = ("fmoe", "mla", "rtr", "amb", "ger", "fused_moe", "mla_attn", "attn_max_batch")
_BYTE = 8.0


def _is_row(found: Mapping[str, Any]) -> bool:
    return found.keys() >= _NEEDED and bool(found.keys() & _SIGNS)


def _found(content: Content) -> list[Mapping[str, Any]]:
    plain: list[Mapping[str, Any]] = [o for o in content.objects if _is_row(o)]
    plain = plain or [r for r in content.table if _is_row(r)]
    return plain or [*from_sql(content)] or [*from_markdown(content)]


def _recognises(content: Content) -> bool:
    return bool(_found(content))


def _rows(content: Content) -> list[Row]:
    return [_row(o) for o in _found(content)]


def _row(found: Mapping[str, Any]) -> Row:
    build = number(found.get("build_number"))
    file = _file(found)
    size, count = number(found.get("model_size")), number(found.get("model_n_params"))
    bits = _BYTE * size / count if size and count else None
    row: Row = {
        "framework": None if _is_fork(found) else "llama.cpp",
        "batch_size": 1.0,
        "framework_version": f"b{build:.0f}" if build else None,
        "context_depth": number(found.get("n_depth")) or number(found.get("starting_depth")) or 0.0,
        "measured_on": str(found.get("test_time") or "")[:10] or None,
        PARAMETERS: count / BILLION if count else None,
        BITS: bits,
    }
    backend = backend_of(found.get("backends")) or _boxed(found.get("toolbox"))
    row = joined(
        row,
        _name(found, file),
        _fork(found),
        kv_precision(found.get("type_k"), found.get("type_v")),
        gguf_type(file, str(found.get("model_type") or ""), bits),
        backend,
        devices(found),
        _speed(found),
        _elsewhere(found),
    )
    return row


def _fork(found: Mapping[str, Any]) -> Row:
    """Name the fork, if the catalogue has it; else ask for the engine."""
    if not _is_fork(found):
        return {}
    return engine_of("ik_llama.cpp") or asking(
        "framework", "the options are those of ik_llama.cpp, not of llama.cpp"
    )


def _is_fork(found: Mapping[str, Any]) -> bool:
    """Whether options are those of ik_llama.cpp, whose tables look alike otherwise."""
    return any(str(found.get(k, "")) not in ("", "None") for k in FORK)


def _boxed(toolbox: object) -> Row:
    """Backend that the name of a container tells."""
    return backend_of(",".join(re.split(r"[-_]", str(toolbox or ""))))


def _elsewhere(found: Mapping[str, Any]) -> Row:
    """Layers on the device, where some, or the cache, are elsewhere."""
    if str(found.get("backends")).upper() in ("CPU", "BLAS", "CPU,BLAS"):
        return {}
    moved = str(found.get("tensor_buft_overrides") or "none").lower() not in ("none", "")
    if number(found.get("n_cpu_moe")) or moved:
        return {LAYERS: 0.0}
    if str(found.get("no_kv_offload")).lower() in ("true", "1"):
        return flagged("partial-offload")
    layers = number(found.get("n_gpu_layers"))
    return {LAYERS: layers} if layers is not None and layers >= 0 else {}  # -1: all


def _speed(found: Mapping[str, Any]) -> Row:
    prompt, answer = (number(found.get(k)) or 0.0 for k in ("n_prompt", "n_gen"))
    rate, mean_ns = number(found.get("avg_ts")), number(found.get("avg_ns"))
    if not rate or not prompt + answer:
        return {FAULT: "no tokens a second (avg_ts)"}
    took_s = mean_ns / _PER_NS if mean_ns else (prompt + answer) / rate
    if not answer:
        return {"mode": "prefill", "input_len": prompt, "total_tok_s": rate,
                "ttft_ms": MS_PER_S * took_s}  # fmt: skip
    if not prompt:
        return {"mode": "decode", "output_len": answer, "output_tok_s": rate,
                "tpot_ms": MS_PER_S * took_s / answer}  # fmt: skip
    return {"mode": "static", "input_len": prompt, "output_len": answer, "total_tok_s": rate,
            "batch_latency_s": took_s, "output_tok_s": answer / took_s}  # fmt: skip


def _file(found: Mapping[str, Any]) -> str:
    """Name of the file of weights, without its ending and number."""
    path = str(found.get("model_filename") or found.get("model") or "")
    file = re.split(r"[/\\]", path)[-1].removesuffix(".gguf")
    return re.sub(r"-\d{5}-of-\d{5}$", "", file)


def _name(found: Mapping[str, Any], file: str) -> Row:
    """Find the model by its file; llama.cpp's own name of its kind is only told."""
    for name in (_WIDTH.split(file)[0], bare_name(_WIDTH.split(file)[0]), file) if file else ():
        if "model" in (row := model_of(name)):
            return row | {SAID: {"model": file}}
    kind = re.sub(r"\s+\S*(?: - .*)?(?: MoE)?$", "", str(found.get("model_type") or ""))
    return {SAID: {"model": file or kind}} if file or kind else {}


LLAMA_BENCH = Importer(
    "llama-bench", "llama-bench -o json|jsonl|csv|sql|md", _recognises, _rows,
    versions="builds 7,693 to 11,254",
    gives="build, GGUF type, devices, prefill and decode speed at a depth; the model where the"
    " file of weights is named so",
)  # fmt: skip
