"""TensorRT-LLM: a share of what is free once weights and the largest pass have their place.

``free_gpu_memory_fraction``, 0.9 by default (1.2, llmapi/llm_args.py). The largest pass holds
``max_num_tokens``, and logits in fp32 for ``max_batch_size`` sequences. Its runtime, plugins and
buffers of the links take more than other engines': 2.2 GiB, and 0.75 for each doubling of tp, by
the batch maxima of its own tables.
"""

from __future__ import annotations

import numpy as np

from guide_ml.features.accounts.plan import Plan, forward_bytes, share
from guide_ml.table.read import Columns, Floats
from guide_ml.units import GIB

__all__ = ["plan"]

SEQUENCES, LOGIT_BYTES = 2048.0, 4.0
RUNTIME, A_DOUBLING = 2.2 * GIB, 0.75 * GIB


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan a device as TensorRT-LLM does."""
    limit = columns["max_seqs"]
    sequences = np.where(np.isfinite(limit), limit, SEQUENCES)
    logits = sequences * columns["m_vocab_size"] * LOGIT_BYTES
    peak = forward_bytes(columns, columns["pass_tokens"]) + logits
    runtime = RUNTIME + A_DOUBLING * np.log2(np.maximum(columns["tp"], 1.0))
    free = columns["hw_real_byte"] - weights - peak - runtime
    budget = np.where(free > 0, free * share(columns, columns["cache_share"]), free)
    return Plan(peak, np.zeros_like(budget), runtime + np.zeros_like(budget), budget)
