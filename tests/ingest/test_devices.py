from __future__ import annotations

import pytest

from guide_ml import catalogue
from guide_ml.ingest.devices import device_of


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("NVIDIA H100 80GB HBM3", "nvidia-h100-sxm-80gb"),
        ("NVIDIA H100 PCIe", "nvidia-h100-pcie-80gb"),
        ("NVIDIA H100 NVL", "nvidia-h100-nvl-94gb"),
        ("NVIDIA H200", "nvidia-h200-sxm-141gb"),
        ("NVIDIA A100-SXM4-80GB", "nvidia-a100-sxm-80gb"),
        ("NVIDIA A100-SXM4-40GB", "nvidia-a100-sxm-40gb"),
        ("NVIDIA A100 80GB PCIe", "nvidia-a100-pcie-80gb"),
        ("NVIDIA A100-PCIE-40GB", "nvidia-a100-pcie-40gb"),
        ("Tesla T4", "nvidia-t4-16gb"),
        ("Tesla V100-SXM2-16GB", "nvidia-v100-sxm-16gb"),
        ("NVIDIA L4", "nvidia-l4-24gb"),
        ("NVIDIA L40S", "nvidia-l40s-48gb"),
        ("NVIDIA A10G", "nvidia-a10g-24gb"),
        ("NVIDIA GeForce RTX 4070", "nvidia-rtx-4070-12gb"),
        ("NVIDIA GeForce RTX 4070 Ti", "nvidia-rtx-4070-ti-12gb"),
        ("NVIDIA RTX 6000 Ada Generation", "nvidia-rtx-6000-ada-48gb"),
        ("NVIDIA GB10", "nvidia-gb10-128gb"),
        ("AMD Instinct MI300X", "amd-mi300x-192gb"),
        ("mi355x", "amd-mi355x-288gb"),
    ],
)
def test_what_drivers_print_is_found(name: str, slug: str) -> None:
    assert device_of(name) == {"hardware": slug}


@pytest.mark.parametrize(
    "name",
    ["", None, "NVIDIA", "Apple M2 Ultra", "NVIDIA A100", "Tesla V100-SXM2", "GPU 0",
     "NVIDIA H100 40GB HBM3", "Intel(R) Xeon(R)"],
)  # fmt: skip
def test_what_is_not_certain_is_asked_for(name: object) -> None:
    assert device_of(name) == {}


def test_every_slug_finds_itself() -> None:
    assert [device_of(s)["hardware"] for s in catalogue.slugs("hardware")] == list(
        catalogue.slugs("hardware")
    )
