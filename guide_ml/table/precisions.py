"""Bits of weights and KV cache: stated, or what the engine usually serves, or as published."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.describe.descriptors import Model
from guide_ml.precision.dtypes import Dtype, dtype
from guide_ml.table.read import Codes, Columns, Floats, Raw

__all__ = ["COMPUTE", "FAMILIES", "precisions"]

COMPUTE = ("fp32", "fp16", "fp8", "int8", "fp4")
FAMILIES = ("float", "fp8", "int8", "int4", "fp4", "gguf")

#: What a GGUF file of an mxfp4 model keeps all but the experts in, q8_0.
GGUF_REST_BITS = 8.5


def precisions(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    """Settle the precision of weights and KV cache, in place.

    Parameters
    ----------
    raw : Raw
        What the table states.
    columns : dict of str to array of shape (n,)
        Gains ``weight_bits``, ``rest_bits``, ``compute`` and ``family`` (codes), ``gguf_file``,
        ``as_published``, ``weight_stated``, ``kv_bits`` and ``kv_stated``.
    names : dict of str to array of shape (n,) of object
        Gains ``weight_dtype``.
    """
    stated = raw.codes["weight_dtype"]
    models = raw.codes["model"]
    native = Codes(models.index, [_served_dtype(m) if m else None for m in models.values])
    engine = names["framework"]
    local, usual = _habits(raw)
    own_file = native.numbers(lambda d: d.family == "gguf") > 0  # it was read from a GGUF file
    columns["weight_stated"] = np.ones(raw.n)

    def pick(get: Any) -> Floats:
        habit = usual.numbers(get)
        fallback = np.where(np.isnan(habit) | own_file, native.numbers(get), habit)
        return np.where(stated.index < 0, fallback, stated.numbers(get))

    columns["weight_bits"] = pick(lambda d: d.bits)
    compute = pick(lambda d: COMPUTE.index(d.compute))
    family = pick(lambda d: FAMILIES.index(d.family))
    four = family == FAMILIES.index("fp4")
    # llama.cpp multiplies mxfp4 as it does its own formats: by block, in int8 or fp16.
    columns["compute"] = np.where(local & four, float(COMPUTE.index("fp16")), compute)
    columns["family"] = np.where(local & four, float(FAMILIES.index("gguf")), family)
    columns["gguf_file"] = local.astype(float)
    columns["rest_bits"] = np.where(local & four, GGUF_REST_BITS, pick(lambda d: d.rest_bits))
    published, habit, own = (_names(codes) for codes in (native, usual, stated))
    as_made = (habit == "") | own_file
    fallback = np.where(as_made, published, habit)
    names["weight_dtype"] = np.where(stated.index < 0, fallback, own)
    columns["as_published"] = (as_made & (names["weight_dtype"] == published)).astype(float)
    # Engines fall back to the other 16 bits where a device has no bf16 and nothing was said.
    without = raw.codes["hardware"].numbers(
        lambda h: h.vendor == "nvidia" and not h.bf16_tflops, blank=0.0
    )
    halved = (without > 0) & (stated.index < 0) & (names["weight_dtype"] == "bf16")
    names["weight_dtype"] = np.where(halved, "fp16", names["weight_dtype"])
    kv = raw.codes["kv_dtype"].numbers(lambda d: d.bits)
    # TensorRT-LLM's fp8 and fp4 checkpoints carry an fp8 KV cache; others default to 16 bits.
    compute = columns["compute"]
    eight = (compute == COMPUTE.index("fp8")) | (compute == COMPUTE.index("fp4"))
    small = (engine == "tensorrt-llm") & eight
    usual_kv = np.where(small, 8.0, 16.0)
    columns["kv_bits"] = np.where(np.isnan(kv), usual_kv, kv)
    columns["kv_stated"] = (columns["kv_bits"] != usual_kv).astype(float)


def _served_dtype(model: Model) -> Dtype:
    """Precision in which a checkpoint is served when nothing is said: fp32 ones at half."""
    return dtype("fp16" if model.native_dtype == "fp32" else model.native_dtype)


def _habits(raw: Raw) -> tuple[NDArray[np.bool_], Codes]:
    """Tell which rows' engines read GGUF files, and the precision that an engine usually serves."""
    blocks = catalogue.framework_blocks()
    codes = raw.codes["framework"]
    habits = [blocks[slug].get("weight_dtype") if slug else None for slug in codes.values]
    usual = Codes(codes.index, [dtype(name) if name else None for name in habits])
    gguf = codes.numbers(lambda slug: bool(blocks[slug].get("gguf")), blank=0.0)
    return gguf > 0, usual


def _names(codes: Codes) -> NDArray[np.object_]:
    found = Codes(codes.index, [d.name if d else "" for d in codes.values]).objects()
    return np.where(codes.index < 0, "", found)
