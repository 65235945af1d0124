"""Device names as drivers print them -> slugs of the catalogue, where that is certain."""

from __future__ import annotations

import re
from typing import Any

from guide_ml import catalogue
from guide_ml.catalogue.drivers import fitting, telling
from guide_ml.errors import GuideError
from guide_ml.ingest.rows import SAID

__all__ = ["device_of", "devices_differ", "hardware_of"]

#: What drivers call devices whose own name is another.
_DRIVERS = {"8060s": "amd-strix-halo-128gb", "gfx1151": "amd-strix-halo-128gb"}


def device_of(name: object) -> dict[str, str]:
    """Find the device that a driver's name tells; blank unless exactly one fits.

    Examples
    --------
    >>> device_of("NVIDIA H100 80GB HBM3"), device_of("NVIDIA GeForce RTX 4090")
    ({'hardware': 'nvidia-h100-sxm-80gb'}, {'hardware': 'nvidia-rtx-4090-24gb'})
    >>> device_of("Apple M2 Ultra")  # 60 or 76 cores
    {}
    """
    text = re.sub(r"\([^)]*\)", " ", str(name or ""))  # the driver's own name
    words = telling(text)
    if not words:
        return {}
    if driver := next((_DRIVERS[w] for w in words if w in _DRIVERS), None):
        return {"hardware": driver} if driver in catalogue.slugs("hardware") else {}
    try:
        return {"hardware": catalogue.hardware("-".join(words)).hardware}
    except GuideError:
        pass
    fits = fitting(text, catalogue.slugs("hardware"))
    return {"hardware": fits[0]} if len(fits) == 1 else {}


def hardware_of(name: object) -> dict[str, Any]:
    """Find the device as :func:`device_of` does, and keep what the file says."""
    said = str(name or "").strip()
    return device_of(said) | ({SAID: {"hardware": said}} if said else {})


def devices_differ(said: str, slug: str) -> bool:
    """Whether a device's name that fits none, or several, cannot mean the given one.

    Examples
    --------
    >>> devices_differ("NVIDIA A100", "nvidia-h100-sxm-80gb")
    True
    >>> devices_differ("NVIDIA A100", "nvidia-a100-sxm-80gb")
    False
    """
    if slug.startswith("cpu-"):
        return False
    told = {w for w in telling(said) if re.search(r"\d", w) and not re.fullmatch(r"\d+gb|\d", w)}
    return bool(told) and not told & set(telling(slug))

