"""Blocks of the KV cache, as vLLM cuts them: layers of several kinds share blocks of one size.

Layers are put into groups of as many layers each, all of one kind: without a window, with one,
recurrent. A block holds so many tokens of all layers of a group. So a model of 8 layers without and
40 with a window has six groups of 8, each of which takes its own blocks for every sequence. A block
of a recurrent group holds the whole state of a sequence; blocks of attention are made as large, by
more tokens in each (vLLM 0.12.0 and 0.33.0, v1/core/kv_cache_utils.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from guide_ml.features.cache import Cache
from guide_ml.table.read import Columns, Floats
from guide_ml.units import BITS_PER_BYTE

__all__ = ["Pages", "pages"]

#: Inputs that a recurrent layer keeps for its convolution, for each number of its state; 16 bits.
CONVOLVED, HALF_BYTES = 0.047, 2.0
#: Tokens of a block are a multiple of this.
STEP = 16.0


class Pages(NamedTuple):
    """Blocks of a device.

    Parameters
    ----------
    grouped : array of bool
        Whether layers are of several kinds that share blocks; else nothing here holds.
    tokens, held : array
        Tokens and bytes of a block.
    whole, windowed, recurrent : array
        Groups of each kind.
    window : array
        Tokens of the window.
    states : array
        Blocks that a recurrent group takes for a sequence.
    """

    grouped: NDArray[np.bool_]
    tokens: Floats
    held: Floats
    whole: Floats
    windowed: Floats
    recurrent: Floats
    window: Floats
    states: Floats

    def of(self, length: Floats, ahead: Floats | float = 0.0) -> Floats:
        """Count the blocks of a sequence; a window keeps so many tokens ahead of it, too."""
        full = np.ceil(length / self.tokens)
        kept = np.ceil(np.minimum(self.window - 1.0 + ahead, length) / self.tokens) + 1.0
        kept = np.minimum(kept, full + 1.0)
        return np.asarray(self.whole * full + self.windowed * kept + self.recurrent * self.states)

    def longest(self, blocks: Floats) -> Floats:
        """Tell the longest sequence that so many blocks hold."""
        window = np.ceil(np.where(np.isfinite(self.window), self.window, 0.0) / self.tokens) + 1.0
        left = blocks - self.windowed * window - self.recurrent * self.states
        blocks_each = np.floor(np.maximum(left, 0.0) / np.maximum(self.whole, 1.0))
        return np.asarray(blocks_each * self.tokens)


def pages(columns: Columns, cache: Cache) -> Pages:
    """Group the layers of each model.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    cache : Cache
        Shape of the caches.
    """
    whole, windowed = cache.whole, cache.windowed
    states = columns["m_state_values"] > 0
    recurrent = np.where(states, columns["m_num_layers"] - columns["m_kv_layers"], 0.0)
    kinds = (whole > 0).astype(float) + (windowed > 0) + (recurrent > 0)
    differ = columns["m_cache_values"] + columns["m_window_values"] > 0
    grouped = (columns["hybrid"] > 0) & (kinds > 1) & (whole > 0) & ~differ
    least = np.where(windowed > 0, np.minimum(whole, windowed), whole)
    least = np.where(recurrent > 0, np.minimum(least, recurrent), least)
    most = np.maximum(np.maximum(whole, windowed), recurrent)
    size = np.maximum(np.where(most < columns["alike"] * least, most, least), 1.0)
    token = cache.width * columns["kv_bits"] / BITS_PER_BYTE
    devices = columns["tp"] * np.maximum(recurrent, 1.0)
    numbers = columns["m_state_values"] / devices
    state = numbers * (columns["state_bytes"] + CONVOLVED * HALF_BYTES)
    tokens = np.maximum(columns["block_tokens"], np.ceil(state / token / STEP) * STEP)
    held = tokens * token * size / columns["pp"]
    return Pages(grouped, tokens, held, np.ceil(whole / size), np.ceil(windowed / size),
                 np.ceil(recurrent / size), cache.window, columns["state_blocks"])  # fmt: skip
