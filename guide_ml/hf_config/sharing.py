"""Layers that read the KV cache of another layer instead of keeping their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guide_ml.hf_config.keys import Keys

__all__ = ["shares_cache"]


def shares_cache(keys: Keys, patterns: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each layer has of its own by sharing: a mark on those that keep no cache.

    Parameters
    ----------
    keys : Keys
        The config. ``num_kv_shared_layers`` of the last layers use the cache of the last layer
        of their kind before them (Gemma 3n, Gemma 4); ``indexer_types`` says which layers of
        sparse attention look for tokens themselves (GLM-5).
    patterns : sequence of str
        Kind of each layer.
    """
    count = len(patterns)
    shared = keys.whole("num_kv_shared_layers", high=count)
    own: list[dict[str, Any]] = [{} for _ in patterns]
    for number in range(count - shared, count):
        own[number]["kv_is_shared"] = True
    if keys.flag("use_cla"):  # Hunyuan: groups of layers keep the keys and values of their first
        group = keys.whole("cla_share_factor", 1, low=1)
        for number, size in enumerate(own):  # engines hold a copy a layer all the same
            size.update({"projects_kv": False} if number % group else {})
    _without_positions(keys, own)
    _sources(keys, own)
    indexers = keys.items("indexer_types")
    if indexers is not None and len(indexers) == count:
        for number, kind in enumerate(indexers):
            if kind == "shared":
                own[number]["indexes"] = False
    return own


def _without_positions(keys: Keys, own: list[dict[str, Any]]) -> None:
    """Where latent attention has layers without positions, its heads are as wide all the same."""
    if not keys.whole("kv_lora_rank") or not keys.whole("no_rope_layer_interval"):
        return
    count, every = len(own), keys.whole("no_rope_layer_interval")
    listed = keys.items("no_rope_layers")
    has = listed or [(number + 1) % every for number in range(count)]
    width = keys.whole("qk_nope_head_dim") + keys.whole("qk_rope_head_dim")
    for size, positions in zip(own, has, strict=False):
        if not positions:
            size.update(qk_nope_head_dim=width, qk_rope_head_dim=0)


def _sources(keys: Keys, own: list[dict[str, Any]]) -> None:
    """Read ``kv_source_layers``: the layer whose cache each layer reads, its own by default."""
    sources = keys.items("kv_source_layers") or []
    for number, (size, source) in enumerate(zip(own, sources, strict=False)):
        if source != number:
            size["kv_is_shared"] = True
