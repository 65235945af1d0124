"""Bits that a weight or a KV element occupies, scales and zero points included.

One table, ``dtypes.csv``, used by the memory account and by the floors. ``bits`` is the mean over
the matrices of a model; ``compute`` is the widest type in which the matrix engine must
multiply when it reads such weights (4-bit GGUF and GPTQ are expanded to fp16 first).

A row's ``source`` says where its bits come from. GGUF: block layouts as in ggml's
``ggml-common.h`` (q4_0: 18 byte for 32 weights, q4_k: 144 for 256, q6_k: 210 for 256), mixes as
llama.cpp's quantisation tool prints them for Llama-class models (q4_k_m 4.85, q6_k 6.56), and
ik_llama.cpp's own types. GPTQ/AWQ: 4 bit + fp16 scale and 4-bit zero for a group of 128. OCP
Microscaling v1.0 (mxfp4: 4 bit + 8-bit scale for 32). NVFP4: 4 bit + fp8 scale for 16. MLX: fp16
scale and offset for 64. Tenstorrent's block floats: an 8-bit exponent for 16.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

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
    activations : str
        Precision in which activations meet these weights: llama.cpp's kernels for GGUF, and
        OpenVINO's on matrix units, round them to ``int8`` first.
    """

    name: str
    bits: float
    compute: str
    family: str
    rest_bits: float = 0.0
    activations: str = "fp16"


_TABLE = tuple(
    csv.DictReader(
        io.StringIO(files(__package__).joinpath("dtypes.csv").read_text(encoding="utf-8"))
    )
)

DTYPES: dict[str, Dtype] = {
    r["name"]: Dtype(
        r["name"], float(r["bits"]), r["compute"], r["family"], float(r["rest_bits"] or 0.0),
        r["activations"],
    )
    for r in _TABLE
}  # fmt: skip
"""Every dtype of the table by name."""

ALIASES = {alias: r["name"] for r in _TABLE for alias in r["aliases"].split()}
"""Other names of them, in lower case."""

KV_DTYPES = (
    "fp16", "bf16", "fp8", "int8", "fp32", "nvfp4", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1",
    "q6_0", "iq4_nl", "q8_kv", "bfp8",
)  # fmt: skip
"""Those that engines keep a KV cache in."""

_REPACKED = re.compile(r"_r(4|8|16)$")  # rows interleaved for CPUs, bit for bit the same
_DYNAMIC = re.compile(r"^ud-")  # Unsloth's mark before a mix
_BPW = re.compile(r"^(exl[23]-)?(\d+(?:\.\d+)?)bpw$")
_FEWEST, _MOST = 1.0, 32.0  # bits
_EXL_SCALES = 0.1  # bits a weight that EXL2's name leaves out


def dtype(name: str) -> Dtype:
    """Look a dtype up by name or alias.

    Beside the names of the table, ``3.93bpw`` is a GGUF file of that many bits a weight, by its
    size and parameters, and ``exl2-4.5bpw`` one of ExLlama.

    Raises
    ------
    UnknownName
        If no dtype has that name.
    InvalidInput
        If it is no text, or a number of bits that no file has.

    Examples
    --------
    >>> dtype("Q4_K_M").bits, dtype("ud-q4_k_xl").bits, dtype("3.93bpw").bits
    (4.85, 4.9, 3.93)
    """
    if not isinstance(name, str):
        raise InvalidInput(f"a dtype must be a name such as 'bf16'; got {name!r}")
    key = name.strip().lower()
    key = ALIASES.get(key, key)
    if key not in DTYPES:
        key = _REPACKED.sub("", _DYNAMIC.sub("", key))
        key = ALIASES.get(key, key)
    if key in DTYPES:
        return DTYPES[key]
    if measured := _by_bits(key):
        return measured
    raise UnknownName("dtype", name, [*DTYPES, *ALIASES])


@cache
def _by_bits(key: str) -> Dtype | None:
    """Make a dtype of a stated number of bits a weight."""
    if not (match := _BPW.match(key)):
        return None
    bits = float(match[2])
    if not _FEWEST <= bits <= _MOST:
        raise InvalidInput(f"a dtype must have {_FEWEST:g} to {_MOST:g} bits a weight; got {key!r}")
    if match[1]:
        return Dtype(key, bits + _EXL_SCALES, "fp16", "int4")
    return Dtype(key, bits, "fp16", "gguf", activations="int8")
