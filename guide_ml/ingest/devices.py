"""Device names as drivers print them -> slugs of the catalogue, where that is certain."""

from __future__ import annotations

import re
from typing import Any

from guide_ml import catalogue
from guide_ml.catalogue.device_words import DRIVER_NOISE, SAME
from guide_ml.catalogue.taken import taken_for
from guide_ml.errors import GuideError
from guide_ml.ingest.rows import SAID

__all__ = ["device_of", "devices_differ", "hardware_of"]

#: Makers and lines of theirs that drivers name beside a chip that is told without them.
_LINES = {"nvidia", "amd", "intel", "apple", "aws", "google", "tesla", "geforce", "instinct",
          "radeon"}  # fmt: skip
_NOISE = DRIVER_NOISE | _LINES
#: A slice of a device, as the driver names it.
_SLICE = re.compile(r"\bMIG[ :-]+(\d+g\.\d+gb)", re.I)
#: What drivers call devices whose own name is another.
_DRIVERS = {"8060s": "amd-strix-halo-128gb", "gfx1151": "amd-strix-halo-128gb"}
_SAME = SAME | {"hbm3": "sxm"}  # NVIDIA's H100 SXM says HBM3


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
    if slice_ := _SLICE.search(text):
        return _slice(text[: slice_.start()], slice_[1].lower())
    words = _words(text)
    if not words:
        return {}
    if driver := next((_DRIVERS[w] for w in words if w in _DRIVERS), None):
        return {"hardware": driver} if driver in catalogue.slugs("hardware") else {}
    name = "-".join(words)
    fits = [s for s in catalogue.slugs("hardware") if _fits(words, _words(s))]
    try:
        found = catalogue.hardware(name)
        # A file's name leaves open which it is where others fit, and nobody calls one so.
        called = name in catalogue.aliases("hardware") or found.hardware == name
        if not taken_for(found) and (called or len(fits) == 1):
            return {"hardware": found.hardware}
    except GuideError:
        pass
    return {"hardware": fits[0]} if len(fits) == 1 else {}


def _slice(whole: str, profile: str) -> dict[str, str]:
    """Find a slice of a device: chip and profile."""
    chips = {w for w in _words(whole) if re.fullmatch(r"[a-z]+\d+", w)}
    fits = [s for s in catalogue.slugs("hardware")
            if s.endswith(f"-{profile}") and chips & set(s.split("-"))]  # fmt: skip
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
    if (slice_ := _SLICE.search(said)) and not slug.endswith(f"-{slice_[1].lower()}"):
        return True
    told = {w for w in _words(said) if re.search(r"\d", w) and not re.fullmatch(r"\d+gb|\d", w)}
    return bool(told) and not told & set(_words(slug))


def _words(name: str) -> list[str]:
    text = re.sub(r"(\d)\s+gb\b", r"\1gb", name.lower())
    found = [_SAME.get(w, w) for w in re.findall(r"[a-z0-9.+]+", text)]
    return [w for w in found if w not in _NOISE]


def _fits(name: list[str], slug: list[str]) -> bool:
    """Whether the names agree; either may leave the memory out, the driver's the board too."""
    size = [w for w in name if w.endswith("gb")]
    ours = [w for w in slug if w.endswith("gb")]
    if size and ours and size != ours:
        return False
    plain = {w for w in slug if not w.endswith("gb")}
    return {w for w in name if not w.endswith("gb")} == plain
