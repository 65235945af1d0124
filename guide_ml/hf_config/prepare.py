"""Keys that mean something else in one model type, brought to what they mean everywhere."""

from __future__ import annotations

from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.family import Family
from guide_ml.hf_config.keys import Keys

__all__ = ["prepare"]

_BY_MODALITY = ("num_experts", "moe_intermediate_size", "moe_layer_start_index",
                "moe_layer_end_index")  # fmt: skip


def prepare(keys: Keys, family: Family) -> Keys:
    """Return the keys as the rest of the reader understands them.

    Parameters
    ----------
    keys : Keys
        The config.
    family : Family
        What its type fixes.
    """
    for old, new in family.renames.items():
        if keys.stated(old) and not keys.stated(new):
            keys = keys.changed(**{new: keys.raw(old)})
    if keys.stated("dense_intermediate_size") and not keys.stated("moe_intermediate_size"):
        # Inkling: the usual name is then that of the experts' width.
        keys = keys.changed(moe_intermediate_size=keys.raw("intermediate_size"))
    heads = keys.whole("num_attention_heads", low=1)
    if family.head_by_hidden and keys.given.get("head_dim") is None:
        keys = keys.changed(head_dim=keys.whole("hidden_size", low=1) // heads)
    if shared := keys.whole("n_shared_head"):  # PLaMo: query heads of one KV head
        keys = keys.changed(num_key_value_heads=-(-heads // shared))
    if keys.raw("H_cycles") is not None:
        return _stacks(keys)
    return _modalities(keys)


def _stacks(keys: Keys) -> Keys:
    """Read a hierarchical reasoning model: two stacks that run in turns, each time with a cache."""
    runs = keys.whole("H_cycles", low=1) * (keys.whole("L_cycles", 1, low=1) + 1)
    depth = keys.whole("num_layers_per_stack") or keys.whole("num_hidden_layers", low=1)
    if runs % 2:
        raise InvalidInput(
            f"{keys.owner}: H_cycles times L_cycles + 1 must be even, so that both stacks keep the"
            f" same number of caches; got {runs}"
        )
    return keys.changed(num_hidden_layers=2 * depth, num_loops=runs // 2)


def _modalities(keys: Keys) -> Keys:
    """Read sizes of experts in pairs: those for text, and those for images (ERNIE 4.5 VL)."""
    pairs = {name: v for name in _BY_MODALITY if _is_pair(v := keys.raw(name))}
    if not _is_pair(pairs.get("moe_intermediate_size")):
        return keys
    width = pairs["moe_intermediate_size"][1]
    counts = pairs.get("num_experts") or [keys.whole("num_experts")] * 2
    own: dict[str, Any] = {name: pair[0] for name, pair in pairs.items()}
    return keys.changed(**own, image_expert_width=width, image_experts=counts[1])


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2
