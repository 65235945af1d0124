"""Types whose layers hold more than attention and an MLP, on small shapes.

Parameters, those of routed experts and the numbers that 48 tokens leave in the cache are what
transformers 5.24 builds from the same keys on the meta device; caches that it cannot run there
are worked out by hand.
"""

from __future__ import annotations

from typing import Any

import pytest

from guide_ml import InvalidInput
from guide_ml.hf_config import describe_config
from guide_ml.hf_config.read import read_config

BASE: dict[str, Any] = {
    "hidden_size": 256, "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 1000,
    "intermediate_size": 512, "num_hidden_layers": 6,
}  # fmt: skip
ROUTES = {"num_experts_per_tok": 2, "moe_intermediate_size": 128}
LATENT = {
    "num_key_value_heads": 8, "kv_lora_rank": 64, "qk_rope_head_dim": 16, "v_head_dim": 32,
    "qk_nope_head_dim": 16, "index_n_heads": 4, "index_head_dim": 16, "index_topk": 64,
    "n_routed_experts": 8, "n_shared_experts": 1,
}  # fmt: skip
WINDOWED = {
    "head_dim": 32, "swa_head_dim": 32, "swa_num_attention_heads": 8, "sliding_window_size": 64,
    "d_rel": 8, "n_routed_experts": 8, "conv_kernel_size": 4,
}  # fmt: skip
HYBRID = {"layers_block_type": ["mamba", "hybrid"] * 3}
ZAYA = {"num_experts": 8, "num_experts_per_tok": 1, "moe_intermediate_size": 128, "cca_time1": 2,
        "router_hidden_size": 32, "cca_time0": 2, "head_dim": 32}  # fmt: skip

CASES: dict[str, tuple[dict[str, Any], int, int, int]] = {
    "inkling_text": (
        BASE | ROUTES | WINDOWED
        | {"swa_num_key_value_heads": 8, "rel_extent": 128, "n_shared_experts": 2},
        8062342, 4718592, 135168),
    "inkling2_text": (
        BASE | ROUTES | WINDOWED
        | {"swa_num_key_value_heads": 4, "rel_extent": 64, "unpadded_vocab_size": 990,
           "n_layers_per_attn_res_block": 6},
        6963072, 4718592, 73728),
    "zamba": (
        BASE | {"num_key_value_heads": 8, "num_hidden_layers": 9, "mamba_d_state": 16,
                "n_mamba_heads": 2},
        5640960, 0, 98304),
    "zamba2": (
        BASE | HYBRID | {"num_key_value_heads": 8, "num_mem_blocks": 2, "adapter_rank": 16,
                         "use_shared_attention_adapter": True, "n_mamba_heads": 8,
                         "mamba_d_state": 16, "mamba_ngroups": 1},
        5726544, 0, 147456),
    "recurrent_gemma": (
        BASE | {"num_key_value_heads": 1, "lru_width": 256, "attention_window_size": 64,
                "head_dim": 32, "conv1d_width": 4},
        2602240, 0, 2 * 48 * 2 * 32),
    "jetmoe": (
        BASE | {"kv_channels": 32, "num_local_experts": 8, "num_experts_per_tok": 2},
        22700288, 6 * 8 * 256 * (3 * 512 + 2 * 128), 6 * 48 * 2 * 128),
    "mistral_large4_text": (
        BASE | ROUTES | LATENT | {"first_k_dense_replace": 1}, 6536152, 3932160, 22272),
    "axk2": (
        BASE | ROUTES | LATENT | {"q_lora_rank": 96, "gated_norm_rank": 8},
        6857088, 3932160, 23040),
    "hrm_text": (
        BASE | {"num_key_value_heads": None, "head_dim": 32, "num_hidden_layers": 2,
                "H_cycles": 2, "L_cycles": 3},
        3395840, 0, 393216),
    "doge": (BASE, 4060824, 0, 73728),
    "zaya": (BASE | ZAYA, 6391160, 4718592, 73728),
    "biogpt": (
        BASE | {"num_key_value_heads": None, "max_position_embeddings": 128},
        3452416, 0, 6 * 48 * 2 * 256),
}  # fmt: skip


@pytest.mark.parametrize("model_type", CASES)
def test_counts_are_those_of_the_class(model_type: str) -> None:
    values, params, routed, cache = CASES[model_type]
    given = {k: v for k, v in values.items() if v is not None} | {"model_type": model_type}
    made = read_config(given, None, False).made
    assert made.total == pytest.approx(params, rel=2e-3)
    assert made.routed == pytest.approx(routed, rel=2e-3)
    assert made.cache_values(48) == cache


def test_a_shared_block_is_held_once_and_cached_by_every_layer_that_runs_it() -> None:
    """Zamba's later blocks have caches of their own and no weights."""
    values = CASES["zamba2"][0] | {"model_type": "zamba2", "num_mem_blocks": 1}
    told = describe_config(values)
    kinds = {layer["kind"]: layer["count"] for layer in told["layers"]}
    assert kinds["full attention of a shared block + Mamba-2"] == 2
    assert told["kv_bytes_per_token"] == 3 * 2 * 8 * 64 * 2
    two = describe_config(values | {"num_mem_blocks": 2})
    assert told["params_total_b"] < two["params_total_b"]


def test_experts_for_images_are_held_and_not_visited_by_text() -> None:
    """ERNIE 4.5 VL states sizes in pairs: for text, and for images."""
    pairs = {"model_type": "ernie4_5_moe_vl", "moe_num_experts": [8, 8], "moe_k": 2,
             "moe_intermediate_size": [128, 64], "moe_num_shared_experts": 2,
             "moe_layer_start_index": [1, 1], "moe_layer_end_index": [5, 5]}  # fmt: skip
    made = read_config(BASE | pairs, None, False).made
    text = {k: v[0] if isinstance(v, list) else v for k, v in pairs.items()}
    alone = read_config(BASE | text | {"model_type": "ernie4_5_moe"}, None, False).made
    images = 5 * 8 * (3 * 256 * 64 + 256)
    assert made.total - alone.total == images
    assert made.active - alone.active == 5 * 8 * 256  # their router
    assert made.leading_dense_layers == 1


def test_the_width_of_experts_under_the_usual_name() -> None:
    """Inkling's files may state the dense width under a name of its own."""
    values = CASES["inkling_text"][0] | {"model_type": "inkling_text"}
    own = {k: v for k, v in values.items() if k != "moe_intermediate_size"}
    own |= {"dense_intermediate_size": 512, "intermediate_size": 128, "dense_mlp_idx": 2}
    dense = read_config(own, None, False).made
    assert dense.leading_dense_layers == 2
    assert dense.mlp_width == 512
    assert dense.routed == 4 * 8 * 3 * 256 * 128


SEARCHED = [
    {"attention": {"n_heads_in_group": 8}, "ffn": {"ffn_mult": 5.25}},
    {"attention": {"no_op": True}, "ffn": {"ffn_mult": 2.625}},
    {"attention": {"replace_with_linear": True}, "ffn": {"replace_with_linear": True}},
    {"attention": {"n_heads_in_group": 4}, "ffn": {"no_op": True}},
]


def test_layers_that_a_search_found_have_sizes_of_their_own() -> None:
    """The counts are those of mlx-lm 0.32."""
    values = {"model_type": "nemotron-nas", "hidden_size": 2048, "num_hidden_layers": 4,
              "num_attention_heads": 32, "vocab_size": 32000, "tie_word_embeddings": False,
              "block_configs": SEARCHED}  # fmt: skip
    reading = read_config(values, None, False)
    assert (reading.made.total, reading.made.cache_values(64)) == (225458176, 98304)
    assert reading.model().num_layers == 4
    assert reading.model().kv_layers == 2
    assert "matrix + matrix" in [layer["kind"] for layer in describe_config(values)["layers"]]


@pytest.mark.parametrize(
    "wrong",
    [[{}] * 4, SEARCHED[:3], [{"attention": {}, "ffn": {"no_op": True}}] * 4,
     [{"attention": {"no_op": True}, "ffn": {"ffn_mult": -1}}] * 4, ["?"] * 4],
)  # fmt: skip
def test_bad_block_configs(wrong: list[Any]) -> None:
    with pytest.raises(InvalidInput, match=r"block_configs|n_heads_in_group|ffn_mult"):
        read_config(BASE | {"model_type": "deci", "num_hidden_layers": 4, "block_configs": wrong},
                    None, False)  # fmt: skip


def test_layers_that_take_the_keys_of_another_have_no_projections_for_them() -> None:
    """Hunyuan-Large: the counts are those of mlx-lm 0.32; its heads follow from the stream."""
    values = {"model_type": "hunyuan", "attention_head_dim": 128, "cla_share_factor": 2,
              "hidden_size": 6400, "intermediate_size": 18304, "moe_topk": 1, "num_experts": 16,
              "num_attention_heads": 80, "num_hidden_layers": 64, "num_key_value_heads": 8,
              "num_shared_expert": 1, "use_cla": True, "use_qk_norm": True, "vocab_size": 128512,
              "tie_word_embeddings": True}  # fmt: skip
    made = read_config(values, None, False).made
    assert (made.total, made.cache_values(64)) == (388698128640, 5242880)


def test_heads_that_share_a_key_by_plamos_name() -> None:
    """The counts are those of mlx-lm 0.32."""
    values = {"model_type": "plamo", "hidden_size": 5120, "intermediate_size": 13312,
              "n_shared_head": 8, "num_attention_heads": 40, "num_hidden_layers": 40,
              "vocab_size": 50432, "tie_word_embeddings": False}  # fmt: skip
    made = read_config(values, None, False).made
    assert (made.total, made.cache_values(64)) == (11054822400, 3276800)


def test_keys_that_remote_code_has_and_nobody_reads_are_said() -> None:
    values = BASE | {"model_type": "arctic", "num_local_experts": 8, "num_experts_per_tok": 2,
                     "moe_layer_frequency": 2, "fresh_idea": 3}  # fmt: skip
    reading = read_config(values, None, False)
    assert reading.source.endswith("; keys not read: fresh_idea")
    assert [layer.sparse for layer in reading.made.layers] == [False, True] * 3


def test_an_odd_number_of_runs_is_refused() -> None:
    values = CASES["hrm_text"][0] | {"model_type": "hrm_text", "H_cycles": 1, "L_cycles": 2}
    del values["num_key_value_heads"]
    with pytest.raises(InvalidInput, match="must be even"):
        read_config(values, None, False)
