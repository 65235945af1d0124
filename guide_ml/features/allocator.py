"""What PyTorch's allocator adds to the weights: it hands memory out in pages.

A matrix above 10 MiB gets memory of its own, in steps of 2 MiB; a rest above 1 MiB is split off and
given to others (c10/cuda/CUDACachingAllocator.cpp: ``kMinLargeAlloc``, ``kRoundLarge``,
``should_split``). vLLM logs what was handed out; on ROCm before 0.22, as SGLang does, what the
device had less of, so that rests count, too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml.features.accounts.rules import SGLANG, VLLM, is_rule
from guide_ml.table.read import Columns, Floats
from guide_ml.units import BITS_PER_BYTE

__all__ = ["ROCM_KEPT", "by_free_memory", "paging_loss"]

MIB = 2.0**20
PAGE, OWN, SPLIT = 2.0 * MIB, 10.0 * MIB, 1.0 * MIB
#: vLLM on ROCm took the difference of free memory for the weights (0.20.2; no more in 0.22.1:
#: platforms/rocm.py, ``get_current_memory_usage``); libraries that load meanwhile count, too.
ALLOCATED_SINCE, ROCM_KEPT = 2026.4, 0.07 * 1024.0 * MIB


def by_free_memory(columns: Columns) -> NDArray[np.bool_]:
    """Tell which rows' engines measure their weights by what the device has left."""
    old = (columns["is_rocm"] > 0) & (columns["fw_release_year"] < ALLOCATED_SINCE)
    return np.asarray(is_rule(columns, SGLANG) | (is_rule(columns, VLLM) & old))


def paging_loss(columns: Columns, body_bits: Floats, expert_bits: Floats) -> Floats:
    """Return what pages add to the matrices of all layers on one device, bytes.

    Matrices are those that engines join: queries with keys and values, gate with up, and of each
    layer all experts. Latent and linear attention have others, which are left out.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    body_bits, expert_bits : array
        Bits a weight, of layers and of routed experts.
    """
    served = is_rule(columns, VLLM) | is_rule(columns, SGLANG)
    if not np.any(served):
        return np.zeros(served.shape)
    tp, hidden = columns["tp"], columns["m_hidden_size"]
    heads = columns["m_num_attention_heads"] * columns["m_head_dim"] / tp
    keys = np.maximum(columns["m_num_kv_heads"] / tp, 1.0) * columns["m_head_dim"]
    routed = np.maximum(columns["m_num_layers"] - columns["m_first_dense_layers"], 0.0)
    routed = np.where(columns["m_num_experts"] > 0, routed, 0.0)
    attention = np.where(columns["m_mla"] > 0, 0.0, columns["m_kv_layers"])
    inner = columns["m_intermediate_size"] / tp
    body, wide = hidden * body_bits / BITS_PER_BYTE, hidden * expert_bits / BITS_PER_BYTE
    spread = columns["m_num_experts"] * columns["m_moe_intermediate_size"]
    each = spread / (tp * columns["attention_dp"])
    all_rests = by_free_memory(columns)
    matrices = ((attention, body * (heads + 2.0 * keys)), (attention, body * heads),
                (columns["m_num_layers"] - routed, 2.0 * body * inner),
                (columns["m_num_layers"] - routed, body * inner),
                (routed, 2.0 * wide * each), (routed, wide * each))  # fmt: skip
    lost = sum(layers * _rest(size, all_rests) for layers, size in matrices)
    return np.asarray(np.where(served, lost / columns["pp"], 0.0))


def _rest(size: Floats, all_rests: NDArray[np.bool_]) -> Floats:
    """Return what the pages of a matrix hold beyond it, where that counts as its own."""
    rest = np.ceil(size / PAGE) * PAGE - size
    counts = (size > OWN) & (all_rests | (rest <= SPLIT))
    return np.where(counts, rest, 0.0)
