"""One set of rules about what can exist, for single predictions, tables, searches and starts."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import guide_ml
from guide_ml.errors import InvalidInput
from guide_ml.launch.refusals import rules

BASE: dict[str, Any] = {
    "hardware": "h100", "num_devices": 8, "model": "llama-3.1-8b-instruct", "framework": "vllm",
    "concurrency": 8, "input_len": 512, "output_len": 128,
}  # fmt: skip
MIXTURE = {"model": "qwen3-30b-a3b"}
REFUSED = [
    ({"tp": 6}, "tp must divide the 32 attention heads .*; got tp=6; 4 and 8 do"),
    ({"ep": 2}, "ep spreads experts and .* has none"),
    (MIXTURE | {"tp": 1, "ep": 3, "framework": "sglang"},
     "ep must divide the 128 experts .*; got ep=3; 2 and 4 do"),
    (MIXTURE | {"ep": 16}, "ep must not exceed num_devices; got ep=16 on 8"),
    (MIXTURE | {"tp": 4, "num_devices": 4, "ep": 3}, "ep must divide tp x dp, the 4 devices .*"
     "; got ep=3; 2 and 4 do"),
    ({"pp": 64, "num_devices": 64}, "pp must not exceed the 32 layers"),
    ({"spec_method": "mtp"}, "spec_method mtp needs a model .*Llama-3.1-8B.* has none"),
    ({"backend": "rocm"}, "backend rocm drives devices of amd; nvidia-h100.* is of nvidia"),
    ({"hardware": "mi300x", "backend": "cuda"}, "backend cuda drives devices of nvidia"),
    ({"mode": "offline"}, "mode offline works a queue off and has no concurrency"),
    ({"hardware": "t4", "num_devices": 1, "weight_dtype": "bf16"}, "vLLM runs bf16 from compute"),
    ({"hardware": "t4", "num_devices": 1, "framework": "tensorrt-llm"}, "runs on Ampere and newer"),
    ({"weight_dtype": "q4_k_m"}, "vLLM reads no GGUF any more"),
    ({"weight_dtype": "nf4"}, "vLLM has no bitsandbytes any more"),
    ({"framework": "llama.cpp", "weight_dtype": "fp8"}, "llama.cpp loads GGUF files"),
    ({"kv_dtype": "q8_0"}, "vLLM's KV cache is 16 bits"),
    ({"framework": "tensorrt-llm", "weight_dtype": "nvfp4"}, "fp4 and mxfp8 need Blackwell"),
    ({"model": "BAAI/Aquila-7B", "framework_version": "0.30"}, "model family up to 0.24.0"),
    ({"model": "qwen2.5-7b-instruct", "num_devices": 7, "tp": 7}, "must divide the 4 KV heads"),
    ({"model": "Qwen/Qwen3-235B-A22B", "weight_dtype": "fp8", "tp": 8, "framework": "sglang"},
     "blocks of 128 and sglang refuses to cut them: 1536 over 8 devices is 192"),
    ({"framework_version": "banana"}, "framework_version must be a version .*got 'banana': vllm"),
]


@pytest.mark.parametrize(("change", "says"), REFUSED, ids=[r[1][:30] for r in REFUSED])
def test_what_no_engine_starts_is_refused_alike_alone_and_in_a_table(change, says):
    with pytest.raises(InvalidInput, match=says) as caught:
        guide_ml.predict(**BASE | change)
    rows = pd.DataFrame([BASE | change, BASE])
    found = guide_ml.predict_table(rows, errors="report", level=None)
    assert found["error"].tolist() == [str(caught.value), ""]
    assert found["ttft_ms"].notna().tolist() == [False, True]


@pytest.mark.parametrize("change", [
    {"tp": 8}, MIXTURE | {"tp": 4, "ep": 2}, {"spec_method": "eagle3"}, {"backend": "cuda"},
    {"model": "deepseek-ai/DeepSeek-V3", "hardware": "h200", "spec_method": "mtp"},
    {"weight_dtype": "nf4", "framework_version": "0.11.0"},
    {"model": "BAAI/Aquila-7B", "framework_version": "0.20", "input_len": 256},
    {"model": "Qwen/Qwen3-235B-A22B", "weight_dtype": "fp8", "tp": 8, "ep": 8,
     "framework": "sglang"},
    {"model": "Qwen/Qwen3-235B-A22B", "weight_dtype": "fp8", "tp": 8},
    {"framework_version": "nightly"}, {"framework": "llama.cpp", "num_devices": 6},
])  # fmt: skip
def test_what_engines_start_is_answered(change):
    found = guide_ml.predict(**BASE | change)
    assert found.ttft_ms is not None
    assert found.ttft_ms > 0


def test_what_merely_is_slow_or_new_is_a_note():
    assert guide_ml.predict(**BASE).notes == ()
    cards = guide_ml.predict(**BASE | {"hardware": "l40s", "tp": 8}).notes
    assert len(cards) == 1
    assert "beyond the 1 that fast links join" in cards[0]
    long = guide_ml.predict(**BASE | {"input_len": 200_000, "concurrency": 1}).notes
    assert "longer than the 131,072" in long[0]
    copies = guide_ml.predict(**BASE | {"model": "qwen2.5-32b-instruct", "num_devices": 8, "tp": 8})
    assert copies.notes == ()
    copies = guide_ml.predict(**BASE | {"model": "glm-4-9b", "tp": 8})
    assert "each of the 2 KV heads" in copies.notes[0]
    prompt = guide_ml.predict(**BASE | {"framework": "tensorrt-llm", "input_len": 9000}).notes
    assert "TensorRT-LLM refuses prompts above 8,192 tokens" in prompt[0]
    large = {"model": "Qwen/Qwen3-235B-A22B", "weight_dtype": "fp8", "tp": 8}
    assert "vLLM serves that from 0.32 on" in guide_ml.predict(**BASE | large).notes[-1]
    whole = guide_ml.predict(**BASE | large | {"ep": 8}).notes
    assert not any("cuts the blocks" in note for note in whole)
    gone = guide_ml.predict(**BASE | {"model": "BAAI/Aquila-7B"}).notes
    assert any("newer versions refuse" in note for note in gone)
    new = guide_ml.predict(**BASE | {"framework_version": "9.0"}).notes
    assert "newer than any version" in new[0]


def test_measured_deployments_stay_possible():
    from guide_ml.measurements.read import prepare, read_files

    left_out = prepare(read_files()).left_out
    words = ("must divide", "ep must", "mtp needs", "drives devices", "works a queue",
             "framework_version must", "refuses to cut",
             *(rule.says for rule in rules()))  # fmt: skip
    assert not [r for r in left_out["reason"] if any(w in r for w in words)]
