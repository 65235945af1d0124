"""llama.cpp and its kin: all of the memory, less the weights and a compute buffer.

The buffer holds a pass of ``--ubatch-size`` tokens: logits of the whole vocabulary in fp32, and
rows of the widest layer (b11434, src/llama-context.cpp). Layers that ``-ngl`` leaves out stay in
the host's memory, weights and cache. The cache is set aside for ``-c`` tokens times ``-np`` slots
at start, so that what is free is what may be asked for.
"""

from __future__ import annotations

import numpy as np

from guide_ml.features.accounts.plan import CONTEXT_BYTES, Plan, share
from guide_ml.table.read import Columns, Floats

__all__ = ["plan"]

FLOAT_BYTES, UBATCH = 4.0, 512.0


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan a device as llama.cpp does."""
    tokens = np.minimum(np.where(np.isfinite(columns["pass_tokens"]), columns["pass_tokens"],
                                 UBATCH), columns["batch"] * columns["input_len"])  # fmt: skip
    widest = np.maximum(columns["m_intermediate_size"], columns["m_hidden_size"])
    rows = np.maximum(columns["m_vocab_size"], 4.0 * columns["m_hidden_size"] + 2.0 * widest)
    peak = np.maximum(tokens, 1.0) * rows * FLOAT_BYTES * (columns["host_layers"] < 1)
    usable = columns["hw_real_byte"] * share(columns, 1.0)
    budget = usable - weights - peak - CONTEXT_BYTES
    return Plan(peak, np.zeros_like(budget), CONTEXT_BYTES + np.zeros_like(budget), budget)
