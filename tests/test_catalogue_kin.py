"""Checkpoints that are not listed have the shape that their name tells, or none is guessed."""

from __future__ import annotations

from typing import Any

import pytest

from guide_ml import catalogue, predict
from guide_ml.errors import UnknownName


@pytest.mark.parametrize(
    ("name", "base", "precision"),
    [
        ("Llama-3-8B", "meta-llama/Meta-Llama-3-8B-Instruct", "bf16"),
        ("CodeLlama-13b", "codellama/CodeLlama-13b-Instruct-hf", "bf16"),
        ("gemma-4-31B", "google/gemma-4-31B-it", "bf16"),
        ("Qwen3-4B-Thinking-2507", "Qwen/Qwen3-4B-Instruct-2507", "bf16"),
        ("deepseek-ai/DeepSeek-V3.1-Terminus", "deepseek-ai/DeepSeek-V3.1", "fp8"),
        ("NousResearch/Hermes-3-Llama-3.1-8B", "meta-llama/Llama-3.1-8B-Instruct", "bf16"),
        ("Nous-Hermes-2-Mixtral-8x7B-DPO", "mistralai/Mixtral-8x7B-Instruct-v0.1", "bf16"),
        ("cognitivecomputations/dolphin-2.9-llama3-8b", "meta-llama/Meta-Llama-3-8B-Instruct",
         "bf16"),
        ("google/gemma-3-27b-it-qat-q4_0-gguf", "google/gemma-3-27b-it", "q4_0"),
        ("QuantTrio/Qwen3-VL-32B-AWQ", "Qwen/Qwen3-VL-32B-Instruct", "awq-int4"),
        ("Qwen3.5-27B-Some-Reasoning-Distilled-GGUF", "Qwen/Qwen3.5-27B", "q4_k_m"),
    ],
)  # fmt: skip
def test_a_name_that_tells_its_base_has_its_shape(name: str, base: str, precision: str) -> None:
    found = catalogue.kindred(name)
    assert (found.model, found.native_dtype) == (base, precision)
    assert catalogue.model(base).num_layers == found.num_layers


@pytest.mark.parametrize(
    "name",
    [
        "chatgpt", "gpt-4", "llama", "qwen", "Qwen3-8B_eagle3", "Mistral-7B-v0.9",
        "yuhuili/EAGLE3-LLaMA3.1-Instruct-8B", "ISTA-DASLab/Meta-Llama-3.1-8B-AQLM",
        "some/Llama-3.1-8B-Vision", "Qwen2.5-7B-pruned-half", "other/Mistral-Llama-3.1-8B",
        "Llama-3.1-8B-to-4B", "jina-embeddings-qwen3-8b", "turboderp/Qwen3-8B-exl3",
    ],
)  # fmt: skip
def test_a_name_of_another_shape_is_unknown(name: str) -> None:
    with pytest.raises(UnknownName):
        catalogue.kindred(name)


def test_importers_take_listed_names_only() -> None:
    with pytest.raises(UnknownName):
        catalogue.model("NousResearch/Hermes-3-Llama-3.1-8B")


def test_the_answer_says_what_the_name_was_taken_for() -> None:
    asked: dict[str, Any] = {"hardware": "l4", "framework": "vllm", "input_len": 128,
                             "output_len": 64}  # fmt: skip
    tuned = predict(model="NousResearch/Hermes-3-Llama-3.1-8B", batch_size=1, **asked)
    listed = predict(model="meta-llama/Llama-3.1-8B-Instruct", batch_size=1, **asked)
    assert "Hermes-3" in tuned.assumed["model"]
    assert "Llama-3.1-8B-Instruct" in tuned.assumed["model"]
    assert tuned.tpot_ms == listed.tpot_ms
    assert "model" not in listed.assumed
