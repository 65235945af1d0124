"""The linear modules of a model under the names that quantisation configs call them by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from guide_ml.hf_config.mixers import Attention, LatentAttention
from guide_ml.hf_config.parts import Architecture, Experts, Layer, Mlp, Part
from guide_ml.hf_config.states import GatedDelta, Mamba

__all__ = ["BODY", "EXPERTS", "VOCABULARY", "Module", "modules"]

EXPERTS, BODY, VOCABULARY = "experts", "body", "vocabulary"


class Module(NamedTuple):
    """Weights that are quantised together or not at all.

    Parameters
    ----------
    group : str
        Routed experts, the rest of the layers, or embeddings and head.
    label : str
        What people call it.
    names : tuple of str
        What configs may call it; none where it is never quantised (norms, biases).
    weights : int
        Its parameters.
    """

    group: str
    label: str
    names: tuple[str, ...]
    weights: int


def modules(made: Architecture, embedding: int, head: int) -> Iterator[Module]:
    """Yield all modules of a model.

    Parameters
    ----------
    made : Architecture
        Its layers.
    embedding, head : int
        Parameters of the input embedding and of the output head (0: it is the embedding).
    """
    yield Module(VOCABULARY, "embeddings", ("embed_tokens",), embedding)
    yield Module(VOCABULARY, "output head", ("lm_head",), head)
    yield Module(BODY, "outside the layers", (), made.outside - embedding - head)
    for number, layer in enumerate((*made.encoder, *made.layers)):
        yield from _layer(layer, f"layers.{number}")


def _layer(layer: Layer, place: str) -> Iterator[Module]:
    rest = layer.norms
    for part in layer.parts:
        for module in _part(part, place):
            rest -= module.weights
            yield module
        rest += part.weights
    yield Module(BODY, "norms, biases and the like", (), rest)


def _part(part: Part, place: str) -> Iterator[Module]:
    if isinstance(part, Mlp):
        yield from _mlp(part, BODY, "MLP", (f"{place}.mlp", f"{place}.feed_forward"))
    elif isinstance(part, Experts):
        yield from _experts(part, place)
    elif isinstance(part, Attention):
        yield from _attention(part, place)
    elif isinstance(part, LatentAttention):
        yield from _latent(part, place)
    elif isinstance(part, GatedDelta):
        yield from _gated_delta(part, place)
    else:
        name = "mixer" if isinstance(part, Mamba) else "self_attn"
        yield Module(BODY, "attention without a cache", (f"{place}.{name}",), part.weights)


def _named(label: str, owners: tuple[str, ...], sizes: dict[str, int]) -> Iterator[Module]:
    for name, weights in sizes.items():
        if weights:
            yield Module(BODY, label, tuple(f"{owner}.{name}" for owner in owners), weights)


def _attention(part: Attention, place: str) -> Iterator[Module]:
    v_dim = part.v_dim or part.head_dim
    own, hidden, reads = part.projects_kv, part.hidden, part.reads or part.hidden
    sizes = {
        "q_proj": reads * part.heads * part.head_dim * (1 + part.output_gate) * part.projects_q,
        "k_proj": reads * part.kv_heads * part.head_dim * own,
        "v_proj": reads * part.kv_heads * v_dim * own * part.projects_v,
        "o_proj": hidden * part.heads * v_dim * part.projects_q,
        "gate_proj": hidden * part.gate_width,
    }
    if part.q_rank:
        sizes["q_proj"] = part.q_rank * (hidden + part.heads * part.head_dim)
    yield from _named("attention", (f"{place}.self_attn", f"{place}.attention"), sizes)


def _latent(part: LatentAttention, place: str) -> Iterator[Module]:
    query = part.heads * (part.nope_dim + part.rope_dim)
    sizes = {
        "q_a_proj": part.hidden * part.q_rank,
        "q_b_proj": part.q_rank * query,
        "q_proj": 0 if part.q_rank else part.hidden * query,
        "kv_a_proj_with_mqa": part.hidden * (part.kv_rank + part.rope_dim) * part.cached,
        "kv_b_proj": part.kv_rank * part.heads * (part.nope_dim + part.v_dim),
        "o_proj": part.heads * part.v_dim * part.hidden,
        "g_proj": part.hidden * part.gate_width,
    }
    if part.indexer:
        sizes["indexer"] = part.indexer.weights(part.hidden, part.q_rank or part.hidden)
    yield from _named("attention", (f"{place}.self_attn",), sizes)


def _gated_delta(part: GatedDelta, place: str) -> Iterator[Module]:
    key, value = part.key_heads * part.key_dim, part.value_heads * part.value_dim
    sizes = {
        "in_proj_qkv": part.hidden * (2 * key + value), "in_proj_z": part.hidden * value,
        "in_proj_b": part.hidden * part.value_heads, "in_proj_a": part.hidden * part.value_heads,
        "out_proj": value * part.hidden,
    }  # fmt: skip
    yield from _named("linear attention", (f"{place}.linear_attn",), sizes)


def _mlp(part: Mlp, group: str, label: str, owners: tuple[str, ...]) -> Iterator[Module]:
    names = ("gate_proj", "up_proj", "down_proj") if part.gated else ("up_proj", "down_proj")
    for name in names:
        yield Module(group, label, tuple(f"{o}.{name}" for o in owners), part.hidden * part.width)


def _experts(part: Experts, place: str) -> Iterator[Module]:
    owners = (f"{place}.mlp", f"{place}.block_sparse_moe", f"{place}.feed_forward")
    names = tuple(f"{o}.{n}" for o in owners for n in ("gate", "router"))
    yield Module(BODY, "router", names, part.router or part.hidden * part.count)
    for module in _mlp(part.expert, EXPERTS, "experts", tuple(f"{o}.experts.0" for o in owners)):
        yield module._replace(weights=module.weights * part.count)
    for other in part.further:
        yield from _mlp(other, EXPERTS, "experts", tuple(f"{o}.experts.0" for o in owners))
    if part.shared:
        own = tuple(f"{o}.{n}" for o in owners for n in ("shared_experts", "shared_expert"))
        yield from _mlp(part.shared, BODY, "shared experts", own)
    if part.beside:
        yield from _mlp(part.beside, BODY, "MLP", owners)
