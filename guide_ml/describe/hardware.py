"""What a device is: its memory, its rates, its links; a CPU is one like another."""

from __future__ import annotations

from dataclasses import dataclass

from guide_ml.describe import checks
from guide_ml.describe.brief import Brief
from guide_ml.describe.checks import require_choice, require_numbers
from guide_ml.errors import InvalidInput
from guide_ml.units import GB, GIB

__all__ = ["ISAS", "MEMORY_KINDS", "Hardware"]

MEMORY_KINDS = ("own", "shared")
ISAS = (
    "avx", "avx2", "avx2-vnni", "avx512", "avx512-vnni", "avx512-bf16", "amx", "neon",
    "neon-dotprod", "neon-dotprod-i8mm", "sve-i8mm", "sve2-i8mm", "riscv", "rvv",
)  # fmt: skip
"""Instruction sets of CPUs, each with those before it in its line."""

LABEL_GIB = 1.001 * GIB / GB  # a label in GiB, rounded


@dataclass(frozen=True, kw_only=True, repr=False)
class Hardware(Brief):
    """One accelerator, or one slice of it that is rented by itself.

    Parameters
    ----------
    hardware : str
        Slug, ``vendor-name-memorygb``.
    vendor, architecture : str
        Maker and generation.
    release_year : float
        Year of first sale.
    memory_gb : float
        Device memory, decimal GB.
    mem_bw_gbs : float
        Memory bandwidth, GB/s.
    fp32_tflops, fp16_tflops, bf16_tflops, fp8_tflops, int8_tops, fp4_tflops : float, optional
        Dense peak rates, TFLOP/s; ``None`` where the device has no such unit.
    l2_mb : float, optional
        Last-level cache (accelerators: on-chip SRAM), MB.
    sm_count : float, optional
        Streaming multiprocessors, compute units or cores.
    tdp_w : float, optional
        Board power, W.
    link_gbs : float, optional
        Device-to-device bandwidth in one direction, all links, GB/s; PCIe where there is no other.
    interconnect : str
        Kind of link: ``nvlink4``, ``pcie4``, ...; ``xgmi``, ``roce``, ``...-bridge``: no switch.
    scale_up_domain : int
        Devices that reach each other over that link.
    slice_share : float
        Share of the physical device, 1 for a whole one.
    cores, clock_ghz : float, optional
        Cores of a CPU, and the clock that all of them keep, GHz.
    isa : str
        A CPU's widest vector or matrix instructions: ``avx2``, ``avx512-vnni``, ``amx``,
        ``neon-dotprod``, ...; blank for other devices.
    memory_channels : float, optional
        Channels between device and memory; those of a CPU's socket.
    numa_nodes : float, optional
        Memories, each near to some of the cores, of one socket.
    memory_kind : {"own", "shared"}
        ``shared``: it is the machine's memory, of which other programs need some (CPUs, GPUs and
        neural units on the same chip).
    memory_usable_gb : float, optional
        What a program found free on an empty device, decimal GB; labels of graphics cards count
        in 2**30 byte, so that it may exceed ``memory_gb``.
    source : str
        Where the figures come from.
    """

    hardware: str
    vendor: str = "unknown"
    architecture: str = "unknown"
    release_year: float = 2024
    memory_gb: float
    mem_bw_gbs: float
    fp32_tflops: float | None = None
    fp16_tflops: float | None = None
    bf16_tflops: float | None = None
    fp8_tflops: float | None = None
    int8_tops: float | None = None
    fp4_tflops: float | None = None
    l2_mb: float | None = None
    sm_count: float | None = None
    tdp_w: float | None = None
    link_gbs: float | None = None
    interconnect: str = "pcie4"
    scale_up_domain: int = 1
    slice_share: float = 1.0
    cores: float | None = None
    clock_ghz: float | None = None
    isa: str = ""
    memory_channels: float | None = None
    numa_nodes: float | None = None
    memory_kind: str = "own"
    memory_usable_gb: float | None = None
    source: str = "given by the caller"

    def __post_init__(self) -> None:
        owner = f"hardware {self.hardware!r}"
        require_numbers(owner, self, checks.HARDWARE)
        require_choice(owner, "memory_kind", self.memory_kind, MEMORY_KINDS)
        if self.isa:
            require_choice(owner, "isa", self.isa, ISAS)
        if not (self.fp32_tflops or self.fp16_tflops or self.bf16_tflops):
            raise InvalidInput(
                f"{owner}: one of fp16_tflops, bf16_tflops, fp32_tflops must be given"
                " (dense TFLOP/s)"
            )
        most = self.memory_gb * LABEL_GIB
        if self.memory_usable_gb and self.memory_usable_gb > most:
            raise InvalidInput(
                f"{owner}: memory_usable_gb must not exceed memory_gb in units of 2**30 byte,"
                f" {most:.4g} GB; got {self.memory_usable_gb}"
            )
