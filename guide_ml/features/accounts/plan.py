"""What all rules share: the plan of a device's memory, and what a forward pass holds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from guide_ml.table.read import Columns, Floats
from guide_ml.units import GB

__all__ = ["CONTEXT_BYTES", "HALF_BYTES", "Plan", "forward_bytes", "share"]

HALF_BYTES = 2.0
#: What a driver's context takes before an engine loads anything (CUDA: 0.3 to 0.5 GB).
CONTEXT_BYTES = 0.4 * GB


class Plan(NamedTuple):
    """What an engine sets aside on a device beside the weights, and what is left for the cache.

    Parameters
    ----------
    activations, graphs, runtime : array
        The widest pass in flight; recorded launches; libraries and their buffers. Bytes.
    budget : array
        Memory for the KV cache, bytes; negative where not even the weights fit.
    """

    activations: Floats
    graphs: Floats
    runtime: Floats
    budget: Floats


def share(columns: Columns, usual: Floats | float) -> Floats:
    """Share of the memory that was stated, else what the engine takes by itself."""
    stated = columns["memory_share"]
    return np.where(np.isnan(stated), usual, stated)


def forward_bytes(columns: Columns, tokens: Floats) -> Floats:
    """Activations of one layer for a pass of so many tokens, bytes, in 16 bits.

    Each token has two rows of the hidden width (state and residual), and the three rows of the
    MLP (gate, up and their product), which tensor parallelism splits; of a mixture those of each
    expert it goes to, and that expert's answer.
    """
    hidden, tp = columns["m_hidden_size"], columns["tp"]
    dense = 3.0 * columns["m_intermediate_size"] / tp
    wide = 3.0 * columns["m_moe_intermediate_size"] / tp
    chosen = columns["m_num_experts_per_tok"] * (wide + hidden)
    mixture = np.where(columns["m_num_experts"] > 0, chosen, 0.0)
    return np.asarray(tokens * (2.0 * hidden + np.maximum(dense, mixture)) * HALF_BYTES)
