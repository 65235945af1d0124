"""Layers and experts that stay in the host's memory, by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from guide_ml.features.floors import floors
from guide_ml.features.load import build
from guide_ml.table.assume import Resolved
from guide_ml.table.settings import HOST_GBS, HOST_LINK_GBS, HOST_TFLOPS

Deploy = Callable[..., Resolved]
LOCAL: dict[str, Any] = {
    "framework": "llama.cpp", "hardware": "nvidia-rtx-4090-24gb", "weight_dtype": "fp16",
    "output_len": 16.0,
}  # fmt: skip
DECODE = LOCAL | {"mode": "decode", "context_depth": 0.0, "input_len": 0.0}
PREFILL = LOCAL | {"mode": "prefill", "input_len": 512.0}
LAYERS = 32  # of Llama 2 7B
MOE: dict[str, Any] = {"model": "mistralai/Mixtral-8x7B-v0.1", "weight_dtype": "q4_k_m"}


def test_half_of_the_layers_on_the_host_are_read_at_its_bandwidth(deploy: Deploy) -> None:
    load = build(deploy(DECODE, DECODE | {"gpu_layers": 16, "host_bandwidth_gbs": 50}).columns)
    body = load.memory["p_body"][0] * 2.0  # byte, fp16
    whole, half = load.step.weights_s
    bandwidth = load.columns["hw_mem_bw_gbs"][0] * 1e9
    assert whole - half == pytest.approx(body / 2 / bandwidth)
    kv = load.step.kv_s * bandwidth  # of both, in byte
    assert kv[1] == pytest.approx(kv[0] / 2)
    assert load.step.host_read_s == pytest.approx([0, (body / 2 + kv[1]) / 50e9])
    assert np.isinf(load.step.copy_s[1])  # one token is multiplied where the weights are
    # Devices wait meanwhile: the least time is that of both, one after the other.
    least = floors(load)["tpot_ms"] / 1e3
    assert least[1] == pytest.approx(
        load.step.least_weights_s[1] + load.step.kv_s[1] + load.step.host_read_s[1])  # fmt: skip
    assert least[1] > 5 * least[0]


def test_a_prefill_multiplies_there_or_copies_whichever_is_quicker(deploy: Deploy) -> None:
    load = build(deploy(*(PREFILL | {"input_len": n, "gpu_layers": 16} for n in (31, 32, 512)))
                 .columns)  # fmt: skip
    link = load.columns["host_link_gbs"][0] * 1e9
    moved = load.memory["p_body"][0] * 2.0 / 2
    assert load.one.copy_s == pytest.approx([np.inf, moved / link, moved / link])
    rate = load.columns["host_tflops"][0] * 1e12
    there = 2 * load.memory["p_body"][0] / 2 * np.asarray([31, 32, 512]) / rate
    assert load.one.host_compute_s == pytest.approx(there)
    assert load.one.copy_s[2] < load.one.host_compute_s[2]
    beside = np.maximum(load.one.compute_s, load.one.least_weights_s + load.one.kv_s)
    wait = np.minimum(np.maximum(load.one.host_read_s, there), load.one.copy_s)
    assert load.one.floor_s == pytest.approx(beside + wait)


def test_weights_on_the_host_leave_the_devices_memory(deploy: Deploy) -> None:
    rows = [DECODE | {"gpu_layers": n} for n in (LAYERS, 16, 0)]
    memory = build(deploy(*rows).columns).memory
    whole, half, none = memory["weights_byte"]
    assert whole - half == pytest.approx(memory["p_body"][0] * 2.0 / 2)
    assert none == 0
    assert memory["slots"][0] < memory["slots"][1] < memory["slots"][2]


def test_more_layers_than_there_are_mean_all_of_them(deploy: Deploy) -> None:
    found = deploy(*(DECODE | {"gpu_layers": n} for n in (LAYERS, LAYERS + 1, 99)))
    assert found.errors.tolist() == ["", "", ""]
    assert found.columns["host_layers"].tolist() == [0.0, 0.0, 0.0]


def test_experts_on_the_host_leave_the_rest_on_the_device(deploy: Deploy) -> None:
    row = DECODE | MOE
    load = build(deploy(row, row | {"experts_on_cpu": 8}, row | {"experts_on_cpu": 99}).columns)
    assert load.columns["host_layers"].tolist() == [0, 0, 0]
    assert load.columns["host_experts"] == pytest.approx([0, 8 / 32, 1])
    routed = load.memory["p_experts"][0] * load.memory["host_expert_bits"][0] / 8
    assert load.memory["weights_byte"][0] - load.memory["weights_byte"] == pytest.approx(
        routed * np.asarray([0, 0.25, 1]))  # fmt: skip
    # A token needs two of the eight experts of a layer.
    host = load.columns["host_gbs"][0] * 1e9
    assert load.step.host_read_s == pytest.approx(routed * np.asarray([0, 0.25, 1]) / 4 / host)


@pytest.mark.parametrize("own", [
    {"gpu_layers": LAYERS}, {"gpu_layers": LAYERS + 1}, {"experts_on_cpu": 0},
    {"host_bandwidth_gbs": HOST_GBS},
])  # fmt: skip
def test_stating_what_stands_for_a_blank_changes_nothing(
    deploy: Deploy, own: dict[str, Any]
) -> None:
    c = deploy(DECODE | own, DECODE).columns
    for name, column in c.items():
        np.testing.assert_array_equal(column[0], column[1], err_msg=name)


def test_a_host_is_a_desktop_machine_or_the_one_that_is_stated(deploy: Deploy) -> None:
    part = DECODE | {"gpu_layers": 8}
    epyc = "amd-epyc-9654"
    found = deploy(part, part | {"host": epyc}, part | {"host": epyc, "host_bandwidth_gbs": 200},
                   part | {"host_bandwidth_gbs": 2 * HOST_GBS},
                   part | {"hardware": "nvidia-h100-sxm-80gb"})  # fmt: skip
    assert list(found.errors) == [""] * 5
    c = found.columns
    assert c["host_gbs"][[0, 2, 3]].tolist() == [HOST_GBS, 200, 2 * HOST_GBS]
    assert c["host_gbs"][1] > 300  # a socket of twelve channels
    assert c["host_tflops"][[0, 3]] == pytest.approx([HOST_TFLOPS, 2 * HOST_TFLOPS])
    assert c["host_tflops"][1] == c["host_tflops"][2] > HOST_TFLOPS
    # NVLink goes to other devices; the host is behind PCIe.
    assert c["host_link_gbs"][4] == HOST_LINK_GBS < c["hw_link_gbs"][4]


@pytest.mark.parametrize(("change", "reason"), [
    ({"gpu_layers": -1}, "gpu_layers must be a whole number from 0 to 10000; got -1"),
    ({"gpu_layers": 3.5}, "gpu_layers must be a whole number from 0 to 10000; got 3.5"),
    ({"experts_on_cpu": -2}, "experts_on_cpu must be a whole number from 0 to 10000; got -2"),
    ({"host": "no such processor"}, "unknown hardware 'no such processor'"),
    ({"host_bandwidth_gbs": 0}, "host_bandwidth_gbs must be a number from 1 to 100000; got 0"),
])  # fmt: skip
def test_a_bad_setting_costs_its_row_alone(
    deploy: Deploy, change: dict[str, Any], reason: str
) -> None:
    bad, good = deploy(DECODE | change, DECODE).errors
    assert bad.startswith(reason)
    assert good == ""
