"""Memory account: weights, KV cache, activations and runtime overhead on each device.

All sizes in bytes. A *replica* is one copy of the attention part (``tp * pp`` devices); with
expert parallelism the routed experts are spread over more devices than one replica has.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from guide_ml.table.assume import FAMILIES, Columns
from guide_ml.table.read import Floats
from guide_ml.units import BILLION, BITS_PER_BYTE, GB

__all__ = ["Cache", "cache_shape", "extract", "index_bytes", "kv_bytes", "state_bytes"]

HALF_BYTES = 2.0  # embeddings, norms and activations stay in 16 bits
INDEX_BYTES = 132.0  # a token's key in sparse attention's indexer
STATE_BYTES = 4.0  # recurrent states are sums over the whole prompt, and kept in fp32

#: llama.cpp keeps the output matrix of 4-bit mixes in q6_k.
GGUF_HEAD_BITS = 6.56

#: Prompt tokens that an engine puts into one pass, where a queue offers them and no limit of its
#: own is known (the default of ``max_num_batched_tokens`` on large devices).
PASS_TOKENS = 8192.0

#: Share of device memory that engines plan with at most (vLLM's default is 0.90, tuned servers
#: reach 0.97).
USABLE = 0.97
#: Runtime, context and kernel images on a device, bytes (a CUDA context is 0.3 to 0.5 GB).
RUNTIME_BYTES = 0.4 * GB


def split_params(columns: Columns) -> Columns:
    """Tell the parameters apart by how they are read.

    A token touches ``experts_per_token`` of ``experts``: with total ``T`` and active ``A``,
    routed = (T - A) / (1 - k / E), whatever layers hold them; the rest is touched always.

    Returns
    -------
    dict
        ``embedding``, ``head`` (output projection), ``experts`` (routed, all), ``experts_active``
        and ``body`` (everything else), as numbers of parameters.
    """
    total, active = columns["m_params_total_b"] * BILLION, columns["m_params_active_b"] * BILLION
    experts, per_token = columns["m_num_experts"], columns["m_num_experts_per_tok"]
    share = np.where(experts > 0, per_token / np.maximum(experts, 1), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        routed = np.where(share < 1, (total - active) / (1 - share), 0.0)
    # What a dense model does not use for a token are embeddings of its layers (Gemma 3n, 4 E).
    looked_up = np.where(experts > 0, 0.0, np.maximum(total - active, 0.0))
    vocabulary = columns["m_vocab_size"] * columns["m_hidden_size"]
    embedding = np.where(columns["m_tie_embeddings"] > 0, 0.0, vocabulary)
    body = np.maximum(total - routed - looked_up - vocabulary - embedding, 0.002 * total)
    embedding = embedding + looked_up
    return {"embedding": embedding, "head": vocabulary, "experts": routed,
            "experts_active": routed * share, "body": body}  # fmt: skip


def weight_bits(columns: Columns) -> tuple[Floats, Floats, Floats]:
    """Bits of routed experts, of the rest of the layers, and of the vocabulary matrices.

    GGUF mixes quantise everything; other formats leave embeddings in 16 bits, and 4-bit MoE
    checkpoints (gpt-oss mxfp4, DeepSeek NVFP4) leave all but the experts wider, too.
    """
    bits, rest = columns["weight_bits"], columns["rest_bits"]
    body = np.where((rest > 0) & (columns["m_num_experts"] > 0), rest, bits)
    gguf = (columns["family"] == FAMILIES.index("gguf")) | (columns["gguf_file"] > 0)
    vocabulary = np.where(gguf, np.clip(bits, GGUF_HEAD_BITS, 8.5), 16.0)
    usual = (bits, body, np.where(rest > 0, rest, vocabulary))
    # A config that says how each module is stored knows better than the format's name.
    known = (columns["as_published"] > 0) & (columns["m_body_bits"] > 0)
    names = ("m_expert_bits", "m_body_bits", "m_vocabulary_bits")
    expert, rest_of_layers, tables = (
        np.where(known & (columns[name] > 0), columns[name], value)
        for name, value in zip(names, usual, strict=True)
    )
    return expert, rest_of_layers, tables


class Cache(NamedTuple):
    """Shape of the KV cache: layers without and with a window, its tokens, a layer's width."""

    whole: Floats
    windowed: Floats
    window: Floats
    width: Floats

    def reach(self, tokens: Floats) -> Floats:
        """Sum over the layers of the tokens that each looks back on."""
        return self.whole * tokens + self.windowed * np.minimum(tokens, self.window)


def cache_shape(columns: Columns) -> Cache:
    """Work out the shape of the KV cache on one device: see :func:`kv_bytes`."""
    heads = np.maximum(columns["m_num_kv_heads"] / columns["tp"], 1.0)
    wide = 2.0 * heads * columns["m_head_dim"]
    latent = columns["m_kv_lora_rank"] + columns["m_qk_rope_head_dim"]
    width = np.where(columns["m_mla"] > 0, latent, wide)
    windowed = np.minimum(columns["m_window_layers"], columns["m_kv_layers"])
    whole = columns["m_kv_layers"] - windowed
    # Layers that differ: as many layers of the usual width as hold what they hold together.
    usual = np.where(columns["m_mla"] > 0, latent, 2 * columns["m_num_kv_heads"]
                     * columns["m_head_dim"])  # fmt: skip
    differ = columns["m_cache_values"] + columns["m_window_values"] > 0
    whole = np.where(differ, columns["m_cache_values"] / usual, whole)
    windowed = np.where(differ, columns["m_window_values"] / usual, windowed)
    window = np.where(columns["m_sliding_window"] > 0, columns["m_sliding_window"], np.inf)
    return Cache(whole, windowed, window, width)


def kv_bytes(columns: Columns, tokens: Floats, cache: Cache | None = None) -> Floats:
    """KV cache of one sequence on one device after `tokens` tokens, bytes.

    Multi-head kinds keep K and V of ``num_kv_heads`` heads, split over tp but at least one
    head a device; MLA keeps one latent vector of ``kv_lora_rank + qk_rope_head_dim`` that every
    tp device holds whole (DeepSeek-V2, arXiv 2405.04434). Windowed layers keep the window only.
    Bytes = tokens * layers with a cache / pp * width * bits / 8, width = 2 * heads * head_dim.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    tokens : array of shape (n,)
        Tokens in the cache of each sequence.
    cache : Cache, optional
        Its shape, if that is known already.
    """
    shape = cache or cache_shape(columns)
    held = shape.reach(tokens) * shape.width * columns["kv_bits"]
    return np.asarray(held / BITS_PER_BYTE / columns["pp"])


def index_bytes(columns: Columns, tokens: Floats) -> Floats:
    """Keys of the indexer of sparse attention, one sequence on one device, bytes.

    One key of 128 numbers in fp8 and its scale for each token and layer, which every tensor
    parallel device holds whole (DeepSeek-V3.2, arXiv 2512.02556).
    """
    held = tokens * columns["m_kv_layers"] * INDEX_BYTES / columns["pp"]
    return np.where(columns["m_index_topk"] > 0, held, 0.0)


def state_bytes(columns: Columns) -> Floats:
    """Recurrent state of one sequence on one device, bytes: its heads are split as others are."""
    devices = columns["tp"] * columns["pp"]
    return np.asarray(columns["m_state_values"] * STATE_BYTES / devices)


def expert_devices(columns: Columns) -> Floats:
    """Devices over which one copy of the routed experts is spread."""
    return columns["tp"] * columns["attention_dp"]


def extract(columns: Columns) -> Columns:
    """Compute the memory account of each deployment.

    KV budget = usable share of the memory - weights - activations - runtime, as vLLM profiles it
    (PagedAttention, arXiv 2309.06180), or a share of what these leave (``cache_share``); a replica
    holds as many sequences as fit in there. An engine may set more aside than a sequence fills
    (``kv_reserve``), so fewer run together.

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        :func:`guide_ml.table.assume.resolve`.

    Returns
    -------
    dict
        Per device in bytes: ``weights_byte``, ``activations_byte``, ``kv_budget_byte``,
        ``kv_need_byte`` (the asked batch at full length); ``slots`` (sequences a replica holds at
        full length), ``running`` (those that a server or a queue has there, of all lengths up to
        full), ``replica_batch`` (asked sequences a replica), ``fits`` (1 or 0: weights and
        one sequence), and the parameter counts of :func:`split_params` as ``p_*``.
    """
    parts = split_params(columns)
    expert_bits, body_bits, vocabulary_bits = weight_bits(columns)
    own = columns["tp"] * columns["pp"]
    kept = 1.0 - columns["host_layers"]  # on the devices; the rest is in the host's memory
    vocabulary = (parts["head"] + parts["embedding"]) * vocabulary_bits
    dense = parts["body"] * body_bits * kept + vocabulary * (kept > 0)
    experts = parts["experts"] * expert_bits / expert_devices(columns) / columns["pp"]
    experts = experts * (1.0 - columns["host_experts"])
    weights = (dense / own + experts) / BITS_PER_BYTE
    prompt = columns["depth"] + columns["input_len"]
    length = prompt + columns["output_len"]
    # A forward pass holds a few activation rows of the wide layers for each of its tokens.
    rows = np.minimum(PASS_TOKENS, columns["batch"] * columns["input_len"])
    wide = columns["m_hidden_size"] * 6 + 2 * np.maximum(
        columns["m_intermediate_size"], columns["m_moe_intermediate_size"]
    )
    activations = rows * wide * HALF_BYTES / columns["tp"]
    total, taken = columns["hw_memory_gb"] * GB, weights + activations + RUNTIME_BYTES
    share = columns["cache_share"]
    usable = np.where(np.isnan(columns["memory_share"]), USABLE, columns["memory_share"])
    budget = np.where(np.isnan(share), total * usable - taken, (total - taken) * share)
    replica_batch = np.maximum(columns["batch"] / columns["dp"], 1.0)
    sequence = _sequence_bytes(columns, length)
    slots = _sequences(columns, budget, sequence)
    usual = _sequence_bytes(columns, prompt + columns["output_held"] * columns["output_len"])
    running = np.maximum(_sequences(columns, budget, usual), slots)
    out = {"weights_byte": weights, "activations_byte": activations, "kv_budget_byte": budget,
           "kv_need_byte": replica_batch * sequence, "slots": slots, "running": running,
           "replica_batch": replica_batch, "fits": (slots >= 1).astype(float)}  # fmt: skip
    out |= {"host_body_bits": body_bits, "host_expert_bits": expert_bits,
            "host_head_bits": vocabulary_bits}  # fmt: skip
    return out | {"p_" + k: v for k, v in parts.items()}


def _sequence_bytes(columns: Columns, tokens: Floats) -> Floats:
    """All that a sequence of so many tokens keeps on one device."""
    return kv_bytes(columns, tokens) + index_bytes(columns, tokens) + state_bytes(columns)


def _sequences(columns: Columns, budget: Floats, sequence: Floats) -> Floats:
    """Count the sequences of so many bytes that a budget has room for."""
    room = np.floor(np.maximum(budget, 0.0) / np.maximum(sequence, 1.0))
    # What is set aside keeps others out, never the only sequence.
    return np.maximum(np.floor(room / columns["kv_reserve"]), np.minimum(room, 1.0))
