"""vLLM: a share of the whole memory, less what a profiled pass was seen to take.

The engine runs a pass of ``max_num_batched_tokens``, then samples for ``max_num_seqs`` sequences,
and notes the higher peak. What the share leaves beside weights, that peak and what libraries took
is KV cache (vLLM 0.12.0 and 0.33.0, v1/worker/gpu_worker.py, ``determine_available_memory``).
"""

from __future__ import annotations

import numpy as np

from guide_ml.features.accounts.plan import Plan, forward_bytes, share
from guide_ml.table.read import Columns, Floats
from guide_ml.units import GIB

__all__ = ["plan"]

#: Share of the memory by default since 0.20 (0.20.2, config/cache.py), and before (0.19.1).
SHARE, OLD_SHARE, SHARE_SINCE = 0.92, 0.90, 2026.3
#: Bytes a sampled logit: in 16 bits (2) and fp32 (4); the sort for top-k and top-p adds values
#: (4), places (8), the pairs that it sorts (8 and 8) and fp32 work space, 37 in all (0.12.0,
#: v1/sample/ops/topk_topp_sampler.py). A kernel that needs no sort leaves the first two, and
#: probabilities and noise in fp32 (0.33.0, the same file).
SORTED, UNSORTED, UNSORTED_SINCE = 37.0, 14.0, 2026.3
#: Gathering logits from tensor-parallel devices holds them twice more, in 16 bits.
GATHERED = 4.0
#: Sequences where no limit is known.
SEQUENCES = 256.0
#: Buffers of libraries after the context: seen with the profiles' torch part taken off; ROCm's
#: and V0's are larger.
RUNTIME, ROCM_RUNTIME, V0_RUNTIME = 0.15 * GIB, 0.6 * GIB, 0.5 * GIB
#: Memory of the recorded graphs is taken off since 0.20, on ROCm since 0.26 (envs.py and
#: gpu_worker.py of 0.19.1, 0.20.2, 0.24.0 and 0.26.0): some 100 graphs of 60 kB a layer.
GRAPH_BYTES, GRAPHS_SINCE, ROCM_GRAPHS_SINCE = 6e6, 2026.3, 2026.5


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan a device as vLLM does."""
    year, tp = columns["fw_release_year"], columns["tp"]
    old, rocm = columns["old_engine"] > 0, columns["is_rocm"] > 0
    limit, tokens = columns["max_seqs"], columns["profile_tokens"]
    sequences = np.minimum(np.where(np.isfinite(limit), limit, SEQUENCES), tokens)
    each = np.where(year >= UNSORTED_SINCE, UNSORTED, SORTED) + GATHERED * (tp > 1)
    sampled = sequences * columns["m_vocab_size"] * each
    peak = np.maximum(forward_bytes(columns, tokens), sampled)
    counted = year >= np.where(rocm, ROCM_GRAPHS_SINCE, GRAPHS_SINCE)
    recorded = counted & (columns["eager"] == 0)
    graphs = np.where(recorded, GRAPH_BYTES * columns["m_num_layers"] / columns["pp"], 0.0)
    runtime = np.where(rocm, ROCM_RUNTIME, np.where(old, V0_RUNTIME, RUNTIME))
    usual = np.where(year >= SHARE_SINCE, SHARE, OLD_SHARE)
    planned = columns["hw_real_byte"] * share(columns, usual)
    return Plan(peak, graphs, runtime, planned - weights - peak - graphs - runtime)
