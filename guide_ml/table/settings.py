"""Settings of engines and machines that move a result: what is stated, and what stands for a blank.

Cores that are used, layers that stay in the host's memory, tokens that a speculative step yields,
prompts found in the prefix cache, limits of the scheduler. A blank means what the engine or the
machine does by itself, so that stating that changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import Hardware
from guide_ml.table.limits import limits
from guide_ml.table.read import Codes, Columns, Raw

__all__ = ["CORE_GBS", "HOST_GBS", "HOST_TFLOPS", "settings"]

#: Memory bandwidth that one core of a server's processor can draw by itself, GB/s.
CORE_GBS = 14.0
#: How sharply cores run into the limit of the socket's memory.
REACH = 3.0
#: A second hardware thread of a core adds so much of the first one's work.
SECOND_THREAD = 0.2

#: A host that is not stated: a desktop machine with two channels of DDR5-5600 and 16 cores.
HOST_GBS, HOST_TFLOPS = 89.6, 1.2
#: Link between a host and a device with a fast fabric of its own: PCIe 5 of 16 lanes, GB/s.
HOST_LINK_GBS = 55.0

_BY_SOCKET = ("hw_mem_bw_gbs", "hw_fp32", "hw_fp16", "hw_fp8", "hw_int8", "hw_fp4", "hw_vector")

#: Tokens that engines draft for a step where nothing is said.
DRAFTED = 2.0


def settings(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    """Add the columns of settings to resolved descriptors, in place.

    Parameters
    ----------
    raw : Raw
        What the table states.
    columns : dict of str to array of shape (n,)
        Gains ``cores_share`` and ``core_reach`` (share of the devices' arithmetic and bandwidth
        that the used cores of a processor reach; 1 for accelerators), ``sockets``,
        ``host_layers`` and ``host_experts`` (shares of the layers, and of the layers' experts, in
        the host's memory), ``host_gbs``, ``host_tflops``, ``host_link_gbs``,
        ``accept_len`` (NaN where unknown), ``drafted`` and ``hit_rate``.
    names : dict of str to array of shape (n,) of object
        Gains ``spec_method`` and ``isa``.
    """
    n = raw.numbers
    device = raw.codes["hardware"]
    names["isa"] = _texts(device, lambda h: getattr(h, "isa", "") or "")
    _cores(raw, columns, names)
    _host(raw, columns)
    spec = raw.codes["spec_method"]
    names["spec_method"] = np.where(spec.index < 0, "none", spec.objects())
    columns["accept_len"] = np.where(columns["spec"] > 0, n["accept_len"], np.nan)
    drafted = np.where(np.isnan(n["draft_tokens"]), DRAFTED, n["draft_tokens"])
    columns["drafted"] = np.where(columns["spec"] > 0, drafted, 0.0)
    columns["drafted_stated"] = np.isfinite(n["draft_tokens"]).astype(float)
    columns["hit_rate"] = np.nan_to_num(n["prefix_hit_rate"], nan=0.0)
    limits(raw, columns, names)


def _texts(codes: Codes, get: Callable[[Hardware], str]) -> NDArray[np.object_]:
    values = [get(v) if v is not None else "" for v in codes.values]
    return Codes(codes.index, values).objects()


@lru_cache(maxsize=1024)
def _processor(device: Hardware) -> tuple[float, float]:
    """Return cores of a processor and hardware threads of each; NaN for an accelerator."""
    cores = getattr(device, "cores", None)
    if not cores:
        return math.nan, math.nan
    isa = getattr(device, "isa", "") or ""
    return float(cores), 1.0 if isa.startswith(("neon", "sve")) else 2.0


def _cores(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    """Work out which share of a processor's arithmetic and bandwidth its used cores reach."""
    found = raw.codes["hardware"].gather(_processor, ("cores", "ways"))
    cores, ways = found["cores"], found["ways"]
    is_cpu = np.isfinite(cores) & (names["backend"] == "cpu")
    cores, ways = np.where(is_cpu, cores, 1.0), np.where(is_cpu, ways, 1.0)
    owned = cores * columns["devices"]
    vcpus, threads = raw.numbers["vcpus"], raw.numbers["threads"]
    there = np.where(np.isnan(vcpus), owned, vcpus / ways)  # cores that the machine has
    threads = np.where(np.isnan(threads), there, threads)
    second = np.clip(threads - there, 0.0, there * (ways - 1.0))
    used = np.maximum(np.minimum(threads, there) + SECOND_THREAD * second, 0.3)
    sockets = np.maximum(np.ceil(there / cores - 1e-9), columns["devices"])
    for name in _BY_SOCKET:  # a machine of more sockets than are named has all of their units
        columns[name] = np.where(is_cpu, columns[name] * sockets / columns["devices"],
                                 columns[name])  # fmt: skip
    there_gbs = columns["hw_mem_bw_gbs"] * columns["devices"]
    drawn = used * CORE_GBS
    reached = (drawn**-REACH + there_gbs**-REACH) ** (-1.0 / REACH)
    columns["is_cpu"] = is_cpu.astype(float)
    columns["cores_share"] = np.where(is_cpu, used / (cores * sockets), 1.0)
    columns["core_reach"] = np.where(is_cpu, reached / there_gbs, 1.0)
    columns["cores_used"] = np.where(is_cpu, used, 1.0)
    columns["sockets"] = np.where(is_cpu, sockets, 1.0)


@lru_cache(maxsize=1024)
def _host_numbers(device: Hardware) -> tuple[float, float]:
    """Return bandwidth and arithmetic of a host's processor: GB/s, TFLOP/s in int8 or fp32."""
    rates = (device.int8_tops, device.bf16_tflops, device.fp32_tflops)
    return device.mem_bw_gbs, max(rate or 0.0 for rate in rates)


def _host(raw: Raw, columns: Columns) -> None:
    """Work out what stays in the host's memory, and how quick that is."""
    n = raw.numbers
    layers, on_device = columns["m_num_layers"], n["gpu_layers"]
    # More layers than there are mean all of them: people write `-ngl 99`.
    left = np.clip(1.0 - np.nan_to_num(on_device, nan=math.inf) / layers, 0.0, 1.0)
    routed = np.maximum(layers - columns["m_first_dense_layers"], 1.0)
    apart = np.clip(np.nan_to_num(n["experts_on_cpu"], nan=0.0) / routed, 0.0, 1.0)
    columns["host_layers"] = left
    # Layers are left on the host from the first on, and so are experts: they are the same ones.
    columns["host_experts"] = np.maximum(left, apart)
    found = raw.codes["host"].gather(_host_numbers, ("gbs", "tflops"))
    gbs = np.where(np.isnan(n["host_bandwidth_gbs"]), found["gbs"], n["host_bandwidth_gbs"])
    columns["host_gbs"] = np.where(np.isnan(gbs), HOST_GBS, gbs)
    rate = np.where(np.isnan(found["tflops"]), HOST_TFLOPS * columns["host_gbs"] / HOST_GBS,
                    found["tflops"])  # fmt: skip
    columns["host_tflops"] = rate
    fabric = columns["hw_nvlink"] > 0
    columns["host_link_gbs"] = np.where(fabric, HOST_LINK_GBS, columns["hw_link_gbs"])

