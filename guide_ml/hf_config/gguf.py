"""A GGUF file as a model: parameters and bits from its tensors, attention from its keys."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from guide_ml.describe.descriptors import Model
from guide_ml.errors import InvalidInput
from guide_ml.hf_config.bits import mean
from guide_ml.hf_config.gguf_header import Header, Tensor, read_header
from guide_ml.units import BILLION, BITS_PER_BYTE, GB

__all__ = ["describe_gguf", "model_from_gguf"]

#: Architectures in which every n-th layer attends fully and the others within the window.
_FULL_EVERY = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4, "llama4": 4, "exaone4": 4,
               "olmo2": 4}  # fmt: skip
_EXPERTS = re.compile(r"\.ffn_(?:gate|up|down|gate_up)_exps\.")
_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
_DTYPES = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "q2_k": "q2_k", "q3_k": "q3_k_m",
           "q4_k": "q4_k_m", "q5_k": "q5_k_m", "q6_k": "q6_k", "q8_0": "q8_0", "q4_0": "q4_0",
           "q4_1": "q4_1", "iq4_xs": "iq4_xs", "iq4_nl": "iq4_xs", "iq3_s": "iq3_m",
           "mxfp4": "mxfp4-f16", "nvfp4": "q4_0"}  # fmt: skip


def model_from_gguf(path: str | os.PathLike[str], name: str | None = None) -> Model:
    """Describe the model of a GGUF file; only its header is read.

    Parameters
    ----------
    path : str or path
        The file.
    name : str, optional
        Name of the model; by default that of the file.

    Raises
    ------
    InvalidInput
        If the file is no such file, is one part of several, or lacks keys of a decoder.
    """
    header = read_header(path)
    keys = _Keys(header, str(path))
    experts, chosen = keys.whole("expert_count"), keys.whole("expert_used_count")
    total = sum(t.weights for t in header.tensors)
    routed = sum(t.weights for t in header.tensors if _EXPERTS.search(t.name))
    active = total - routed * (1 - chosen / experts) if experts and chosen else total
    tied = not any(t.name == "output.weight" for t in header.tensors)
    table = next((t.weights for t in header.tensors if t.name == "token_embd.weight"), 0)
    hidden = keys.whole("embedding_length", needed=True)
    return Model(
        model=name or Path(path).stem, family=keys.architecture, source=keys.told(),
        params_total_b=total / BILLION, params_active_b=active / BILLION,
        num_layers=keys.layers, hidden_size=hidden,
        intermediate_size=keys.whole("feed_forward_length"), vocab_size=table // hidden,
        num_experts=experts, num_experts_per_tok=chosen,
        moe_intermediate_size=keys.whole("expert_feed_forward_length") if experts else 0,
        num_shared_experts=keys.whole("expert_shared_count"),
        first_dense_layers=keys.whole("leading_dense_block_count"), tie_embeddings=tied,
        max_position=keys.whole("context_length") or 4096,
        native_dtype=_native(header), **keys.attention(), **_bits(header),
    )  # fmt: skip


def describe_gguf(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Tell what is read from a GGUF file, fit for JSON."""
    header, model = read_header(path), model_from_gguf(path)
    by_type: dict[str, list[Tensor]] = {}
    for tensor in header.tensors:
        by_type.setdefault(tensor.kind, []).append(tensor)
    whole, windowed = model.cache_values, model.window_values
    return {
        "model": model.model,
        "architecture": model.family,
        "source": model.source,
        "params_total_b": round(model.params_total_b, 4),
        "params_active_b": round(model.params_active_b, 4),
        "num_layers": model.num_layers,
        "kv_layers": model.kv_layers,
        "window_layers": model.window_layers,
        "sliding_window": model.sliding_window,
        "heads": f"{model.num_attention_heads} query, {model.num_kv_heads} KV,"
        f" {model.head_dim} wide",
        "kv_bytes_per_token": round(2 * whole),
        "kv_bytes_per_token_in_window": round(2 * windowed),
        "state_bytes": 4 * model.state_values,
        "weights_gb": sum(t.weights * t.bits for t in header.tensors) / BITS_PER_BYTE / GB,
        "precision": {
            kind: {"params_b": round(sum(t.weights for t in own) / BILLION, 4), "bits": own[0].bits}
            for kind, own in by_type.items()
        },
        "native_dtype": model.native_dtype,
    }


def _native(header: Header) -> str:
    """Return the dtype that most of the weights have."""
    held: dict[str, int] = {}
    for tensor in header.tensors:
        held[tensor.kind] = held.get(tensor.kind, 0) + tensor.weights
    kind = max(held, key=lambda k: held[k]) if held else "f16"
    return _DTYPES.get(kind, "q2_k" if kind.startswith(("iq1", "iq2", "tq", "q1")) else "iq3_m")


def _bits(header: Header) -> dict[str, Any]:
    tables = ("token_embd.weight", "output.weight")
    groups: dict[str, list[tuple[int, float]]] = {"expert": [], "body": [], "vocabulary": []}
    for t in header.tensors:
        group = "expert" if _EXPERTS.search(t.name) else "body"
        groups["vocabulary" if t.name in tables else group].append((t.weights, t.bits))
    return {f"{group}_bits": mean(parts) for group, parts in groups.items()}


class _Keys:
    """The keys of an architecture, and which layers have what."""

    def __init__(self, header: Header, path: str) -> None:
        self._keys, self._path = header.keys, path
        self.architecture = str(header.keys.get("general.architecture") or "")
        if not self.architecture:
            raise InvalidInput(f"{path!r} must state general.architecture; it states none")
        if int(header.keys.get("split.count") or 0) > 1:
            raise InvalidInput(
                f"{path!r} must be a whole model; it is one of {header.keys['split.count']} parts:"
                " join them with `llama-gguf-split --merge`"
            )
        self.layers = self.whole("block_count", needed=True)
        self._parts: list[set[str]] = [set() for _ in range(self.layers)]
        for tensor in header.tensors:
            found = _BLOCK.fullmatch(tensor.name)
            if found and int(found[1]) < self.layers:
                self._parts[int(found[1])].add(found[2].split(".")[0])

    def _raw(self, name: str) -> Any:
        return self._keys.get(f"{self.architecture}.{name}")

    def whole(self, name: str, needed: bool = False) -> int:
        """Return a whole number; of a list its largest."""
        value = self._raw(name)
        if isinstance(value, list):
            value = max((v for v in value if isinstance(v, int)), default=None)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9:
            return value
        if needed or value is not None:
            raise InvalidInput(
                f"{self._path!r}: {self.architecture}.{name} must be a whole number; got {value!r}"
            )
        return 0

    def _each(self, name: str, other: int) -> list[int]:
        value = self._raw(name)
        if isinstance(value, list) and len(value) == self.layers:
            return [int(v) for v in value]
        return [self.whole(name) or other] * self.layers

    def _windowed(self) -> list[bool]:
        """Return which layers attend within the window."""
        if not self.whole("attention.sliding_window"):
            return [False] * self.layers
        pattern = self._raw("attention.sliding_window_pattern")
        if isinstance(pattern, list) and len(pattern) == self.layers:
            return [bool(p) for p in pattern]
        every = pattern if isinstance(pattern, int) else _FULL_EVERY.get(self.architecture, 0)
        return [bool(every and (i + 1) % every) for i in range(self.layers)]

    def told(self) -> str:
        """Say what the figures rest on."""
        told = f"GGUF header of architecture {self.architecture}, parameters counted"
        if self.whole("attention.sliding_window") and not any(self._windowed()):
            told += "; which layers have the window is not known, so all count as full"
        return told

    def attention(self) -> dict[str, Any]:
        """Return attention's fields of the Model."""
        heads = max(self._each("attention.head_count", 1))
        kv_heads = self._each("attention.head_count_kv", heads)
        hidden = self.whole("embedding_length")
        key = self.whole("attention.key_length") or hidden // heads
        value = self.whole("attention.value_length") or key
        latent, rope = self.whole("attention.kv_lora_rank"), self.whole("rope.dimension_count")
        cached = [bool(p & {"attn_k", "attn_qkv", "attn_kv_a_mqa"}) for p in self._parts]
        windowed = [a and b for a, b in zip(cached, self._windowed(), strict=True)]
        values = [(latent + rope if latent else n * (key + value)) * has
                  for n, has in zip(kv_heads, cached, strict=True)]  # fmt: skip
        states = sum(any(x.startswith("ssm") for x in p) for p in self._parts)
        size = self.whole("ssm.state_size") * self.whole("ssm.inner_size")
        most = max(kv_heads) or heads
        kind = "mla" if latent else "mha" if most == heads else "mqa" if most == 1 else "gqa"
        return {
            "num_attention_heads": heads, "num_kv_heads": heads if latent else most,
            "head_dim": key, "attention": kind if all(cached) else "hybrid",
            "kv_lora_rank": latent, "qk_rope_head_dim": rope if latent else 0,
            "kv_layers": sum(cached), "window_layers": sum(windowed),
            "sliding_window": self.whole("attention.sliding_window") if any(windowed) else 0,
            "cache_values": sum(v for v, w in zip(values, windowed, strict=True) if not w),
            "window_values": sum(v for v, w in zip(values, windowed, strict=True) if w),
            "state_values": states * size,
        }  # fmt: skip
