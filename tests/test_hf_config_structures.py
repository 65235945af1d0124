"""Structures that differ from layer to layer, on small shapes whose counts are worked out here."""

from __future__ import annotations

from typing import Any

import pytest

from guide_ml import InvalidInput
from guide_ml.hf_config import model_from_config, read_config

H, V = 512, 1000
BASE: dict[str, Any] = {
    "hidden_size": H, "intermediate_size": 1024, "num_hidden_layers": 4,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": V,
    "tie_word_embeddings": False, "max_position_embeddings": 8192,
}  # fmt: skip
TABLES = 2 * V * H + H
MLP = 3 * H * 1024
ATTENTION = H * 64 * (8 + 8 + 2 * 2)
NORMS = 2 * H


def params(config: dict[str, Any]) -> int:
    return round(model_from_config(config).params_total_b * 1e9)


def cache(config: dict[str, Any], tokens: int) -> int:
    """Numbers that a sequence keeps, from the fields that the memory account uses."""
    m = model_from_config(config)
    window = min(tokens, m.sliding_window or tokens)
    if m.cache_values or m.window_values:
        return round(m.cache_values * tokens + m.window_values * window)
    width = m.kv_lora_rank + m.qk_rope_head_dim or 2 * m.num_kv_heads * m.head_dim
    return width * ((m.kv_layers - m.window_layers) * tokens + m.window_layers * window)


def test_heads_of_each_layer() -> None:
    heads = [8, 4, 8, 4]
    config = BASE | {"model_type": "laguna", "num_attention_heads_per_layer": heads,
                     "gating": "per-head", "num_experts": 0,
                     "layer_types": ["full_attention"] * 4}  # fmt: skip
    own = sum(H * 64 * (2 * h + 4) + 2 * 64 for h in heads)
    plain = TABLES + own + 4 * (MLP + NORMS)
    assert params(config) == plain + sum(H * h for h in heads)
    for each in ("per-element", False):
        assert params(config | {"gating": each}) == plain + sum(H * h * 64 for h in heads)


def test_a_list_of_heads_must_name_each_layer() -> None:
    with pytest.raises(InvalidInput, match="each of the 4 layers; got 3"):
        model_from_config(
            BASE | {"model_type": "laguna", "num_attention_heads_per_layer": [8, 8, 8]}
        )


def test_windowed_layers_with_heads_of_their_own() -> None:
    config = BASE | {"model_type": "baichuan_m1", "sliding_window": 256,
                     "num_swa_key_value_heads": 8,
                     "num_swa_attention_heads": 8, "sliding_window_layers": [0, 2],
                     "conv_window": 2}  # fmt: skip
    wide = H * 64 * (8 + 8 + 2 * 8)
    assert params(config) == TABLES + 2 * (ATTENTION + wide) + 4 * (MLP + NORMS)
    assert cache(config, 4096) == 2 * 2 * 2 * 64 * 4096 + 2 * 2 * 8 * 64 * 256
    model = model_from_config(config)
    assert (model.kv_layers, model.window_layers, model.num_kv_heads) == (4, 2, 2)


def test_pattern_of_numbers_and_values_narrower_than_keys() -> None:
    config = BASE | {
        "model_type": "mimo_v2", "hybrid_layer_pattern": [0, 1, 1, 0], "sliding_window": 128,
        "v_head_dim": 32, "swa_num_key_value_heads": 4, "swa_head_dim": 64, "swa_v_head_dim": 32,
        "moe_layer_freq": [0, 0, 0, 0], "add_swa_attention_sink_bias": True, "n_routed_experts": 4,
    }  # fmt: skip
    full, windowed = (H * (64 * 8 + n * 96 + 32 * 8) for n in (2, 4))
    assert params(config) == TABLES + 2 * (full + windowed + 8) + 4 * (MLP + NORMS)
    assert cache(config, 1000) == 2 * 2 * 96 * 1000 + 2 * 4 * 96 * 128


def test_layers_that_share_a_cache() -> None:
    config = BASE | {"model_type": "gemma4_text", "num_kv_shared_layers": 2,
                     "hidden_size_per_layer_input": 0, "sliding_window": 256,
                     "use_double_wide_mlp": True, "global_head_dim": 128,
                     "layer_types": ["sliding_attention", "full_attention"] * 2,
                     "enable_moe_block": False, "tie_word_embeddings": True}  # fmt: skip
    model = model_from_config(config)
    assert (model.kv_layers, model.window_layers) == (2, 1)
    assert cache(config, 2000) == 2 * 2 * 64 * 256 + 2 * 2 * 128 * 2000
    alone = params(config | {"num_kv_shared_layers": 0})
    saved = 2 * 2 * H * (64 + 128) + 64 + 128  # key and value projections, and the keys' norms
    assert params(config) == pytest.approx(alone - saved + 2 * MLP, rel=1e-4)


def test_layers_that_run_more_than_once() -> None:
    config = BASE | {"model_type": "nanbeige", "num_loops": 3}
    assert params(config) == params(BASE | {"model_type": "nanbeige"})
    assert cache(config, 100) == 3 * cache(BASE | {"model_type": "nanbeige"}, 100)


def test_experts_narrower_than_the_stream_and_a_gate() -> None:
    config = BASE | {"model_type": "muse_spark_text", "num_local_experts": 8,
                     "num_experts_per_tok": 2, "moe_intermediate_size": 128,
                     "moe_hidden_size": 256, "layer_types": ["full_attention"] * 4}  # fmt: skip
    experts = 8 * 3 * 256 * 128 + H * 8 + 2 * H * 256
    gate = H * 512
    assert params(config) == TABLES + 4 * (ATTENTION + gate + experts + 4 * H)


def test_a_dense_branch_beside_the_experts() -> None:
    moe = {"num_local_experts": 4, "num_experts_per_tok": 2}
    grok = BASE | moe | {"model_type": "git", "moe_intermediate_size": 256, "residual_moe": True}
    routed = 4 * 3 * H * 256 + 4 * H
    assert params(grok) == TABLES + 4 * (ATTENTION + MLP + routed + 4 * H)
    arctic = BASE | moe | {"model_type": "arctic"}
    assert params(arctic) == TABLES + 4 * (ATTENTION + 4 * MLP + 4 * H + 3 * H * H + NORMS)


def test_two_matrices_where_the_activation_says_so() -> None:
    two = BASE | {"model_type": "apertus1p5_text", "hidden_act": "xielu"}
    assert params(two) == TABLES + 4 * (ATTENTION + 2 * 64 + 2 * H * 1024 + NORMS)


@pytest.mark.parametrize("key", ["num_dense_layers", "first_k_dense_replace"])
def test_dense_layers_in_front(key: str) -> None:
    config = BASE | {"model_type": "afmoe", key: 2, "num_experts": 8, "num_experts_per_tok": 2,
                     "moe_intermediate_size": 128, "num_shared_experts": 1,
                     "global_attn_every_n_layers": 2, "sliding_window": 64}  # fmt: skip
    model = model_from_config(config)
    assert (model.first_dense_layers, model.window_layers) == (2, 2)
    own = ATTENTION + H * 512 + 2 * 64 + 4 * H
    experts = 9 * 3 * H * 128 + 8 * H
    assert params(config) == TABLES + 4 * own + 2 * (MLP + experts)


def test_linear_layers_by_group() -> None:
    config = BASE | {"model_type": "bailing_moe_linear", "layer_group_size": 3, "num_experts": 0}
    model = model_from_config(config)  # two of the first three are linear, the last one is not
    assert (model.kv_layers, model.attention) == (2, "hybrid")
    assert model.state_values == 2 * 8 * 64 * 64


def test_mixers_by_name() -> None:
    config = BASE | {"model_type": "minicpm_sala", "lightning_nh": 4, "lightning_head_dim": 32,
                     "mixer_types": ["minicpm4", "lightning-attn"] * 2}  # fmt: skip
    model = model_from_config(config)
    assert (model.kv_layers, model.state_values) == (2, 2 * 4 * 32 * 32)


def test_two_attentions_and_experts_that_do_nothing() -> None:
    config = {
        "model_type": "longcat_flash", "hidden_size": H, "ffn_hidden_size": 1024, "num_layers": 3,
        "expert_ffn_hidden_size": 64, "n_routed_experts": 8, "moe_topk": 2, "zero_expert_num": 4,
        "num_attention_heads": 8, "kv_lora_rank": 64, "q_lora_rank": 128, "qk_nope_head_dim": 32,
        "qk_rope_head_dim": 16, "v_head_dim": 32, "vocab_size": V, "tie_word_embeddings": False,
    }  # fmt: skip
    mla = H * 128 + 128 + 128 * 8 * 48 + H * 80 + 64 + 64 * 8 * 64 + 8 * 32 * H
    experts = 8 * 3 * H * 64 + H * 12
    assert params(config) == TABLES + 3 * (2 * mla + 2 * MLP + experts + 2 * NORMS)
    model = model_from_config(config)
    assert (model.num_layers, model.kv_layers) == (3, 6)
    tables = config | {"model_type": "longcat_flash_ngram", "ngram_vocab_size_ratio": 2,
                       "emb_neighbor_num": 3, "emb_split_num": 2}  # fmt: skip
    rows = sum(2 * V + 2 * i + 1 for i in range(4))
    assert params(tables) == params(config) + (rows + 4 * H) * H // 4


COMPRESSED: dict[str, Any] = BASE | {
    "model_type": "deepseek_v4", "num_key_value_heads": 1, "q_lora_rank": 128, "o_lora_rank": 64,
    "o_groups": 2, "sliding_window": 32, "index_n_heads": 4, "index_head_dim": 16, "hc_mult": 2,
    "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2,
    "moe_intermediate_size": 128,
}  # fmt: skip


def test_caches_compressed_along_the_context() -> None:
    config = COMPRESSED | {"compress_ratios": [0, 4, 128, 4, 0]}  # the last is for drafts
    assert cache(config, 4096) == 64 * (4 * 32 + 1024 + 32 + 1024)
    named = COMPRESSED | {
        "layer_types": ["sliding_attention", "compressed_sparse_attention",
                        "heavily_compressed_attention", "compressed_sparse_attention"],
        "compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 128},
    }  # fmt: skip
    assert cache(named, 4096) == cache(config, 4096)
    assert params(named) == params(config)


def test_too_few_ratios() -> None:
    with pytest.raises(InvalidInput, match="compress_ratios"):
        model_from_config(COMPRESSED | {"compress_ratios": [4, 4]})


def test_layers_that_look_at_an_image_keep_no_text() -> None:
    config = BASE | {"model_type": "mllama_text_model", "cross_attention_layers": [1, 3]}
    model = model_from_config({"model_type": "mllama", "text_config": config})
    assert (model.kv_layers, model.num_layers) == (2, 4)


def test_indexers_of_some_layers_only() -> None:
    config = BASE | {
        "model_type": "glm_moe_dsa", "kv_lora_rank": 64, "q_lora_rank": 128, "qk_nope_head_dim": 32,
        "qk_rope_head_dim": 16, "v_head_dim": 32, "index_n_heads": 4, "index_head_dim": 16,
        "index_topk": 64, "n_routed_experts": 0, "layer_types": ["deepseek_sparse_attention"] * 4,
    }  # fmt: skip
    one = 128 * 64 + H * (16 + 4) + 2 * 16
    some = config | {"indexer_types": ["full", "shared", "shared", "full"]}
    assert params(config) - params(some) == 2 * one


def test_the_usual_model_needs_no_widths_of_its_own() -> None:
    model = model_from_config(BASE | {"model_type": "llama"})
    assert (model.cache_values, model.window_values) == (0, 0)


def test_the_account_of_a_device_uses_the_widths() -> None:
    import guide_ml

    config = BASE | {"model_type": "baichuan_m1", "sliding_window": 256, "num_hidden_layers": 4,
                     "num_swa_key_value_heads": 8, "sliding_window_layers": [0, 2]}  # fmt: skip
    found = guide_ml.predict(hardware="h100", model=model_from_config(config), framework="vllm",
                             batch_size=1, input_len=4000, output_len=96, level=None)  # fmt: skip
    assert found.memory.kv_cache_gb == pytest.approx(2 * cache(config, 4096) / 1e9, rel=0.02)


def test_layers_are_grouped_whatever_their_number() -> None:
    deep = BASE | {"model_type": "llama", "num_hidden_layers": 1500}
    assert len({id(x) for x in read_config(deep, None, False).made.layers}) == 1
