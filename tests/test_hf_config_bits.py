"""Bits of each module, on a small shape whose bytes are worked out here."""

from __future__ import annotations

from typing import Any

import pytest

from guide_ml import InvalidInput
from guide_ml.hf_config import describe_config, model_from_config
from guide_ml.hf_config.patterns import Patterns

H, V, LAYERS, WIDTH = 512, 1000, 4, 1024
CONFIG: dict[str, Any] = {
    "model_type": "llama", "hidden_size": H, "intermediate_size": WIDTH,
    "num_hidden_layers": LAYERS, "num_attention_heads": 8, "num_key_value_heads": 2,
    "vocab_size": V, "tie_word_embeddings": False,
}  # fmt: skip
ATTENTION, MLP = LAYERS * H * 64 * 20, LAYERS * 3 * H * WIDTH
TABLE, NORMS = V * H, (2 * LAYERS + 1) * H
FLOAT4 = {"num_bits": 4, "type": "float", "group_size": 16}
FLOAT8 = {"num_bits": 8, "type": "float", "strategy": "channel"}


def ct(*groups: tuple[list[str], dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "quant_method": "compressed-tensors",
        "config_groups": {
            f"group_{i}": {"targets": names, "weights": weights}
            for i, (names, weights) in enumerate(groups)
        },
    } | more


FORMS: dict[str, tuple[dict[str, Any], float, float, float]] = {
    # scheme, bits of attention, of the MLP, of the head
    "one group": (ct((["Linear"], FLOAT4), ignore=["lm_head"]), 4.5, 4.5, 16),
    "left out by pattern": (
        ct((["Linear"], FLOAT4), ignore=["lm_head", "re:.*self_attn.*"]), 16, 4.5, 16),
    "two groups": (ct((["re:.*self_attn.*"], FLOAT8), (["re:.*mlp.*"], FLOAT4)), 8, 4.5, 16),
    "two bits in groups": (
        ct((["Linear"], {"num_bits": 2, "type": "int", "group_size": 64, "symmetric": True})),
        2.25, 2.25, 16),
    "asymmetric": (
        ct((["Linear"], {"num_bits": 4, "type": "int", "group_size": 32, "symmetric": False})),
        4.625, 4.625, 16),
    "half of the values": (
        ct((["Linear"], FLOAT8), sparsity_config={"sparsity_structure": "2:4"}), 5, 5, 16),
    "gptq 3": (
        {"quant_method": "gptq", "bits": 3, "group_size": 128}, 3 + 19 / 128, 3 + 19 / 128, 16),
    "gptq by pattern": (
        {"quant_method": "gptq", "bits": 4, "group_size": 64,
         "dynamic": {"-:.*layers\\.0\\..*": {}, "+:.*self_attn.*": {"bits": 8}}},
        (3 * (8 + 24 / 64) + 16) / 4, (3 * (4 + 20 / 64) + 16) / 4, 16),
    "awq": ({"quant_method": "awq", "bits": 4, "group_size": 128,
             "modules_to_not_convert": ["mlp"]}, 4 + 20 / 128, 16, 16),
    "nf4": ({"quant_method": "bitsandbytes", "load_in_4bit": True,
             "llm_int8_skip_modules": ["lm_head", "self_attn"]}, 16, 4.5, 16),
    "fp8 by blocks": (
        {"quant_method": "fp8", "weight_block_size": [128, 128],
         "modules_to_not_convert": ["lm_head", *(f"model.layers.{i}.self_attn" for i in range(4))]},
        16, 8 + 32 / 16384, 16),
    "exl3": ({"quant_method": "exl3", "bits": 3.5, "head_bits": 6}, 3.5, 3.5, 6),
    "modelopt mixed": (
        {"quant_algo": "MIXED_PRECISION", "quantized_layers": {
            **{f"model.layers.{i}.self_attn.{n}_proj": {"quant_algo": "FP8"}
               for i in range(4) for n in "qkvo"},
            **{f"model.layers.{i}.mlp.{n}_proj": {"quant_algo": "NVFP4"}
               for i in range(4) for n in ("gate", "up", "down")}}}, 8, 4.5, 16),
    "modelopt with wildcards": (
        {"quant_algo": "NVFP4", "exclude_modules": ["lm_head", "*self_attn*"]}, 16, 4.5, 16),
    "modelopt inside": (
        {"quant_method": "modelopt", "quantization": {"quant_algo": "NVFP4",
                                                      "exclude_modules": ["lm_head"]}},
        4.5, 4.5, 16),
    "two in four of integers": (
        ct((["Linear"], {"num_bits": 4, "type": "int", "group_size": 128, "symmetric": True}),
           format="marlin-24"), 3.125, 3.125, 16),
    "two in four, stored whole": (
        ct((["Linear"], FLOAT8),
           sparsity_config={"sparsity_structure": "2:4", "format": "dense"}), 8, 8, 16),
    "two in four and nothing rounded": (
        ct(sparsity_config={"sparsity_structure": "2:4", "format": "sparse-24-bitmask"}),
        9, 9, 16),
    "awq in its older words": (
        {"quant_method": "awq", "w_bit": 4, "q_group_size": 64}, 4.3125, 4.3125, 16),
    "gptq of some modules": (
        {"quant_method": "gptq", "bits": 4, "group_size": 128, "modules_in_block_to_quantize": [
            ["self_attn.q_proj", "self_attn.k_proj"], ["self_attn.v_proj", "self_attn.o_proj"]]},
        4.15625, 16, 16),
    "hqq": (
        {"quant_method": "hqq", "skip_modules": ["lm_head", "mlp"],
         "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}}, 4.5, 16, 16),
    "hqq by kind": (
        {"quant_method": "hqq", "quant_config": {
            f"self_attn.{n}_proj": {"weight_quant_params": {"nbits": 3, "group_size": 64}}
            for n in "qkvo"}}, 3.5, 16, 16),
    "quanto": ({"quant_method": "quanto", "weights": "int4"}, 4.25, 4.25, 16),
    "torchao": (
        {"quant_method": "torchao", "quant_type": "int4_weight_only",
         "quant_type_kwargs": {"group_size": 32}}, 5, 5, 16),
    "torchao as an object": (
        {"quant_method": "torchao", "quant_type": {"default": {
            "_type": "Float8DynamicActivationFloat8WeightConfig", "_data": {}}}}, 8, 8, 16),
    "auto-round": (
        {"quant_method": "auto-round", "bits": 4, "group_size": 128, "extra_config": {
            f"model.layers.{i}.self_attn.{n}_proj": {"bits": 16}
            for i in range(4) for n in "qkvo"}}, 16, 4.15625, 16),
    "aqlm": (
        {"quant_method": "aqlm", "num_codebooks": 2, "nbits_per_codebook": 8,
         "in_group_size": 8}, 2, 2, 16),
    "fp_quant": ({"quant_method": "fp_quant", "forward_dtype": "nvfp4"}, 4.5, 4.5, 16),
    "mxfp8": ({"quant_method": "mxfp8"}, 8.25, 8.25, 16),
    "eetq": ({"quant_method": "eetq"}, 8, 8, 16),
    "quark": (
        {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp4"}},
         "layer_quant_config": {"*self_attn*": {"weight": {"dtype": "fp8_e4m3"}}},
         "exclude": ["lm_head"]}, 8, 4.25, 16),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_bytes_are_those_of_each_module(form: str) -> None:
    scheme, attention, mlp, head = FORMS[form]
    held = attention * ATTENTION + mlp * MLP + head * TABLE + 16 * (TABLE + NORMS)
    config = CONFIG | {"quantization_config": scheme}
    assert describe_config(config)["weights_gb"] == pytest.approx(held / 8e9, rel=1e-6)
    model = model_from_config(config)
    body = (attention * ATTENTION + mlp * MLP + 16 * NORMS) / (ATTENTION + MLP + NORMS)
    assert model.body_bits == pytest.approx(body)
    assert model.vocabulary_bits == pytest.approx((head + 16) / 2)
    assert model.expert_bits == 0


def test_mlx_quantises_embeddings_and_head_too() -> None:
    config = CONFIG | {"quantization": {"group_size": 64, "bits": 4,
                                        "model.layers.0.mlp.up_proj": {"bits": 8}}}  # fmt: skip
    assert model_from_config(config).native_dtype == "int4"
    config["quantization_config"] = config["quantization"]
    one = H * WIDTH
    held = 4.5 * (ATTENTION + MLP - one + 2 * TABLE) + 8.5 * one + 16 * NORMS
    assert describe_config(config)["weights_gb"] == pytest.approx(held / 8e9, rel=1e-6)


def test_mxfp4_is_about_experts_only() -> None:
    moe = {"model_type": "gpt_oss", "num_local_experts": 4, "num_experts_per_tok": 2,
           "quantization_config": {"quant_method": "mxfp4"}}  # fmt: skip
    model = model_from_config(CONFIG | moe)
    assert (model.expert_bits, model.body_bits, model.vocabulary_bits) == (4.25, 16, 16)


def test_nothing_is_said_where_the_config_says_nothing() -> None:
    assert "precision" not in describe_config(CONFIG)
    assert model_from_config(CONFIG).body_bits == 0


def test_the_account_reads_the_bits_as_long_as_the_checkpoint_is_served() -> None:
    import guide_ml

    scheme = FORMS["left out by pattern"][0]
    model = model_from_config(CONFIG | {"quantization_config": scheme}, name="small")
    asked: Any = {"hardware": "h100", "model": model, "framework": "vllm", "batch_size": 1,
                  "input_len": 100, "output_len": 10, "level": None}  # fmt: skip
    held = 16 * (ATTENTION + NORMS + 2 * TABLE) + 4.5 * MLP
    rotated = 2048 * H / 8 * 16  # the engine keeps a table of rotations by position, in 16 bits
    weights_gb = guide_ml.predict(**asked).memory.weights_gb
    assert weights_gb == pytest.approx((held + rotated) / 8e9, rel=0.01)
    other = guide_ml.predict(**asked, weight_dtype="bf16").memory.weights_gb
    whole = 16 * (ATTENTION + MLP + NORMS + 2 * TABLE)
    assert other == pytest.approx((whole + rotated) / 8e9, rel=0.01)


def test_names_behind_any_wrapper() -> None:
    listed = ["model.language_model.layers.3.mlp", "language_model.lm_head"]
    for name, meant in (("layers.3.mlp.up_proj", True), ("layers.30.mlp.up_proj", False),
                        ("lm_head", True), ("layers.3.self_attn.q_proj", False)):  # fmt: skip
        assert Patterns(listed).match((name,)) is meant


@pytest.mark.parametrize("bad", ["re:(", "re:" + "a" * 1000])
def test_bad_patterns(bad: str) -> None:
    config = CONFIG | {"quantization_config": ct((["Linear"], FLOAT4), ignore=[bad])}
    with pytest.raises(InvalidInput, match=r"a module name|regular expression"):
        model_from_config(config)


NAMES = {"hqq": "int4", "quanto": "int4", "torchao": "int4", "torchao as an object": "fp8",
         "auto-round": "int4", "aqlm": "int4", "fp_quant": "nvfp4", "mxfp8": "mxfp8",
         "eetq": "w8a16", "modelopt inside": "nvfp4",
         "two in four and nothing rounded": "bf16"}  # fmt: skip


@pytest.mark.parametrize("form", NAMES)
def test_the_name_of_the_precision(form: str) -> None:
    config = CONFIG | {"quantization_config": FORMS[form][0]}
    assert model_from_config(config).native_dtype == NAMES[form]


@pytest.mark.parametrize(
    "scheme",
    [{"quant_method": "magic"}, {"quant_method": "quanto", "weights": "int3"},
     {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": "four"}}},
     {"quant_method": "torchao", "quant_type": 7}],
)  # fmt: skip
def test_a_method_that_says_no_bits_is_refused(scheme: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="known quant_method"):
        model_from_config(CONFIG | {"quantization_config": scheme})
