"""Engines without a rule of their own: most of the memory, less weights and the widest pass."""

from __future__ import annotations

import numpy as np

from guide_ml.features.accounts.plan import CONTEXT_BYTES, Plan, share
from guide_ml.table.read import Columns, Floats

__all__ = ["plan"]

#: Share of device memory that tuned engines reach.
USABLE = 0.97
#: Prompt tokens that an engine puts into one pass, where a queue offers them.
PASS_TOKENS = 8192.0
HALF_BYTES = 2.0


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan a device: a forward pass holds a few rows of the wide layers for each of its tokens."""
    rows = np.minimum(PASS_TOKENS, columns["batch"] * columns["input_len"])
    wide = columns["m_hidden_size"] * 6 + 2 * np.maximum(
        columns["m_intermediate_size"], columns["m_moe_intermediate_size"]
    )
    peak = rows * wide * HALF_BYTES / columns["tp"]
    left = weights + peak + CONTEXT_BYTES
    part, total = columns["cache_share"], columns["hw_real_byte"]
    whole = total * share(columns, USABLE) - left
    budget = np.where(np.isnan(part), whole, (total - left) * part)
    return Plan(peak, np.zeros_like(budget), CONTEXT_BYTES + np.zeros_like(budget), budget)
