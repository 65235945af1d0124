"""Roofline of one forward pass: the least time that the hardware allows, part by part.

A pass takes at least its arithmetic (FLOP / peak rate) and at least its memory traffic (bytes
/ bandwidth) (Williams et al., "Roofline", CACM 2009). Trees cannot multiply columns; given
these times they only have to learn the efficiency, which carries over to unmeasured hardware.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guide_ml.features import links
from guide_ml.features.cache import Cache, cache_shape, index_bytes, kv_bytes, state_bytes
from guide_ml.features.host import FLOP_PER_WEIGHT, Host, on_host
from guide_ml.features.unpacking import Unpacking, chosen_compute, unpacking
from guide_ml.features.weights import expert_devices, weight_bits
from guide_ml.table.assume import COMPUTE, FAMILIES, Columns
from guide_ml.table.read import Floats
from guide_ml.units import BITS_PER_BYTE, GB, TERA

__all__ = ["Ground", "Pass", "expert_coverage", "forward", "ground", "peak_flops"]

#: Multiplications of an indexer for each token and context token: 64 heads of 128.
INDEX_WIDTH = 8192.0


@dataclass(frozen=True)
class Pass:
    """Least times of the parts of one forward pass, seconds at peak, each of shape (n,).

    Parameters
    ----------
    gemm_s, attention_s : array
        Arithmetic of weight matrices and of attention.
    weights_s, kv_s : array
        Reads of weights (experts: those that some token needs) and of the KV cache.
    least_weights_s : array
        The same if all tokens chose the same experts: the bound, as routing is no dice.
    state_s : array
        Reads and writes of recurrent states. No part of the bound: engines may keep them smaller.
    unpack_s, rescale_s : array
        One operation of the vector units for each small weight that is read, and for each that
        a token is multiplied with (:mod:`guide_ml.features.unpacking`).
    vector_s : array
        The arithmetic of weight matrices, if the vector units did it.
    scatter : array
        Into how many matrices the rows of a pass go, for each that one token needs: the experts
        that some token needs; 1 for a dense model. Each fills tiles of its own.
    comm_s : array
        Bytes over the link: all-reduces between tensor-parallel devices, and tokens that attention
        replicas send to the experts that they share.
    comm_count : array
        All-reduces, exchanges of tokens and pipeline hand-overs, a number: each costs a latency.
    chunks : array
        Passes that the engine cuts this one into, as it takes so many tokens at once
        (``pass_tokens``). Each reads the weights and launches its kernels anew; at least 1, and
        a fraction where the last one is short.
    host_read_s, host_compute_s : array
        Reads and arithmetic of what stays in the host's memory, by the host's processor.
    copy_s : array
        The same weights copied to the device instead, which llama.cpp does for passes of 32 tokens
        and more; infinite below.
    """

    gemm_s: Floats
    attention_s: Floats
    weights_s: Floats
    least_weights_s: Floats
    kv_s: Floats
    state_s: Floats
    unpack_s: Floats
    rescale_s: Floats
    vector_s: Floats
    scatter: Floats
    comm_s: Floats
    comm_count: Floats
    chunks: Floats
    host_read_s: Floats
    host_compute_s: Floats
    copy_s: Floats

    @property
    def compute_s(self) -> Floats:
        """Arithmetic time at peak rate."""
        return self.gemm_s + self.attention_s

    @property
    def memory_s(self) -> Floats:
        """Memory time at full bandwidth."""
        return self.weights_s + self.kv_s

    @property
    def floor_s(self) -> Floats:
        """The longer of the two: perfect overlap, nothing lost, all tokens on one expert set."""
        host = np.minimum(np.maximum(self.host_read_s, self.host_compute_s), self.copy_s)
        return np.maximum(self.compute_s, self.least_weights_s + self.kv_s) + host


def peak_flops(columns: Columns) -> Floats:
    """Rate of the weight matrices' arithmetic on one device, FLOP/s.

    GGUF kernels may multiply in int8 on tensor cores (llama.cpp's MMQ), so the better of fp16
    and int8 is the bound there.
    """
    rate = np.choose(chosen_compute(columns), [columns["hw_" + c] for c in COMPUTE])
    integer = columns["family"] == FAMILIES.index("gguf")
    return np.asarray(np.where(integer, np.maximum(rate, columns["hw_int8"]), rate) * TERA)


def expert_coverage(columns: Columns, tokens: Floats) -> Floats:
    """Share of the routed experts that at least one of `tokens` tokens needs.

    With uniform routing a token misses an expert with probability 1 - k/E, so the share is
    1 - (1 - k/E)^tokens: the occupancy problem.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    tokens : array of shape (n,)
        Tokens of a pass that use the same experts.

    Returns
    -------
    array of shape (n,)
        0 to 1; 0 for a dense model.
    """
    routed = columns["m_num_experts"] > 0
    if not routed.any():
        return np.zeros_like(tokens)
    experts = np.maximum(columns["m_num_experts"], 1.0)
    miss = 1.0 - np.clip(columns["m_num_experts_per_tok"] / experts, 0.0, 1.0)
    return np.where(routed, 1.0 - miss**tokens, 0.0)


@dataclass(frozen=True)
class Ground:
    """What all passes of a deployment stand on, each of shape (n,).

    Parameters
    ----------
    rate, head_rate, bandwidth : array
        Peak rates of layers and output matrix, FLOP/s; memory bandwidth, byte/s.
    body_weights, expert_weights : array
        Weights on a device that a token is multiplied with, outside and inside of experts.
    fan : array
        Experts of a layer for each that one token of each attention replica needs.
    half : array
        Share of the layers that a pass takes.
    fixed_s, experts_s : array
        Reads of what every token needs, and of all routed experts, seconds.
    least_weights_s : array
        Reads of what one token needs, seconds.
    unpacking : Unpacking
        Work of the vector units.
    cache : Cache
        Shape of the KV cache.
    host : Host
        What stays in the host's memory.
    """

    rate: Floats
    head_rate: Floats
    bandwidth: Floats
    body_weights: Floats
    expert_weights: Floats
    fan: Floats
    half: Floats
    fixed_s: Floats
    experts_s: Floats
    least_weights_s: Floats
    unpacking: Unpacking
    cache: Cache
    host: Host


def ground(columns: Columns, memory: Columns) -> Ground:
    """Work out what all passes share.

    Parameters
    ----------
    columns, memory : dict
        Resolved descriptors and :func:`guide_ml.features.memory.extract`.
    """
    tp, shared = columns["tp"], expert_devices(columns)
    together = columns["attention_dp"]  # attention replicas that use the same experts
    bandwidth = columns["hw_mem_bw_gbs"] * GB
    host = on_host(columns, memory)
    # Encoder-decoders read the encoder's weights in prefill only and the decoder's in decode.
    half = np.where(columns["m_encoder_decoder"] > 0, 0.5, 1.0)
    expert_bits, body_bits, vocabulary_bits = bits = weight_bits(columns)
    body = memory["p_body"] * body_bits * (1.0 - host.layers)
    fixed = (body + memory["p_head"] * vocabulary_bits * host.head_off) / tp
    experts_s = memory["p_experts"] * expert_bits / shared * half / BITS_PER_BYTE / bandwidth
    experts_s = experts_s * (1.0 - host.experts)
    fixed_s = fixed * half / BITS_PER_BYTE / bandwidth
    return Ground(
        rate=peak_flops(columns), head_rate=np.maximum(columns["hw_fp16"] * TERA, 1.0),
        bandwidth=bandwidth, half=half, fixed_s=fixed_s, experts_s=experts_s,
        body_weights=memory["p_body"] / tp,
        expert_weights=memory["p_experts_active"] * together / shared,
        fan=columns["m_num_experts"] / np.maximum(columns["m_num_experts_per_tok"], 1.0) / together,
        least_weights_s=fixed_s + experts_s * expert_coverage(columns, np.ones_like(tp)),
        unpacking=unpacking(columns, memory, bits, shared), cache=cache_shape(columns), host=host,
    )  # fmt: skip


def forward(
    columns: Columns, memory: Columns, batch: Floats, new_tokens: Floats, context: Floats,
    on: Ground | None = None,
) -> Pass:  # fmt: skip
    """Bound one pass over `batch` sequences a replica, `new_tokens` each.

    Arithmetic: 2 FLOP a weight and token, and :func:`_attention_flops`, over the peak rate.
    Memory: weights and KV cache once, over the bandwidth. Link: :mod:`guide_ml.features.links`.

    Parameters
    ----------
    columns, memory : dict
        Resolved descriptors and :func:`guide_ml.features.memory.extract`.
    batch : array of shape (n,)
        Sequences a replica runs together.
    new_tokens : array of shape (n,)
        Tokens each sequence adds: the prompt in prefill, 1 in decode.
    context : array of shape (n,)
        Tokens a new token attends to, on average, its own among them.
    on : Ground, optional
        :func:`ground`, if it is known already.
    """
    g = on or ground(columns, memory)
    tp = columns["tp"]
    tokens = batch * new_tokens
    weights = g.body_weights + g.expert_weights
    gemm = FLOP_PER_WEIGHT * tokens * weights
    head = FLOP_PER_WEIGHT * batch * memory["p_head"] / tp
    chunks = np.maximum(tokens / columns["pass_tokens"], 1.0)
    coverage = expert_coverage(columns, tokens / chunks * columns["attention_dp"])
    topk = columns["m_index_topk"]
    seen = np.where(topk > 0, np.minimum(context, topk), context)
    kv = kv_bytes(columns, seen, g.cache) + index_bytes(columns, context)
    kv = batch * kv * columns["pp"]
    beside = g.host.times(tokens, chunks, coverage, kv)
    return Pass(
        gemm_s=g.half * gemm / g.rate + head / g.head_rate,
        attention_s=_attention_flops(columns, g.cache, tokens, seen) / tp / g.head_rate
        + _index_flops(columns, tokens, context) / (columns["hw_fp8"] * TERA),
        weights_s=chunks * (g.fixed_s + g.experts_s * coverage),
        least_weights_s=g.least_weights_s,
        kv_s=kv * (1.0 - g.host.layers) / g.bandwidth,
        state_s=2.0 * batch * state_bytes(columns) * columns["pp"] / g.bandwidth,
        unpack_s=chunks * g.half * (g.unpacking.fixed_s + g.unpacking.experts_s * coverage),
        rescale_s=g.half * FLOP_PER_WEIGHT * tokens * g.unpacking.token_s,
        vector_s=(g.half * gemm + head) / (columns["hw_vector"] * TERA),
        scatter=(g.body_weights + g.expert_weights * g.fan * coverage) / weights,
        comm_s=links.bytes_sent(columns, tokens) / links.rate(columns),
        comm_count=chunks * links.exchanges(columns),
        chunks=chunks,
        host_read_s=beside.read_s, host_compute_s=beside.compute_s, copy_s=beside.copy_s,
    )  # fmt: skip


def _attention_flops(columns: Columns, cache: Cache, tokens: Floats, context: Floats) -> Floats:
    """Arithmetic of QK^T and PV: 4 x heads x head_dim FLOP for each token and context token."""
    heads = columns["m_num_attention_heads"]
    return np.asarray(4.0 * heads * columns["m_head_dim"] * cache.reach(context) * tokens)


def _index_flops(columns: Columns, tokens: Floats, context: Floats) -> Floats:
    """Arithmetic of sparse attention's indexer, in fp8, on every tensor-parallel device."""
    pairs = FLOP_PER_WEIGHT * INDEX_WIDTH * columns["m_kv_layers"] * context * tokens
    return np.where(columns["m_index_topk"] > 0, pairs, 0.0)
