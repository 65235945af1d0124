"""From the keys of a config to the layers of its architecture."""

from __future__ import annotations

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.families import Family
from guide_ml.hf_config.keys import MAX_LAYERS, Keys
from guide_ml.hf_config.kinds import (
    MLP_ONLY,
    MOE_ONLY,
    RECURRENT,
    WINDOW,
    kinds,
    sparse,
    window,
)
from guide_ml.hf_config.mixers import (
    Attention,
    DeltaAttention,
    GatedDelta,
    Indexer,
    LatentAttention,
    Lightning,
    Mamba,
)
from guide_ml.hf_config.parts import Architecture, Experts, Layer, Mlp, Part

__all__ = ["build", "expert_count", "expert_width", "head_shape", "is_gated"]


def build(keys: Keys, family: Family) -> Architecture:
    """Assemble the architecture that a config describes."""
    keys.require("hidden_size", "num_attention_heads", "vocab_size")
    if family.encoder_decoder:
        return _build_t5(keys, family)
    patterns = kinds(keys)
    moe = sparse(keys, len(patterns)) if expert_count(keys) else [False] * len(patterns)
    # Layers of one kind are one object: deep models are built in no time.
    made = {pair: _layer(keys, family, *pair) for pair in set(zip(patterns, moe, strict=True))}
    layers = tuple(made[pair] for pair in zip(patterns, moe, strict=True))
    return Architecture(_outside(keys, family), layers)


def _hidden(keys: Keys) -> int:
    return keys.whole("hidden_size", low=1)


def _outside(keys: Keys, family: Family) -> int:
    """Count embeddings, positions, output head and last norm."""
    hidden, vocab = _hidden(keys), keys.whole("vocab_size", low=1)
    norm = family.norm_vectors * hidden
    width = keys.whole("word_embed_proj_dim", hidden, low=1)
    copies = 1 if keys.flag("tie_word_embeddings") else 2
    count = copies * vocab * width + norm * (1 + family.embedding_norm)
    if width != hidden:  # OPT-350m projects into and out of a narrower embedding
        count += 2 * width * hidden
    if family.positions is not None:
        count += (keys.whole("max_position_embeddings", 2048) + family.positions) * hidden
    return count + vocab * family.head_bias


def _layer(keys: Keys, family: Family, kind: str, moe: bool) -> Layer:
    """Assemble one layer: a mixer and an MLP, or in Nemotron-H one of the two."""
    norms = _norms(keys, family) * family.norm_vectors * _hidden(keys)
    if kind in (MLP_ONLY, MOE_ONLY):
        return Layer((_feed_forward(keys, family, kind == MOE_ONLY),), norms)
    mixer = _recurrent(keys) if kind == RECURRENT else _attention(keys, family, kind)
    if family.one_part:
        return Layer((mixer,), norms)
    return Layer((mixer, _feed_forward(keys, family, moe)), norms)


def _norms(keys: Keys, family: Family) -> int:
    """Norms of a layer; Falcon's number hangs on how its branches run."""
    if n := keys.whole("num_ln_in_parallel_attn"):
        return n
    if keys.flag("parallel_attn") and not keys.flag("new_decoder_architecture"):
        return 1
    return family.norms


def head_shape(keys: Keys) -> tuple[int, int, int]:
    """Return query heads, KV heads and the width of a head."""
    heads = keys.whole("num_attention_heads", low=1)
    one = keys.flag("multi_query") and not keys.flag("new_decoder_architecture")
    kv_heads = 1 if one else keys.whole("num_key_value_heads", heads, low=1)
    if heads % kv_heads:
        raise InvalidInput(
            f"{keys.owner}: num_attention_heads must be a multiple of num_key_value_heads;"
            f" got {heads} and {kv_heads}"
        )
    if not (head_dim := keys.whole("head_dim")):
        if _hidden(keys) % heads:
            raise InvalidInput(
                f"{keys.owner}: hidden_size must be a multiple of num_attention_heads where"
                f" head_dim is not given; got {_hidden(keys)} and {heads}"
            )
        head_dim = _hidden(keys) // heads
    return heads, kv_heads, head_dim


def _biases(keys: Keys, family: Family) -> tuple[bool, bool, bool]:
    """Return whether attention inputs, attention output and MLP have biases.

    The key of that very part decides, then the key for all parts, then the family.
    """
    general = keys.flag("no_bias")
    general = keys.flag("bias") if general is None else not general

    def first(*options: bool | None) -> bool:
        return next((o for o in options if o is not None), False)

    qkv = first(keys.flag("attention_bias"), general, family.qkv_bias)
    out = first(keys.flag("attention_out_bias"), general, family.out_bias, qkv)
    return qkv, out, first(keys.flag("mlp_bias"), general, family.mlp_bias)


def _attention(keys: Keys, family: Family, kind: str) -> Part:
    limit = window(keys) if kind == WINDOW else 0
    if keys.whole("kv_lora_rank"):
        return _latent(keys, limit)
    heads, kv_heads, head_dim = head_shape(keys)
    asked = keys.flag("use_qk_norm")
    norm = (family.qk_norm or "head") if asked or (asked is None and family.qk_norm) else ""
    widths = {"head": 2 * head_dim, "full": (heads + kv_heads) * head_dim}
    qkv_bias, out_bias, _ = _biases(keys, family)
    return Attention(
        hidden=_hidden(keys), heads=heads, kv_heads=kv_heads, head_dim=head_dim, window=limit,
        qkv_bias=qkv_bias, out_bias=out_bias, qk_norm=widths.get(norm, 0), sinks=family.sinks,
        output_gate=family.output_gate,
    )  # fmt: skip


def _latent(keys: Keys, limit: int) -> LatentAttention:
    keys.require("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    indexer = None
    if index_heads := keys.whole("index_n_heads"):
        keys.require("index_head_dim", "q_lora_rank")
        indexer = Indexer(index_heads, keys.whole("index_head_dim", low=1))
    return LatentAttention(
        hidden=_hidden(keys), heads=keys.whole("num_attention_heads", low=1), window=limit,
        q_rank=keys.whole("q_lora_rank"), kv_rank=keys.whole("kv_lora_rank"),
        nope_dim=keys.whole("qk_nope_head_dim"), rope_dim=keys.whole("qk_rope_head_dim"),
        v_dim=keys.whole("v_head_dim", low=1), indexer=indexer,
    )  # fmt: skip


def _recurrent(keys: Keys) -> Part:
    """Assemble the mixer of a layer without a KV cache; its keys tell which it is."""
    hidden = _hidden(keys)
    if keys.raw("mamba_num_heads") is not None:
        return _mamba(keys)
    if keys.raw("linear_num_value_heads") is not None:
        keys.require("linear_num_key_heads", "linear_key_head_dim", "linear_value_head_dim")
        return GatedDelta(
            hidden=hidden, kernel=keys.whole("linear_conv_kernel_dim"),
            key_heads=keys.whole("linear_num_key_heads"),
            key_dim=keys.whole("linear_key_head_dim"),
            value_heads=keys.whole("linear_num_value_heads"),
            value_dim=keys.whole("linear_value_head_dim"),
        )  # fmt: skip
    if linear := keys.nested("linear_attn_config"):
        linear.require("num_attention_heads", "head_dim")
        return DeltaAttention(
            hidden=hidden, heads=linear.whole("num_attention_heads", low=1),
            head_dim=linear.whole("head_dim", low=1),
            kernel=linear.whole("short_conv_kernel_size", 4),
        )  # fmt: skip
    if keys.raw("linear_num_heads") is not None:  # the same in the spelling of transformers 5
        keys.require("linear_head_dim")
        return DeltaAttention(
            hidden=hidden, heads=keys.whole("linear_num_heads", low=1),
            head_dim=keys.whole("linear_head_dim", low=1),
            kernel=keys.whole("linear_conv_kernel_dim", 4),
        )  # fmt: skip
    heads, _, head_dim = head_shape(keys)
    return Lightning(hidden=hidden, heads=heads, head_dim=head_dim)


def _mamba(keys: Keys) -> Mamba:
    keys.require("mamba_state")
    hidden, heads = _hidden(keys), keys.whole("mamba_num_heads", low=1)
    inner = keys.whole("mamba_expand", 2, low=1) * hidden
    auto = keys.raw("mamba_head_dim") in (None, "auto")
    return Mamba(
        hidden=hidden, heads=heads,
        head_dim=inner // heads if auto else keys.whole("mamba_head_dim", low=1),
        groups=keys.whole("mamba_groups", 1, low=1), state=keys.whole("mamba_state", low=1),
        kernel=keys.whole("mamba_kernel", 4, low=1),
        conv_bias=keys.flag("mamba_conv_bias") is not False,
    )  # fmt: skip


def expert_count(keys: Keys) -> int:
    """Return the number of routed experts, 0 for a dense model."""
    count = keys.whole("num_experts")
    return count if count > 1 else 0


def expert_width(keys: Keys) -> int:
    """Return the inner width of one routed expert."""
    if keys.raw("moe_intermediate_size") is None:
        keys.require("intermediate_size")
        return keys.whole("intermediate_size", low=1)
    return keys.whole("moe_intermediate_size", low=1)


def _dense_width(keys: Keys, family: Family) -> int:
    """Return the inner width of a dense MLP, 0 where the config tells none."""
    # Llama 4's dense layers have a key of their own; Granite 4 without experts keeps its
    # only MLP under the name of the shared expert.
    own = keys.whole("intermediate_size_mlp") or keys.whole("intermediate_size")
    if keys.raw("num_experts") == 0 and keys.whole("shared_width"):
        own = keys.whole("shared_width")
    if not own and keys.raw("ffn_ratio"):
        own = keys.whole("ffn_ratio") * _hidden(keys)
    return own // 2 if family.halved_mlp else own


def is_gated(keys: Keys, family: Family) -> bool:
    """Return whether the MLP has a third matrix, a gate."""
    if family.encoder_decoder:
        return str(keys.raw("feed_forward_proj") or "").startswith("gated")
    return family.gated


def _feed_forward(keys: Keys, family: Family, moe: bool) -> Part:
    if moe:
        return _experts(keys, family)
    if not (width := _dense_width(keys, family)):
        keys.require("intermediate_size")
    return Mlp(
        hidden=_hidden(keys),
        width=width,
        gated=is_gated(keys, family),
        bias=_biases(keys, family)[2],
    )


def _experts(keys: Keys, family: Family) -> Experts:
    keys.require("num_experts_per_tok")
    count, hidden = expert_count(keys), _hidden(keys)
    top_k = keys.whole("num_experts_per_tok", low=1)
    if top_k > count:
        raise InvalidInput(
            f"{keys.owner}: num_experts_per_tok must not exceed the experts; got {top_k} of {count}"
        )
    bias, gated = _biases(keys, family)[2], is_gated(keys, family)
    inside = keys.whole("moe_latent_size", hidden, low=1)  # Nemotron 3: experts are narrower
    shared_width = keys.whole("shared_width")
    if not shared_width:
        shared_width = keys.whole("n_shared_experts") * expert_width(keys)
    shared = Mlp(hidden=hidden, width=shared_width, gated=gated) if shared_width else None
    return Experts(
        hidden=hidden, count=count, top_k=top_k, shared=shared, router_bias=bias,
        expert=Mlp(hidden=inside, width=expert_width(keys), gated=gated, bias=bias),
        shared_gate=family.shared_gate and shared is not None,
    )  # fmt: skip


def _build_t5(keys: Keys, family: Family) -> Architecture:
    """Assemble a T5: an encoder, and a decoder that attends to it as well."""
    keys.require("num_hidden_layers", "intermediate_size")
    hidden, (heads, _, head_dim) = _hidden(keys), head_shape(keys)
    gated = is_gated(keys, family)
    mlp = Mlp(hidden=hidden, width=keys.whole("intermediate_size", low=1), gated=gated)
    own, other = (
        Attention(hidden=hidden, heads=heads, kv_heads=heads, head_dim=head_dim, cached=cached)
        for cached in (True, False)
    )
    copies = 1 if keys.flag("tie_word_embeddings") else 2
    tables = copies * keys.whole("vocab_size", low=1) * hidden
    positions = 2 * keys.whole("relative_attention_num_buckets") * heads  # one table a stack
    depth = keys.whole("num_hidden_layers", low=1, high=MAX_LAYERS)
    decoder_depth = keys.whole("num_decoder_layers", depth, low=1, high=MAX_LAYERS)
    return Architecture(
        tables + positions + 2 * hidden,
        (Layer((own, other, mlp), 3 * hidden),) * decoder_depth,
        (Layer((own, mlp), 2 * hidden),) * depth,
    )
