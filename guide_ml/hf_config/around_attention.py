"""Small parts around attention that a few model types have, counted by name."""

from __future__ import annotations

from typing import NamedTuple

from guide_ml.hf_config.attending import head_shape, hidden_size
from guide_ml.hf_config.keys import Keys

__all__ = [
    "Place", "convolved_heads", "gated_norms", "gated_queries", "relative_positions",
    "scaled_softmax", "short_convolutions", "stream_queries",
]  # fmt: skip


class Place(NamedTuple):
    """Where a part stands: in a windowed layer, and in one that routes to experts."""

    windowed: bool
    sparse: bool


def relative_positions(keys: Keys, place: Place) -> int:
    """Positions that are learned by distance (Inkling): a projection a head and a table."""
    rank, (heads, _, _) = keys.whole("d_rel"), head_shape(keys)
    extent = keys.whole("sliding_window") if place.windowed else keys.whole("rel_extent")
    return rank * (heads * hidden_size(keys) + extent)


def short_convolutions(keys: Keys, place: Place) -> int:
    """Convolutions over keys, values and both outputs of a layer; shared experts are routed to."""
    _, kv_heads, head_dim = head_shape(keys)
    hidden, kernel = hidden_size(keys), keys.whole("sconv_kernel", 4, low=1)
    routes = hidden * keys.whole("n_shared_experts") if place.sparse else 0
    count = kernel * (2 * kv_heads * head_dim + 2 * hidden) + routes
    dynamic = keys.raw("n_layers_per_attn_res_block") is not None and not place.windowed
    return count + (2 * kernel * kv_heads * hidden if dynamic else 0)


def stream_queries(keys: Keys, place: Place) -> int:
    """Attention over the streams of earlier layers (Inkling 2), sinks by token, norms by head."""
    hidden, (heads, _, head_dim) = hidden_size(keys), head_shape(keys)
    queries = 2 if place.windowed else 4 + 2  # one a reader; full layers have two norms more
    return hidden * (queries + heads) + heads * (head_dim + keys.whole("d_rel"))


def convolved_heads(keys: Keys, place: Place) -> int:
    """Convolutions over queries and keys, by channel and by head (ZAYA), and a temperature."""
    heads, kv_heads, head_dim = head_shape(keys)
    width = (heads + kv_heads) * head_dim
    first, second = keys.whole("cca_time0", 2, low=1), keys.whole("cca_time1", 2, low=1)
    return width * (first + 1 + second * head_dim + 1) + kv_heads


def gated_norms(keys: Keys, place: Place) -> int:
    """Norms with a low-rank gate (A.X K2); before a dense MLP there is none."""
    return 2 * hidden_size(keys) * keys.whole("gated_norm_rank") * (1 + place.sparse)


def gated_queries(keys: Keys, place: Place) -> int:
    """Count queries and the output's gate, both from twice the rank of the query (A.X K2)."""
    heads, rank = keys.whole("num_attention_heads"), keys.whole("q_lora_rank")
    query = heads * (keys.whole("qk_nope_head_dim") + keys.whole("qk_rope_head_dim"))
    return rank * query + 2 * rank * heads * keys.whole("v_head_dim")


def scaled_softmax(keys: Keys, place: Place) -> int:
    """Learned scales of each head, and the norm before an indexer (Mistral Large 4)."""
    return 2 * (keys.whole("num_attention_heads") + keys.whole("index_n_heads")
                + hidden_size(keys))  # fmt: skip
