"""What the model types of Hugging Face leave unsaid in their config.json.

A family states what its code fixes (biases, norms, gated MLP) and the values of keys that
its published configs leave out. A new model type is one entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FAMILIES", "GENERIC", "WRAPPERS", "Family", "canonical_type", "refusal"]


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
    extras: tuple[str, ...] = ()


GENERIC = Family()
"""Llama's structure: RMSNorm, gated MLP, no biases."""

_TIED = {"tie_word_embeddings": True}
_FOUR = {"ffn_ratio": 4}


def _classic(
    *,
    bias: bool = True,
    positions: int | None = None,
    embedding_norm: bool = False,
    **defaults: Any,
) -> Family:
    """Describe a GPT-like family: LayerNorm, biases, plain MLP four times as wide."""
    return Family(
        defaults=_FOUR | _TIED | defaults, gated=False, qkv_bias=bias, mlp_bias=bias,
        norm_vectors=2, positions=positions, embedding_norm=embedding_norm,
    )  # fmt: skip


# GPT-J and its like: attention without biases, MLP and head with them, one norm a layer.
_GPTJ = Family(defaults=_FOUR, gated=False, mlp_bias=True, head_bias=True, norm_vectors=2, norms=1)
_QWEN3_NEXT = Family(
    defaults={"full_attention_interval": 4, "linear_conv_kernel_dim": 4},
    qk_norm="head", output_gate=True, shared_gate=True,
)  # fmt: skip
_GEMMA3 = {
    "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262_208,
    "sliding_window": 4096, "sliding_window_pattern": 6, "max_position_embeddings": 131_072,
}  # fmt: skip

FAMILIES: dict[str, Family] = {
    **dict.fromkeys(
        ("aquila", "bailing_moe", "baichuan", "baichuan_m1", "dbrx", "jamba", "minicpm_sala",
         "mllama", "nanbeige", "step3", "deepseek", "deepseek_v2", "deepseek_v3",
         "deepseek_v32", "exaone", "glm4_moe_lite", "glm_moe_dsa", "granite",
         "granitemoe", "granitemoehybrid", "granitemoeshared", "internlm2", "internlm3", "kimi_k2",
         "kimi_linear", "llama", "minicpm", "minimax", "mistral", "mixtral", "phi3",
         "yi"),
        GENERIC,
    ),
    "afmoe": Family(norms=4, qk_norm="head", gate="full"),
    "apertus": Family(gated=False, qk_norm="head"),
    "apertus1p5": Family(gated=False, qk_norm="head"),
    "arctic": Family(defaults={"parallel_attn_mlp_res": True}),
    "arcee": Family(gated=False),
    "bailing_hybrid": Family(defaults={"no_kda_lora": True}, gate="head"),
    "bailing_moe_linear": Family(qk_norm="head"),
    "bailing_moe_v2": Family(qk_norm="head"),
    "beam": Family(norms=4, qk_norm="head", gate="full"),
    "bamba": Family(defaults={"attn_layer_indices": []}),
    "bloom": _classic(embedding_norm=True),
    "chatglm": Family(qkv_bias=True, out_bias=False),
    "codegen": _GPTJ,
    "cohere": Family(defaults=_TIED | {"use_qk_norm": False}, norms=1, qk_norm="full"),
    "cohere2": Family(defaults=_TIED | {"sliding_window_pattern": 4}, norms=1),
    "dots1": Family(qk_norm="head"),
    "ernie4_5": Family(defaults=_TIED),
    "deepseek_v4": Family(sinks=True, extras=("hyper_connections",)),
    "exaone4": Family(qk_norm="head"),
    "falcon": _classic(bias=False, max_position_embeddings=2048),
    "falcon_h1": Family(
        defaults={"runs_mixers_side_by_side": True, "mamba_rms_norm": False}
    ),
    "gemma": Family(defaults=_TIED),
    "gemma2": Family(defaults=_TIED | {"sliding_window_pattern": 2}, norms=4),
    "gemma3": Family(defaults=_TIED | _GEMMA3, norms=4, qk_norm="head"),
    "gemma3n": Family(
        defaults=_TIED, norms=4, qk_norm="head", extras=("per_layer_input", "altup"),
    ),
    "gemma4": Family(
        defaults=_TIED, norms=4, qk_norm="head", dense_beside=True,
        extras=("per_layer_input", "expert_norms"),
    ),
    "glm": Family(qkv_bias=True, out_bias=False),
    "glm4": Family(qkv_bias=True, out_bias=False, norms=4),
    "glm4_moe": Family(out_bias=False),
    "gpt2": _classic(positions=0),
    "gpt_bigcode": _classic(positions=0, multi_query=True),
    "gpt_neo": Family(
        defaults=_FOUR | _TIED, gated=False, out_bias=True, mlp_bias=True, norm_vectors=2,
        positions=0,
    ),
    "gpt_neox": _classic(tie_word_embeddings=False),
    "gpt_oss": Family(
        defaults={"sliding_window_pattern": 2}, qkv_bias=True, mlp_bias=True, sinks=True
    ),
    "gptj": _GPTJ,
    "grok_2": Family(norms=4),
    "helium": Family(defaults={"square_output": True}),
    "hunyuan": Family(defaults={"use_qk_norm": True}, qk_norm="head"),
    "hy_v4": Family(gate="full", sinks=True, extras=("gated_streams",)),
    "internlm": Family(defaults={"mlp_bias": False}),  # its key `bias` is about attention only
    "jais2": Family(gated=False, norm_vectors=2),
    "laguna": Family(qk_norm="head"),
    "lfm2": Family(defaults=_TIED, qk_norm="head"),
    "lfm3": Family(defaults=_TIED, norms=4, qk_norm="head"),
    "llama4": Family(defaults={"n_shared_experts": 1, "no_rope_layer_interval": 4}, qk_norm="free"),
    "longcat_flash": Family(twin=True, extras=("ngram_tables",)),
    "mimo_v2_flash": Family(
        defaults={"window_kv_factor": 2, "add_swa_attention_sink_bias": True}
    ),
    "minicpm3": Family(defaults=_TIED, v_by_hidden=True),
    "minimax_m2": Family(qk_norm="full"),
    "modernbert-decoder": Family(head_bias=True, extras=("prediction_head",)),
    "mpt": Family(defaults=_FOUR | _TIED, gated=False),
    "muse_glimmer": Family(norms=4, gate="full"),
    "muse_spark": Family(norms=4, gate="full"),
    "nanochat": Family(gated=False, norm_vectors=0),
    "nemotron": Family(gated=False, norm_vectors=2),
    "nemotron_h": Family(gated=False, norms=1, one_part=True),
    "olmo": Family(norm_vectors=0),
    "olmo2": Family(qk_norm="full"),
    "olmo3": Family(defaults={"sliding_window_pattern": 4}, qk_norm="full"),
    "olmoe": Family(qk_norm="full"),
    "opt": _classic(positions=2),
    "persimmon": Family(
        defaults=_FOUR, gated=False, qkv_bias=True, mlp_bias=True, norm_vectors=2, qk_norm="head"
    ),
    "phi": Family(
        defaults=_FOUR, gated=False, qkv_bias=True, mlp_bias=True, head_bias=True,
        norm_vectors=2, norms=1,
    ),
    "phimoe": Family(norm_vectors=2, head_bias=True),
    "qwen": Family(defaults={"attention_bias": True}, halved_mlp=True),
    "qwen2": Family(qkv_bias=True, out_bias=False),
    "qwen2_moe": Family(qkv_bias=True, out_bias=False, shared_gate=True),
    "qwen3": Family(qk_norm="head"),
    "qwen3_5": _QWEN3_NEXT,
    "qwen3_next": _QWEN3_NEXT,
    "seed_oss": Family(qkv_bias=True, out_bias=False),
    "smollm3": Family(defaults=_TIED),
    "stablelm": Family(out_bias=False, norm_vectors=2),
    "starcoder2": _classic(),
    "step3p5": Family(qk_norm="head", gate="head"),
    "t5": Family(
        defaults=_TIED | {"vocab_size": 32_128, "relative_attention_num_buckets": 32},
        encoder_decoder=True,
    ),
    "xglm": _classic(),
}  # fmt: skip
"""Every family that is counted knowingly; others are counted as `GENERIC`."""

_SAME = {
    "chatglm2": "chatglm", "ernie4_5_moe": "ernie4_5", "glm4v": "glm4",
    "glm4v_moe": "glm4_moe", "gpt-sw3": "gpt2",
    "hunyuan_v1_dense": "hunyuan", "hunyuan_v1_moe": "hunyuan",
    "deepseek_ref": "deepseek_v4", "gemma4_unified": "gemma4", "kimi_k25": "kimi_k2",
    "kimi_k3": "kimi_linear", "longcat_flash_ngram": "longcat_flash",
    "mllama_text_model": "mllama", "muse_glimmer_text": "muse_glimmer", "phi4_multimodal": "phi3",
    "phi4mm": "phi3", "step3p7": "step3p5", "lfm2_moe": "lfm2", "lfm2_vl": "lfm2",
    "lfm3_vl": "lfm3", "mimo": "qwen2", "mimo_v2": "mimo_v2_flash", "step3_vl": "step3",
    "minimax_m1": "minimax", "minimax_text_01": "minimax",
    "ministral": "mistral", "ministral3": "mistral", "mistral3": "mistral", "mt5": "t5",
    "qwen2_5_vl": "qwen2", "qwen2_vl": "qwen2", "qwen3_5_moe": "qwen3_5",
    "qwen3_moe": "qwen3", "qwen3_vl": "qwen3", "qwen3_vl_moe": "qwen3", "refinedweb": "falcon",
    "refinedwebmodel": "falcon", "umt5": "t5",
}  # fmt: skip

#: Multimodal types around a language model of a type of its own.
WRAPPERS = frozenset(
    ("deepseek_vl_v2", "internvl_chat", "kimi_vl", "lfm2-vl", "minicpmv", "molmo", "ovis",
     "pixtral", "step3_vl", "step3p5_vl")
)  # fmt: skip

_NO_DECODER = frozenset(
    ("albert", "bert", "bert-generation", "big_bird", "camembert", "clip", "deberta",
     "deberta-v2", "distilbert", "electra", "ernie", "eurobert", "fnet", "git", "longformer",
     "modernbert", "mpnet", "new", "nomic_bert", "roberta", "siglip", "vit", "wav2vec2",
     "xlm-roberta", "xlm-roberta-xl")
)  # fmt: skip
_DIFFUSION = frozenset(
    ("diffusion_gemma", "dream", "fast_dllm", "llada", "llada2_moe", "llada_moe", "sdar",
     "sdar_moe")
)  # fmt: skip
_NO_KV_CACHE = frozenset(("falcon_mamba", "mamba", "mamba2", "rwkv", "rwkv6", "rwkv7", "xlstm"))
_UNCOUNTED = frozenset(
    ("bart", "biogpt", "deci", "doge", "hrm", "jetmoe", "mbart", "moshi", "nemotron-nas",
     "pegasus", "recurrent_gemma", "speech_to_text", "whisper", "zamba", "zamba2", "zaya")
)  # fmt: skip


def canonical_type(model_type: str) -> str:
    """Return the family that a ``model_type`` belongs to, itself where it is unknown.

    Examples
    --------
    >>> canonical_type("qwen3_vl_moe_text"), canonical_type("RefinedWebModel")
    ('qwen3', 'falcon')
    """
    name = model_type.strip().lower().removesuffix("_text")
    return _SAME.get(name, name)


def refusal(model_type: str) -> str:
    """Say why a model type cannot be counted; an empty text where it can."""
    name = model_type.strip().lower().removesuffix("_text")
    if name in _NO_DECODER:
        return "is an encoder, which generates no text"
    if name in _NO_KV_CACHE:
        return "has no attention layer, so the memory and time formulas do not hold for it"
    if name in _DIFFUSION:
        return "generates by diffusion, many tokens at once, and is not served as a decoder"
    if name in _UNCOUNTED:
        return "has a structure that cannot be counted from its config"
    return ""
