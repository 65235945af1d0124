"""Models found by architecture search: each layer has an attention and an MLP of its own (DeciLM).

``block_configs`` holds an object a layer. A block of it is attention or an MLP, a single matrix
(``replace_with_linear``), or nothing (``no_op``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.attending import attention, hidden_size
from guide_ml.hf_config.family import Family
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.kinds import FULL, WINDOW
from guide_ml.hf_config.parts import Layer, Mlp, Part

__all__ = ["Matrix", "searched_layers"]

_STEP = 256  # the MLP's width is rounded up to a multiple of it


@dataclass(frozen=True, kw_only=True)
class Matrix(Part):
    """A square matrix in the place of attention or an MLP."""

    @property
    def weights(self) -> int:
        """Its elements."""
        return self.hidden**2


def searched_layers(keys: Keys, family: Family) -> tuple[Layer, ...]:
    """Assemble the layers that ``block_configs`` lists."""
    listed = keys.items("block_configs") or []
    if len(listed) != keys.whole("num_hidden_layers", len(listed)):
        raise InvalidInput(
            f"{keys.owner}: block_configs must hold an object for each of the"
            f" {keys.whole('num_hidden_layers')} layers; got {len(listed)}"
        )
    return tuple(_layer(keys, family, block) for block in listed)


def _layer(keys: Keys, family: Family, block: object) -> Layer:
    halves = [block.get(name) for name in ("attention", "ffn")] if isinstance(
        block, Mapping) else [None]  # fmt: skip
    parts: list[Part] = []
    for half, made in zip(halves, (_attention, _mlp), strict=False):
        if not isinstance(half, Mapping):
            raise InvalidInput(
                f"{keys.owner}: each of block_configs must hold the objects attention and ffn;"
                f" got {block!r}"
            )
        if half.get("no_op"):
            continue
        linear = half.get("replace_with_linear")
        parts.append(Matrix(hidden=hidden_size(keys)) if linear else made(keys, family, half))
    return Layer(tuple(parts), len(parts) * hidden_size(keys))


def _attention(keys: Keys, family: Family, half: Mapping[str, Any]) -> Part:
    group = half.get("n_heads_in_group")
    heads = keys.whole("num_attention_heads", low=1)
    if not isinstance(group, int) or group < 1 or heads % group:
        raise InvalidInput(
            f"{keys.owner}: n_heads_in_group must be a whole number that divides"
            f" num_attention_heads={heads}; got {group!r}"
        )
    limit = half.get("window_length")
    own = {"num_key_value_heads": heads // group}
    if isinstance(limit, int) and limit > 0:
        return attention(keys.changed(**own, sliding_window=limit), family, WINDOW)
    return attention(keys.changed(**own), family, FULL)


def _mlp(keys: Keys, family: Family, half: Mapping[str, Any]) -> Part:
    multiple, hidden = half.get("ffn_mult"), hidden_size(keys)
    width = half.get("intermediate_size")
    if isinstance(multiple, int | float) and 0 < multiple < 1000:
        width = -(-int(2 * multiple * hidden / 3) // _STEP) * _STEP
    if not isinstance(width, int) or width < 1:
        raise InvalidInput(
            f"{keys.owner}: ffn_mult must be a number above 0 (or intermediate_size a whole one);"
            f" got {multiple!r}"
        )
    return Mlp(hidden=hidden, width=width)
