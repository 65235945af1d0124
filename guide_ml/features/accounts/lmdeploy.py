"""LMDeploy: ``cache_max_entry_count``, 0.8 of what weights leave (0.18.0, messages.py)."""

from __future__ import annotations

import numpy as np

from guide_ml.features.accounts.plan import CONTEXT_BYTES, Plan, forward_bytes, share
from guide_ml.table.read import Columns, Floats

__all__ = ["plan"]

SHARE = 0.8


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan a device as LMDeploy does; the pass has its place in what the cache leaves."""
    free = columns["hw_real_byte"] - CONTEXT_BYTES - weights
    peak = forward_bytes(columns, columns["pass_tokens"])
    budget = np.where(free > 0, free * share(columns, SHARE), free)
    budget = np.minimum(budget, free - peak)
    return Plan(peak, np.zeros_like(budget), CONTEXT_BYTES + np.zeros_like(budget), budget)
