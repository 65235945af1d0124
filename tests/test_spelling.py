"""Names as people write them, columns as they call them, and what is missing."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import guide_ml
from guide_ml import catalogue
from guide_ml.cli.main import app
from guide_ml.errors import InvalidInput, UnknownName

ROW: dict[str, Any] = {
    "hardware": "h100", "model": "llama-3.1-8b-instruct", "concurrency": 8, "input_len": 512,
    "output_len": 128,
}  # fmt: skip


@pytest.mark.parametrize(("name", "slug"), [
    ("RTX 4090", "nvidia-rtx-4090-24gb"), ("NVIDIA L40S", "nvidia-l40s-48gb"),
    ("AMD MI300X", "amd-mi300x-192gb"), ("h100 sxm", "nvidia-h100-sxm-80gb"),
    ("NVIDIA GeForce RTX 4070 Ti SUPER", "nvidia-rtx-4070-ti-super-16gb"),
    ("AMD Instinct MI300X", "amd-mi300x-192gb"), ("Titan RTX", "nvidia-titan-rtx-24gb"),
    ("i9-14900k", "intel-core-i9-14900k"), ("m3-ultra-80c", "apple-m3-ultra-80c"),
    ("NVIDIA A100-SXM4-80GB", "nvidia-a100-sxm-80gb"),
])  # fmt: skip
def test_case_and_spaces_of_devices_do_not_matter(name, slug):
    assert catalogue.hardware(name).hardware == slug


@pytest.mark.parametrize(("name", "slug", "dtype"), [
    ("Llama 3.1 8B", "meta-llama/Llama-3.1-8B", "bf16"),
    ("https://huggingface.co/Qwen/Qwen3-8B", "Qwen/Qwen3-8B", "bf16"),
    ("qwen3:8b", "Qwen/Qwen3-8B", "bf16"), ("gemma 3 27b", "google/gemma-3-27b-it", "bf16"),
    ("llama3.1:8b-instruct-q4_K_M", "meta-llama/Llama-3.1-8B-Instruct", "q4_k_m"),
    ("mixtral 8x7b", "mistralai/Mixtral-8x7B-Instruct-v0.1", "bf16"),
    ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "meta-llama/Llama-3.3-70B-Instruct", "fp8"),
    ("unsloth/Qwen3-8B-GGUF", "Qwen/Qwen3-8B", "q4_k_m"),
    ("unsloth/Qwen3-8B-GGUF:Q8_0", "Qwen/Qwen3-8B", "q8_0"),
    ("someone/Qwen3-32B-AWQ", "Qwen/Qwen3-32B", "awq-int4"),
    ("someone/Qwen3-8B-GPTQ-Int4", "Qwen/Qwen3-8B", "gptq-int4"),
    ("mlx-community/Qwen3-8B-MLX-4bit", "Qwen/Qwen3-8B", "int4"),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16",
     "meta-llama/Meta-Llama-3.1-8B-Instruct", "int4"),
])  # fmt: skip
def test_quantised_copies_are_their_base_in_their_precision(name, slug, dtype):
    found = catalogue.kindred(name)
    assert (found.model, found.native_dtype) == (slug, dtype)


def test_a_quantised_copy_is_predicted_as_its_base_at_that_precision_and_said():
    copy = guide_ml.predict(**ROW | {"model": "RedHatAI/Llama-3.1-8B-Instruct-FP8-dynamic"})
    base = guide_ml.predict(**ROW | {"weight_dtype": "fp8"})
    assert (copy.ttft_ms, copy.tpot_ms) == (base.ttft_ms, base.tpot_ms)
    assert copy.assumed["weight_dtype"].startswith("fp8")
    table = guide_ml.predict_table(pd.DataFrame(
        [ROW | {"model": "RedHatAI/Llama-3.1-8B-Instruct-FP8-dynamic"}]), level=None)
    assert table["tpot_ms"][0] == base.tpot_ms


@pytest.mark.parametrize("name", ["mixtral", "llama", "7b", "rtx"])
def test_a_name_of_several_architectures_or_devices_is_asked_back(name):
    look = catalogue.hardware if name == "rtx" else catalogue.kindred
    with pytest.raises(UnknownName, match="did you mean"):
        look(name)


def test_the_engine_refuses_a_file_by_its_name_as_by_its_precision():
    for change in ({"model": "unsloth/Llama-3.1-8B-Instruct-GGUF"}, {"weight_dtype": "q4_k_m"}):
        with pytest.raises(InvalidInput, match="GGUF"):
            guide_ml.predict(**ROW | {"framework": "vllm"} | change)


@pytest.mark.parametrize("name", ["chatgpt", "gpt-4o", "claude", "someone/none-such-FP8"])
def test_nothing_is_suggested_for_what_is_far_off(name):
    with pytest.raises(UnknownName) as caught:
        catalogue.model(name)
    assert "did you mean" not in str(caught.value)


def test_every_slug_and_alias_is_still_itself():
    for kind, find in (("hardware", catalogue.hardware), ("model", catalogue.model)):
        for slug in catalogue.slugs(kind):
            assert getattr(find(slug), kind) == slug
        for alias, slug in catalogue.aliases(kind).items():
            assert getattr(find(alias), kind) in (slug, alias)


def test_columns_that_are_called_otherwise_are_named_once():
    table = pd.DataFrame([ROW | {"gpus": 2, "note": "x"}] * 3)
    with pytest.warns(UserWarning, match=re.escape("'gpus' (is num_devices meant?)")) as caught:
        guide_ml.predict_table(table, level=None)
    assert len(caught) == 1
    assert "note" not in str(caught[0].message)
    with pytest.raises(InvalidInput, match=r"'gpus' .*'note'"):
        guide_ml.predict_table(table, level=None, strict=True)
    guide_ml.predict_table(table.drop(columns=["gpus", "note"]), level=None, strict=True)


def test_what_is_missing_is_named_all_at_once():
    with pytest.raises(InvalidInput, match=r"input_len must.*output_len must.*give mode"):
        guide_ml.predict(hardware="h100", model="llama-3.1-8b-instruct")


@pytest.mark.parametrize("command", ["predict", "launch"])
def test_a_device_is_given_once(command):
    done = CliRunner().invoke(app, [
        command, "--hardware", "h100", "--hardware", "h200", "--model", "llama-3.1-8b-instruct",
        "--concurrency", "4", "--input-len", "9", "--output-len", "9"])  # fmt: skip
    assert done.exit_code == 2
    assert "give it once" in done.stderr
