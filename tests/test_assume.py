from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from guide_ml.describe.descriptors import MODES, STATS, Hardware, Model
from guide_ml.table.assume import FAMILIES, INPUT_LEN, OUTPUT_LEN, Resolved
from guide_ml.table.read import Definitions

Deploy = Callable[..., Resolved]
MOE = "deepseek-ai/DeepSeek-V3"
CHIP: dict[str, Any] = {
    "hardware": "acme-one-64gb", "memory_gb": 64, "mem_bw_gbs": 2000, "fp16_tflops": 300,
}  # fmt: skip


def layout(found: Resolved, row: int = 0) -> tuple[float, float, float]:
    c = found.columns
    return float(c["tp"][row]), float(c["pp"][row]), float(c["dp"][row])


def test_what_is_stated_stays_as_it_is(deploy: Deploy) -> None:
    row = {"num_devices": 8, "tp": 2, "pp": 2, "dp": 2, "batch_size": 6, "kv_dtype": "fp8"}
    found = deploy(row)
    c = found.columns
    assert layout(found) == (2, 2, 2)
    assert (c["batch"][0], c["kv_bits"][0], c["weight_bits"][0]) == (6, 8, 16)
    assert (c["tp_stated"][0], c["kv_stated"][0], c["weight_stated"][0]) == (1, 1, 1)


def test_devices_without_a_layout_are_tensor_parallel(deploy: Deploy) -> None:
    found = deploy({"num_devices": 4}, {})
    assert layout(found, 0) == (4, 1, 1)
    assert layout(found, 1) == (1, 1, 1)
    assert found.columns["tp_stated"].tolist() == [1, 1]  # as if it had been said


@pytest.mark.parametrize(
    ("devices", "layout_"),
    [
        (4, (4, 1, 1)),  # 32 heads / 4
        (3, (2, 1, 1)),  # 32 heads are not divided by 3: two take part, the third idles
        (6, (4, 1, 1)),
        (12, (8, 1, 1)),
        (24, (16, 1, 1)),
    ],
)
def test_devices_that_would_cut_a_head_do_not_take_part(
    deploy: Deploy, devices: int, layout_: tuple[float, float, float]
) -> None:
    assert layout(deploy({"num_devices": devices})) == layout_


def test_all_devices_take_part_where_they_divide_the_heads(deploy: Deploy) -> None:
    gpt2_xl = "openai-community/gpt2-xl"  # 25 heads
    assert layout(deploy({"num_devices": 5, "model": gpt2_xl})) == (5, 1, 1)


@pytest.mark.parametrize("engine", ["llama.cpp", "ollama", "exllamav2", "hf-transformers"])
def test_engines_that_split_by_layer_are_pipeline_parallel(deploy: Deploy, engine: str) -> None:
    assert layout(deploy({"num_devices": 4, "framework": engine})) == (1, 4, 1)
    assert layout(deploy({"num_devices": 4, "framework": engine, "tp": 4})) == (4, 1, 1)


def test_devices_that_a_stated_layout_leaves_over_hold_replicas(deploy: Deploy) -> None:
    assert layout(deploy({"num_devices": 8, "tp": 2})) == (2, 1, 4)
    assert layout(deploy({"num_devices": 8, "tp": 2, "pp": 2})) == (2, 2, 2)
    assert layout(deploy({"num_devices": 8, "pp": 4})) == (1, 4, 2)
    assert layout(deploy({"num_devices": 8, "dp": 2})) == (4, 1, 2)


def test_devices_that_are_not_counted_follow_from_the_layout(deploy: Deploy) -> None:
    assert deploy({"tp": 4, "pp": 2}).columns["devices"].tolist() == [8]


def test_a_layout_beyond_its_devices_is_refused(deploy: Deploy) -> None:
    errors = deploy({"num_devices": 4, "tp": 8}, {}).errors
    assert list(errors) == ["tp * pp * dp must not exceed num_devices; got 8 on 4", ""]


def test_a_moe_layout_of_tp_times_ep_is_one_tensor_parallel_group(deploy: Deploy) -> None:
    c = deploy({"model": MOE, "num_devices": 8, "tp": 1, "ep": 8}).columns
    assert (c["tp"][0], c["dp"][0], c["ep"][0]) == (8, 1, 8)


def test_a_moe_model_shares_its_experts_over_data_parallel_attention(deploy: Deploy) -> None:
    moe = {"num_devices": 8, "tp": 1, "dp": 8}
    c = deploy({"model": MOE} | moe, moe).columns
    assert c["attention_dp"].tolist() == [8, 1]
    assert c["dp"].tolist() == [8, 8]


def test_an_offline_engine_runs_as_many_replicas_as_hold_the_weights(deploy: Deploy) -> None:
    offline = {"mode": "offline", "num_devices": 8}
    # 70B at 16 bits: 138 GB / (0.7 * 80 GB) = 2.5 devices, so 4 and two replicas
    assert layout(deploy(offline | {"model": "meta-llama/Llama-2-70b-hf"})) == (4, 1, 2)
    assert layout(deploy(offline)) == (1, 1, 8)  # 13.5 GB fit on each
    assert layout(deploy(offline | {"tp": 8})) == (8, 1, 1)
    big = {"model": MOE, "weight_dtype": "bf16"}  # 1342 GB fit nowhere: all devices
    assert layout(deploy(offline | big)) == (8, 1, 1)


def test_llama_cpp_keeps_its_pipeline_offline(deploy: Deploy) -> None:
    row = {"mode": "offline", "num_devices": 4, "framework": "llama.cpp"}
    big = {"model": "meta-llama/Llama-2-70b-hf", "weight_dtype": "fp16"}
    assert layout(deploy(row | big)) == (1, 4, 1)


@pytest.mark.parametrize(
    ("change", "name", "bits", "family"),
    [
        ({"framework": "llama.cpp"}, "q4_k_m", 4.85, "gguf"),
        ({"framework": "ollama"}, "q4_k_m", 4.85, "gguf"),
        ({}, "fp16", 16, "float"),  # the checkpoint's own
        ({"model": MOE}, "fp8", 8, "fp8"),
        ({"model": "openai/gpt-oss-120b"}, "mxfp4", 4.25, "fp4"),
        ({"framework": "llama.cpp", "weight_dtype": "q8_0"}, "q8_0", 8.5, "gguf"),
        ({"framework": "llama.cpp", "weight_dtype": "mxfp4"}, "mxfp4", 4.25, "gguf"),
        ({"weight_dtype": "awq"}, "awq-int4", 4.16, "int4"),
    ],
)
def test_weights_that_are_not_stated_are_the_engines_or_the_checkpoints(
    deploy: Deploy, change: dict[str, Any], name: str, bits: float, family: str
) -> None:
    found = deploy({"weight_dtype": None} | change)
    assert found.names["weight_dtype"][0] == name
    assert found.columns["weight_bits"][0] == pytest.approx(bits)
    assert FAMILIES[int(found.columns["family"][0])] == family


def test_a_checkpoint_of_32_bits_is_served_in_16(deploy: Deploy) -> None:
    own = Model(
        model="own", params_total_b=1, params_active_b=1, num_layers=2, hidden_size=8,
        num_attention_heads=2, num_kv_heads=2, head_dim=4, vocab_size=10, attention="mha",
        kv_layers=2, native_dtype="fp32",
    )  # fmt: skip
    known = Definitions(models={"own": own})
    found = deploy({"model": "own", "weight_dtype": None}, definitions=known)
    assert found.columns["weight_bits"].tolist() == [16]


@pytest.mark.parametrize(
    ("change", "bits"),
    [
        ({"framework": "tensorrt-llm", "weight_dtype": "fp8"}, 8),
        ({"framework": "tensorrt-llm", "weight_dtype": "nvfp4"}, 8),
        ({"framework": "tensorrt-llm", "weight_dtype": "fp16"}, 16),
        ({"framework": "tensorrt-llm", "weight_dtype": "awq"}, 16),
        ({"framework": "tensorrt-llm", "weight_dtype": "fp8", "kv_dtype": "fp16"}, 16),
        ({"framework": "vllm", "weight_dtype": "fp8"}, 16),
        ({"framework": "llama.cpp", "kv_dtype": "q8_0"}, 8.5),
    ],
)
def test_the_kv_cache_has_16_bits_but_for_tensorrt_llms_narrow_checkpoints(
    deploy: Deploy, change: dict[str, Any], bits: float
) -> None:
    assert deploy(change).columns["kv_bits"].tolist() == [bits]


@pytest.mark.parametrize(
    ("device", "engine", "backend"),
    [
        ("nvidia-l4-24gb", "vllm", "cuda"), ("amd-mi300x-192gb", "vllm", "rocm"),
        ("amd-mi300x-192gb", "llama.cpp", "rocm"), ("apple-m2-ultra-76c", "llama.cpp", "metal"),
        ("intel-gaudi2-96gb", "vllm", "hpu"), ("intel-max-1550-128gb", "vllm", "xpu"),
        ("intel-arc-a770-16gb", "llama.cpp", "xpu"), ("amd-epyc-9654", "llama.cpp", "cpu"),
        ("nvidia-grace-72c", "vllm", "cpu"), ("sambanova-sn40l-64gb", "sambaflow", "rdu"),
    ],
)  # fmt: skip
def test_the_backend_follows_from_the_vendor(
    deploy: Deploy, device: str, engine: str, backend: str
) -> None:
    found = deploy({"hardware": device, "framework": engine})
    assert list(found.errors) == [""]
    assert found.names["backend"][0] == backend


def test_a_stated_backend_is_kept(deploy: Deploy) -> None:
    row = {"hardware": "amd-mi300x-192gb", "framework": "llama.cpp", "backend": "vulkan"}
    assert deploy(row).names["backend"][0] == "vulkan"


def test_an_engine_that_does_not_run_on_the_hardware_is_told_so(deploy: Deploy) -> None:
    errors = deploy(
        {"hardware": "amd-mi300x-192gb", "framework": "tensorrt-llm"},
        {"framework": "tensorrt-llm", "backend": "rocm"}, {},
    ).errors  # fmt: skip
    assert errors[0].startswith("tensorrt-llm does not run on this hardware: it needs")
    assert errors[1].startswith("tensorrt-llm runs on cuda; got backend 'rocm'")
    assert errors[2] == ""


def test_a_blank_engine_is_vllm(deploy: Deploy) -> None:
    assert deploy({"framework": None}).names["framework"][0] == "vllm"


def test_a_version_counts_as_stated_only_if_it_can_be_dated(deploy: Deploy) -> None:
    c = deploy(
        {"framework_version": "0.6.1"}, {"framework_version": None},
        {"framework_version": "main branch"},
    ).columns  # fmt: skip
    assert c["fw_version_stated"].tolist() == [1, 0, 0]
    assert c["fw_release_year"][0] == pytest.approx(2024 + 8 / 12)
    assert c["fw_release_year"][1] == c["fw_release_year"][2] > 2026


def test_the_mode_follows_from_batch_size_or_concurrency(deploy: Deploy) -> None:
    c = deploy({"batch_size": 4}, {"concurrency": 4}, {"mode": "decode"}).columns
    assert [MODES[int(m)] for m in c["mode"]] == ["static", "closed", "decode"]
    assert c["batch"].tolist() == [4, 4, 1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, "give mode, or batch_size"),
        ({"batch_size": 4, "concurrency": 4}, "give batch_size .a fixed batch. or concurrency"),
        ({"mode": "closed"}, "mode closed needs concurrency"),
        ({"mode": "static", "concurrency": 4}, "concurrency belongs to mode closed"),
        ({"mode": "static", "input_len": 0}, "input_len must be 1 or more"),
        ({"mode": "static", "output_len": 0}, "output_len must be 1 or more"),
    ],
)
def test_a_workload_that_contradicts_itself_is_refused(
    deploy: Deploy, change: dict[str, Any], reason: str
) -> None:
    blank = {"mode": None, "batch_size": None, "concurrency": None}
    found = deploy(blank | change, blank | {"mode": "static"})
    assert found.errors[1] == ""
    assert re.match(reason, found.errors[0])


def test_lengths_that_are_not_stated_are_a_chat_turns(deploy: Deploy) -> None:
    blank = {"input_len": None, "output_len": None}
    c = deploy(blank, {}, blank | {"mode": "decode"}, blank | {"mode": "prefill"}).columns
    assert c["input_len"].tolist() == [INPUT_LEN, 512, 1, INPUT_LEN]
    assert c["output_len"].tolist() == [OUTPUT_LEN, 128, 128, 1]
    assert c["input_stated"].tolist() == [0, 1, 0, 0]
    assert c["output_stated"].tolist() == [0, 1, 0, 0]


def test_the_prompt_of_a_decode_is_context_that_is_there_already(deploy: Deploy) -> None:
    decode = {"mode": "decode", "output_len": 64}
    c = deploy(
        decode | {"input_len": 1000}, decode | {"input_len": 0, "context_depth": 500},
        decode | {"input_len": 1000, "context_depth": 1000},
    ).columns  # fmt: skip
    assert c["depth"].tolist() == [1000, 500, 1000]
    assert c["input_len"].tolist() == [1, 1, 1]


def test_statistics_are_means_unless_stated(deploy: Deploy) -> None:
    c = deploy({}, {"ttft_stat": "p99", "tpot_stat": "median"}).columns
    assert [STATS[int(s)] for s in c["ttft_stat"]] == ["mean", "p99"]
    assert [STATS[int(s)] for s in c["tpot_stat"]] == ["mean", "median"]


def test_speculation_is_off_unless_stated(deploy: Deploy) -> None:
    c = deploy({}, {"spec_method": "none"}, {"spec_method": "mtp"}).columns
    assert c["spec"].tolist() == [0, 0, 1]


def test_requests_a_slot_follow_from_the_run(deploy: Deploy) -> None:
    row = {"mode": "closed", "concurrency": 32}
    c = deploy(row | {"num_requests": 320}, row | {"num_requests": 8}, row).columns
    np.testing.assert_array_equal(c["requests_per_slot"], [10, 1, 10])
    assert c["queued"].tolist() == [np.inf] * 3


def test_an_offline_queue_has_an_end_where_one_is_stated(deploy: Deploy) -> None:
    c = deploy({"mode": "offline", "num_requests": 320}, {"mode": "offline"}).columns
    assert c["queued"].tolist() == [320, np.inf]
    assert np.isnan(c["requests_per_slot"]).all()


def test_a_link_that_is_not_known_is_pcie(deploy: Deploy) -> None:
    known = Definitions(hardware={"own": Hardware(**CHIP)})
    c = deploy({"hardware": "own"}, {}, definitions=known).columns
    assert c["hw_link_gbs"].tolist() == [16, 300]
    assert c["hw_nvlink"].tolist() == [0, 1]


def test_a_row_with_an_error_keeps_the_others_as_they_were(deploy: Deploy) -> None:
    alone, beside = deploy({}), deploy({"hardware": "none"}, {}, {"framework": "none"})
    assert beside.errors[1] == ""
    assert beside.errors[0]
    assert beside.errors[2]
    for name, column in alone.columns.items():
        np.testing.assert_array_equal(beside.columns[name][1:2], column, err_msg=name)
    for name, names in alone.names.items():
        assert beside.names[name][1] == names[0]
