"""The devices of the catalogue: CPUs by rule, whose memory it is, names that people use."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from guide_ml import catalogue
from guide_ml.describe.hardware import ISAS, Hardware
from guide_ml.errors import InvalidInput

FOLDER = Path(catalogue.__file__).parent
GIB_GB = 1.073741824  # labels count memory of graphics cards in units of 2**30


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


DEVICES = rows("hardware.csv")
CPUS = [r for r in DEVICES if r["interconnect"] == "socket"]
CORES = {r["architecture"]: r for r in rows("cores.csv")}
RATES = {
    "fp32_tflops": "fp32_flop_per_clock", "fp16_tflops": "fp16_flop_per_clock",
    "bf16_tflops": "bf16_flop_per_clock", "int8_tops": "int8_op_per_clock",
}  # fmt: skip


def test_there_are_many_cpus_and_each_says_what_it_is() -> None:
    assert len(CPUS) > 110
    for row in CPUS:
        assert all(row[c] for c in ("cores", "clock_ghz", "isa", "memory_channels")), row
        assert 1 <= float(row["cores"]) <= 256
        assert 0.8 <= float(row["clock_ghz"]) <= 5.0
        assert float(row["numa_nodes"]) in {1, 2, 3, 4}


@pytest.mark.parametrize("row", CPUS, ids=lambda r: r["hardware"])
def test_a_cpu_calculates_as_fast_as_its_cores_do(row: dict[str, str]) -> None:
    """TFLOP/s = cores x GHz x FLOP a clock / 1000; a blank rate is one its cores lack."""
    per_clock = CORES[row["architecture"]]
    assert row["isa"] == per_clock["isa"]
    for rate, column in RATES.items():
        if not per_clock[column]:
            assert not row[rate], rate
            continue
        clocks = float(row["cores"]) * float(row["clock_ghz"]) / 1000
        assert float(row[rate]) == pytest.approx(clocks * float(per_clock[column]), rel=0.03)


def test_kinds_of_cores_are_known_used_and_sourced() -> None:
    assert {r["isa"] for r in CORES.values()} == set(ISAS)
    assert {r["architecture"] for r in CPUS} == set(CORES)
    assert all(r["source"] for r in CORES.values())


def test_channels_carry_the_bandwidth_of_a_cpu() -> None:
    """Mean rate of a channel, GB/s: 16 bit of LPDDR5 to doubled DDR4 behind buffers."""
    for row in CPUS:
        each = float(row["mem_bw_gbs"]) / float(row["memory_channels"])
        assert 8 < each <= 71, row["hardware"]


def test_only_cpus_tell_cores_and_clock() -> None:
    others = [r for r in DEVICES if r["interconnect"] != "socket"]
    assert not [r["hardware"] for r in others if r["cores"] or r["clock_ghz"] or r["isa"]]


def test_memory_is_ones_own_or_the_machines() -> None:
    assert {r["memory_kind"] for r in DEVICES} == {"own", "shared"}
    shared = {r["hardware"] for r in DEVICES if r["memory_kind"] == "shared"}
    assert {r["hardware"] for r in CPUS} <= shared
    assert {"nvidia-gb10-128gb", "apple-m2-ultra-76c", "rockchip-rk3588"} <= shared
    assert not shared & {"nvidia-h100-sxm-80gb", "intel-arc-b580-12gb", "nvidia-l4-vgpu-12gb"}


def test_usable_memory_is_a_little_less_than_the_label() -> None:
    told = [r for r in DEVICES if r["memory_usable_gb"]]
    assert len(told) >= 12
    for row in told:
        label = float(row["memory_gb"]) * GIB_GB
        assert 0.88 * label < float(row["memory_usable_gb"]) < 1.001 * label, row["hardware"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("rtx-3060", "nvidia-rtx-3060-12gb"), ("RTX-4080", "nvidia-rtx-4080-16gb"),
        ("rtx-5080", "nvidia-rtx-5080-16gb"), ("rx-9070-xt", "amd-rx-9070-xt-16gb"),
        ("v100", "nvidia-v100-sxm-16gb"), ("rk3588", "rockchip-rk3588"),
        ("rtx-pro-6000", "nvidia-rtx-pro-6000-workstation-96gb"),
        ("AMD EPYC 7R13", "amd-epyc-7r13"), ("AMD EPYC 7452 32-Core Processor", "amd-epyc-7452"),
        ("Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz", "intel-xeon-e5-2686-v4"),
        ("INTEL(R) XEON(R) PLATINUM 8573C", "intel-xeon-8573c"),
        ("Intel(R) Xeon(R) 6975P-C", "intel-xeon-6975p-c"), ("graviton4", "aws-graviton4"),
        ("13th Gen Intel(R) Core(TM) i9-13900K", "intel-core-i9-13900k"),
        ("AMD Ryzen Threadripper PRO 5995WX 64-Cores", "amd-threadripper-pro-5995wx"),
        ("Intel(R) Xeon(R) Platinum 8592+", "intel-xeon-platinum-8592-plus"),
    ],
)  # fmt: skip
def test_devices_are_found_under_the_names_that_people_and_machines_use(
    name: str, slug: str
) -> None:
    assert catalogue.hardware(name).hardware == slug


def test_a_cpu_of_the_catalogue_tells_what_it_is() -> None:
    epyc = catalogue.hardware("amd-epyc-9654")
    assert (epyc.cores, epyc.clock_ghz, epyc.isa) == (96.0, 2.4, "avx512-bf16")
    assert (epyc.memory_channels, epyc.numa_nodes, epyc.memory_kind) == (12.0, 1.0, "shared")
    h100 = catalogue.hardware("h100")
    assert (h100.cores, h100.isa, h100.memory_kind) == (None, "", "own")
    assert h100.memory_usable_gb == pytest.approx(79.1 * GIB_GB, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cores": 0}, "cores must be a number from 1 to 100000; got 0"),
        ({"clock_ghz": 3000}, "clock_ghz must be a number from 0.01 to 20; got 3000"),
        ({"isa": "avx1024"}, "isa must be one of avx, avx2"),
        ({"memory_kind": "borrowed"}, "memory_kind must be one of own, shared; got 'borrowed'"),
        ({"memory_channels": 2.5}, "memory_channels must be a whole number; got 2.5"),
        ({"numa_nodes": 0}, "numa_nodes must be a whole number from 1 to 64; got 0"),
        ({"memory_usable_gb": 70}, "memory_usable_gb must not exceed memory_gb"),
    ],
)
def test_a_wrong_description_of_a_cpu_is_refused(change: dict[str, object], words: str) -> None:
    sound = {"hardware": "mine", "memory_gb": 64, "mem_bw_gbs": 80, "fp32_tflops": 2}
    assert Hardware(**sound).memory_kind == "own"  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=words):
        Hardware(**sound | change)  # type: ignore[arg-type]
