"""Bits a weight of each module, from the quantisation that a config states.

Bits of a format with its scales: ``b`` bits in groups of ``g`` with a scale of ``s`` bits and a
zero point of ``z`` bits take ``b + (s + z) / g``. Scales are fp16 for integers, fp8 for NVFP4
(groups of 16), 8 bits for MXFP4 and MXFP8 (groups of 32); bitsandbytes keeps one of fp32 for 64
weights, or with double quantisation one of 8 bits and one of fp32 for 256 of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from guide_ml.hf_config.compressed_tensors import group_bits, is_halved
from guide_ml.hf_config.modules import EXPERTS, VOCABULARY, Module
from guide_ml.hf_config.patterns import Patterns
from guide_ml.hf_config.stated_bits import flattened, stated

__all__ = ["Bits", "mean", "weight_bits"]

WIDE = 16.0
_LEFT_OUT = ("ignore", "exclude_modules", "exclude", "modules_to_not_convert",
             "llm_int8_skip_modules", "ignored_layers", "skip_modules",
             "linear_weights_not_to_quantize")  # fmt: skip
_ALGORITHMS = {"NVFP4": 4.5, "MXFP4": 4.25, "MXFP8": 8.25, "FP8": 8.0, "W4A8": 4.0, "W4A16": 4.0,
               "INT4": 4.0, "W8A8": 8.0, "INT8": 8.0, "W8A16": 8.0}  # fmt: skip


class Rule(NamedTuple):
    """Bits of the modules that a list of names means."""

    where: Patterns
    bits: float


class Bits(NamedTuple):
    """How a checkpoint stores its modules.

    Parameters
    ----------
    usual : float
        Bits of linear modules for which no rule holds.
    rules : tuple of Rule
        The first that means a module decides.
    head, embedding : float
        Bits of the output head and the embeddings where no rule names them.
    experts_only : bool
        `usual` holds for routed experts only.
    """

    usual: float
    rules: tuple[Rule, ...] = ()
    head: float = WIDE
    embedding: float = WIDE
    experts_only: bool = False

    def of(self, module: Module) -> float:
        """Return the bits of a module's weights."""
        if not module.names:
            return WIDE
        for rule in self.rules:
            if rule.where.match(module.names):
                return rule.bits
        if module.group == VOCABULARY:
            return self.head if module.names == ("lm_head",) else self.embedding
        return self.usual if module.group == EXPERTS or not self.experts_only else WIDE


def weight_bits(config: Mapping[str, Any], owner: str) -> Bits | None:
    """Read how each module is stored; ``None`` where the config states nothing of it.

    Parameters
    ----------
    config : mapping
        The config, with ``quantization_config``, or ``quantization`` as MLX writes.
    owner : str
        What errors call it.
    """
    mlx = config.get("quantization")
    scheme = config.get("quantization_config") or config.get("compression_config") or mlx
    if not isinstance(scheme, Mapping):
        return None
    scheme = flattened(scheme)
    method = str(scheme.get("quant_method") or "").lower().replace("_", "-")
    if isinstance(mlx, Mapping) or (not method and "group_size" in scheme and "bits" in scheme):
        return _mlx(mlx if isinstance(mlx, Mapping) else scheme, owner)
    found = _by_method(scheme, method, owner)
    left_out = [name for key in _LEFT_OUT for name in _list(scheme.get(key))]
    if found is None or not left_out:
        return found
    return found._replace(rules=(Rule(Patterns(left_out, owner), WIDE), *found.rules))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _by_method(scheme: Mapping[str, Any], method: str, owner: str) -> Bits | None:
    if (told := stated(scheme)) is not None:
        return Bits(told.bits, tuple(Rule(Patterns([n], owner), b) for n, b in told.named))
    if "config_groups" in scheme and not method.startswith("quark"):
        return _groups(scheme, owner)
    for start, rule in _METHODS.items():
        if method.startswith(start):
            return rule(scheme, owner)
    if "quant_algo" in scheme:
        return _modelopt(scheme, owner)
    return None


def _number(values: Mapping[str, Any], *names: str) -> float:
    """Return the first number under some names, 0 where there is none."""
    found = (values.get(n) for n in names)
    return next((float(x) for x in found if isinstance(x, int | float) and x > 0), 0.0)


def _grouped(bits: float, group: float, scale: float = 16.0, zero: float = 0.0) -> float:
    return bits + ((scale + zero) / group if group > 0 else 0.0)


def _integers(scheme: Mapping[str, Any], owner: str) -> Bits | None:
    """GPTQ and AWQ: a scale and a zero point for each group; GPTQ's exceptions by pattern."""
    bits, group = _number(scheme, "bits", "w_bit"), _number(scheme, "group_size", "q_group_size")
    if not bits:
        return None
    rules = []
    dynamic = scheme.get("dynamic")
    for text, change in dynamic.items() if isinstance(dynamic, Mapping) else ():
        where = Patterns([f"re:{str(text).removeprefix('+:').removeprefix('-:')}"], owner)
        own = change if isinstance(change, Mapping) else {}
        narrow = _number(own, "bits") or bits
        size = _number(own, "group_size") or group
        skipped = str(text).startswith("-:")
        rules.append(Rule(where, WIDE if skipped else _grouped(narrow, size, zero=narrow)))
    usual = _grouped(bits, group, zero=bits)
    blocks = _list(scheme.get("modules_in_block_to_quantize"))
    if named := [name for block in blocks for name in (_list(block) or [block])]:
        rules.append(Rule(Patterns(named, owner), usual))  # all others are left as they are
        return Bits(WIDE, tuple(rules))
    return Bits(usual, tuple(rules), head=usual if scheme.get("lm_head") is True else WIDE)


def _exllama(scheme: Mapping[str, Any], owner: str) -> Bits | None:
    bits = _number(scheme, "bits")
    return Bits(bits, head=_number(scheme, "head_bits") or WIDE) if bits else None


def _bitsandbytes(scheme: Mapping[str, Any], owner: str) -> Bits | None:
    if scheme.get("load_in_4bit") or scheme.get("_load_in_4bit"):
        double = scheme.get("bnb_4bit_use_double_quant")
        return Bits(4 + 8 / 64 + 32 / (64 * 256) if double else 4 + 32 / 64)
    return Bits(8.0)


def _fp8(scheme: Mapping[str, Any], owner: str) -> Bits:
    block = _list(scheme.get("weight_block_size"))
    size = block[0] * block[1] if len(block) == 2 and all(isinstance(b, int) for b in block) else 0
    return Bits(_grouped(8.0, size, scale=32.0))


def _modelopt(scheme: Mapping[str, Any], owner: str) -> Bits | None:
    """NVIDIA ModelOpt: one algorithm, or one for each module that is named."""
    group = _number(scheme, "group_size")
    layers = scheme.get("quantized_layers")
    if not isinstance(layers, Mapping):
        bits = _algorithm(str(scheme.get("quant_algo")), group)
        return Bits(bits) if bits else None
    by_bits: dict[float, list[str]] = {}
    for name, own in layers.items():
        values = own if isinstance(own, Mapping) else {}
        bits = _algorithm(str(values.get("quant_algo")), _number(values, "group_size") or group)
        by_bits.setdefault(bits or WIDE, []).append(str(name))
    return Bits(WIDE, tuple(Rule(Patterns(names, owner), b) for b, names in by_bits.items()))


def _algorithm(name: str, group: float) -> float:
    bits = next((b for start, b in _ALGORITHMS.items() if name.upper().startswith(start)), 0.0)
    integer = name.upper().startswith(("W4", "INT4"))
    return _grouped(bits, group or 128.0) if integer else bits


def _groups(scheme: Mapping[str, Any], owner: str) -> Bits | None:
    """compressed-tensors: bits by group; a target is a class of modules, a name or a pattern."""
    groups = scheme.get("config_groups")
    found = [g for g in groups.values() if isinstance(g, Mapping)] if isinstance(
        groups, Mapping) else []  # fmt: skip
    halved = is_halved(scheme)
    rules, usual = [], WIDE
    for group in found or ([{"targets": ["Linear"]}] if halved else []):
        bits = group_bits(group.get("weights"), halved)
        names = [str(t) for t in _list(group.get("targets"))]
        if not names or "Linear" in names:
            usual = bits
        if named := [n for n in names if n != "Linear"]:
            rules.append(Rule(Patterns(named, owner), bits))
    return Bits(usual, tuple(rules)) if found or halved else None


def _quark(scheme: Mapping[str, Any], owner: str) -> Bits | None:
    """AMD Quark: a scheme for all layers and others by pattern."""
    usual = _quark_bits(scheme.get("global_quant_config"))
    layers = scheme.get("layer_quant_config")
    rules = [Rule(Patterns([name], owner), _quark_bits(own))
             for name, own in (layers.items() if isinstance(layers, Mapping) else ())]  # fmt: skip
    return Bits(usual, tuple(rules))


def _quark_bits(config: object) -> float:
    weight = config.get("weight") if isinstance(config, Mapping) else None
    weight = weight[0] if isinstance(weight, list) and weight else weight
    kind = str(weight.get("dtype")) if isinstance(weight, Mapping) else ""
    sizes = {"fp8": 8.0, "int8": 8.0, "fp4": 4.25, "int4": 4.0 + 16 / 128, "fp6": 6.25}
    return next((b for start, b in sizes.items() if kind.startswith(start)), WIDE)


def _mlx(scheme: Mapping[str, Any], owner: str) -> Bits | None:
    """MLX: everything, embeddings and head too; a scale and a bias of 16 bits for each group."""
    bits, group = _number(scheme, "bits"), _number(scheme, "group_size") or 64.0
    if not bits:
        return None
    plain = {"mxfp4": 8.0, "mxfp8": 8.0, "nvfp4": 8.0}.get(str(scheme.get("mode")))
    extra = plain if plain is not None else 32.0
    rules = []
    for name, own in scheme.items():
        if isinstance(own, Mapping) and (narrow := _number(own, "bits")):
            size = _number(own, "group_size") or group
            rules.append(Rule(Patterns([name], owner), _grouped(narrow, size, extra)))
        elif own is False and "." in str(name):
            rules.append(Rule(Patterns([name], owner), WIDE))
    usual = _grouped(bits, group, extra)
    return Bits(usual, tuple(rules), head=usual, embedding=usual)


_METHODS: dict[str, Callable[[Mapping[str, Any], str], Bits | None]] = {
    "fp8": _fp8,
    "fbgemm-fp8": _fp8,
    "mxfp4": lambda *_: Bits(4.25, experts_only=True),
    "gptq": _integers,
    "awq": _integers,
    "exl": _exllama,
    "bitsandbytes": _bitsandbytes,
    "modelopt": _modelopt,
    "quark": _quark,
}


def mean(parts: Iterable[tuple[int, float]]) -> float:
    """Return the mean bits of parts that are given as weights and bits; 0 for none."""
    held = list(parts)
    weights = sum(w for w, _ in held)
    return sum(w * b for w, b in held) / weights if weights else 0.0
