"""Attention of DeepSeek V4: a window, and beside it all tokens compressed into few entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.hf_config.attending import head_shape, hidden_size
from guide_ml.hf_config.families import Family
from guide_ml.hf_config.keys import Keys
from guide_ml.hf_config.parts import Part

__all__ = ["CompressedAttention", "WindowCache", "compress_ratios", "compressed"]

OVERLAPPING = 4  # entries of so few tokens overlap, and an indexer picks among them


def compress_ratios(keys: Keys, count: int) -> list[dict[str, Any]]:
    """Return the tokens that each layer compresses into one entry; 0 where it has a window only.

    Parameters
    ----------
    keys : Keys
        The config: a list ``compress_ratios`` (its layers for multi-token prediction left out),
        or ``compress_rates`` by the name of the kind of layer.
    count : int
        Layers.
    """
    ratios = keys.items("compress_ratios")
    if ratios is None:
        rates = keys.raw("compress_rates")
        names = keys.raw("layer_types") or _by_class(keys, count)
        if not isinstance(rates, Mapping) or not isinstance(names, list):
            return [{} for _ in range(count)]
        ratios = [rates.get(str(name), 0) for name in names]
    if len(ratios) < count or not all(isinstance(r, int) and r >= 0 for r in ratios):
        raise InvalidInput(
            f"{keys.owner}: compress_ratios must hold a whole number for each of the {count}"
            f" layers; got {ratios!r}"
        )
    return [{"compress_ratio": ratio} for ratio in ratios[:count]]


def _by_class(keys: Keys, count: int) -> list[str]:
    first, turn = (keys.own.get(f"layer_types:{x}", []) for x in ("first", "cycle"))
    return [*first, *(turn[i % len(turn)] for i in range(count) if turn)][:count]


def compressed(keys: Keys, family: Family) -> tuple[Part, ...]:
    """Assemble the attention of a layer and the cache of its window."""
    keys.require("q_lora_rank", "o_lora_rank", "sliding_window")
    keys.skip("qk_rope_head_dim", "index_topk")
    heads, _, head_dim = head_shape(keys)
    hidden, window = hidden_size(keys), keys.whole("sliding_window", low=1)
    return (
        CompressedAttention(
            hidden=hidden, heads=heads, head_dim=head_dim, q_rank=keys.whole("q_lora_rank"),
            out_rank=keys.whole("o_lora_rank"), groups=keys.whole("o_groups", 1, low=1),
            ratio=keys.whole("compress_ratio"), index_heads=keys.whole("index_n_heads"),
            index_dim=keys.whole("index_head_dim"), cached=keys.whole("compress_ratio") > 0,
        ),
        WindowCache(hidden=hidden, width=head_dim, window=window, cached=True),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class WindowCache(Part):
    """The uncompressed tokens that a layer keeps beside the compressed ones."""

    width: int

    @property
    def weights(self) -> int:
        """None of its own."""
        return 0

    @property
    def token_values(self) -> float:
        """One vector that is key and value."""
        return self.width


@dataclass(frozen=True, kw_only=True)
class CompressedAttention(Part):
    """Attention with one vector as key and value of all heads, compressed along the context.

    Parameters
    ----------
    heads, head_dim : int
        Shape.
    q_rank, out_rank, groups : int
        Ranks of query and output; groups of heads whose outputs are brought down separately.
    ratio : int
        Tokens that become one entry of the cache, 0 where none are kept beyond the window.
    index_heads, index_dim : int
        Shape of the indexer, which layers of low `ratio` have.
    """

    heads: int
    head_dim: int
    q_rank: int
    out_rank: int
    groups: int
    ratio: int
    index_heads: int
    index_dim: int

    @property
    def token_values(self) -> float:
        """A share of an entry."""
        return self.head_dim / self.ratio if self.ratio else 0.0

    @property
    def weights(self) -> int:
        """Query and output in two steps, the shared vector, sinks, compressor and indexer."""
        wide = self.heads * self.head_dim
        query = self.hidden * self.q_rank + self.q_rank * (1 + wide)
        out = self.out_rank * wide + self.groups * self.out_rank * self.hidden
        shared = (self.hidden + 1) * self.head_dim
        return query + out + shared + self.heads + self._compressor

    @property
    def _compressor(self) -> int:
        if not self.ratio:
            return 0
        overlaps = self.ratio <= OVERLAPPING
        count = self._squeeze(self.head_dim * (1 + overlaps)) + self.head_dim
        if overlaps and self.index_heads:
            count += self._squeeze(2 * self.index_dim) + self.index_dim
            count += self.index_heads * (self.q_rank * self.index_dim + self.hidden)
        return count

    def _squeeze(self, width: int) -> int:
        """Two projections and a bias for each place in the entry."""
        return (2 * self.hidden + self.ratio) * width
