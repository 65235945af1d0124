"""Rates of devices that are stated otherwise than they are used."""

from __future__ import annotations

from typing import Any

import pytest

from guide_ml import catalogue
from guide_ml.catalogue import hardware
from guide_ml.describe.descriptors import Hardware
from guide_ml.table.assume import COMPUTE
from guide_ml.table.rates import peak_tflops, vector_tflops

CHIP: dict[str, Any] = {
    "hardware": "chip", "vendor": "x", "memory_gb": 24, "mem_bw_gbs": 500, "fp16_tflops": 300,
}  # fmt: skip


def test_a_precision_that_a_device_lacks_is_the_next_wider_one() -> None:
    plain = Hardware(**CHIP)
    assert [peak_tflops(plain, c) for c in ("fp16", "fp8", "fp4", "int8")] == [300] * 4
    eight = Hardware(**CHIP, fp8_tflops=600, int8_tops=500)
    assert [peak_tflops(eight, c) for c in ("fp16", "fp8", "fp4", "int8")] == [300, 600, 600, 500]
    four = Hardware(**CHIP, fp8_tflops=600, fp4_tflops=1200)
    assert peak_tflops(four, "fp4") == 1200


def test_the_better_half_precision_counts_and_vector_units_where_there_is_none() -> None:
    assert peak_tflops(Hardware(**CHIP, bf16_tflops=150), "fp16") == 300
    assert peak_tflops(hardware("nvidia-gtx-1080-8gb"), "fp16") == 8.9  # fp32 units


def test_every_dtypes_arithmetic_has_a_rate() -> None:
    assert all(peak_tflops(Hardware(**CHIP), c) > 0 for c in COMPUTE)


@pytest.mark.parametrize(
    ("device", "counted"),
    [("nvidia-v100-sxm-16gb", 2.0), ("nvidia-t4-16gb", 2.0), ("nvidia-a100-sxm-80gb", 2.0),
     ("nvidia-a10-24gb", 1.0), ("nvidia-rtx-3060-12gb", 1.0),
     ("nvidia-jetson-agx-orin-64gb", 1.0), ("nvidia-jetson-orin-nx-16gb", 1.0),
     ("nvidia-a30-24gb", 2.0), ("nvidia-l4-24gb", 1.0),
     ("nvidia-h100-sxm-80gb", 1.0), ("nvidia-p100-pcie-16gb", 1.0),
     ("nvidia-b200-sxm-180gb", 1.0), ("amd-mi250-128gb", 1.0), ("amd-mi300x-192gb", 0.5),
     ("amd-mi355x-288gb", 0.5), ("amd-rx-6700-xt-12gb", 1.0), ("amd-rx-7900-xtx-24gb", 0.5),
     ("amd-strix-halo-128gb", 0.5), ("amd-rx-9070-xt-16gb", 0.5), ("apple-m4-10c", 1.0)],
)  # fmt: skip
def test_lanes_count_by_what_they_can_issue(device: str, counted: float) -> None:
    found = hardware(device)
    assert vector_tflops(found) == pytest.approx(counted * (found.fp32_tflops or 0.0))


def test_a_device_that_states_no_vector_rate_has_a_sixteenth_of_its_matrix_units() -> None:
    assert vector_tflops(Hardware(**CHIP)) == pytest.approx(300 / 16)
    assert vector_tflops(Hardware(**CHIP, architecture="volta")) == pytest.approx(300 / 8)


def test_no_device_of_the_catalogue_has_vector_units_faster_than_its_matrix_units() -> None:
    for slug in catalogue.slugs("hardware"):
        found = hardware(slug)
        assert 0.0 < vector_tflops(found) <= peak_tflops(found, "fp16"), slug
