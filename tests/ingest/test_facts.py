from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guide_ml.errors import BadData, InvalidInput, UnknownName
from guide_ml.ingest import facts
from guide_ml.ingest.rows import ASKS, BITS, FAULT, LAYERS, PARAMETERS, SAID, TOKENS, UNLIKE

H100, LLAMA = "nvidia-h100-sxm-80gb", "meta-llama/Llama-3.1-8B-Instruct"
GIVEN = facts.checked({"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
                       "tp": 2, "weight_dtype": "bfloat16"})  # fmt: skip
RUN: dict[str, Any] = {"mode": "closed", "concurrency": 8.0, "input_len": 512.0, "output_len": 64.0}


def test_names_are_spelt_as_the_catalogue_does_and_blanks_are_left_out() -> None:
    assert {"hardware": H100, "model": LLAMA, "framework": "vllm", "tp": 2,
            "weight_dtype": "bf16"} == GIVEN  # fmt: skip
    assert facts.checked({"tp": None, "backend": ""}) == {}


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"hardwre": "h100"}, UnknownName, "unknown fact 'hardwre'; did you mean hardware"),
        ({"hardware": "h1000"}, UnknownName, "did you mean h100.*guide list hardware"),
        ({"model": "parrot"}, UnknownName, "guide list models"),
        ({"framework": "vlm"}, UnknownName, "unknown framework 'vlm'; did you mean vllm"),
        ({"weight_dtype": "fp7"}, UnknownName, "unknown dtype 'fp7'"),
        ({"tp": "two"}, InvalidInput, "tp must be a number from 1 to 100000; got 'two'"),
        ({"tp": 0}, InvalidInput, "tp must be a number from 1"),
        ({"input_len": -1}, InvalidInput, "input_len must be a number"),
        ({"tp": True}, InvalidInput, "tp must be a number"),
    ],
)
def test_a_wrong_fact_is_told(given: dict[str, Any], error: type, told: str) -> None:
    with pytest.raises(error, match=told):
        facts.checked(given)


def test_facts_complete_a_row_and_devices_follow_from_the_layout() -> None:
    row = facts.apply(RUN, GIVEN)
    assert (row["hardware"], row["num_devices"]) == (H100, 2)
    assert facts.missing(row) == []
    assert FAULT not in row


def test_all_that_is_missing_is_listed_at_once() -> None:
    assert facts.missing({}) == [
        "hardware", "num_devices", "model", "framework", "weight_dtype", "concurrency", "mode",
        "input_len", "output_len",
    ]  # fmt: skip
    assert facts.missing(facts.apply({"mode": "static"}, GIVEN)) == [
        "batch_size", "input_len", "output_len"]  # fmt: skip
    assert facts.missing(facts.apply({"mode": "decode", "output_len": 8.0}, GIVEN)) == [
        "batch_size"]  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "given"),
    [({"tp": "4"}, {"tp": 2}), ({"framework": "sglang"}, {"framework": "vllm"}),
     ({"hardware": "nvidia-l4-24gb"}, {"hardware": "h100"}), ({}, {"concurrency": 16})],
)  # fmt: skip
def test_what_contradicts_the_file_is_a_fault_of_the_row(
    stated: dict[str, Any], given: dict[str, Any]
) -> None:
    row = facts.apply(RUN | stated, facts.checked(given))
    assert "in the file, but" in row[FAULT]


@pytest.mark.parametrize(
    ("stated", "fault"),
    [
        ({"model": "openai/gpt-oss-20b"}, "model is openai/gpt-oss-20b in the file"),
        ({"weight_dtype": "fp8"}, "weight_dtype is fp8 in the file, but bf16 was given"),
        ({"mode": "offline"}, ""), ({"model": "meta-llama/Meta-Llama-3.1-8B-Instruct"}, ""),
        ({SAID: {"model": "our-chat-model"}}, ""),
        ({SAID: {"model": "facebook/opt-125m"}}, "the model is 'facebook/opt-125m' in the file"),
        ({SAID: {"weight_dtype": "fbgemm_fp8"}}, "weight_dtype is 'fbgemm_fp8' in the file"),
        ({SAID: {"weight_dtype": "hqq"}}, ""),
        ({SAID: {"hardware": "NVIDIA A100"}}, "hardware is 'NVIDIA A100' in the file"),
        ({SAID: {"hardware": "H100 80GB"}}, ""), ({SAID: {"hardware": "Graphics Device"}}, ""),
        ({SAID: {"weight_dtype": "NVFP4 / FP8"}}, "weight_dtype is NVFP4 / FP8 in the file"),
    ],
)  # fmt: skip
def test_names_may_be_anything_but_not_contradict(stated: dict[str, Any], fault: str) -> None:
    row = facts.apply(RUN | stated, GIVEN)
    assert fault in row.get(FAULT, "")
    assert bool(fault) == (FAULT in row)


@pytest.mark.parametrize(
    ("given", "fault"),
    [({"mode": "offline"}, "mode is closed in the file, but offline was given"),
     ({"spec_method": "eagle3"}, "spec_method is mtp in the file, but eagle3 was given"),
     ({"framework_version": "0.5.9"}, ""), ({"framework_version": "0.5.8"}, "but 0.5.8 was given"),
     ({"kv_dtype": "fp8"}, "kv_dtype is bf16 in the file")],
)  # fmt: skip
def test_every_fact_is_held_against_the_file(given: dict[str, Any], fault: str) -> None:
    run = RUN | {
        "spec_method": "mtp",
        "framework_version": "lmsys/sglang:v0.5.9",
        "kv_dtype": "bf16",
    }
    row = facts.apply(run, facts.checked(given))
    assert fault in row.get(FAULT, "")
    assert bool(fault) == (FAULT in row)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"hardware": "nvidia-l4-24gb", "num_devices": 1.0, "model": "Qwen/Qwen3-32B",
          "weight_dtype": "bf16"}, "take 65.52 GB, but 1 of nvidia-l4-24gb have 24"),
        ({"hardware": H100, "num_devices": 1.0, "model": LLAMA, "weight_dtype": "bf16",
          "peak_mem_gb": 7.0}, "peak memory of 7 GB a device is below the 16.1 GB"),
        ({"hardware": H100, "num_devices": 1.0, "model": LLAMA, "weight_dtype": "bf16",
          "peak_mem_gb": 21.0}, ""),
        ({"hardware": "nvidia-l4-24gb", "num_devices": 1.0, "model": "Qwen/Qwen3-32B",
          "weight_dtype": "bf16", LAYERS: 8.0}, ""),
        ({"model": LLAMA, PARAMETERS: 70.6}, "70.6 billion parameters, meta-llama/Llama-3.1-8B"),
        ({"model": LLAMA, PARAMETERS: 8.5}, ""),
        ({"model": LLAMA, "weight_dtype": "q4_0", BITS: 8.5}, "8.50 bits each, q4_0 has 4.55"),
        ({"model": LLAMA, "weight_dtype": "q8_0", BITS: 8.5}, ""),
        ({"hardware": H100, "backend": "rocm"}, "backend is rocm, which does not run on"),
        ({"hardware": H100, "backend": "cpu"}, "backend is cpu, which does not run on"),
        ({"hardware": "amd-strix-halo-128gb", "backend": "vulkan"}, ""),
        ({UNLIKE: ["A", "B"], "num_devices": 2.0}, "the devices are unlike (A, B)"),
        ({UNLIKE: ["A", "B"], "num_devices": 1.0}, ""),
    ],
)  # fmt: skip
def test_what_memory_and_devices_do_not_allow_is_a_fault(row: dict[str, Any], fault: str) -> None:
    found = facts.apply({"mode": "decode"} | row, {})
    assert fault in found.get(FAULT, "")
    assert bool(fault) == (FAULT in found)


def test_a_rate_is_an_open_load_and_an_unknown_mode_is_refused() -> None:
    assert facts.apply({}, facts.checked({"request_rate_rps": 2}))["mode"] == "open"
    with pytest.raises(InvalidInput, match="mode must be one of closed"):
        facts.checked({"mode": "openish"})


def test_one_token_has_no_time_between_tokens() -> None:
    row = facts.apply(RUN | {"output_len": 1.0, "tpot_ms": 9.0, "tpot_p99_ms": 12.0}, {})
    assert not [k for k in row if k.startswith("tpot")]


def test_what_the_file_leaves_open_is_asked_with_the_reason() -> None:
    row = facts.apply(
        RUN | {ASKS: {"spec_method": "3.2 tokens a step"}, SAID: {"model": "lama-8b"}}, {}
    )
    lacks = facts.missing(row)
    assert "spec_method" in lacks
    told = facts.reasons(row, lacks)
    assert told[0] == "3.2 tokens a step"
    assert "the catalogue has no model 'lama-8b', as the file names it" in told[1]
    assert "spec_method" not in facts.missing(facts.apply(row, {"spec_method": "eagle3"}))


def test_a_load_is_given_to_rows_that_have_one() -> None:
    load = facts.checked({"concurrency": 4, "batch_size": 2, "input_len": 9, "output_len": 7})
    assert facts.apply({}, load)["mode"] == "closed"
    decode = facts.apply({"mode": "decode"}, load)
    assert decode == {"mode": "decode", "batch_size": 2, "output_len": 7}
    assert "concurrency" not in facts.apply({"mode": "static"}, load)


def test_the_mode_is_given_only_where_the_file_has_none() -> None:
    assert facts.apply({}, {"mode": "offline", "concurrency": 4.0})["mode"] == "offline"
    assert facts.apply(RUN, {"mode": "closed"})["mode"] == "closed"


def test_a_name_of_the_file_that_nobody_knows_is_a_fault() -> None:
    assert "unknown hardware 'abacus'" in facts.apply(RUN | {"hardware": "abacus"}, {})[FAULT]


def test_tokens_a_request_are_split_once_one_length_is_known() -> None:
    row = {"mode": "offline", TOKENS: 768.0, "total_tok_s": 19200.0}
    whole = facts.apply(row, {"output_len": 256.0})
    assert (whole["input_len"], whole["output_tok_s"]) == (512, 6400)
    assert facts.apply(row, {"input_len": 512.0})["output_len"] == 256
    both = facts.apply(row, {"input_len": 512.0, "output_len": 512.0})
    assert both[FAULT] == "lengths sum to 1024, the file has 768 a request"
    assert "output_tok_s" not in facts.apply(row, {})


@pytest.mark.parametrize(
    ("layers", "flag"), [(0, "partial-offload"), (12, "partial-offload"), (32, None), (99, None)]
)
def test_layers_beside_the_device_flag_the_row(layers: int, flag: str | None) -> None:
    row = facts.apply({"mode": "decode", "model": LLAMA, LAYERS: layers}, {})
    assert row.get("flags") == flag
    assert LAYERS not in row


def test_a_side_file_lies_beside_and_is_toml_or_json(tmp_path: Path) -> None:
    run = tmp_path / "run.json"
    assert facts.beside(run) is None
    side = tmp_path / "run.facts.json"
    side.write_text(json.dumps({"tp": 4}), "utf-8")
    assert facts.read_side_file(side) == {"tp": 4}
    assert facts.beside(run) == side
    nearer = tmp_path / "run.json.facts.toml"
    nearer.write_text('hardware = "h100"\n', "utf-8")
    assert facts.beside(run) == nearer
    assert facts.read_side_file(nearer) == {"hardware": H100}


@pytest.mark.parametrize("text", ["hardware = ", '{"tp": ', "tp: 4"])
def test_a_broken_side_file_is_told(tmp_path: Path, text: str) -> None:
    side = tmp_path / "run.facts.toml"
    side.write_text(text, "utf-8")
    with pytest.raises(BadData, match=r"run\.facts\.toml must hold facts as TOML or JSON"):
        facts.read_side_file(side)
    with pytest.raises(BadData, match="cannot be read"):
        facts.read_side_file(tmp_path / "none.toml")


def test_an_unknown_fact_of_a_side_file_names_the_file(tmp_path: Path) -> None:
    side = tmp_path / "a.facts.toml"
    side.write_text("gpus = 8\n", "utf-8")
    with pytest.raises(UnknownName, match=r"unknown fact of a\.facts\.toml 'gpus'"):
        facts.read_side_file(side)
