"""What the code of a model type fixes: the form that the table of families fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["GENERIC", "Family"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """What the code of a model type fixes.

    Parameters
    ----------
    defaults : mapping
        Values of keys that the config may leave out.
    gated : bool
        Three MLP matrices instead of two.
    qkv_bias, mlp_bias, head_bias : bool
        Biases of the attention inputs, the MLP and the output head.
    out_bias : bool, optional
        Bias of the attention output; ``None``: as `qkv_bias`.
    norm_vectors : int
        Vectors a norm holds: 1 for RMSNorm, 2 for LayerNorm with bias, 0 for none.
    norms : int
        Norms a layer holds.
    qk_norm : {"", "head", "full", "free"}
        Norms on queries and keys: none, one head wide, all heads wide, without parameters.
    positions : int, optional
        Rows of a learned position table beyond the longest context; ``None``: no table.
    embedding_norm, output_gate, sinks, shared_gate : bool
        Norm after the embedding; attention output gate; attention sinks; gated shared expert.
    halved_mlp : bool
        ``intermediate_size`` counts both halves of the gated input projection (Qwen 1).
    one_part : bool
        A layer is a mixer or an MLP, not both (Nemotron-H).
    encoder_decoder : bool
        T5-like: two stacks, cross-attention in the second.
    gate : {"", "head", "full"}
        A projection of its own that gates what attention puts out: none, one number a head,
        one for each number.
    shared_kv_is_bare : bool
        Layers that use another layer's cache have no key and value projections.
    dense_beside : bool
        A dense MLP runs beside the experts.
    v_by_hidden : bool
        The width of a value is that of the stream over the heads where no key says it (MLA).
    always_sparse : bool
        Which layers route is asked even where the config states one expert or none.
    twin : bool
        A layer holds two mixers and two dense MLPs beside its experts (LongCat).
    shared_block : bool
        Its full layers run one of a few transformer blocks that all of them share, before a
        recurrent mixer of their own (Zamba).
    sparse_queries : bool
        Queries and output of attention are experts, too (JetMoe).
    index_from_stream : bool
        The indexer of sparse attention reads the stream, not a compressed query.
    head_by_hidden : bool
        A head is as wide as the stream over the heads, whatever ``attention_head_dim`` says.
    unpadded_head : bool
        The output head has ``unpadded_vocab_size`` rows.
    renames : mapping
        Keys that mean another key in this type, by that key.
    extras : tuple of str
        Names of the parts in :mod:`guide_ml.hf_config.extras` that it has besides.
    """

    defaults: Mapping[str, Any] = field(default_factory=dict)
    gated: bool = True
    qkv_bias: bool = False
    out_bias: bool | None = None
    mlp_bias: bool = False
    head_bias: bool = False
    norm_vectors: int = 1
    norms: int = 2
    qk_norm: str = ""
    positions: int | None = None
    embedding_norm: bool = False
    output_gate: bool = False
    sinks: bool = False
    shared_gate: bool = False
    halved_mlp: bool = False
    one_part: bool = False
    encoder_decoder: bool = False
    gate: str = ""
    shared_kv_is_bare: bool = True
    dense_beside: bool = False
    v_by_hidden: bool = False
    always_sparse: bool = False
    twin: bool = False
    shared_block: bool = False
    sparse_queries: bool = False
    index_from_stream: bool = False
    head_by_hidden: bool = False
    unpadded_head: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)
    extras: tuple[str, ...] = ()


GENERIC = Family()
"""Llama's structure: RMSNorm, gated MLP, no biases."""
