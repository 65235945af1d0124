"""Sizes that differ from layer to layer, brought under the names that all layers use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.kinds import FULL, WINDOW

__all__ = ["layer_sizes"]

#: Sizes, and what a list of them for each layer is called besides their own name.
_LISTS = {
    "num_attention_heads": ("num_attention_heads_per_layer",),
    "num_key_value_heads": ("num_key_value_heads_per_layer",),
    "head_dim": ("head_dim_per_layer",),
    "intermediate_size": (),
    "moe_intermediate_size": (),
    "num_experts": (),
}

#: What the sizes are called where they hold for layers of one kind only.
_OF_KIND: dict[str, dict[str, tuple[str, ...]]] = {
    WINDOW: {
        "num_attention_heads": (
            "swa_num_attention_heads", "num_swa_attention_heads", "num_sliding_attention_heads",
        ),
        "num_key_value_heads": ("swa_num_key_value_heads", "num_swa_key_value_heads"),
        "head_dim": ("swa_head_dim",),
        "v_head_dim": ("swa_v_head_dim",),
    },
    FULL: {
        "num_key_value_heads": ("num_global_key_value_heads",),
        "head_dim": ("global_head_dim",),
    },
}

#: Step-3.5 keeps the sizes of windowed layers in an object, under names of its own.
_OBJECT = "attention_other_setting"
_IN_OBJECT = {
    "num_attention_heads": "num_attention_heads", "num_key_value_heads": "num_attention_groups",
    "head_dim": "head_dim",
}  # fmt: skip


def layer_sizes(keys: Keys, patterns: Sequence[str]) -> list[dict[str, Any]]:
    """Return the sizes that each layer has of its own; none where it has those of all layers.

    Parameters
    ----------
    keys : Keys
        The config.
    patterns : sequence of str
        Kind of each layer.
    """
    sizes: list[dict[str, Any]] = [{} for _ in patterns]
    for kind, names in _OF_KIND.items():
        found = {name: v for name, others in names.items() if (v := _first(keys, others))}
        factor = keys.whole("window_kv_factor", 1, low=1) if kind == WINDOW else 1
        if factor > 1 and "num_key_value_heads" not in found:  # MiMo's class doubles them
            found["num_key_value_heads"] = factor * keys.whole("num_key_value_heads", low=1)
        for size, pattern in zip(sizes, patterns, strict=True):
            size.update(found if pattern == kind else {})
    if (other := keys.nested(_OBJECT)) is not None:
        found = {name: other.whole(own, low=1) for name, own in _IN_OBJECT.items()
                 if other.raw(own) is not None}  # fmt: skip
        for size, pattern in zip(sizes, patterns, strict=True):
            size.update(found if pattern == WINDOW else {})
    for name, others in _LISTS.items():
        _spread(keys, name, others, sizes)
    _by_number(keys, sizes)
    return sizes


def _first(keys: Keys, names: tuple[str, ...]) -> int:
    """Return the first size stated under any of some names, 0 where none is."""
    found = [keys.whole(name) for name in names]
    return next((size for size in found if size), 0)


def _spread(keys: Keys, name: str, others: tuple[str, ...], sizes: list[dict[str, Any]]) -> None:
    """Hand a list of sizes out to the layers."""
    for spelling in (*others, name):
        values = keys.raw(spelling)
        if not isinstance(values, list):
            continue
        if len(values) != len(sizes):
            if not keys.stated(spelling):
                continue  # the class's own list is that of its own depth
            raise InvalidInput(
                f"{keys.owner}: {spelling} must name each of the {len(sizes)} layers;"
                f" got {len(values)} entries"
            )
        for size, value in zip(sizes, values, strict=True):
            size[name] = value
        return


def _by_number(keys: Keys, sizes: list[dict[str, Any]]) -> None:
    """Read ``per_layer_config``: objects by the number of the layer, as transformers 5 writes."""
    given = keys.raw("per_layer_config")
    if not isinstance(given, Mapping):
        return
    for number, own in given.items():
        place = int(number) if str(number).isdigit() else -1
        if not isinstance(own, Mapping) or not 0 <= place < len(sizes):
            raise InvalidInput(
                f"{keys.owner}: per_layer_config must hold objects by the number of a layer below"
                f" {len(sizes)}; got {number!r}"
            )
        sizes[place].update({k: v for k, v in own.items() if v is not None})
