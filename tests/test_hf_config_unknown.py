"""Types that are not known, keys that are not understood, and what a class fills in."""

from __future__ import annotations

from typing import Any

import pytest

from guide_ml import InvalidInput
from guide_ml.hf_config import classes, limits, model_from_config
from guide_ml.hf_config.vocabulary import foreign_keys

PLAIN: dict[str, Any] = {
    "model_type": "novel", "hidden_size": 1024, "intermediate_size": 4096,
    "num_hidden_layers": 10, "num_attention_heads": 16, "num_key_value_heads": 4,
    "vocab_size": 32000, "tie_word_embeddings": False, "rope_theta": 10000.0,
    "rms_norm_eps": 1e-6, "bos_token_id": 1, "attention_dropout": 0.0, "hidden_act": "silu",
}  # fmt: skip


def test_an_unknown_type_of_understood_keys_is_counted_and_said() -> None:
    model = model_from_config(PLAIN)
    assert "unknown type novel, parameters counted as in Llama" in model.source
    layer = 1024 * (1024 * 2 + 2 * 256) + 3 * 1024 * 4096 + 2 * 1024
    assert round(model.params_total_b * 1e9) == 10 * layer + 2 * 32000 * 1024 + 1024


@pytest.mark.parametrize(
    ("key", "value"),
    [("num_mixing_groups", 4), ("layer_recipe", ["a", "b"]), ("expert_hidden_ratio", 0.5)],
)
def test_keys_that_nobody_reads_refuse_an_unknown_type(key: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=f"not understood: {key}") as caught:
        model_from_config(PLAIN | {key: value})
    assert "--accept-unknown" in str(caught.value)
    accepted = model_from_config(PLAIN | {key: value}, accept_unknown=True)
    assert f"unknown keys {key}" in accepted.source
    assert accepted.params_total_b == model_from_config(PLAIN).params_total_b


@pytest.mark.parametrize("value", [None, False, 0, [], {}, ""])
def test_a_key_that_is_switched_off_says_nothing(value: Any) -> None:
    assert model_from_config(PLAIN | {"num_mixing_groups": value})


def test_keys_that_are_read_elsewhere_only_count_as_not_understood() -> None:
    """A linear layer's shape without a word on where such layers are: all would count as full."""
    with pytest.raises(InvalidInput, match="linear_num_value_heads"):
        model_from_config(PLAIN | {"linear_num_value_heads": 16})


@pytest.mark.parametrize("around", ["novel_vl", "whisper", "moshi"])
def test_the_outer_type_is_looked_at_too(around: str) -> None:
    inner = PLAIN | {"model_type": "llama"}
    config = {"model_type": around, "text_config": inner}
    if around == "novel_vl":
        assert "inside unknown type 'novel_vl'" in model_from_config(config).source
        config["text_config"] = inner | {"num_mixing_groups": 4}
        with pytest.raises(InvalidInput, match="num_mixing_groups"):
            model_from_config(config)
    else:
        with pytest.raises(InvalidInput, match=around):
            model_from_config(config)


def test_diffusion_is_said() -> None:
    for change in ({"model_type": "llada"}, {"architectures": ["NovelDiffusionModel"]}):
        with pytest.raises(InvalidInput, match="by diffusion"):
            model_from_config(PLAIN | change)


def test_harmless_keys() -> None:
    harmless = {"rope_scaling": {"factor": 8}, "eos_token_id": 2, "embedding_multiplier": 12.0,
                "vision_start_token_id": 5, "norm_topk_prob": True, "quantization_config": {"a": 1},
                "router_aux_loss_coef": 0.1}  # fmt: skip
    assert foreign_keys(harmless, ()) == []
    assert foreign_keys({"window_recipe": 1, "layers": 2}, {"layers"}) == ["window_recipe"]


def test_an_inner_part_takes_what_its_class_fills_in() -> None:
    inner = {"model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 4,
             "intermediate_size": 8192, "num_attention_heads": 32,
             "sliding_window": None}  # fmt: skip
    model = model_from_config({"model_type": "mistral3", "text_config": inner})
    assert (model.num_kv_heads, model.vocab_size, model.window_layers) == (8, 32000, 0)
    assert "filled in from the class: " in model.source
    assert "num_key_value_heads" in model.source
    del inner["sliding_window"]  # what is null is not filled in, what is absent is
    assert model_from_config({"model_type": "mistral3", "text_config": inner}).window_layers == 4


def test_a_config_by_itself_states_its_sizes() -> None:
    with pytest.raises(InvalidInput, match="hidden_size"):
        model_from_config({"model_type": "mistral", "vocab_size": 32000})


def test_an_expert_count_that_is_left_out_is_that_of_the_class() -> None:
    config = PLAIN | {"model_type": "mixtral", "num_experts_per_tok": 2}
    assert model_from_config(config).num_experts == 8


def test_the_part_inside_has_the_type_that_the_class_around_gives_it() -> None:
    inner = {k: v for k, v in PLAIN.items() if k != "model_type"}
    model = model_from_config({"model_type": "llava", "text_config": inner})
    assert (model.family, "unknown" in model.source) == ("llama", False)


def test_tables_are_of_one_release_and_name_types_that_exist() -> None:
    table = limits._table()
    assert table["transformers"] == classes.release()
    assert all(classes.is_class(name) for name in (*table["uncounted"], *table["unread"]))


def test_a_class_that_nobody_could_build_is_an_unknown_type() -> None:
    assert "unknown type chameleon" in model_from_config(PLAIN | {"model_type": "chameleon"}).source
    with pytest.raises(InvalidInput, match="layer_recipe"):
        model_from_config(PLAIN | {"model_type": "chameleon", "layer_recipe": 2})


def test_what_is_not_counted_right_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"uncounted": {"gemma2": "is a test"}, "unread": {"qwen3": ["attention_bias"]},
             "unchecked": []}  # fmt: skip
    monkeypatch.setattr(limits, "_table", lambda: table)
    with pytest.raises(InvalidInput, match="'gemma2' is a test"):
        model_from_config(PLAIN | {"model_type": "gemma2"})
    usual = PLAIN | {"model_type": "qwen3", "head_dim": 64}
    assert "not read" not in model_from_config(usual).source
    with pytest.raises(InvalidInput, match="attention_bias must be as in most"):
        model_from_config(usual | {"attention_bias": True})
    assert "not read: attention_bias" in model_from_config(
        usual | {"attention_bias": True}, accept_unknown=True
    ).source
