"""The precision of the published weights, from a config's quantisation or its torch dtype."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.stated_bits import METHODS, flattened, stated
from guide_ml.precision.dtypes import dtype

__all__ = ["native_dtype"]


def native_dtype(config: Mapping[str, Any], owner: str) -> str:
    """Return the name in :mod:`guide_ml.precision.dtypes` of the weights' precision.

    Parameters
    ----------
    config : mapping
        The config; its ``quantization_config`` goes before its ``dtype`` or ``torch_dtype``.
    owner : str
        What errors call it.

    Returns
    -------
    str
        bf16 where the config is silent. Integers below 4 bit count as ``int4``, integers of
        8 bit that are multiplied in fp16 as ``w8a16``.
    """
    scheme = config.get("quantization_config") or config.get("compression_config")
    mlx = config.get("quantization")
    if scheme is None and isinstance(mlx, Mapping) and "bits" in mlx:
        scheme = mlx
    if scheme is not None:
        if not isinstance(scheme, Mapping):
            raise InvalidInput(f"{owner}: quantization_config must be an object; got {scheme!r}")
        if not is_only_sparse(scheme):
            return _quantised(scheme, owner)
    name = config.get("dtype") or config.get("torch_dtype") or "bfloat16"
    name = str(name).removeprefix("torch.").removesuffix("fn")
    if name == "auto":
        return "bf16"
    return dtype("fp8" if name.startswith("float8") else name).name


def is_only_sparse(scheme: Mapping[str, Any]) -> bool:
    """Whether compressed-tensors leaves weights out and rounds none."""
    return scheme.get("config_groups") == {} and isinstance(scheme.get("sparsity_config"), Mapping)


def _quantised(given: Mapping[str, Any], owner: str) -> str:
    scheme = flattened(given)
    if (told := stated(scheme)) is not None:
        return told.dtype
    method = str(scheme.get("quant_method") or "").lower().replace("_", "-")
    for start, rule in _RULES.items():
        if method.startswith(start):
            return rule(scheme, owner)
    if "quant_algo" in scheme:
        return _modelopt(scheme, owner)
    if "config_groups" in scheme:
        return _groups(scheme, owner)
    return _integers(scheme, owner)


def _integers(scheme: Mapping[str, Any], owner: str) -> str:
    """Read methods that round weights alone and state their bits (GPTQ, AWQ, HQQ, ...)."""
    names = ("bits", "w_bit", "nbits", "weight_bits", "num_bits")
    bits = next((scheme[n] for n in names if scheme.get(n) is not None), None)
    if isinstance(bits, int | float) and 0 < bits <= 8:
        return "int4" if bits <= 4 else "w8a16"
    raise InvalidInput(
        f"{owner}: quantization_config must state a known quant_method"
        f" ({', '.join(sorted({*_RULES, *METHODS}))}) or its bits from 1 to 8; got {dict(scheme)!r}"
    )


def _bitsandbytes(scheme: Mapping[str, Any], owner: str) -> str:
    if scheme.get("load_in_4bit") or scheme.get("_load_in_4bit"):
        return "nf4"
    if scheme.get("load_in_8bit") or scheme.get("_load_in_8bit"):
        return "int8"
    raise InvalidInput(
        f"{owner}: bitsandbytes needs load_in_4bit or load_in_8bit true; got {dict(scheme)!r}"
    )


def _modelopt(scheme: Mapping[str, Any], owner: str) -> str:
    """Read NVIDIA ModelOpt; of a mixture, what most layers use."""
    algorithm = str(scheme.get("quant_algo") or "").upper()
    layers = scheme.get("quantized_layers")
    if algorithm == "MIXED_PRECISION" and isinstance(layers, Mapping) and layers:
        used = Counter(str(x.get("quant_algo")) for x in layers.values() if isinstance(x, Mapping))
        algorithm = used.most_common(1)[0][0].upper() if used else ""
    known = {
        "NVFP4": "nvfp4", "FP8": "fp8", "W4A8": "int4-fp8", "W4A16": "int4", "INT4": "int4",
        "W8A8": "int8", "INT8": "int8", "W8A16": "w8a16", "MXFP4": "mxfp4", "MXFP8": "mxfp8",
    }  # fmt: skip
    for start, name in known.items():
        if algorithm.startswith(start):
            return name
    if "config_groups" in scheme:
        return _groups(scheme, owner)
    raise InvalidInput(
        f"{owner}: quant_algo must be one of {', '.join(known)}; got {algorithm or 'none'}"
    )


def _groups(scheme: Mapping[str, Any], owner: str) -> str:
    """Read compressed-tensors: bits and type of the weights of the first group."""
    groups = scheme.get("config_groups")
    group = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = group.get("weights") if isinstance(group, Mapping) else None
    if not isinstance(group, Mapping) or not isinstance(weights, Mapping):
        raise InvalidInput(
            f"{owner}: quantization_config needs config_groups with weights; got {dict(scheme)!r}"
        )
    bits, inputs = weights.get("num_bits"), group.get("input_activations")
    input_type = inputs.get("type") if isinstance(inputs, Mapping) else None
    if weights.get("type") == "float":
        small = "mxfp4" if weights.get("group_size") == 32 else "nvfp4"
        return small if bits == 4 else "fp8"
    if bits == 8:
        return "int8" if inputs else "w8a16"
    if bits == 4 and input_type == "float":
        return "int4-fp8"
    return _integers(weights, owner)


def _quark(scheme: Mapping[str, Any], owner: str) -> str:
    """Read AMD Quark: the type of the weights in the scheme for all layers."""
    everywhere = scheme.get("global_quant_config")
    weight = everywhere.get("weight") if isinstance(everywhere, Mapping) else None
    weight = weight[0] if isinstance(weight, list) and weight else weight
    kind = str(weight.get("dtype")) if isinstance(weight, Mapping) else ""
    for start, name in {"fp8": "fp8", "fp4": "mxfp4", "int8": "int8", "int4": "int4"}.items():
        if kind.startswith(start):
            return name
    raise InvalidInput(
        f"{owner}: quark needs global_quant_config.weight.dtype fp8, fp4, int8 or int4;"
        f" got {kind or 'none'}"
    )


_RULES: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    "fp8": lambda *_: "fp8",
    "fbgemm-fp8": lambda *_: "fp8",
    "mxfp4": lambda *_: "mxfp4",
    "gptq": _integers,
    "awq": _integers,
    "bitsandbytes": _bitsandbytes,
    "compressed-tensors": _groups,
    "modelopt": _modelopt,
    "quark": _quark,
}
