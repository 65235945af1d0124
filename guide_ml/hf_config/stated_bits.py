"""Bits of the quantisation methods that transformers knows besides those which engines serve most.

A method says the bits of all linear modules in a form of its own. Scales as its code keeps them:
HQQ and SINQ a scale and a zero point of 16 bits a group, quanto and torchao likewise for groups of
128 where they say none, HIGGS and AutoRound a scale of 16 bits, AQLM codes of vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["METHODS", "Stated", "flattened", "stated"]

_WIDE = 16.0


class Stated(NamedTuple):
    """What a method says.

    Parameters
    ----------
    bits : float
        Bits a weight of linear modules, scales included.
    dtype : str
        Name of the precision in :mod:`guide_ml.precision.dtypes`.
    named : tuple of (str, float)
        Bits of modules that are named.
    """

    bits: float
    dtype: str
    named: tuple[tuple[str, float], ...] = ()


def flattened(scheme: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lift what ModelOpt writes into an object ``quantization`` of the scheme."""
    inner = scheme.get("quantization")
    return {**inner, **scheme} if isinstance(inner, Mapping) else scheme


def stated(scheme: Mapping[str, Any]) -> Stated | None:
    """Read a scheme; ``None`` where its method is not one of these.

    Examples
    --------
    >>> stated({"quant_method": "quanto", "weights": "int8"})
    Stated(bits=8.0, dtype='w8a16', named=())
    """
    method = str(scheme.get("quant_method") or "").lower().replace("_", "-")
    rule = METHODS.get(method)
    return rule(scheme) if rule else None


def _number(values: Mapping[str, Any], name: str, default: float) -> float:
    value = values.get(name)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if usable and value is not None else default


def _named(bits: float) -> str:
    return "int4" if bits <= 4 else "w8a16"


def _zeroed(values: Mapping[str, Any], group: float = 64.0) -> Stated | None:
    """Read integers with a scale and a zero point of 16 bits for each group."""
    bits = _number(values, "nbits", 0) or _number(values, "bits", 0)
    if not 0 < bits <= 8:
        return None
    size = _number(values, "group_size", group)
    return Stated(bits + 32 / size, _named(bits))


def _hqq(scheme: Mapping[str, Any]) -> Stated | None:
    """HQQ: one set of parameters, or one for each kind of module; kinds left out stay wide."""
    config = scheme.get("quant_config")
    if not isinstance(config, Mapping):
        return _zeroed(scheme)
    own = config.get("weight_quant_params")
    if isinstance(own, Mapping):
        return _zeroed(own)
    kinds = {}
    for name, values in config.items():
        inner = values.get("weight_quant_params", values) if isinstance(values, Mapping) else {}
        if isinstance(inner, Mapping) and (found := _zeroed(inner)):
            kinds[str(name)] = found
    if not kinds:
        return None
    named = tuple((name, found.bits) for name, found in kinds.items())
    return Stated(_WIDE, min(kinds.values()).dtype, named)


def _quanto(scheme: Mapping[str, Any]) -> Stated | None:
    kinds = {"int2": (2 + 32 / 128, "int4"), "int4": (4 + 32 / 128, "int4"),
             "int8": (8.0, "w8a16"), "float8": (8.0, "fp8")}  # fmt: skip
    found = kinds.get(str(scheme.get("weights")).lower())
    return Stated(*found) if found else None


def _torchao(scheme: Mapping[str, Any]) -> Stated | None:
    """torchao: the name of a scheme, or an object with the type of one."""
    kind, values = scheme.get("quant_type"), scheme.get("quant_type_kwargs")
    if isinstance(kind, Mapping):
        inner = kind.get("default", kind)
        inner = inner if isinstance(inner, Mapping) else {}
        kind, values = inner.get("_type"), inner.get("_data")
    name = str(kind).lower().replace("_", "")
    sizes = values if isinstance(values, Mapping) else {}
    if "int4weight" in name:
        size = _number(sizes, "group_size", 32.0 if "activation" in name else 128.0)
        return Stated(4 + 32 / size, "int4")
    if "float8" in name:
        return Stated(8.0, "fp8")
    if "int8" in name:
        return Stated(8.0, "int8" if "activation" in name else "w8a16")
    return None


def _auto_round(scheme: Mapping[str, Any]) -> Stated | None:
    """AutoRound: integers as GPTQ stores them, or small floats; exceptions by name."""

    def of(values: Mapping[str, Any]) -> float:
        bits = _number(values, "bits", _number(scheme, "bits", 0))
        kind = str(values.get("data_type", scheme.get("data_type"))).lower()
        if bits > 8 or not bits:
            return _WIDE
        if kind.startswith(("mx_fp", "nv_fp")):
            return bits + (0.25 if kind.startswith("mx") else 0.5)
        return bits + (16 + bits) / _number(values, "group_size", _number(
            scheme, "group_size", float("inf")))  # fmt: skip

    bits, kind = of(scheme), str(scheme.get("data_type")).lower()
    if bits == _WIDE:
        return None
    others = scheme.get("extra_config")
    named = tuple((str(k), of(v)) for k, v in (others.items() if isinstance(
        others, Mapping) else ()) if isinstance(v, Mapping))  # fmt: skip
    floats = {"mx_fp": "mxfp4" if bits < 5 else "mxfp8", "nv_fp": "nvfp4"}
    name = next((d for start, d in floats.items() if kind.startswith(start)), "")
    return Stated(bits, name or _named(_number(scheme, "bits", 8)), named)


def _scaled(scheme: Mapping[str, Any]) -> Stated | None:
    bits = _number(scheme, "bits", _number(scheme, "weight_bits", 0))
    if not 0 < bits <= 8:
        return None
    return Stated(bits + 16 / _number(scheme, "group_size", float("inf")), _named(bits))


def _fp_quant(scheme: Mapping[str, Any]) -> Stated | None:
    kinds = {"mxfp4": 4.25, "nvfp4": 4.5, "mxfp8": 8.25}
    name = str(scheme.get("forward_dtype") or "mxfp4").lower()
    return Stated(kinds[name], name) if name in kinds else None


def _aqlm(scheme: Mapping[str, Any]) -> Stated | None:
    """AQLM: each group of weights is a sum of entries of codebooks."""
    codes = _number(scheme, "num_codebooks", 1) * _number(scheme, "nbits_per_codebook", 16)
    size = _number(scheme, "in_group_size", 8) * _number(scheme, "out_group_size", 1)
    return Stated(codes / size, "int4")


METHODS: dict[str, Callable[[Mapping[str, Any]], Stated | None]] = {
    "hqq": _hqq, "sinq": _zeroed, "quanto": _quanto, "torchao": _torchao,
    "auto-round": _auto_round, "intel/auto-round": _auto_round, "higgs": _scaled,
    "spqr": _scaled, "deepspeedfp": _scaled, "fp-quant": _fp_quant, "aqlm": _aqlm,
    "eetq": lambda _: Stated(8.0, "w8a16"), "mxfp8": lambda _: Stated(8.25, "mxfp8"),
    "bitnet": lambda _: Stated(2.0, "int4"),
}  # fmt: skip
