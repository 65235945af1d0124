"""LMDeploy: ``cache_max_entry_count``, 0.8 of what weights leave (0.18.0, messages.py).

Its own kernels, TurboMind, serve the models that they know (turbomind/supported_models.py); others
run on PyTorch, where logits of a whole pass and twice the running requests are set aside first, and
the states of recurrent layers (pytorch/engine/executor/base.py, ``_get_runtime_size`` and
``_reserve_state_cache_mem``).
"""

from __future__ import annotations

import numpy as np

from guide_ml.features.accounts.plan import CONTEXT_BYTES, HALF_BYTES, Plan, forward_bytes, share
from guide_ml.features.cache import state_bytes
from guide_ml.table.read import Columns, Floats

__all__ = ["plan"]

SHARE, SEQUENCES = 0.8, 128.0


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan a device as LMDeploy does; TurboMind's pass has its place in what the cache leaves."""
    free = columns["hw_real_byte"] - CONTEXT_BYTES - weights
    taken, own = share(columns, SHARE), columns["turbomind"] > 0
    limit = columns["max_seqs"]
    sequences = np.where(np.isfinite(limit), limit, SEQUENCES)
    tokens = columns["pass_tokens"]
    logits = (tokens + 2.0 * sequences) * columns["m_vocab_size"] * HALF_BYTES
    peak = np.where(own, forward_bytes(columns, tokens), logits)
    states = np.where(own, 0.0, sequences * state_bytes(columns))
    left = free - np.where(own, 0.0, peak + states)
    budget = np.where(left > 0, left * taken, left)
    budget = np.minimum(budget, free - peak)
    runtime = np.full_like(budget, CONTEXT_BYTES)
    return Plan(peak, np.zeros_like(budget), runtime, budget)
