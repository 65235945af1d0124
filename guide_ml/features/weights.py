"""Weights of a model on one device: as stored, and what engines add or repeat when they load.

All sizes in bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from guide_ml.features.accounts.rules import LLAMA_CPP, SGLANG, VLLM, is_rule
from guide_ml.features.allocator import ROCM_KEPT, by_free_memory, paging_loss
from guide_ml.table.assume import FAMILIES, Columns
from guide_ml.table.read import Floats
from guide_ml.units import BILLION, BITS_PER_BYTE

__all__ = ["Weights", "expert_devices", "on_device", "split_params", "weight_bits"]

HALF_BYTES = 2.0  # what stays in 16 bits
#: llama.cpp keeps the output matrix of 4-bit mixes in q6_k.
GGUF_HEAD_BITS = 6.56


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
    # Nor do they touch linear attention, of a mixture with recurrent layers most of the rest.
    four = (columns["family"] == FAMILIES.index("int4")) & (columns["m_state_values"] > 0)
    body = np.where(four & (columns["m_num_experts"] > 0), 16.0, body)
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


def expert_devices(columns: Columns) -> Floats:
    """Devices over which one copy of the routed experts is spread."""
    return columns["tp"] * columns["attention_dp"]


class Weights(NamedTuple):
    """Weights on a device, bytes, and the bits a weight of their groups.

    Parameters
    ----------
    held : array
        All that lies on the device.
    parts : dict
        Parameters by group, of :func:`split_params`.
    bits : tuple of array
        Of experts, body and vocabulary matrices.
    towers : array
        Of what lies there, vision and audio towers.
    """

    held: Floats
    parts: Columns
    bits: tuple[Floats, Floats, Floats]
    towers: Floats


def on_device(columns: Columns) -> Weights:
    """Work out what the weights take of a device.

    The matrices are split over tensor- and pipeline-parallel devices, experts over those of expert
    parallelism too; what stays in the host's memory is left out. Engines keep some parts whole on
    each device, pad others, and add tables of their own: see :func:`_repeated`, :func:`_padding`,
    :func:`_added`, :func:`_towers` and :mod:`guide_ml.features.allocator`.
    """
    parts = split_params(columns)
    bits = expert_bits, body_bits, vocabulary_bits = weight_bits(columns)
    own = columns["tp"] * columns["pp"]
    kept = 1.0 - columns["host_layers"]  # on the devices; the rest is in the host's memory
    # llama.cpp looks embeddings up on the host, unless it shares its memory with the device.
    aside = is_rule(columns, LLAMA_CPP) & (columns["hw_own_memory"] > 0)
    tables = parts["head"] + np.where(aside, 0.0, parts["embedding"])
    dense = parts["body"] * body_bits * kept + tables * vocabulary_bits * (kept > 0)
    experts = parts["experts"] * expert_bits / expert_devices(columns) / columns["pp"]
    experts = experts * (1.0 - columns["host_experts"]) * _padding(columns)
    held = (dense / own + experts) / BITS_PER_BYTE + _repeated(columns, body_bits) * kept
    towers = _towers(columns) * kept
    lost = paging_loss(columns, body_bits, expert_bits)
    lost += np.where(is_rule(columns, VLLM) & by_free_memory(columns), ROCM_KEPT, 0.0)
    return Weights(held + (_added(columns) + lost) * kept + towers, parts, bits, towers)


def _towers(columns: Columns) -> Floats:
    """Bytes of vision and audio towers, split as layers are (vLLM's ``mm_encoder_tp_mode``).

    llama.cpp has them in files of their own.
    """
    held = columns["m_tower_params_b"] * BILLION * HALF_BYTES / columns["tp"]
    return np.where(is_rule(columns, LLAMA_CPP), 0.0, held)


def _padding(columns: Columns) -> Floats:
    """Factor by which experts in mxfp4 grow when vLLM pads them for its kernels.

    Widths are rounded up to what a kernel takes: gate and up hold ``2 * inner`` rows of ``hidden``,
    down holds ``hidden`` rows of ``inner``. Kernels that pad a matrix along its rows only grow by
    the mean of both (vLLM 0.12.0, quantization/mxfp4.py).
    """
    hidden, inner = columns["m_hidden_size"], columns["m_moe_intermediate_size"]
    part = np.maximum(inner / columns["tp"], 1.0)
    h = np.ceil(hidden / columns["mx_hidden"]) * columns["mx_hidden"] / hidden
    i = np.ceil(part / columns["mx_inner"]) * columns["mx_inner"] / part
    grown = np.where(columns["mx_rows_only"] > 0, (2.0 * h + i) / 3.0, h * i)
    padded = (columns["mx_hidden"] > 1) & (inner > 0)
    return np.where(padded, grown, 1.0)


def _repeated(columns: Columns, body_bits: Floats) -> Floats:
    """Bytes of what each tensor-parallel device keeps whole, beyond its share.

    Routers of experts, in 16 bits; projections into latent attention; KV projections of models
    with fewer KV heads than devices.
    """
    tp, hidden = columns["tp"], columns["m_hidden_size"]
    layers = columns["m_num_layers"] / columns["pp"]
    routed = np.where(columns["m_num_experts"] > 0, layers - columns["m_first_dense_layers"], 0.0)
    router = np.maximum(routed, 0.0) * columns["m_num_experts"] * hidden * HALF_BYTES
    latent = columns["m_kv_lora_rank"] + columns["m_qk_rope_head_dim"]
    query = np.where(hidden > NARROW, QUERY_RANKS * columns["m_kv_lora_rank"], 0.0)
    down = np.where(columns["m_mla"] > 0, layers * hidden * (latent + query), 0.0)
    whole = 1.0 - 1.0 / tp
    heads = columns["m_num_kv_heads"]
    copies = np.maximum(1.0 / np.maximum(heads, 1.0) - 1.0 / tp, 0.0)  # one head on each device
    width = 2.0 * heads * columns["m_head_dim"] * hidden * columns["m_kv_layers"] / columns["pp"]
    keys = np.where(columns["m_mla"] > 0, 0.0, width * copies)
    return np.asarray(router * whole + (down * whole + keys) * body_bits / BITS_PER_BYTE)


#: Rank of the query's projection in latent attention, in ranks of the cache (1,536 of 512 in
#: DeepSeek-V3 and Kimi K2); models this narrow project queries directly (DeepSeek-V2-Lite).
QUERY_RANKS, NARROW = 3.0, 4096.0


def _added(columns: Columns) -> Floats:
    """Bytes of tables that vLLM and SGLang make: rotations by position, absorbed projections.

    Cosines and sines of each position of the model's longest context, in 16 bits; for latent
    attention 16-bit copies of the two matrices that lead out of the latent space.
    """
    served = is_rule(columns, VLLM) | is_rule(columns, SGLANG)
    mla = columns["m_mla"] > 0
    turned = np.where(mla, columns["m_qk_rope_head_dim"], columns["m_head_dim"])
    tables = columns["m_max_position"] * turned * HALF_BYTES
    nope = np.maximum(columns["m_head_dim"] - columns["m_qk_rope_head_dim"], 0.0)
    out = columns["m_num_attention_heads"] * 2.0 * nope * columns["m_kv_lora_rank"]
    absorbed = columns["m_num_layers"] * out * HALF_BYTES / (columns["tp"] * columns["pp"])
    return np.where(served, tables + np.where(mla, absorbed, 0.0), 0.0)
