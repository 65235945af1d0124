from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from guide_ml.describe.descriptors import Deployment, Framework, Hardware, Model, Workload
from guide_ml.errors import InvalidInput, UnknownName

CHIP: dict[str, Any] = {
    "hardware": "acme-one-64gb", "memory_gb": 64, "mem_bw_gbs": 2000.0, "fp16_tflops": 300,
}  # fmt: skip
TINY: dict[str, Any] = {
    "model": "tiny", "params_total_b": 1.1, "params_active_b": 1.1, "num_layers": 22,
    "hidden_size": 2048, "intermediate_size": 5632, "num_attention_heads": 32, "num_kv_heads": 4,
    "head_dim": 64, "vocab_size": 32000, "attention": "gqa", "kv_layers": 22,
}  # fmt: skip
ENGINE: dict[str, Any] = {"framework": "vllm", "release_year": 2025.5}
NO_NUMBERS = ["64", None, True, math.nan, math.inf, -math.inf, 1 + 2j, [64]]


def deployment(**change: Any) -> Deployment:
    parts: dict[str, Any] = {
        "hardware": Hardware(**CHIP), "model": Model(**TINY), "framework": Framework(**ENGINE),
    }  # fmt: skip
    return Deployment(**(parts | change))


def test_good_descriptors_are_taken_as_they_are() -> None:
    assert Hardware(**CHIP).memory_gb == 64
    assert Model(**TINY).native_dtype == "bf16"
    assert Framework(**ENGINE).backend == "cuda"
    assert Workload(mode="closed", input_len=100, output_len=50, concurrency=8).ttft_stat == "mean"
    assert deployment(num_devices=8, tp=4, dp=2).ep == 1


@pytest.mark.parametrize(
    "made",
    [
        Hardware(**CHIP), Model(**TINY), Framework(**ENGINE),
        Workload(mode="static", input_len=1), deployment(),
    ],
    ids=lambda made: type(made).__name__,
)  # fmt: skip
def test_descriptors_cannot_be_changed_and_can_be_keys(made: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        made.source = "elsewhere"
    assert {made: 1}[made] == 1


@pytest.mark.parametrize("bad", NO_NUMBERS)
@pytest.mark.parametrize("name", ["memory_gb", "mem_bw_gbs", "release_year", "slice_share"])
def test_what_is_no_finite_number_is_refused(name: str, bad: Any) -> None:
    with pytest.raises(InvalidInput, match=rf"'acme-one-64gb': {name} must be a number"):
        Hardware(**CHIP | {name: bad})


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("memory_gb", 0), ("memory_gb", -80), ("memory_gb", 1e6), ("mem_bw_gbs", 0.5),
        ("mem_bw_gbs", 1e7), ("release_year", 24), ("release_year", 2500), ("slice_share", 0),
        ("slice_share", 1.5), ("scale_up_domain", 0), ("fp16_tflops", 0), ("fp16_tflops", -1),
        ("fp8_tflops", 1e9), ("int8_tops", -5), ("l2_mb", -1), ("sm_count", 0), ("tdp_w", 0),
        ("link_gbs", -900), ("memory_gb", 10**400),
    ],
)  # fmt: skip
def test_an_absurd_figure_of_a_device_is_refused_with_its_range(name: str, bad: float) -> None:
    with pytest.raises(InvalidInput, match=rf"{name} must be a .*number from .* to .*; got"):
        Hardware(**CHIP | {name: bad})


def test_a_device_is_scaled_up_in_whole_devices() -> None:
    with pytest.raises(InvalidInput, match=r"scale_up_domain must be a whole number; got 7\.5"):
        Hardware(**CHIP | {"scale_up_domain": 7.5})


def test_a_device_without_any_peak_rate_is_refused() -> None:
    with pytest.raises(InvalidInput, match="one of fp16_tflops, bf16_tflops, fp32_tflops"):
        Hardware(**CHIP | {"fp16_tflops": None})


@pytest.mark.parametrize("peak", ["fp32_tflops", "fp16_tflops", "bf16_tflops"])
def test_one_peak_rate_is_enough(peak: str) -> None:
    assert getattr(Hardware(**CHIP | {"fp16_tflops": None, peak: 80}), peak) == 80


@pytest.mark.parametrize(
    "name",
    [
        "num_layers", "hidden_size", "num_attention_heads", "num_kv_heads", "head_dim",
        "vocab_size", "max_position",
    ],
)  # fmt: skip
@pytest.mark.parametrize("bad", [0, -1, 2.5, "32", True, None, math.nan])
def test_a_shape_must_be_a_whole_number_above_zero(name: str, bad: Any) -> None:
    with pytest.raises(InvalidInput, match=f"model 'tiny': {name} must be a whole number"):
        Model(**TINY | {name: bad})


@pytest.mark.parametrize(
    "name",
    [
        "intermediate_size", "kv_lora_rank", "qk_rope_head_dim", "num_experts",
        "num_experts_per_tok", "moe_intermediate_size", "num_shared_experts",
        "first_dense_layers", "sliding_window", "kv_layers", "window_layers",
    ],
)  # fmt: skip
def test_what_a_model_may_lack_may_be_zero_but_not_less(name: str) -> None:
    assert getattr(Model(**TINY | {name: 0}), name) == 0
    with pytest.raises(InvalidInput, match=f"{name} must be a whole number from 0"):
        Model(**TINY | {name: -1})


@pytest.mark.parametrize("bad", [0, -7, 1e6, math.inf, "7", None])
@pytest.mark.parametrize("name", ["params_total_b", "params_active_b"])
def test_an_absurd_number_of_parameters_is_refused(name: str, bad: Any) -> None:
    with pytest.raises(InvalidInput, match=f"{name} must be a number"):
        Model(**TINY | {name: bad})


def test_a_token_cannot_touch_more_parameters_than_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"must not exceed params_total_b; got 1\.2 and 1\.1"):
        Model(**TINY | {"params_active_b": 1.2})


def test_mla_needs_the_width_of_its_latent() -> None:
    with pytest.raises(InvalidInput, match="MLA needs kv_lora_rank"):
        Model(**TINY | {"attention": "mla"})
    assert Model(**TINY | {"attention": "mla", "kv_lora_rank": 512}).kv_lora_rank == 512


@pytest.mark.parametrize("bad", ["flash", "", "GQA", None])
def test_an_unknown_kind_of_attention_is_refused(bad: Any) -> None:
    with pytest.raises(InvalidInput, match="attention must be one of mha, gqa, mqa, mla, hybrid"):
        Model(**TINY | {"attention": bad})


def test_an_unknown_native_dtype_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown dtype 'bf17'; did you mean"):
        Model(**TINY | {"native_dtype": "bf17"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"backend": "opengl"}, "backend must be one of cuda, rocm"),
        ({"release_year": 1999}, "release_year must be a number from 2018 to 2100"),
        ({"release_year": "2025-07"}, "release_year must be a number"),
    ],
)
def test_a_bad_framework_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=f"framework 'vllm': {words}"):
        Framework(**ENGINE | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "open"}, "mode must be one of static, prefill, decode, closed, offline"),
        ({"ttft_stat": "p50"}, "ttft_stat must be one of mean, median, p99"),
        ({"tpot_stat": "max"}, "tpot_stat must be one of mean, median, p99"),
        ({"input_len": 0}, "input_len must be a number from 1"),
        ({"input_len": -3}, "input_len must be a number from 1"),
        ({"input_len": 30_000_000}, "input_len must be a number from 1 to 2e"),
        ({"output_len": 0}, "output_len must be a number from 1"),
        ({"output_len": math.nan}, "output_len must be a number from 1"),
        ({"context_depth": -1}, "context_depth must be a number from 0"),
        ({"batch_size": 0}, "batch_size must be a number from"),
        ({"batch_size": "8"}, "batch_size must be a number"),
        ({"num_requests": 0}, "num_requests must be a number from"),
        ({"batch_size": 8, "concurrency": 8}, "give batch_size .* or concurrency .*, not both"),
        ({"mode": "closed"}, "mode closed needs concurrency"),
        ({"mode": "closed", "concurrency": 2e6}, "concurrency must be a number from"),
    ],
)  # fmt: skip
def test_a_bad_workload_is_refused(change: dict[str, Any], words: str) -> None:
    good: dict[str, Any] = {"mode": "static", "input_len": 100, "output_len": 10}
    with pytest.raises(InvalidInput, match=f"workload: {words}"):
        Workload(**good | change)


def test_a_decode_may_have_no_prompt_and_a_prefill_no_output() -> None:
    assert Workload(mode="decode", input_len=0, output_len=10).input_len == 0
    assert Workload(mode="prefill", input_len=10, output_len=0).output_len == 0


@pytest.mark.parametrize("name", ["num_devices", "tp", "pp", "dp", "ep"])
@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", None, True, 1_000_000])
def test_devices_are_counted_in_whole_numbers_from_one(name: str, bad: Any) -> None:
    with pytest.raises(InvalidInput, match=f"deployment: {name} must be a whole number"):
        deployment(**{name: bad})


def test_a_layout_cannot_need_more_devices_than_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"must not exceed num_devices; got 2 \* 2 \* 2 on 7"):
        deployment(num_devices=7, tp=2, pp=2, dp=2)


@pytest.mark.parametrize("name", ["weight_dtype", "kv_dtype"])
def test_a_deployment_of_an_unknown_dtype_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match="unknown dtype 'int3'"):
        deployment(**{name: "int3"})
