"""From the keys of a config to the layers of its architecture."""

from __future__ import annotations

from typing import Any

from guide_ml.hf_config.attending import attention, head_shape, hidden_size
from guide_ml.hf_config.compressing import compress_ratios, compressed
from guide_ml.hf_config.extras import layer_extra, outside_extra
from guide_ml.hf_config.families import Family
from guide_ml.hf_config.feeding import expert_count, feed_forward, is_gated, query_experts
from guide_ml.hf_config.keys import MAX_LAYERS, Keys
from guide_ml.hf_config.kinds import BOTH, MLP_ONLY, MOE_ONLY, RECURRENT, kinds, sparse
from guide_ml.hf_config.mixers import Attention
from guide_ml.hf_config.nas import searched_layers
from guide_ml.hf_config.parts import Architecture, Layer, Mlp, Part
from guide_ml.hf_config.per_layer import layer_sizes
from guide_ml.hf_config.prepare import prepare
from guide_ml.hf_config.recurring import recurrent
from guide_ml.hf_config.shared_block import adapter_weights, block, block_holders
from guide_ml.hf_config.sharing import shares_cache

__all__ = ["build"]


def build(keys: Keys, family: Family) -> Architecture:
    """Assemble the architecture that a config describes."""
    keys.require("hidden_size", "num_attention_heads", "vocab_size")
    if family.encoder_decoder:
        return _build_t5(keys, family)
    keys = prepare(keys, family)
    if keys.raw("block_configs") is not None:
        return Architecture(_outside(keys, family), searched_layers(keys, family))
    patterns = kinds(keys)
    sizes = layer_sizes(keys, patterns)
    marks = [shares_cache(keys, patterns), compress_ratios(keys, len(patterns))]
    marks += [block_holders(keys, patterns)] if family.shared_block else []
    for further in marks:
        for size, own in zip(sizes, further, strict=True):
            size.update(own)
    count = len(patterns)
    moe = sparse(keys, count) if family.always_sparse or expert_count(keys) else [False] * count
    # Layers of one kind are one object: deep models are built in no time.
    made: dict[Any, Layer] = {}
    layers = []
    for kind, routes, size in zip(patterns, moe, sizes, strict=True):
        mark = (kind, routes, repr(sorted(size.items())))
        if mark not in made:
            made[mark] = _layer(keys.changed(**size) if size else keys, family, kind, routes)
        layers.append(made[mark])
    return Architecture(_outside(keys, family), tuple(layers), loops=keys.whole("num_loops", 1, 1))


def _outside(keys: Keys, family: Family) -> int:
    """Count embeddings, positions, output head and last norm."""
    hidden, vocab = hidden_size(keys), keys.whole("vocab_size", low=1)
    norm = family.norm_vectors * hidden
    width = keys.whole("word_embed_proj_dim", hidden, low=1)
    head = keys.whole("unpadded_vocab_size", vocab) if family.unpadded_head else vocab
    rows = vocab + (0 if keys.flag("tie_word_embeddings") else head)
    count = rows * width + norm * (1 + family.embedding_norm)
    if width != hidden:  # OPT-350m projects into and out of a narrower embedding
        count += 2 * width * hidden
    if family.positions is not None:
        count += (keys.whole("max_position_embeddings", 2048) + family.positions) * hidden
    return count + vocab * family.head_bias + outside_extra(keys, family)


def _layer(keys: Keys, family: Family, kind: str, moe: bool) -> Layer:
    """Assemble one layer: a mixer and an MLP, or in Nemotron-H one of the two."""
    norms = _norms(keys, family) * family.norm_vectors * hidden_size(keys)
    norms += layer_extra(keys, family, kind, moe)
    if kind in (MLP_ONLY, MOE_ONLY):
        return Layer((feed_forward(keys, family, kind == MOE_ONLY),), norms)
    if family.shared_block:
        full = kind != RECURRENT
        norms = hidden_size(keys) + (adapter_weights(keys) if full else 0)
        return Layer((*(block(keys) if full else ()), recurrent(keys)), norms)
    mixers: tuple[Part, ...] = ()
    if kind in (RECURRENT, BOTH):
        mixers += (recurrent(keys),)
    if kind != RECURRENT:
        mixers += attention_parts(keys, family, kind)
    if family.one_part:
        return Layer(mixers, norms)
    if family.twin:
        dense = feed_forward(keys, family, False)
        return Layer((*mixers, *mixers, dense, dense, feed_forward(keys, family, moe)), 2 * norms)
    return Layer((*mixers, feed_forward(keys, family, moe)), norms)


def attention_parts(keys: Keys, family: Family, kind: str) -> tuple[Part, ...]:
    """Assemble the attention of a layer, and its second cache where it compresses one."""
    if keys.raw("o_lora_rank") is not None:
        return compressed(keys, family)
    own = attention(keys, family, kind)
    return (own, query_experts(keys)) if family.sparse_queries else (own,)


def _norms(keys: Keys, family: Family) -> int:
    """Norms of a layer; Falcon's number hangs on how its branches run."""
    if n := keys.whole("num_ln_in_parallel_attn"):
        return n
    if keys.flag("parallel_attn") and not keys.flag("new_decoder_architecture"):
        return 1
    return family.norms


def _build_t5(keys: Keys, family: Family) -> Architecture:
    """Assemble a T5: an encoder, and a decoder that attends to it as well."""
    keys.require("num_hidden_layers", "intermediate_size")
    hidden, (heads, _, head_dim) = hidden_size(keys), head_shape(keys)
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
