"""Ranges in which the numbers of a descriptor are believed, and the checks against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from guide_ml.errors import InvalidInput

__all__ = [
    "DEPLOYMENT", "FRAMEWORK", "HARDWARE", "MAX_REQUESTS", "MAX_TOKENS", "MODEL", "Range",
    "require_choice", "require_numbers", "workload",
]  # fmt: skip

MAX_TOKENS = 20_000_000  # longer than any context window in the catalogue
MAX_REQUESTS = 1_000_000


class Range(NamedTuple):
    """Lowest and highest value, both allowed, and whether only whole numbers are."""

    low: float
    high: float
    whole: bool = False


_RATE = Range(1e-3, 1e7)
HARDWARE = {
    "memory_gb": Range(0.1, 100_000), "mem_bw_gbs": Range(1, 1e6),
    "release_year": Range(1990, 2100), "scale_up_domain": Range(1, 1e6, whole=True),
    "slice_share": Range(0.001, 1), "fp32_tflops": _RATE, "fp16_tflops": _RATE,
    "bf16_tflops": _RATE, "fp8_tflops": _RATE, "int8_tops": _RATE, "fp4_tflops": _RATE,
    "l2_mb": _RATE, "sm_count": _RATE, "tdp_w": _RATE, "link_gbs": _RATE,
    "cores": Range(1, 1e5), "clock_ghz": Range(0.01, 20),
    "memory_channels": Range(1, 1024, whole=True), "numa_nodes": Range(1, 64, whole=True),
    "memory_usable_gb": Range(0.1, 100_000),
}  # fmt: skip

_SOME, _ANY = Range(1, 1e9, whole=True), Range(0, 1e9, whole=True)
MODEL = {
    "params_total_b": Range(1e-4, 1e5), "params_active_b": Range(1e-4, 1e5),
    "num_layers": _SOME, "hidden_size": _SOME, "intermediate_size": _ANY,
    "num_attention_heads": _SOME, "num_kv_heads": _SOME, "head_dim": _SOME, "vocab_size": _SOME,
    "full_kv_heads": _ANY, "full_head_dim": _ANY, "v_head_dim": _ANY,
    "kv_lora_rank": _ANY, "qk_rope_head_dim": _ANY, "num_experts": _ANY,
    "num_experts_per_tok": _ANY, "moe_intermediate_size": _ANY, "num_shared_experts": _ANY,
    "first_dense_layers": _ANY, "sliding_window": _ANY, "kv_layers": _ANY,
    "window_layers": _ANY, "max_position": _SOME, "index_topk": _ANY,
    "state_values": Range(0, 1e11, whole=True), "cache_values": Range(0, 1e9),
    "window_values": Range(0, 1e9), "expert_bits": Range(0, 32), "body_bits": Range(0, 32),
    "vocabulary_bits": Range(0, 32), "tower_params_b": Range(0, 1e3),
}  # fmt: skip

FRAMEWORK = {"release_year": Range(2018, 2100)}

_DEVICES = Range(1, 100_000, whole=True)
DEPLOYMENT = dict.fromkeys(("num_devices", "tp", "pp", "dp", "ep"), _DEVICES)


def workload(mode: str) -> dict[str, Range]:
    """Ranges of a workload: a decode may have no prompt, a prefill no output."""
    return {
        "input_len": Range(0 if mode == "decode" else 1, MAX_TOKENS),
        "output_len": Range(0 if mode == "prefill" else 1, MAX_TOKENS),
        "context_depth": Range(0, MAX_TOKENS), "batch_size": Range(0.1, MAX_REQUESTS),
        "concurrency": Range(0.1, MAX_REQUESTS), "num_requests": Range(0.1, 1e9),
    }  # fmt: skip


def require_numbers(owner: str, given: Any, ranges: Mapping[str, Range]) -> None:
    """Refuse attributes that are no finite number in their range.

    Parameters
    ----------
    owner : str
        Whose attributes they are, for the message.
    given : dataclass
        The descriptor.
    ranges : mapping of str to Range
        By attribute; one whose default is ``None`` may be ``None``.

    Raises
    ------
    InvalidInput
        If one is not.
    """
    optional = {f.name for f in fields(given) if f.default is None}
    for name, allowed in ranges.items():
        value = getattr(given, name)
        if value is not None or name not in optional:
            _require_number(f"{owner}: {name}", value, allowed)


def _require_number(what: str, value: Any, allowed: Range) -> None:
    kind = "a whole number" if allowed.whole else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"{what} must be {kind}; got {value!r} ({type(value).__name__})")
    if not allowed.low <= value <= allowed.high:  # NaN is in no range
        raise InvalidInput(
            f"{what} must be {kind} from {allowed.low:g} to {allowed.high:g}; got {value}"
        )
    if allowed.whole and value != int(value):
        raise InvalidInput(f"{what} must be {kind}; got {value}")


def require_choice(owner: str, name: str, value: str, allowed: tuple[str, ...]) -> None:
    """Refuse a text that is not one of the allowed ones."""
    if value not in allowed:
        raise InvalidInput(f"{owner}: {name} must be one of {', '.join(allowed)}; got {value!r}")
