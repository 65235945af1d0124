"""Parts that only a few model types have, counted by name.

Each function returns a number of parameters; a family lists the names of those it has.
"""

from __future__ import annotations

from collections.abc import Callable

from guide_ml.hf_config.around_attention import (
    Place,
    convolved_heads,
    gated_norms,
    gated_queries,
    relative_positions,
    scaled_softmax,
    short_convolutions,
    stream_queries,
)
from guide_ml.hf_config.attending import head_shape, hidden_size
from guide_ml.hf_config.family import Family
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.kinds import WINDOW

__all__ = ["layer_extra", "outside_extra"]


def layer_extra(keys: Keys, family: Family, kind: str, moe: bool) -> int:
    """Count what a layer has besides its mixer, its MLP and its ordinary norms."""
    place = Place(kind == WINDOW, moe)
    return sum(_LAYER[name](keys, place) for name in family.extras if name in _LAYER)


def outside_extra(keys: Keys, family: Family) -> int:
    """Count what lies outside the layers besides embeddings, output head and last norm."""
    return sum(_OUTSIDE[name](keys) for name in family.extras if name in _OUTSIDE)


def _per_layer_input(keys: Keys, place: Place) -> int:
    """Gate and projection of the embedding that each layer of Gemma 3n and 4 has, and its norm."""
    width, hidden = keys.whole("hidden_size_per_layer_input"), hidden_size(keys)
    return 2 * hidden * width + hidden if width else 0


def _per_layer_table(keys: Keys) -> int:
    """Embeddings that are looked up for every layer (Gemma 3n and 4), and their projection."""
    width = keys.whole("hidden_size_per_layer_input")
    columns = width * keys.whole("num_hidden_layers")
    return (keys.whole("vocab_size_per_layer_input") + hidden_size(keys)) * columns + width


def _hyper_connections(keys: Keys, place: Place) -> int:
    """Manifold-constrained hyper-connections: two mixings of parallel streams a layer."""
    streams = keys.whole("hc_mult", 1)
    outputs = 2 * streams + streams**2
    return 2 * (outputs * streams * hidden_size(keys) + outputs + 3)


def _hyper_head(keys: Keys) -> int:
    """Count what brings the parallel streams together after the last layer."""
    streams = keys.whole("hc_mult", 1)
    return streams * streams * hidden_size(keys) + streams + 1


def _gated_streams(keys: Keys, place: Place) -> int:
    """Hyper-connections without the mixing matrix (HY 4)."""
    streams = keys.whole("hc_mult", 1)
    return 2 * (2 * streams * (streams * hidden_size(keys) + 1) + 2)


def _expert_norms(keys: Keys, place: Place) -> int:
    """Norms of Gemma 4 and its router's scales where experts run beside the MLP."""
    return (4 * hidden_size(keys) + keys.whole("num_experts")) * place.sparse


def _altup(keys: Keys, place: Place) -> int:
    """Gemma 3n's alternating updates of parallel streams, and its low-rank side path."""
    streams, hidden = keys.whole("altup_num_inputs", 4), hidden_size(keys)
    updates = (2 + streams) * hidden + streams**2 + streams**3
    return updates + (2 * keys.whole("laurel_rank", 64) + 1) * hidden


def _altup_outside(keys: Keys) -> int:
    """Projections into the parallel streams and out of them."""
    return 2 * (keys.whole("altup_num_inputs", 4) - 1) * hidden_size(keys) ** 2


def _ngram_tables(keys: Keys) -> int:
    """Embeddings of the last tokens taken together (LongCat-Flash-Lite), and projections."""
    ratio = keys.whole("ngram_vocab_size_ratio")
    tables = (keys.whole("emb_neighbor_num", 1) - 1) * keys.whole("emb_split_num", 1)
    if not ratio or not tables:
        return 0
    rows, width = ratio * keys.whole("vocab_size"), hidden_size(keys) // tables
    odd = sum(2 * i + 1 for i in range(tables))  # sizes differ so that hashes do
    return tables * width * (rows + hidden_size(keys)) + odd * width


_LAYER: dict[str, Callable[[Keys, Place], int]] = {
    "per_layer_input": _per_layer_input,
    "hyper_connections": _hyper_connections,
    "gated_streams": _gated_streams,
    "expert_norms": _expert_norms,
    "altup": _altup,
    "relative_positions": relative_positions,
    "short_convolutions": short_convolutions,
    "stream_queries": stream_queries,
    "residual_scales": lambda keys, place: 8 * hidden_size(keys),
    "convolved_heads": convolved_heads,
    "gated_norms": gated_norms,
    "gated_queries": gated_queries,
    "key_norm": lambda keys, place: keys.whole("qk_rope_head_dim"),
    "scaled_softmax": scaled_softmax,
    "dynamic_mask": lambda keys, place: (
        (hidden_size(keys) + 1) * head_shape(keys)[1] + 2 * hidden_size(keys)
    ),
    "output_biases": lambda keys, place: 2 * hidden_size(keys),
}
_OUTSIDE: dict[str, Callable[[Keys], int]] = {
    "per_layer_input": _per_layer_table,
    "hyper_connections": _hyper_head,
    "gated_streams": _hyper_head,
    "altup": _altup_outside,
    "ngram_tables": _ngram_tables,
    "prediction_head": lambda keys: hidden_size(keys) * (hidden_size(keys) + 1),
}
