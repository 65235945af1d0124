"""From keys to the attention of a layer."""

from __future__ import annotations

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.families import Family
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.kinds import CROSS, WINDOW, window
from guide_ml.hf_config.mixers import Attention, Indexer, LatentAttention
from guide_ml.hf_config.parts import Part

__all__ = ["attention", "biases", "head_shape", "hidden_size"]


def hidden_size(keys: Keys) -> int:
    """Return the width of the residual stream."""
    return keys.whole("hidden_size", low=1)


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
        if hidden_size(keys) % heads:
            raise InvalidInput(
                f"{keys.owner}: hidden_size must be a multiple of num_attention_heads where"
                f" head_dim is not given; got {hidden_size(keys)} and {heads}"
            )
        head_dim = hidden_size(keys) // heads
    return heads, kv_heads, head_dim


def biases(keys: Keys, family: Family) -> tuple[bool, bool, bool]:
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


def attention(keys: Keys, family: Family, kind: str) -> Part:
    """Assemble the attention of a layer."""
    limit = window(keys) if kind == WINDOW else 0
    if keys.whole("kv_lora_rank"):
        return _latent(keys, family, limit)
    heads, kv_heads, head_dim = head_shape(keys)
    asked = keys.flag("use_qk_norm")
    norm = (family.qk_norm or "head") if asked or (asked is None and family.qk_norm) else ""
    widths = {"head": 2 * head_dim, "full": (heads + kv_heads) * head_dim}
    qkv_bias, out_bias, _ = biases(keys, family)
    v_dim = keys.whole("v_head_dim") or head_dim
    shared = bool(keys.flag("kv_is_shared"))
    return Attention(
        hidden=hidden_size(keys), heads=heads, kv_heads=kv_heads, head_dim=head_dim, window=limit,
        qkv_bias=qkv_bias, out_bias=out_bias, qk_norm=widths.get(norm, 0),
        sinks=_sinks(keys, family, kind), output_gate=family.output_gate,
        gate_width=_gate_width(keys, family, heads, v_dim), v_dim=v_dim,
        cached=kind != CROSS and not shared, q_rank=keys.whole("share_q_dim"),
        projects_kv=not (shared and family.shared_kv_is_bare)
        and keys.flag("projects_kv") is not False,
        square_out=bool(keys.flag("square_output")),
        projects_v=not (keys.flag("attention_k_eq_v") and kind != WINDOW),
        projects_q=not family.sparse_queries,
    )  # fmt: skip


def _sinks(keys: Keys, family: Family, kind: str) -> bool:
    """Whether heads have an attention sink: by the key for the kind, then by the family."""
    stated = keys.flag("add_swa_attention_sink_bias" if kind == WINDOW
                       else "add_full_attention_sink_bias")  # fmt: skip
    return family.sinks if stated is None else stated


def _gate_width(keys: Keys, family: Family, heads: int, v_dim: int) -> int:
    """Return the outputs of a gate on what attention puts out: one a head, one a number, none."""
    if keys.flag("mla_use_output_gate"):  # Kimi K3
        return heads * v_dim
    gating = keys.raw("gating")
    asked = keys.flag("use_head_wise_attn_gate") or keys.flag("use_attention_gate")
    if gating is True or gating == "per-head" or asked:
        return heads
    if isinstance(gating, str) or gating is False:  # Laguna gates each number if not each head
        return heads * v_dim
    return {"full": heads * v_dim, "head": heads}.get(family.gate, 0)


def _latent(keys: Keys, family: Family, limit: int) -> LatentAttention:
    keys.require("qk_nope_head_dim", "qk_rope_head_dim")
    if not family.v_by_hidden:
        keys.require("v_head_dim")
    heads = keys.whole("num_attention_heads", low=1)
    v_dim = keys.whole("v_head_dim") or hidden_size(keys) // heads
    indexer = None
    keys.skip("head_dim", "num_key_value_heads", "index_head_dim")
    asks = keys.flag("indexes") is not False and not limit  # a window needs no choice of tokens
    if (index_heads := keys.whole("index_n_heads")) and asks:
        keys.require("index_head_dim", *(() if family.index_from_stream else ("q_lora_rank",)))
        indexer = Indexer(index_heads, keys.whole("index_head_dim", low=1))
    return LatentAttention(
        hidden=hidden_size(keys), heads=heads, window=limit,
        q_rank=keys.whole("q_lora_rank"), kv_rank=keys.whole("kv_lora_rank"),
        nope_dim=keys.whole("qk_nope_head_dim"), rope_dim=keys.whole("qk_rope_head_dim"),
        v_dim=v_dim, indexer=indexer, cached=not keys.flag("kv_is_shared"),
        gate_width=_gate_width(keys, family, heads, v_dim),
    )  # fmt: skip
