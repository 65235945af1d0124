"""What the model types of Hugging Face leave unsaid in their config.json.

A family states what its code fixes (biases, norms, gated MLP) and the values of keys that
its published configs leave out. A new model type is one entry here.
"""

from __future__ import annotations

from typing import Any

from guide_ml.hf_config.family import GENERIC, Family

__all__ = ["FAMILIES", "GENERIC", "WRAPPERS", "Family", "canonical_type"]

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
         "yi", "nemotron-nas", "deci"),
        GENERIC,
    ),
    "afmoe": Family(norms=4, qk_norm="head", gate="full"),
    "axk2": Family(extras=("gated_norms", "gated_queries")),
    "biogpt": _classic(positions=2),
    "cosmos3_edge": Family(gated=False),
    "doge": Family(qk_norm="head", extras=("dynamic_mask",)),
    "dots3_note": Family(gate="head", extras=("key_norm",)),
    "ernie4_5_vl_moe": Family(defaults=_TIED),
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
    "hunyuan": Family(defaults={"use_qk_norm": True}, qk_norm="head", head_by_hidden=True),
    "hrm": Family(norm_vectors=0, gate="full"),
    "inkling": Family(
        qk_norm="head", embedding_norm=True, extras=("relative_positions", "short_convolutions"),
    ),
    "inkling2": Family(
        embedding_norm=True, gate="full", unpadded_head=True,
        renames={"intermediate_size": "moe_intermediate_size"},
        extras=("relative_positions", "short_convolutions", "stream_queries"),
    ),
    "jetmoe": Family(defaults=_TIED, sparse_queries=True, extras=("output_biases",)),
    "mistral_large4": Family(
        defaults={"no_rope_layer_interval": 4}, index_from_stream=True, extras=("scaled_softmax",)
    ),
    "openai-gpt": _classic(positions=0),
    "recurrent_gemma": Family(
        defaults=_TIED, out_bias=True, mlp_bias=True, halved_mlp=True
    ),
    "zamba": Family(
        defaults=_TIED | {"attn_layer_first": 3}, shared_block=True
    ),
    "zamba2": Family(defaults=_TIED, shared_block=True),
    "zaya": Family(
        defaults=_TIED, extras=("residual_scales", "convolved_heads")
    ),
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
    "plamo": Family(norms=1),
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
    "ernie4_5_moe_vl": "ernie4_5_vl_moe", "hy_v4_vl": "hy_v4", "inkling_mm_model": "inkling",
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


def canonical_type(model_type: str) -> str:
    """Return the family that a ``model_type`` belongs to, itself where it is unknown.

    Examples
    --------
    >>> canonical_type("qwen3_vl_moe_text"), canonical_type("RefinedWebModel")
    ('qwen3', 'falcon')
    """
    name = model_type.strip().lower().removesuffix("_text")
    return _SAME.get(name, name)
