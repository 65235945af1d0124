"""Read a config.json and describe its model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guide_ml.describe.descriptors import Model
from guide_ml.hf_config.attending import head_shape
from guide_ml.hf_config.bits import mean, weight_bits
from guide_ml.hf_config.build import build
from guide_ml.hf_config.families import FAMILIES, GENERIC, Family, canonical_type
from guide_ml.hf_config.feeding import expert_count, expert_width, is_gated
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.kinds import window
from guide_ml.hf_config.known import require_decoder, source
from guide_ml.hf_config.load import load
from guide_ml.hf_config.modules import BODY, EXPERTS, VOCABULARY, Module, modules
from guide_ml.hf_config.parts import Architecture
from guide_ml.hf_config.precision import native_dtype
from guide_ml.hf_config.text import TextPart, text_part
from guide_ml.units import BILLION

__all__ = ["Reading", "model_from_config", "read_config"]


def model_from_config(
    config: Mapping[str, Any] | str | os.PathLike[str],
    name: str | None = None,
    *,
    accept_unknown: bool = False,
) -> Model:
    """Describe the model of a Hugging Face ``config.json``; nothing is downloaded.

    Parameters
    ----------
    config : mapping or path
        The config itself, its file, or the folder that holds it. Beside the file,
        ``hf_quant_config.json`` is read too where the config states no quantisation.
    name : str, optional
        Name of the model; by default that of the folder, else what the config says.
    accept_unknown : bool
        Count a model type that is not known as Llama even where it states keys that may change
        the structure and that are not understood.

    Returns
    -------
    Model
        Parameters are counted from the architecture: embeddings, output head, attention, MLP,
        experts, norms. Vision and audio towers and layers for multi-token prediction are
        left out. ``source`` says whether the model type was known or taken to be like Llama,
        and which keys the class of the type filled in.

    Raises
    ------
    InvalidInput
        If the file is no such config, keys are missing or absurd, the model is no decoder, or
        its type is not known and keys that may change the structure are not understood.

    Examples
    --------
    >>> tiny = dict(model_type="llama", hidden_size=2048, intermediate_size=5632,
    ...             num_hidden_layers=22, num_attention_heads=32, num_key_value_heads=4,
    ...             vocab_size=32000)
    >>> model = model_from_config(tiny, name="TinyLlama")
    >>> round(model.params_total_b, 3), model.attention, model.head_dim
    (1.1, 'gqa', 64)
    """
    return read_config(config, name, accept_unknown).model()


@dataclass(frozen=True)
class Reading:
    """A config that was read: its keys, what its type leaves unsaid, and its layers.

    Parameters
    ----------
    name : str
        Name of the model.
    part : TextPart
        The language model's part of the config.
    keys : Keys
        Its keys.
    family : Family
        What its type fixes.
    made : Architecture
        Its layers.
    source : str
        How far the count may be trusted.
    scheme : dict
        The outermost quantisation, or nothing.
    outer : mapping
        The whole config.
    """

    name: str
    part: TextPart
    keys: Keys
    family: Family
    made: Architecture
    source: str
    scheme: dict[str, Any]
    outer: Mapping[str, Any]

    def model(self) -> Model:
        """Return it as the rest of the package wants it."""
        keys, made = self.keys, self.made
        return Model(
            model=self.name, family=self.part.model_type or "unknown", source=self.source,
            params_total_b=made.total / BILLION, params_active_b=made.active / BILLION,
            native_dtype=native_dtype({**self.part.values, **self.scheme}, keys.owner),
            gated_mlp=is_gated(keys, self.family), encoder_decoder=self.family.encoder_decoder,
            tie_embeddings=bool(keys.flag("tie_word_embeddings")),
            vocab_size=keys.whole("vocab_size"), num_layers=len(made.layers),
            hidden_size=keys.whole("hidden_size"),
            intermediate_size=made.mlp_width or keys.whole("intermediate_size"),
            max_position=keys.whole("max_position_embeddings", 4096, low=1),
            **_attention(keys, made), **_experts(keys, made), **self._bits(),
        )  # fmt: skip

    def stored(self) -> list[tuple[Module, float]]:
        """Return each module with its bits a weight; none where the config states no formats."""
        bits = weight_bits({**self.part.values, **self.scheme}, self.keys.owner)
        if bits is None:
            return []
        embedding = self.keys.whole("vocab_size") * self.keys.whole("hidden_size")
        head = 0 if self.keys.flag("tie_word_embeddings") else embedding
        return [(m, bits.of(m)) for m in modules(self.made, embedding, head)]

    def _bits(self) -> dict[str, Any]:
        """Mean bits of experts, rest and vocabulary."""
        stored = self.stored()
        return {
            f"{group}_bits": mean((m.weights, b) for m, b in stored if m.group == own)
            for group, own in (("expert", EXPERTS), ("body", BODY), ("vocabulary", VOCABULARY))
        }


def read_config(
    config: Mapping[str, Any] | str | os.PathLike[str], name: str | None, accept_unknown: bool
) -> Reading:
    """Read a config; see :func:`model_from_config`."""
    values, origin = (config, "") if isinstance(config, Mapping) else load(config)
    part = text_part(values)
    name = name or origin or str(values.get("_name_or_path") or part.model_type or "unnamed")
    owner = f"config of {name!r}"
    require_decoder(part, owner)
    family = FAMILIES.get(canonical_type(part.model_type), GENERIC)
    keys = Keys(owner, part.values, family.defaults, part.fills_in)
    made = build(keys, family)
    keys.skip("max_position_embeddings", "index_topk")
    outer = values.get("quantization_config")  # an inner one may be a relic of the weights before
    scheme = {} if outer is None else {"quantization_config": outer}
    told = source(part, keys, accept_unknown)
    return Reading(name, part, keys, family, made, told, scheme, values)


def _attention(keys: Keys, made: Architecture) -> dict[str, Any]:
    """Attention's fields of the Model."""
    windows, cached = made.window_layers, made.kv_layers
    limit = made.window or window(keys) if windows else 0
    out: dict[str, Any] = {
        "kv_layers": cached,
        "window_layers": windows,
        "index_topk": keys.whole("index_topk"),
        "state_values": made.state_values,
        "sliding_window": limit,
    }
    hybrid = made.attending_layers < len(made.layers)
    if rank := keys.whole("kv_lora_rank"):
        heads, rope = keys.whole("num_attention_heads"), keys.whole("qk_rope_head_dim")
        width = keys.whole("qk_nope_head_dim") + rope
        shape = {"num_attention_heads": heads, "num_kv_heads": heads, "head_dim": width}
        shape |= {"kv_lora_rank": rank, "qk_rope_head_dim": rope}
        kind, usual = "mla", rank + rope
    else:
        heads, kv_heads, head_dim = head_shape(keys)
        kind = "mha" if kv_heads == heads else "mqa" if kv_heads == 1 else "gqa"
        shape = {"num_attention_heads": heads, "num_kv_heads": kv_heads, "head_dim": head_dim}
        usual = 2 * kv_heads * head_dim
    return out | shape | _uneven(made, usual, limit) | {"attention": "hybrid" if hybrid else kind}


def _uneven(made: Architecture, usual: int, limit: int) -> dict[str, Any]:
    """Return what a token leaves in the caches where that is not `usual` in each layer."""
    whole, windowed = made.token_values(limit)
    alike = (made.kv_layers - made.window_layers) * usual, made.window_layers * usual
    if (whole, windowed) == alike:
        return {}
    return {"cache_values": whole, "window_values": windowed}


def _experts(keys: Keys, made: Architecture) -> dict[str, Any]:
    """Experts' fields of the Model; none for a dense one."""
    count = expert_count(keys)
    if not count or not any(layer.sparse for layer in made.layers):
        return {}
    shared = keys.whole("n_shared_experts") or int(keys.whole("shared_width") > 0)
    return {
        "num_experts": count,
        "num_experts_per_tok": keys.whole("num_experts_per_tok"),
        "moe_intermediate_size": expert_width(keys),
        "num_shared_experts": shared,
        "first_dense_layers": made.leading_dense_layers,
    }
