"""How fast a device calculates: its matrix units by precision, its vector units; its links."""

from __future__ import annotations

from guide_ml.describe.descriptors import Hardware

__all__ = ["peak_tflops", "topology", "vector_tflops"]

#: Matrix units of Ampere's server chips (A100, A30) are 16 times as fast as the vector units that
#: are rated; those of its other chips 4 times, on a Jetson Orin 8 times.
SERVER_RATIO = 12.0
#: Of a device that states no vector rate: its share of the matrix units' rate, which is about what
#: A100 and H100 state.
UNSTATED = 1.0 / 16.0

#: Links that go from each device to each other one, without a switch.
MESHES = ("xgmi", "roce")
#: Links whose switches add up, and the least number of devices behind such a switch.
ADDING, SWITCHED = ("nvlink4", "nvlink5"), 8


def peak_tflops(device: Hardware, compute: str) -> float:
    """Rate at which a device multiplies in a precision, TFLOP/s.

    A device without it uses the next wider type that it has: fp4 -> fp8 -> fp16, int8 -> fp16,
    and fp16 -> fp32 on the vector units.
    """
    half = max(device.fp16_tflops or 0.0, device.bf16_tflops or 0.0) or device.fp32_tflops or 0.0
    fp8 = device.fp8_tflops or half
    rates = {
        "fp32": max(device.fp32_tflops or 0.0, half / 2.0), "fp16": half, "fp8": fp8,
        "int8": max(device.int8_tops or 0.0, half), "fp4": device.fp4_tflops or fp8,
    }  # fmt: skip
    return rates[compute]


def vector_tflops(device: Hardware) -> float:
    """Rate at which the vector units take mixed instructions, as if all were fp32, TFLOP/s.

    The fp32 rate that vendors state counts lanes that other instructions cannot use, or leaves
    out lanes that they can. Volta, Turing and A100 issue integer instructions beside as many
    fp32 ones (128 lanes a multiprocessor in all, of which 64 are rated; NVIDIA Volta and Turing
    white papers), so they count twice. RDNA 3, CDNA 3 and their successors rate two fp32
    instructions that are issued as one, which other code seldom is (AMD RDNA 3 and CDNA 3 ISA
    guides, "VOPD" and packed fp32), so they count half.
    """
    half, made = peak_tflops(device, "fp16"), device.architecture
    rated = float(device.fp32_tflops or half * UNSTATED)
    if made in ("volta", "turing") or (made == "ampere" and half > SERVER_RATIO * rated):
        return 2.0 * rated
    return 0.5 * rated if made.startswith(("rdna3", "rdna4", "cdna3", "cdna4")) else rated


def topology(device: Hardware) -> tuple[float, float]:
    """Tell among how many others a device's links are shared out, and whether a switch adds up.

    Instinct accelerators, Gaudi and bridged cards are wired to each other one of their group, so
    a pair has a part of the links only; a switch gives all of them to any pair (1). Switches of
    NVLink 4 and later sum what devices send (NVIDIA, "NVLink SHARP").
    """
    link, others = device.interconnect, max(device.scale_up_domain - 1, 1)
    wired = link.startswith(MESHES) or link.endswith("-bridge")
    adds = link.startswith(ADDING) and not wired and device.scale_up_domain >= SWITCHED
    return float(others if wired else 1), float(adds)
