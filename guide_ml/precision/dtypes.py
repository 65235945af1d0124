"""Bits that a weight or a KV element occupies, scales and zero points included.

One table, used by the memory account and by the floors. ``bits`` is the mean over the
matrices of a model; ``compute`` is the widest type in which the matrix engine must
multiply when it reads such weights (4-bit GGUF and GPTQ are expanded to fp16 first).

Sources: GGUF block layouts as in ggml's ``ggml-common.h`` (q4_0: 18 byte per 32 weights,
q8_0: 34 per 32, q4_k: 144 per 256, q6_k: 210 per 256); k-quant mixes as printed by
llama.cpp's quantisation tool for Llama-class models (q4_k_m 4.85, q6_k 6.56, iq3_m 3.66);
GPTQ/AWQ: 4 bit + fp16 scale and 4-bit zero per group of 128; OCP Microscaling v1.0 (mxfp4:
4 bit + 8-bit scale per 32); NVFP4: 4 bit + fp8 scale per 16.
"""

from __future__ import annotations

from dataclasses import dataclass

from guide_ml.errors import InvalidInput, UnknownName

__all__ = ["DTYPES", "KV_DTYPES", "Dtype", "dtype"]


@dataclass(frozen=True)
class Dtype:
    """How one weight or KV element is stored.

    Parameters
    ----------
    name : str
        Name as in the tables.
    bits : float
        Mean bits an element, with scales.
    compute : str
        Precision of the multiplication: ``fp32``, ``fp16``, ``fp8``, ``int8`` or ``fp4``.
        Hardware without it falls back to the next wider one it has.
    family : str
        Group with like kernels: ``float``, ``fp8``, ``int8``, ``int4``, ``fp4``, ``gguf``.
    rest_bits : float
        Bits of all but the experts, where checkpoints of a mixture keep that wider; 0 if the
        whole model is alike.
    """

    name: str
    bits: float
    compute: str
    family: str
    rest_bits: float = 0.0


_ROWS = (
    ("fp32", 32, "fp32", "float"), ("fp16", 16, "fp16", "float"), ("bf16", 16, "fp16", "float"),
    ("fp8", 8, "fp8", "fp8"), ("int8", 8.1, "int8", "int8"), ("w8a16", 8.1, "fp16", "int8"),
    ("int4", 4.16, "fp16", "int4"), ("gptq-int4", 4.16, "fp16", "int4"),
    ("awq-int4", 4.16, "fp16", "int4"), ("int4-fp8", 4.16, "fp8", "int4"),
    ("nf4", 4.13, "fp16", "int4"),
    ("nvfp4", 4.5, "fp4", "fp4"), ("mxfp4", 4.25, "fp4", "fp4"), ("mxfp8", 8.25, "fp8", "fp8"),
    ("q2_k", 3.00, "fp16", "gguf"), ("q3_k_m", 3.91, "fp16", "gguf"),
    ("iq3_m", 3.66, "fp16", "gguf"), ("iq4_xs", 4.30, "fp16", "gguf"),
    ("q4_0", 4.55, "fp16", "gguf"), ("q4_1", 5.05, "fp16", "gguf"),
    ("q4_k_s", 4.58, "fp16", "gguf"), ("q4_k_m", 4.85, "fp16", "gguf"),
    ("q4_k_xl", 4.90, "fp16", "gguf"), ("q5_k_m", 5.69, "fp16", "gguf"),
    ("q6_k", 6.56, "fp16", "gguf"), ("q6_k_xl", 6.90, "fp16", "gguf"),
    ("q8_0", 8.5, "fp16", "gguf"),
    ("mxfp4-f16", 4.25, "fp16", "gguf"),  # a GGUF file that keeps all but the experts in 16 bits
    ("exl2-2.5bpw", 2.6, "fp16", "int4"), ("exl2-3.0bpw", 3.1, "fp16", "int4"),
    ("exl2-4.0bpw", 4.1, "fp16", "int4"), ("exl2-5.0bpw", 5.1, "fp16", "int4"),
)  # fmt: skip

_WIDE_REST = {"nvfp4": 16.0, "mxfp4": 16.0, "mxfp4-f16": 16.0}
DTYPES: dict[str, Dtype] = {
    r[0]: Dtype(r[0], float(r[1]), r[2], r[3], _WIDE_REST.get(r[0], 0.0)) for r in _ROWS
}
"""Every known weight dtype by name."""

ALIASES = {
    "float16": "fp16", "half": "fp16", "bfloat16": "bf16", "float32": "fp32", "float": "fp32",
    "fp8_e4m3": "fp8", "fp8_e5m2": "fp8", "e4m3": "fp8", "w8a8": "int8", "gptq": "gptq-int4",
    "awq": "awq-int4", "w4a16": "int4", "w4a8": "int4-fp8", "fp4": "nvfp4", "bnb-4bit": "nf4",
}  # fmt: skip

KV_DTYPES = ("fp16", "bf16", "fp8", "int8", "fp32", "nvfp4", "q8_0", "q4_0")


def dtype(name: str) -> Dtype:
    """Look a dtype up by name or alias.

    Raises
    ------
    UnknownName
        If no dtype has that name.
    InvalidInput
        If it is no text.

    Examples
    --------
    >>> dtype("Q4_K_M").bits
    4.85
    """
    if not isinstance(name, str):
        raise InvalidInput(f"a dtype must be a name such as 'bf16'; got {name!r}")
    key = name.strip().lower()
    key = ALIASES.get(key, key)
    if key not in DTYPES:
        raise UnknownName("dtype", name, [*DTYPES, *ALIASES])
    return DTYPES[key]
