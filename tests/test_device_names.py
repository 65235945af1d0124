"""Devices are found by what people, drivers and clouds call them, and never by likeness."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

import guide_ml
from guide_ml import catalogue
from guide_ml.catalogue.device_words import MAKERS
from guide_ml.catalogue.taken import taken_for
from guide_ml.errors import SeveralNames, UnknownName
from guide_ml.ingest.devices import device_of

DEVICES = catalogue.all_hardware()
NAMES = """
NVIDIA GeForce RTX 3090 24GB = nvidia-rtx-3090-24gb; rtx4090 = nvidia-rtx-4090-24gb
NVIDIA-A100-SXM4-80GB = nvidia-a100-sxm-80gb; A100 80GB PCIe = nvidia-a100-pcie-80gb
NVIDIA H100 80GB HBM3 = nvidia-h100-sxm-80gb; nvidia-h20-141gb = nvidia-h20-sxm-141gb
a100-80g = nvidia-a100-sxm-80gb; Tesla T4 16 GB = nvidia-t4-16gb; Tesla P40 = nvidia-p40-24gb
RTX 4060 Ti 16GB = nvidia-rtx-4060-ti-16gb; nvidia-rtx-4060-ti-16gib = nvidia-rtx-4060-ti-16gb
Laptop RTX 4060 = nvidia-rtx-4060-laptop-8gb; GTX 1060 6GB = nvidia-gtx-1060-6gb
RTX 2000 Ada = nvidia-rtx-2000-ada-generation-16gb; Quadro RTX 6000 = nvidia-quadro-rtx-6000-24gb
RTX 4000 Ada Generation = nvidia-rtx-4000-ada-20gb; Titan RTX = nvidia-titan-rtx-24gb
NVIDIA RTX PRO 6000 Blackwell Server Edition = nvidia-rtx-pro-6000-server-96gb
RTX PRO 6000 Blackwell Max-Q Workstation Edition = nvidia-rtx-pro-6000-max-q-96gb
Jetson AGX Orin Developer Kit 64GB = nvidia-jetson-agx-orin-64gb; B100 = nvidia-b100-sxm-192gb
AMD Instinct MI250X 128GB HBM2e = amd-mi250x-128gb; MI50 16GB = amd-mi50-16gb
Radeon RX Vega 64 8GB = amd-rx-vega-64-8gb; Radeon 8060S Graphics = amd-strix-halo-128gb
Ryzen AI Max+ 395 = amd-strix-halo-128gb; AMD Ryzen 7 7840U w/ Radeon 780M = amd-ryzen-7-7840u
Apple M1 Max (24-core GPU) = apple-m1-max-24c; m3 cpu = apple-m3-cpu; arca770 = intel-arc-a770-16gb
Xeon Platinum 8480+ = intel-xeon-8480plus; Gold 6148 = intel-xeon-gold-6148
Intel(R) Core(TM) Ultra 7 155H = intel-core-ultra-7-155h; i9-13900K = intel-core-i9-13900k
Intel Xeon E5-2680 v4 @ 2.40GHz = intel-xeon-e5-2680-v4; EPYC 7601 = amd-epyc-7601
Data Center GPU Max 1550 = intel-max-1550-128gb; Intel UHD Graphics 770 = intel-uhd-770
Wormhole n150 = tenstorrent-n150-12gb; Blackhole p100a = tenstorrent-p100-28gb
Trillium = google-tpu-v6e-32gb; Ironwood = google-tpu-v7x-192gb; Trainium = aws-trainium1-32gb
P100 = nvidia-p100-pcie-16gb; A16 = nvidia-a16-16gb; A4000 = nvidia-a4000-16gb
iPhone 15 Pro = apple-a17-pro-6c; Rock 5B = rockchip-rk3588; Moore Threads S4000 =
 moorethreads-mtt-s4000-48gb; intelxeongold6148 = intel-xeon-gold-6148
"""
PAIRS = [tuple(p.strip() for p in pair.split("="))
         for pair in NAMES.strip().replace("=\n", "= ").replace("\n", ";").split(";")]  # fmt: skip


@pytest.mark.parametrize(("name", "slug"), PAIRS)
def test_a_device_is_found_by_what_it_is_called(name: str, slug: str) -> None:
    found = catalogue.hardware(name)
    assert (found.hardware, taken_for(found)) == (slug, "")


@pytest.mark.parametrize("name", [
    "RX 4080", "GTX 4090", "RTX 480", "RTX 4090 80GB", "nvidia-h100-sxm-81gb", "h1000", "Xeon 7742",
    "Ryzen 7742", "Core 8480+", "Tesla T10", "T40", "V1000", "L40G", "Titan", "NVIDIA", "GPU",
    "Radeon RTX 3090", "RTX 2080 Super with Max-Q Design", "2 x RTX 3090", "Tesla MI50",
    "RX 7600 XT 8GB", "Xeon Platinum 8468+", "E5-2670 v9", "M1 Extreme",
])  # fmt: skip
def test_near_misses_are_not_taken_for_another_chip(name: str) -> None:
    with pytest.raises(UnknownName):
        catalogue.hardware(name)


@pytest.mark.parametrize(("name", "slug", "other"), [
    ("RTX 4060 Ti", "nvidia-rtx-4060-ti-8gb", "nvidia-rtx-4060-ti-16gb"),
    ("M1 Max", "apple-m1-max-32c", "apple-m1-max-24c"),
    ("Apple M2 Ultra", "apple-m2-ultra-76c", "apple-m2-ultra-60c"),
    ("A800", "nvidia-a800-sxm-80gb", "nvidia-a800-pcie-80gb"),
    ("A100", "nvidia-a100-sxm-80gb", "nvidia-a100-pcie-40gb"),
    ("Jetson Orin Nano", "nvidia-jetson-orin-nano-8gb", "nvidia-jetson-orin-nano-4gb"),
    ("T1000", "nvidia-t1000-8gb", "nvidia-t1000-4gb"),
])  # fmt: skip
def test_the_most_common_variant_stands_in_and_says_so(name: str, slug: str, other: str) -> None:
    found = catalogue.hardware(name)
    assert found.hardware == slug
    assert name in taken_for(found)
    assert other in taken_for(found)


def test_a_prediction_says_which_variant_was_taken() -> None:
    asked: dict[str, Any] = {
        "model": "llama-3.1-8b-instruct", "batch_size": 1, "input_len": 64, "output_len": 16,
        "framework": "llama.cpp", "weight_dtype": "q4_k_m",
    }  # fmt: skip
    loose = guide_ml.predict(hardware="M1 Max", **asked)
    exact = guide_ml.predict(hardware="apple-m1-max-32c", **asked)
    assert loose.tpot_ms == exact.tpot_ms
    assert "apple-m1-max-24c" in loose.assumed["hardware"]
    assert "hardware" not in exact.assumed


def test_a_size_of_shared_memory_is_accepted_and_told() -> None:
    found = catalogue.hardware("Apple M3 Max (40-core GPU) 64GB")
    assert found.hardware == "apple-m3-max-40c"
    assert "counted as 128 GB" in taken_for(found)
    assert not taken_for(catalogue.hardware("apple-m3-max-40c 128GB"))


@pytest.mark.parametrize("name", ["RTX 6000", "RTX 5000", "RTX 4000"])
def test_a_name_of_two_chips_asks(name: str) -> None:
    with pytest.raises(SeveralNames, match=r"did you mean .*ada.*Give one of these"):
        catalogue.hardware(name)


def test_what_a_file_calls_a_device_is_not_settled_by_the_most_common_one() -> None:
    assert device_of("Apple M2 Ultra") == {}


def test_every_slug_is_found_without_its_maker_and_with_its_memory_written_otherwise() -> None:
    for slug, device in DEVICES.items():
        spaced = re.sub(r" (\d+)gb$", r" \1 GiB", slug.replace("-", " "))
        if "." in slug or "vgpu" in slug:  # slices are called by their slugs
            continue
        assert catalogue.hardware(spaced).hardware == slug
        assert device.vendor in MAKERS


def test_those_that_stand_in_are_devices_and_have_a_reason() -> None:
    path = Path(catalogue.__file__).parent / "preferred.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        listed = list(csv.DictReader(handle))
    assert {r["slug"] for r in listed} <= DEVICES.keys()
    assert len({r["slug"] for r in listed}) == len(listed)
    assert all(r["why"] for r in listed)
