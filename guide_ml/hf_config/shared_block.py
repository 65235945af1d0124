"""Layers that run a transformer block which many of them share (Zamba)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from guide_ml.hf_config.attending import hidden_size
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.kinds import FULL
from guide_ml.hf_config.mixers import Attention
from guide_ml.hf_config.parts import Mlp, Part

__all__ = ["Tied", "adapter_weights", "block", "block_holders"]


@dataclass(frozen=True, kw_only=True)
class Tied(Part):
    """A part that runs here with the weights of another layer, and a cache of its own.

    Parameters
    ----------
    part : Part
        As it stands in the layer that holds the weights.
    """

    part: Part

    @property
    def weights(self) -> int:
        """None of its own."""
        return 0

    @property
    def token_values(self) -> float:
        """As of the part itself."""
        return self.part.token_values


def block_holders(keys: Keys, patterns: Sequence[str]) -> list[dict[str, Any]]:
    """Mark the layers that hold a block: the first ``num_mem_blocks`` of those that run one."""
    left = keys.whole("num_mem_blocks", 1, low=1)
    own: list[dict[str, Any]] = [{} for _ in patterns]
    for number, kind in enumerate(patterns):
        if kind == FULL and left:
            own[number]["holds_block"] = True
            left -= 1
    return own


def block(keys: Keys) -> tuple[Part, ...]:
    """Assemble the attention and the MLP of a shared block.

    It reads the stream and the embeddings side by side, twice the width.
    """
    hidden, heads = hidden_size(keys), keys.whole("num_attention_heads", low=1)
    attention = Attention(
        hidden=hidden, heads=heads, kv_heads=keys.whole("num_key_value_heads", heads, low=1),
        head_dim=keys.whole("attention_head_dim", 2 * hidden // heads, low=1), reads=2 * hidden,
        cached=True,
    )  # fmt: skip
    mlp = Mlp(hidden=hidden, width=keys.whole("intermediate_size", 4 * hidden, low=1))
    keys.skip("head_dim", "attention_hidden_size")
    if keys.flag("holds_block"):
        return attention, mlp
    return (Tied(hidden=hidden, part=attention, cached=True),)


def adapter_weights(keys: Keys) -> int:
    """Count what a layer adds to the shared block: a projection of its output, adapters, norms."""
    hidden, rank = hidden_size(keys), keys.whole("adapter_rank")
    wide = 2 * hidden
    count = hidden**2 + rank * (hidden + 2 * keys.whole("intermediate_size", 4 * hidden))
    if keys.flag("use_shared_attention_adapter"):
        count += 3 * 2 * rank * wide
    return count + (wide + hidden if keys.flag("holds_block") else 0)
