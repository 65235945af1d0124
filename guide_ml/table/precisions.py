"""Which precision weights and KV cache are in, where a deployment does not say or says it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import Model
from guide_ml.precision.dtypes import Dtype, dtype
from guide_ml.table.read import Codes, Columns, Floats, Raw

__all__ = ["COMPUTE", "FAMILIES", "precisions"]

COMPUTE = ("fp32", "fp16", "fp8", "int8", "fp4")
FAMILIES = ("float", "fp8", "int8", "int4", "fp4", "gguf")

#: What a GGUF file of an mxfp4 model keeps all but the experts in, q8_0.
GGUF_REST_BITS = 8.5


def precisions(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    """Settle the precision of weights and KV cache.

    Parameters
    ----------
    raw : Raw
        What the table states.
    columns, names : dict of str to array of shape (n,)
        Gain ``weight_bits``, ``rest_bits``, ``family``, ``compute``, ``gguf_file``, ``kv_bits``
        and whether they were stated; the name ``weight_dtype``. ``framework`` is settled already.
    """
    stated = raw.codes["weight_dtype"]
    models = raw.codes["model"]
    native = Codes(models.index, [_served_dtype(m) if m else None for m in models.values])
    engine = names["framework"]
    local = (engine == "llama.cpp") | (engine == "ollama")
    gguf = local & (stated.index < 0)
    four_bit = dtype("q4_k_m")
    columns["weight_stated"] = np.ones(raw.n)

    def pick(get: Any) -> Floats:
        fallback = np.where(gguf, float(get(four_bit)), native.numbers(get))
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
    name = np.where(gguf, "q4_k_m", Codes(native.index, [d.name if d else "" for d in
                                                         native.values]).objects())  # fmt: skip
    own = Codes(stated.index, [d.name if d else "" for d in stated.values]).objects()
    names["weight_dtype"] = np.where(stated.index < 0, name, own)
    kv = raw.codes["kv_dtype"].numbers(lambda d: d.bits)
    # TensorRT-LLM's fp8 and fp4 checkpoints carry an fp8 KV cache; others default to 16 bits.
    compute = columns["compute"]
    eight = (compute == COMPUTE.index("fp8")) | (compute == COMPUTE.index("fp4"))
    small = (engine == "tensorrt-llm") & eight
    usual = np.where(small, 8.0, 16.0)
    columns["kv_bits"] = np.where(np.isnan(kv), usual, kv)
    columns["kv_stated"] = (columns["kv_bits"] != usual).astype(float)


def _served_dtype(model: Model) -> Dtype:
    """Precision in which a checkpoint is served when nothing is said: fp32 ones at half."""
    return dtype("fp16" if model.native_dtype == "fp32" else model.native_dtype)
