"""Memory of what is loaded beside the model: heads or models that draft tokens, LoRA adapters.

All sizes in bytes on one device, in 16 bits unless the model's own layers are copied.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from guide_ml.features.accounts.rules import VLLM, is_rule
from guide_ml.table.beside import KINDS
from guide_ml.table.read import Columns, Floats
from guide_ml.units import BILLION, BITS_PER_BYTE

__all__ = ["Beside", "beside"]

HALF_BYTES = 2.0
MTP, EAGLE, MEDUSA, DFLASH, DRAFT = range(1, len(KINDS))
#: Words that an EAGLE-3 head answers in (its published heads have 32,000), and rows of the model's
#: hidden states that it takes in (arXiv 2503.01840).
EAGLE_WORDS, EAGLE_ROWS = 32_000.0, 3.0
#: Layers of a block-drafting model (DFlash, arXiv 2602.06036: five).
DFLASH_LAYERS = 5.0


class Beside(NamedTuple):
    """What is loaded beside the model, on one device.

    Parameters
    ----------
    drafts, adapters : array
        Weights of what drafts tokens, and of all adapters, bytes.
    layers : array
        Layers of the model's own width whose cache takes what the drafts' does.
    """

    drafts: Floats
    adapters: Floats
    layers: Floats


def beside(columns: Columns, parts: Columns, bits: tuple[Floats, Floats, Floats],
           width: Floats) -> Beside:  # fmt: skip
    """Work out what is loaded beside the model.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    parts : dict
        Parameters by group, of :func:`guide_ml.features.weights.split_params`.
    bits : tuple of array
        Bits a weight of experts, body and vocabulary.
    width : array
        Numbers that a layer of the model keeps a token on one device.
    """
    kind = columns["draft_kind"]
    none = np.zeros_like(width)
    adapters = _adapters(columns) if np.any(columns["loras"] > 0) else none
    if not np.any(kind > 0):
        return Beside(none, adapters, none)
    own = columns["tp"] * columns["pp"]
    hidden, vocabulary = columns["m_hidden_size"], columns["m_vocab_size"]
    layer = _dense_layer(columns)
    eagle = layer + _inputs(columns) + EAGLE_ROWS * hidden**2 + EAGLE_WORDS * hidden
    medusa = np.maximum(columns["drafted"], 1.0) * hidden * (hidden + vocabulary)
    chosen = [kind == MTP, kind == EAGLE, kind == MEDUSA, kind == DFLASH, kind == DRAFT]
    half = HALF_BYTES / own
    held = np.select(chosen, [_own_layer(columns, parts, bits), eagle * half, medusa * half,
                              DFLASH_LAYERS * layer * half,
                              columns["draft_params_b"] * BILLION * half], none)  # fmt: skip
    heads = np.maximum(columns["draft_kv_heads"] / columns["tp"], 1.0)
    kept = columns["draft_kv_layers"] * 2.0 * heads * columns["draft_head_dim"] / width
    layers = np.select(chosen, [none + 1.0, none + 1.0, none, none + DFLASH_LAYERS, kept], none)
    return Beside(held, adapters, layers)


def _own_layer(columns: Columns, parts: Columns, bits: tuple[Floats, Floats, Floats]) -> Floats:
    """One more layer of the model's own kind, and what joins two rows for it, in 16 bits.

    DeepSeek-V3's further-token module and those after it (arXiv 2412.19437); embeddings and output
    matrix are the model's.
    """
    expert_bits, body_bits, _ = bits
    layers = columns["m_num_layers"]
    routed = np.maximum(layers - columns["m_first_dense_layers"], 1.0)
    spread = columns["tp"] * columns["attention_dp"] * columns["pp"]
    own = columns["tp"] * columns["pp"]
    experts = parts["experts"] / routed * expert_bits / spread
    body = parts["body"] / layers * body_bits / own
    joined = 2.0 * columns["m_hidden_size"] ** 2 * HALF_BYTES / own
    return np.asarray((experts + body) / BITS_PER_BYTE + joined)


def _dense_layer(columns: Columns) -> Floats:
    """Parameters of a layer with an MLP: queries, keys, values, output; gate, up, down."""
    hidden = columns["m_hidden_size"]
    queries = columns["m_num_attention_heads"] * columns["m_head_dim"]
    return np.asarray(hidden * (2.0 * queries + _keys(columns) + 3.0 * _inner(columns)))


def _inputs(columns: Columns) -> Floats:
    """Parameters that EAGLE's layer has more, as it takes two rows in."""
    queries = columns["m_num_attention_heads"] * columns["m_head_dim"]
    return np.asarray(columns["m_hidden_size"] * (queries + _keys(columns)))


def _keys(columns: Columns) -> Floats:
    heads = np.where(columns["m_mla"] > 0, columns["m_num_attention_heads"],
                     columns["m_num_kv_heads"])  # fmt: skip
    return np.asarray(2.0 * heads * columns["m_head_dim"])


def _inner(columns: Columns) -> Floats:
    """Width of a dense MLP; of a mixture without one, of the experts that a token goes to."""
    active = columns["m_num_experts_per_tok"] * columns["m_moe_intermediate_size"]
    dense = columns["m_intermediate_size"]
    return np.where(dense > 0, dense, active)


def _adapters(columns: Columns) -> Floats:
    """Room of all adapters at their rank, for each matrix of all layers (vLLM 0.33.0, lora/layers).

    Of a matrix that is cut by columns, every device keeps the inner half whole and its part of the
    outer one; by rows the other way round. vLLM has room for the vocabulary's two, too.
    """
    tp, hidden = columns["tp"], columns["m_hidden_size"]
    queries = columns["m_num_attention_heads"] * columns["m_head_dim"]
    mixed = columns["m_num_experts"] > 0
    routed = np.maximum(columns["m_num_layers"] - columns["m_first_dense_layers"], 0.0)
    routed = np.where(mixed, routed, 0.0)
    attention = 3.0 * hidden + (queries + _keys(columns)) / tp + queries / tp + hidden
    experts = columns["m_num_experts"] / columns["ep"]
    part = np.maximum(tp * columns["attention_dp"] / columns["ep"], 1.0)
    mixture = experts * _mlp(hidden, columns["m_moe_intermediate_size"] / part)
    dense = (columns["m_num_layers"] - routed) * _mlp(hidden, columns["m_intermediate_size"] / tp)
    layers = columns["m_kv_layers"] * attention + dense + routed * mixture
    tables = np.where(is_rule(columns, VLLM), 2.0 * (hidden + columns["m_vocab_size"]), 0.0)
    numbers = layers / columns["pp"] + tables
    return np.asarray(columns["loras"] * columns["lora_rank"] * numbers * HALF_BYTES)


def _mlp(hidden: Floats, inner: Floats) -> Floats:
    """Numbers a rank of gate, up and down."""
    return np.asarray(2.0 * (hidden + inner) + inner + hidden)
