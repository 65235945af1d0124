"""Room of a sequence where layers of several kinds have pools of fixed parts, as in SGLang.

A pool for windowed layers has room for a part of the tokens that the other layers' pool has room
for; a pool for recurrent states gets its part before any token is placed (0.5.23,
model_executor/pool_configurator.py and mem_cache/kv_cache_configurator.py). What a sequence takes
of the whole is then set by the pool that it fills first.
"""

from __future__ import annotations

import numpy as np

from guide_ml.features.cache import Cache, index_bytes, kv_bytes, state_bytes
from guide_ml.table.engine_memory import STATES_A_REQUEST
from guide_ml.table.read import Columns, Floats
from guide_ml.units import BITS_PER_BYTE

__all__ = ["a_token", "of"]


def of(columns: Columns, tokens: Floats, kept: Cache) -> Floats:
    """Return what a sequence of so many tokens takes of the memory for the cache, bytes.

    Parameters
    ----------
    columns : dict
        Resolved descriptors; ``window_pool`` and ``state_pool`` are the parts, 0 where an engine
        has no such pool.
    tokens : array
        Tokens of the sequence.
    kept : Cache
        Shape of its cache.
    """
    cache = kv_bytes(columns, tokens, kept) + index_bytes(columns, tokens)
    part = columns["window_pool"]
    if np.any(part > 0):
        fills = np.minimum(tokens, kept.window) / np.where(part > 0, part, 1.0)
        pooled = np.maximum(tokens, fills) * _pooled(columns, kept)
        cache = np.where(part > 0, pooled, cache)
    state, share = state_bytes(columns), columns["state_pool"]
    if not np.any(share > 0):
        return np.asarray(cache + state)
    slots = STATES_A_REQUEST * state / np.where(share > 0, share, 1.0)
    apart = np.maximum(cache, slots) * (1.0 + share)
    return np.where(share > 0, apart, cache + state)


def a_token(columns: Columns, longest: Floats, kept: Cache) -> Floats:
    """Return what a token takes, bytes, of those that an engine logs at start.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    longest : array
        Tokens of the longest request, over which windows are spread.
    kept : Cache
        Shape of the cache.
    """
    each = (kv_bytes(columns, longest, kept) + index_bytes(columns, longest)) / longest
    each = np.where(columns["window_pool"] > 0, _pooled(columns, kept), each)
    return np.asarray(each * (1.0 + columns["state_pool"]))


def _pooled(columns: Columns, kept: Cache) -> Floats:
    """Return what a token of the pool without windows takes, its part of the other's included."""
    layers = kept.whole + columns["window_pool"] * kept.windowed
    held = layers * kept.width * columns["kv_bits"] / BITS_PER_BYTE / columns["pp"]
    return np.asarray(held)
