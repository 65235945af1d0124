"""Rates of devices that are stated otherwise than they are used."""

from __future__ import annotations

from typing import Any

import pytest

from guide_ml import catalogue
from guide_ml.catalogue import hardware
from guide_ml.descriptors import Hardware
from guide_ml.rates import peak_tflops, vector_tflops

CHIP: dict[str, Any] = {
    "hardware": "chip", "vendor": "x", "memory_gb": 24, "mem_bw_gbs": 500, "fp16_tflops": 300,
}  # fmt: skip


@pytest.mark.parametrize(
    ("device", "counted"),
    [("nvidia-v100-sxm-16gb", 2.0), ("nvidia-t4-16gb", 2.0), ("nvidia-a100-sxm-80gb", 2.0),
     ("nvidia-a10-24gb", 1.0), ("nvidia-rtx-3060-12gb", 1.0), ("nvidia-l4-24gb", 1.0),
     ("nvidia-h100-sxm-80gb", 1.0), ("nvidia-p100-pcie-16gb", 1.0),
     ("nvidia-b200-sxm-180gb", 1.0), ("amd-mi250-128gb", 1.0), ("amd-mi300x-192gb", 0.5),
     ("amd-mi355x-288gb", 0.5), ("amd-rx-6700-xt-12gb", 1.0), ("amd-rx-7900-xtx-24gb", 0.5),
     ("amd-strix-halo-128gb", 0.5), ("amd-rx-9070-xt-16gb", 0.5), ("apple-m4-10c", 1.0)],
)  # fmt: skip
def test_lanes_count_by_what_they_can_issue(device: str, counted: float) -> None:
    found = hardware(device)
    assert vector_tflops(found) == pytest.approx(counted * (found.fp32_tflops or 0.0))


def test_a_device_that_states_no_vector_rate_is_taken_for_an_a100() -> None:
    assert vector_tflops(Hardware(**CHIP)) == pytest.approx(300 / 16)
    assert vector_tflops(Hardware(**CHIP, architecture="volta")) == pytest.approx(300 / 8)


def test_the_devices_of_the_catalogue_have_vector_units_slower_than_their_matrix_units() -> None:
    for slug in catalogue.slugs("hardware"):
        found = hardware(slug)
        assert 0.0 < vector_tflops(found) <= 2.0 * peak_tflops(found, "fp16"), slug
