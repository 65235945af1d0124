"""What a program finds on an empty device, where the catalogue's label only says what was built in.

Measured totals stand in the catalogue (``memory_usable_gb``). Others follow the measured ones:
labels of graphics cards count in 2**30 byte; NVIDIA's driver keeps 1 % and 0.22 GiB (RTX 3090, 4090
and 5090, A100, H100, H200 within 0.6 %), AMD's next to nothing (RX 7900 XT, R9700, MI300X within
0.4 %).
"""

from __future__ import annotations

from guide_ml.describe.descriptors import Hardware
from guide_ml.units import GB, GIB

__all__ = ["real_bytes"]

NVIDIA_SHARE, NVIDIA_KEPT = 0.99, 0.22 * GIB
AMD_SHARE = 0.9985


def real_bytes(device: Hardware) -> float:
    """Return the memory that a program finds, bytes.

    Memory that is the machine's is taken at its decimal label: other programs need the difference.

    Examples
    --------
    >>> from guide_ml import catalogue
    >>> round(real_bytes(catalogue.hardware("h100")) / 2**30, 1)
    79.1
    >>> round(real_bytes(catalogue.hardware("nvidia-rtx-4080-16gb")) / 2**30, 1)
    15.6
    """
    if device.memory_usable_gb is not None:
        return device.memory_usable_gb * GB
    if device.memory_kind == "own" and device.vendor == "nvidia":
        label = device.memory_gb * GIB
        return max(NVIDIA_SHARE * label - NVIDIA_KEPT, 0.9 * label)
    if device.memory_kind == "own" and device.vendor == "amd":
        return AMD_SHARE * device.memory_gb * GIB
    return device.memory_gb * GB
