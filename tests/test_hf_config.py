"""Configs as published, reduced to the keys that matter, against the published counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.hf_config import model_from_config


def llama(
    layers: int, hidden: int, inner: int, heads: int, kv: int, vocab: int, **more: Any
) -> Any:
    """Build a config in the spelling of Llama."""
    return {
        "model_type": "llama", "num_hidden_layers": layers, "hidden_size": hidden,
        "intermediate_size": inner, "num_attention_heads": heads, "num_key_value_heads": kv,
        "vocab_size": vocab, "tie_word_embeddings": False,
    } | more  # fmt: skip


LLAMA_8B = llama(32, 4096, 14336, 32, 8, 128256, max_position_embeddings=131072)
MLA = {"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}
GATED_DELTA = {
    "linear_num_key_heads": 16, "linear_key_head_dim": 128, "linear_num_value_heads": 32,
    "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
}  # fmt: skip
DEEPSEEK_V3 = MLA | llama(
    61, 7168, 18432, 128, 128, 129280, model_type="deepseek_v3", q_lora_rank=1536,
    n_routed_experts=256, n_shared_experts=1, num_experts_per_tok=8, moe_intermediate_size=2048,
    first_k_dense_replace=3, moe_layer_freq=1, max_position_embeddings=163840,
    torch_dtype="bfloat16", quantization_config={"quant_method": "fp8", "fmt": "e4m3"},
)  # fmt: skip
QWEN3_NEXT = GATED_DELTA | llama(
    48, 2048, 5120, 16, 2, 151936, model_type="qwen3_next", head_dim=256, num_experts=512,
    num_experts_per_tok=10, moe_intermediate_size=512, shared_expert_intermediate_size=512,
    full_attention_interval=4, decoder_sparse_step=1, mlp_only_layers=[],
    max_position_embeddings=262144,
)  # fmt: skip
GPT_OSS_20B = llama(
    24, 2880, 2880, 64, 8, 201088, model_type="gpt_oss", head_dim=64, num_local_experts=32,
    num_experts_per_tok=4, sliding_window=128, attention_bias=True,
    max_position_embeddings=131072, layer_types=["sliding_attention", "full_attention"] * 12,
    quantization_config={"quant_method": "mxfp4"},
)  # fmt: skip
GEMMA3_4B = {
    "model_type": "gemma3",
    "text_config": {
        "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
        "num_hidden_layers": 34, "sliding_window": 1024,
    },
    "vision_config": {"hidden_size": 1152},
    "torch_dtype": "bfloat16",
}  # fmt: skip
MAVERICK: dict[str, Any] = {
    "model_type": "llama4",
    "text_config": {
        "model_type": "llama4_text", "num_hidden_layers": 48, "hidden_size": 5120,
        "intermediate_size": 8192, "intermediate_size_mlp": 16384, "num_attention_heads": 40,
        "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 202048,
        "num_local_experts": 128, "num_experts_per_tok": 1, "interleave_moe_layer_step": 2,
        "attention_chunk_size": 8192, "max_position_embeddings": 1048576, "use_qk_norm": False,
    },
    "vision_config": {"hidden_size": 1408},
}  # fmt: skip
NEMOTRON_H_8B = {
    "model_type": "nemotron_h", "num_hidden_layers": 52, "hidden_size": 4096,
    "hybrid_override_pattern": "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-",
    "intermediate_size": 21504, "num_attention_heads": 32, "num_key_value_heads": 8,
    "attention_head_dim": 128, "mamba_num_heads": 128, "mamba_head_dim": 64, "n_groups": 8,
    "ssm_state_size": 128, "conv_kernel": 4, "use_conv_bias": True, "vocab_size": 131072,
    "max_position_embeddings": 8192, "tie_word_embeddings": False,
}  # fmt: skip
NEMOTRON_NANO_30B = NEMOTRON_H_8B | {
    "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    "hidden_size": 2688, "intermediate_size": 1856, "num_key_value_heads": 2, "head_dim": 128,
    "mamba_num_heads": 64, "n_routed_experts": 128, "num_experts_per_tok": 6,
    "moe_intermediate_size": 1856, "n_shared_experts": 1,
    "moe_shared_expert_intermediate_size": 3712,
}  # fmt: skip
MINIMAX_TEXT = llama(
    80, 6144, 9216, 64, 8, 200064, model_type="minimax_text_01", head_dim=128,
    num_local_experts=32, num_experts_per_tok=2, shared_intermediate_size=0,
    attn_type_list=[0, 0, 0, 0, 0, 0, 0, 1] * 10, max_position_embeddings=10240000,
)  # fmt: skip
FLAN_T5_XL = {
    "model_type": "t5", "d_model": 2048, "d_ff": 5120, "d_kv": 64, "num_heads": 32,
    "num_layers": 24, "num_decoder_layers": 24, "vocab_size": 32128,
    "feed_forward_proj": "gated-gelu", "is_encoder_decoder": True, "tie_word_embeddings": False,
    "relative_attention_num_buckets": 32, "n_positions": 512,
}  # fmt: skip
QWEN2 = {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 131072}

# Config, total in billions as published (tensors of the checkpoint: the text model, without
# layers for multi-token prediction), layers with a KV cache, those with a window.
DENSE: dict[str, tuple[Any, float, int, int]] = {
    "llama-2-7b": (llama(32, 4096, 11008, 32, 32, 32000), 6.738, 32, 0),
    "llama-3.1-8b": (LLAMA_8B, 8.030, 32, 0),
    "llama-3.1-70b": (llama(80, 8192, 28672, 64, 8, 128256), 70.55, 80, 0),
    "llama-3.2-1b": (
        llama(16, 2048, 8192, 32, 8, 128256, tie_word_embeddings=True, head_dim=64), 1.236, 16, 0),
    "mistral-7b-v0.1": (
        llama(32, 4096, 14336, 32, 8, 32000, model_type="mistral", sliding_window=4096,
              max_position_embeddings=32768), 7.242, 32, 32),
    "mistral-nemo-12b": (
        llama(40, 5120, 14336, 32, 8, 131072, model_type="mistral", head_dim=128,
              sliding_window=None), 12.25, 40, 0),
    "qwen2.5-7b": (llama(28, 3584, 18944, 28, 4, 152064) | QWEN2, 7.616, 28, 0),
    "qwen2.5-0.5b": (
        llama(24, 896, 4864, 14, 2, 151936) | QWEN2 | {"tie_word_embeddings": True}, 0.494, 24, 0),
    "qwen3-8b": (
        llama(36, 4096, 12288, 32, 8, 151936, model_type="qwen3", head_dim=128), 8.191, 36, 0),
    "gemma-7b": (
        {"model_type": "gemma", "num_hidden_layers": 28, "hidden_size": 3072,
         "intermediate_size": 24576, "num_attention_heads": 16, "num_key_value_heads": 16,
         "head_dim": 256, "vocab_size": 256000}, 8.538, 28, 0),
    "gemma-2-9b": (
        {"model_type": "gemma2", "num_hidden_layers": 42, "hidden_size": 3584,
         "intermediate_size": 14336, "num_attention_heads": 16, "num_key_value_heads": 8,
         "head_dim": 256, "vocab_size": 256000, "sliding_window": 4096,
         "max_position_embeddings": 8192, "query_pre_attn_scalar": 256}, 9.242, 42, 21),
    "gemma-3-1b": (
        {"model_type": "gemma3_text", "num_hidden_layers": 26, "hidden_size": 1152,
         "intermediate_size": 6912, "num_attention_heads": 4, "num_key_value_heads": 1,
         "head_dim": 256, "vocab_size": 262144, "sliding_window": 512,
         "sliding_window_pattern": 6, "max_position_embeddings": 32768}, 1.000, 26, 22),
    "gemma-3-4b, text": (GEMMA3_4B, 3.88, 34, 29),
    "phi-2": (
        {"model_type": "phi", "num_hidden_layers": 32, "hidden_size": 2560,
         "intermediate_size": 10240, "num_attention_heads": 32, "num_key_value_heads": 32,
         "vocab_size": 51200, "qk_layernorm": False, "tie_word_embeddings": False,
         "torch_dtype": "float16"}, 2.780, 32, 0),
    "phi-3-mini-4k": (
        llama(32, 3072, 8192, 32, 32, 32064, model_type="phi3", sliding_window=2047,
              max_position_embeddings=4096), 3.821, 32, 32),
    "phi-3-mini-128k": (
        llama(32, 3072, 8192, 32, 32, 32064, model_type="phi3", sliding_window=262144,
              max_position_embeddings=131072), 3.821, 32, 0),
    "gpt2": (
        {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024,
         "n_ctx": 1024, "vocab_size": 50257}, 0.1244, 12, 0),
    "gpt2-xl": (
        {"model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25, "n_positions": 1024,
         "n_ctx": 1024, "vocab_size": 50257, "n_inner": None}, 1.558, 48, 0),
    "gpt-neox-20b": (
        {"model_type": "gpt_neox", "num_hidden_layers": 44, "hidden_size": 6144,
         "intermediate_size": 24576, "num_attention_heads": 64, "vocab_size": 50432,
         "max_position_embeddings": 2048, "tie_word_embeddings": False}, 20.55, 44, 0),
    "gpt-j-6b": (
        {"model_type": "gptj", "n_embd": 4096, "n_layer": 28, "n_head": 16, "n_positions": 2048,
         "rotary_dim": 64, "vocab_size": 50400, "tie_word_embeddings": False}, 6.051, 28, 0),
    "opt-6.7b": (
        {"model_type": "opt", "num_hidden_layers": 32, "hidden_size": 4096, "ffn_dim": 16384,
         "num_attention_heads": 32, "vocab_size": 50272, "max_position_embeddings": 2048,
         "word_embed_proj_dim": 4096}, 6.658, 32, 0),
    "opt-350m": (
        {"model_type": "opt", "num_hidden_layers": 24, "hidden_size": 1024, "ffn_dim": 4096,
         "num_attention_heads": 16, "vocab_size": 50272, "max_position_embeddings": 2048,
         "word_embed_proj_dim": 512}, 0.3312, 24, 0),
    "bloom-7b1": (
        {"model_type": "bloom", "n_layer": 30, "hidden_size": 4096, "num_attention_heads": 32,
         "vocab_size": 250880, "seq_length": 2048}, 7.069, 30, 0),
    "falcon-7b": (
        {"model_type": "falcon", "num_hidden_layers": 32, "hidden_size": 4544,
         "num_attention_heads": 71, "vocab_size": 65024, "multi_query": True,
         "parallel_attn": True, "new_decoder_architecture": False, "bias": False,
         "alibi": False}, 6.922, 32, 0),
    "falcon-40b": (
        {"model_type": "falcon", "num_hidden_layers": 60, "hidden_size": 8192,
         "num_attention_heads": 128, "num_kv_heads": 8, "vocab_size": 65024, "bias": False,
         "parallel_attn": True, "new_decoder_architecture": True, "multi_query": True},
        41.30, 60, 0),
    "mpt-7b": (
        {"model_type": "mpt", "d_model": 4096, "n_layers": 32, "n_heads": 32, "vocab_size": 50432,
         "expansion_ratio": 4, "no_bias": True, "max_seq_len": 2048,
         "attn_config": {"alibi": True, "attn_type": "multihead_attention"}}, 6.649, 32, 0),
    "starcoder2-7b": (
        {"model_type": "starcoder2", "num_hidden_layers": 32, "hidden_size": 4608,
         "intermediate_size": 18432, "num_attention_heads": 36, "num_key_value_heads": 4,
         "vocab_size": 49152, "use_bias": True, "sliding_window": 4096,
         "max_position_embeddings": 16384}, 7.174, 32, 32),
    "starcoder": (
        {"model_type": "gpt_bigcode", "n_embd": 6144, "n_layer": 40, "n_head": 48,
         "n_inner": 24576, "n_positions": 8192, "vocab_size": 49152, "multi_query": True},
        15.52, 40, 0),
    "command-r": (
        {"model_type": "cohere", "num_hidden_layers": 40, "hidden_size": 8192,
         "intermediate_size": 22528, "num_attention_heads": 64, "num_key_value_heads": 64,
         "vocab_size": 256000, "use_qk_norm": False}, 34.98, 40, 0),
    "command-r-plus": (
        {"model_type": "cohere", "num_hidden_layers": 64, "hidden_size": 12288,
         "intermediate_size": 33792, "num_attention_heads": 96, "num_key_value_heads": 8,
         "vocab_size": 256000, "use_qk_norm": True}, 103.8, 64, 0),
    "nemotron-h-8b": (NEMOTRON_H_8B, 8.10, 4, 0),
    "granite-3.0-8b": (
        llama(40, 4096, 12800, 32, 8, 49155, model_type="granite", tie_word_embeddings=True),
        8.171, 40, 0),
    "olmo-7b": (llama(32, 4096, 11008, 32, 32, 50304, model_type="olmo"), 6.888, 32, 0),
    "olmo-2-7b": (llama(32, 4096, 11008, 32, 32, 100352, model_type="olmo2"), 7.299, 32, 0),
    "flan-t5-xl": (FLAN_T5_XL, 2.850, 24, 0),
    "t5-base": (
        {"model_type": "t5", "d_model": 768, "d_ff": 3072, "d_kv": 64, "num_heads": 12,
         "num_layers": 12, "vocab_size": 32128, "is_encoder_decoder": True}, 0.2229, 12, 0),
    "chatglm2-6b": (
        {"model_type": "chatglm", "num_layers": 28, "hidden_size": 4096, "ffn_hidden_size": 13696,
         "num_attention_heads": 32, "multi_query_attention": True, "multi_query_group_num": 2,
         "kv_channels": 128, "padded_vocab_size": 65024, "add_qkv_bias": True,
         "add_bias_linear": False, "seq_length": 32768}, 6.244, 28, 0),
    "qwen-7b": (
        {"model_type": "qwen", "num_hidden_layers": 32, "hidden_size": 4096,
         "intermediate_size": 22016, "num_attention_heads": 32, "kv_channels": 128,
         "vocab_size": 151936, "no_bias": True, "seq_length": 8192,
         "tie_word_embeddings": False}, 7.721, 32, 0),
    "yi-6b, of an unknown type": (
        llama(32, 4096, 11008, 32, 4, 64000, model_type="anything"), 6.061, 32, 0),
}  # fmt: skip

# Config, total as published, active count, layers with a KV cache, those with a window.
# Active counts include both embeddings, as everywhere in the package. Publishers round more
# coarsely (Mixtral 12.9, DBRX 36, OLMoE 1.3, Phi-3.5-MoE 6.6, Qwen3 3.3, Kimi-K2 32) or leave
# embeddings out; the latter are checked in a test of their own.
SPARSE: dict[str, tuple[Any, float, float, int, int]] = {
    "mixtral-8x7b": (
        llama(32, 4096, 14336, 32, 8, 32000, model_type="mixtral", num_local_experts=8,
              num_experts_per_tok=2, sliding_window=None), 46.70, 12.88, 32, 0),
    "qwen1.5-moe-a2.7b": (
        llama(24, 2048, 5632, 16, 16, 151936, model_type="qwen2_moe", num_experts=60,
              num_experts_per_tok=4, moe_intermediate_size=1408, decoder_sparse_step=1,
              shared_expert_intermediate_size=5632), 14.32, 2.69, 24, 0),
    "qwen3-30b-a3b": (
        llama(48, 2048, 6144, 32, 4, 151936, model_type="qwen3_moe", head_dim=128,
              num_experts=128, num_experts_per_tok=8, moe_intermediate_size=768,
              decoder_sparse_step=1, mlp_only_layers=[]), 30.53, 3.35, 48, 0),
    "qwen3-next-80b-a3b": (QWEN3_NEXT, 79.67, 3.87, 12, 0),
    "gpt-oss-20b": (GPT_OSS_20B, 20.91, 4.19, 24, 12),
    "deepseek-v2-lite": (
        MLA | llama(27, 2048, 10944, 16, 16, 102400, model_type="deepseek_v2", q_lora_rank=None,
                    n_routed_experts=64, n_shared_experts=2, num_experts_per_tok=6,
                    moe_intermediate_size=1408, first_k_dense_replace=1, moe_layer_freq=1),
        15.71, 2.66, 27, 0),
    "deepseek-v3": (DEEPSEEK_V3, 671.0, 37.55, 61, 0),
    "llama-4-maverick, text": (MAVERICK, 400.7, 17.18, 48, 36),
    "glm-4.5-air": (
        llama(46, 4096, 10944, 96, 8, 151552, model_type="glm4_moe", head_dim=128,
              n_routed_experts=128, n_shared_experts=1, num_experts_per_tok=8,
              moe_intermediate_size=1408, first_k_dense_replace=1, attention_bias=True,
              use_qk_norm=False), 106.85, 13.42, 46, 0),
    "minimax-text-01": (MINIMAX_TEXT, 456.1, 48.4, 10, 0),
    "minimax-m2": (
        llama(62, 3072, 1536, 48, 8, 200064, model_type="minimax_m2", head_dim=128,
              num_local_experts=256, num_experts_per_tok=8, use_qk_norm=True,
              attn_type_list=[1] * 62), 228.7, 11.03, 62, 0),
    "dbrx": (
        {"model_type": "dbrx", "d_model": 6144, "n_heads": 48, "n_layers": 40,
         "max_seq_len": 32768, "vocab_size": 100352, "tie_word_embeddings": False,
         "attn_config": {"kv_n_heads": 8, "clip_qkv": 8, "model_type": ""},
         "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4,
                        "model_type": ""}}, 131.6, 36.5, 40, 0),
    "granite-3.0-1b-a400m": (
        llama(24, 1024, 512, 16, 8, 49155, model_type="granitemoe", num_local_experts=32,
              num_experts_per_tok=8, tie_word_embeddings=True), 1.335, 0.43, 24, 0),
    "olmoe-1b-7b": (
        llama(16, 2048, 1024, 16, 16, 50304, model_type="olmoe", num_experts=64,
              num_experts_per_tok=8), 6.919, 1.28, 16, 0),
    "nemotron-3-nano-30b": (NEMOTRON_NANO_30B, 31.58, 3.58, 6, 0),
    "phi-3.5-moe": (
        llama(32, 4096, 6400, 32, 8, 32064, model_type="phimoe", num_local_experts=16,
              num_experts_per_tok=2, attention_bias=True, lm_head_bias=True), 41.87, 6.64, 32, 0),
    "kimi-k2": (
        MLA | llama(61, 7168, 18432, 64, 64, 163840, model_type="kimi_k2", q_lora_rank=1536,
                    n_routed_experts=384, n_shared_experts=1, num_experts_per_tok=8,
                    moe_intermediate_size=2048, first_k_dense_replace=1), 1026.4, 32.86, 61, 0),
}  # fmt: skip


STATES = {  # layers with a state * heads * the two sides of a head's matrix
    "Mamba-2": (NEMOTRON_H_8B, 24 * 128 * 64 * 128),
    "gated delta net": (QWEN3_NEXT, 36 * 32 * 128 * 128),
    "lightning": (MINIMAX_TEXT, 70 * 64 * 128 * 128),
    "none": (LLAMA_8B, 0),
}


@pytest.mark.parametrize("kind", STATES)
def test_recurrent_state_is_counted(kind: str) -> None:
    config, values = STATES[kind]
    assert model_from_config(config).state_values == values


@pytest.mark.parametrize("name", DENSE)
def test_dense_count_is_the_published_one(name: str) -> None:
    config, total_b, kv_layers, window_layers = DENSE[name]
    model = model_from_config(config)
    assert model.params_total_b == pytest.approx(total_b, rel=0.005)
    assert model.params_active_b == model.params_total_b
    assert (model.kv_layers, model.window_layers) == (kv_layers, window_layers)
    assert bool(model.sliding_window) == bool(window_layers)
    assert model.num_experts == model.first_dense_layers == 0


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_counts_are_the_published_ones(name: str) -> None:
    config, total_b, active_b, kv_layers, window_layers = SPARSE[name]
    model = model_from_config(config)
    assert model.params_total_b == pytest.approx(total_b, rel=0.005)
    assert model.params_active_b == pytest.approx(active_b, rel=0.01)
    assert (model.kv_layers, model.window_layers) == (kv_layers, window_layers)
    assert model.num_experts > model.num_experts_per_tok > 0


@pytest.mark.parametrize(
    ("config", "tables", "published_b"),
    [(GPT_OSS_20B, 1, 3.61), (MINIMAX_TEXT, 2, 45.9)],
)
def test_active_count_without_embeddings(config: Any, tables: int, published_b: float) -> None:
    model = model_from_config(config)
    embeddings_b = tables * model.vocab_size * model.hidden_size / 1e9
    assert model.params_active_b - embeddings_b == pytest.approx(published_b, rel=0.005)


def test_exact_counts() -> None:
    """Totals of the safetensors files, to the parameter."""
    exact = (
        (LLAMA_8B, 8_030_261_248),
        (DENSE["gemma-7b"][0], 8_537_680_896),
        (DENSE["phi-2"][0], 2_779_683_840),
        (DENSE["bloom-7b1"][0], 7_069_016_064),
        (SPARSE["mixtral-8x7b"][0], 46_702_792_704),
        (FLAN_T5_XL, 2_849_757_184),
    )
    for config, count in exact:
        assert round(model_from_config(config).params_total_b * 1e9) == count


def test_fields_of_a_dense_model() -> None:
    model = model_from_config(LLAMA_8B | {"torch_dtype": "bfloat16"}, name="my-llama")
    assert model.model == "my-llama"
    assert model.family == "llama"
    assert (model.num_layers, model.hidden_size, model.intermediate_size) == (32, 4096, 14336)
    assert (model.num_attention_heads, model.num_kv_heads, model.head_dim) == (32, 8, 128)
    assert (model.vocab_size, model.max_position) == (128256, 131072)
    assert (model.attention, model.native_dtype) == ("gqa", "bf16")
    assert model.gated_mlp
    assert not model.tie_embeddings


def test_fields_of_latent_attention() -> None:
    model = model_from_config(DEEPSEEK_V3)
    assert (model.attention, model.kv_lora_rank, model.qk_rope_head_dim) == ("mla", 512, 64)
    assert (model.num_kv_heads, model.head_dim) == (128, 192)
    assert (model.num_experts, model.num_experts_per_tok, model.moe_intermediate_size) == (
        256,
        8,
        2048,
    )
    assert (model.num_shared_experts, model.first_dense_layers) == (1, 3)
    assert model.native_dtype == "fp8"


@pytest.mark.parametrize(
    ("config", "attention"),
    [
        (DENSE["llama-2-7b"][0], "mha"),
        (DENSE["falcon-7b"][0], "mqa"),
        (DENSE["starcoder"][0], "mqa"),
        (DENSE["falcon-40b"][0], "gqa"),
        (GPT_OSS_20B, "gqa"),
        (QWEN3_NEXT, "hybrid"),
        (MINIMAX_TEXT, "hybrid"),
        (NEMOTRON_H_8B, "hybrid"),
    ],
)
def test_attention_is_named(config: Any, attention: str) -> None:
    assert model_from_config(config).attention == attention


def test_text_part_of_a_multimodal_config() -> None:
    model = model_from_config(GEMMA3_4B)
    assert (model.family, model.num_attention_heads, model.vocab_size) == (
        "gemma3_text",
        8,
        262208,
    )
    assert (model.sliding_window, model.tie_embeddings, model.native_dtype) == (1024, True, "bf16")


def test_alternating_sparse_layers_are_no_leading_dense_ones() -> None:
    model = model_from_config(MAVERICK)
    assert (model.first_dense_layers, model.num_shared_experts) == (0, 1)
    assert model.intermediate_size == 16384
    every = MAVERICK | {"text_config": MAVERICK["text_config"] | {"interleave_moe_layer_step": 1}}
    assert model_from_config(every).intermediate_size == 8192


def test_encoder_decoder() -> None:
    model = model_from_config(FLAN_T5_XL)
    assert model.encoder_decoder
    assert (model.num_layers, model.gated_mlp, model.head_dim) == (24, True, 64)
    assert not model_from_config(DENSE["t5-base"][0]).gated_mlp


def test_layer_types_and_interval_say_the_same() -> None:
    written = QWEN3_NEXT | {"layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 12}
    del written["full_attention_interval"]
    assert model_from_config(written) == model_from_config(QWEN3_NEXT)


def test_unused_window_is_no_window() -> None:
    config = DENSE["qwen2.5-7b"][0]
    assert model_from_config(config).window_layers == 0
    half = config | {"use_sliding_window": True, "sliding_window": 4096, "max_window_layers": 14}
    assert model_from_config(half).window_layers == 14


def test_unknown_type_says_so() -> None:
    assert "unknown type" in model_from_config(LLAMA_8B | {"model_type": "new_thing"}).source
    assert "unknown" not in model_from_config(LLAMA_8B).source


def _group(weights: dict[str, Any], inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    group = {"weights": weights, "input_activations": inputs}
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}}


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "fbgemm_fp8"}, "fp8"),
        ({"quant_method": "gptq", "bits": 4}, "int4"),
        ({"quant_method": "gptq", "bits": 8}, "w8a16"),
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "int4"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
        ({"quant_algo": "W4A8_AWQ"}, "int4-fp8"),
        (
            {
                "quant_algo": "MIXED_PRECISION",
                "quantized_layers": {
                    "a": {"quant_algo": "FP8"},
                    "b": {"quant_algo": "NVFP4"},
                    "c": {"quant_algo": "NVFP4"},
                },
            },
            "nvfp4",
        ),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "nf4"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "int8"),
        (_group({"num_bits": 8, "type": "float"}, {"num_bits": 8, "type": "float"}), "fp8"),
        (_group({"num_bits": 4, "type": "float", "group_size": 16}), "nvfp4"),
        (_group({"num_bits": 4, "type": "float", "group_size": 32}), "mxfp4"),
        (_group({"num_bits": 8, "type": "int"}, {"num_bits": 8, "type": "int"}), "int8"),
        (_group({"num_bits": 8, "type": "int"}), "w8a16"),
        (_group({"num_bits": 4, "type": "int"}), "int4"),
        (_group({"num_bits": 4, "type": "int"}, {"num_bits": 8, "type": "float"}), "int4-fp8"),
        (
            {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp8_e4m3"}}},
            "fp8",
        ),
    ],
)
def test_quantisation_sets_the_dtype(scheme: dict[str, Any], expected: str) -> None:
    config = LLAMA_8B | {"torch_dtype": "bfloat16", "quantization_config": scheme}
    assert model_from_config(config).native_dtype == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "bf16"),
        ({"torch_dtype": "float16"}, "fp16"),
        ({"dtype": "float32"}, "fp32"),
        ({"dtype": "torch.bfloat16"}, "bf16"),
        ({"torch_dtype": "float8_e4m3fn"}, "fp8"),
        ({"torch_dtype": "auto"}, "bf16"),
    ],
)
def test_torch_dtype(given: dict[str, Any], expected: str) -> None:
    assert model_from_config(LLAMA_8B | given).native_dtype == expected


def test_outer_quantisation_goes_before_a_relic_inside() -> None:
    inner = LLAMA_8B | {"quantization_config": {"quant_method": "awq", "bits": 4}}
    outer = {"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4"}}
    assert model_from_config({"model_type": "x", "text_config": inner}).native_dtype == "int4"
    nested = {"model_type": "x", "text_config": inner} | outer
    assert model_from_config(nested).native_dtype == "nvfp4"


def test_file_and_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Meta-Llama-3.1-8B"
    folder.mkdir()
    file = folder / "config.json"
    file.write_text(json.dumps(LLAMA_8B))
    by_folder = model_from_config(folder)
    assert by_folder == model_from_config(str(file))
    assert by_folder.model == "Meta-Llama-3.1-8B"
    assert model_from_config(file, name="mine").model == "mine"
    scheme = {"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4"}}
    (folder / "hf_quant_config.json").write_text(json.dumps(scheme))
    assert model_from_config(folder).native_dtype == "nvfp4"


def test_name_from_the_cache_of_the_hub(tmp_path: Path) -> None:
    folder = tmp_path / "models--meta-llama--Llama-3.1-8B" / "snapshots" / "d04e592b"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(LLAMA_8B))
    assert model_from_config(folder).model == "meta-llama/Llama-3.1-8B"


def test_the_config_is_left_as_it_was() -> None:
    before = json.dumps(MAVERICK)
    model_from_config(MAVERICK)
    assert json.dumps(MAVERICK) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [("{ not json", "must be a JSON file"), ("[1, 2]", "JSON object; got a list")],
)
def test_bad_file(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=message):
        model_from_config(file)


def test_weights_given_for_a_config(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"\xff\xfe\x80" * 10)
    with pytest.raises(InvalidInput, match="must be a JSON file"):
        model_from_config(file)


@pytest.mark.parametrize("path", ["no/such/config.json", "meta-llama/Llama-3.1-8B", "a\0b"])
def test_no_file(path: str) -> None:
    with pytest.raises(InvalidInput, match="config"):
        model_from_config(path)


@pytest.mark.parametrize("thing", [None, 7, [LLAMA_8B]])
def test_no_path_at_all(thing: Any) -> None:
    with pytest.raises(InvalidInput, match="must be an object or a path"):
        model_from_config(thing)


def test_missing_keys_are_named_with_their_spellings_and_what_came() -> None:
    with pytest.raises(InvalidInput) as caught:
        model_from_config({"model_type": "llama", "vocab_size": 32000})
    message = str(caught.value)
    assert "hidden_size (or n_embd" in message
    assert "num_attention_heads" in message
    assert "found only model_type, vocab_size" in message


@pytest.mark.parametrize("key", ["num_hidden_layers", "intermediate_size", "vocab_size"])
def test_each_missing_key(key: str) -> None:
    config = {k: v for k, v in LLAMA_8B.items() if k != key}
    with pytest.raises(InvalidInput, match=f"needs the keys {key}"):
        model_from_config(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers must be a whole number from 1"),
        ({"num_hidden_layers": -3}, "num_hidden_layers"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"hidden_size": "4096"}, "hidden_size must be a whole number"),
        ({"hidden_size": True}, "hidden_size"),
        ({"hidden_size": 4096.5}, "hidden_size"),
        ({"vocab_size": float("nan")}, "vocab_size"),
        ({"vocab_size": float("inf")}, "vocab_size"),
        ({"hidden_size": 4095}, "multiple of num_attention_heads"),
        ({"num_key_value_heads": 7}, "multiple of num_key_value_heads"),
        ({"num_key_value_heads": 64}, "multiple of num_key_value_heads"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings must be true or false"),
        ({"layer_types": ["full_attention"] * 31}, "num_hidden_layers=32"),
        ({"layer_types": ["psychic"] * 32}, "psychic"),
        ({"layer_types": 3}, "must be a list"),
        ({"sliding_window": 128, "sliding_window_pattern": ""}, "layer types must be a list"),
        ({"num_experts": 8}, "num_experts_per_tok"),
        ({"num_experts": 8, "num_experts_per_tok": 9}, "must not exceed the experts"),
        ({"kv_lora_rank": 512}, "qk_nope_head_dim"),
        ({"quantization_config": "fp8"}, "must be an object"),
        ({"quantization_config": {"quant_method": "magic"}}, "known quant_method"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "load_in_4bit"),
        ({"hidden_size": 10**8, "num_attention_heads": 10**6}, "params_total_b"),
    ],
)
def test_absurd_values(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        model_from_config(LLAMA_8B | change)


def test_unknown_torch_dtype() -> None:
    with pytest.raises(UnknownName, match="float7"):
        model_from_config(LLAMA_8B | {"torch_dtype": "float7"})


@pytest.mark.parametrize(
    ("model_type", "reason"),
    [
        ("bert", "encoder"),
        ("roberta", "encoder"),
        ("mamba2", "no attention layer"),
        ("moshi", "cannot be counted"),
        ("whisper", "cannot be counted"),
    ],
)
def test_refused_types(model_type: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        model_from_config(LLAMA_8B | {"model_type": model_type})


def test_refused_by_what_the_config_says() -> None:
    masked = LLAMA_8B | {"model_type": "novel", "architectures": ["NovelForMaskedLM"]}
    with pytest.raises(InvalidInput, match="encoder"):
        model_from_config(masked)
    with pytest.raises(InvalidInput, match="encoder"):
        model_from_config(LLAMA_8B | {"model_type": "novel", "type_vocab_size": 2})
    with pytest.raises(InvalidInput, match="encoder-decoder other than T5"):
        model_from_config(LLAMA_8B | {"model_type": "novel", "is_encoder_decoder": True})
