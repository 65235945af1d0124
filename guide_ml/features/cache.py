"""Shape of the KV cache of one sequence on one device, and what recurrent layers keep instead.

All sizes in bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from guide_ml.table.read import Columns, Floats
from guide_ml.units import BITS_PER_BYTE

__all__ = ["Cache", "cache_shape", "index_bytes", "kv_bytes", "state_bytes"]

INDEX_BYTES = 132.0  # a token's key in sparse attention's indexer
STATE_BYTES = 4.0  # recurrent states are sums over the whole prompt, and kept in fp32


class Cache(NamedTuple):
    """Shape of the KV cache: layers without and with a window, its tokens, a layer's width."""

    whole: Floats
    windowed: Floats
    window: Floats
    width: Floats

    def reach(self, tokens: Floats) -> Floats:
        """Sum over the layers of the tokens that each looks back on."""
        return self.whole * tokens + self.windowed * np.minimum(tokens, self.window)


def cache_shape(columns: Columns) -> Cache:
    """Work out the shape of the KV cache on one device: see :func:`kv_bytes`."""
    heads = np.maximum(columns["m_num_kv_heads"] / columns["tp"], 1.0)
    wide = 2.0 * heads * columns["m_head_dim"]
    latent = columns["m_kv_lora_rank"] + columns["m_qk_rope_head_dim"]
    width = np.where(columns["m_mla"] > 0, latent, wide)
    windowed = np.minimum(columns["m_window_layers"], columns["m_kv_layers"])
    whole = columns["m_kv_layers"] - windowed
    # Layers that differ: as many layers of the usual width as hold what they hold together.
    usual = np.where(columns["m_mla"] > 0, latent, 2 * columns["m_num_kv_heads"]
                     * columns["m_head_dim"])  # fmt: skip
    differ = columns["m_cache_values"] + columns["m_window_values"] > 0
    whole = np.where(differ, columns["m_cache_values"] / usual, whole)
    windowed = np.where(differ, columns["m_window_values"] / usual, windowed)
    window = np.where(columns["m_sliding_window"] > 0, columns["m_sliding_window"], np.inf)
    return Cache(whole, windowed, window, width)


def kv_bytes(columns: Columns, tokens: Floats, cache: Cache | None = None) -> Floats:
    """KV cache of one sequence on one device after `tokens` tokens, bytes.

    Multi-head kinds keep K and V of ``num_kv_heads`` heads, split over tp but at least one
    head a device; MLA keeps one latent vector of ``kv_lora_rank + qk_rope_head_dim`` that every
    tp device holds whole (DeepSeek-V2, arXiv 2405.04434). Windowed layers keep the window only.
    Bytes = tokens * layers with a cache / pp * width * bits / 8, width = 2 * heads * head_dim.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    tokens : array of shape (n,)
        Tokens in the cache of each sequence.
    cache : Cache, optional
        Its shape, if that is known already.
    """
    shape = cache or cache_shape(columns)
    held = shape.reach(tokens) * shape.width * columns["kv_bits"]
    return np.asarray(held / BITS_PER_BYTE / columns["pp"])


def index_bytes(columns: Columns, tokens: Floats) -> Floats:
    """Keys of the indexer of sparse attention, one sequence on one device, bytes.

    One key of 128 numbers in fp8 and its scale for each token and layer, which every tensor
    parallel device holds whole (DeepSeek-V3.2, arXiv 2512.02556).
    """
    held = tokens * columns["m_kv_layers"] * INDEX_BYTES / columns["pp"]
    return np.where(columns["m_index_topk"] > 0, held, 0.0)


def state_bytes(columns: Columns) -> Floats:
    """Recurrent state of one sequence on one device, bytes: its heads are split as others are."""
    devices = columns["tp"] * columns["pp"]
    return np.asarray(columns["m_state_values"] * STATE_BYTES / devices)
