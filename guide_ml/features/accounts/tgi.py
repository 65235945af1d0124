"""TGI: 0.9 of what a warm-up pass leaves (3.3.7, flash_causal_lm.py, ``TGI_WIGGLE_ROOM``).

The warm-up puts ``max_batch_prefill_tokens`` through the model. The server is in no package
registry; its rule was read from its sources.
"""

from __future__ import annotations

import numpy as np

from guide_ml.features.accounts.plan import CONTEXT_BYTES, Plan, forward_bytes, share
from guide_ml.table.read import Columns, Floats

__all__ = ["plan"]

SHARE, PREFILL_TOKENS = 0.9, 4096.0


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan a device as TGI does."""
    tokens = columns["pass_tokens"]
    peak = forward_bytes(columns, np.where(np.isfinite(tokens), tokens, PREFILL_TOKENS))
    free = columns["hw_real_byte"] - CONTEXT_BYTES - weights - peak
    budget = np.where(free > 0, free * share(columns, SHARE), free)
    return Plan(peak, np.zeros_like(budget), np.full_like(budget, CONTEXT_BYTES), budget)
