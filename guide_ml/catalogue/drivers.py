"""Device names as drivers and people write them, with words that tell nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["fitting", "telling"]

_NOISE = {
    "nvidia", "amd", "intel", "apple", "tesla", "geforce", "instinct", "accelerator", "gpu", "aws",
    "graphics", "generation", "blackwell", "oam", "google", "radeon", "edition",
    "hbm2e", "hbm3e", "core",
}  # fmt: skip
_SAME = {"sxm2": "sxm", "sxm4": "sxm", "sxm5": "sxm", "hbm3": "sxm"}  # NVIDIA's H100 SXM says HBM3


def telling(name: str) -> list[str]:
    """Return the words of a name that tell devices apart.

    Examples
    --------
    >>> telling("NVIDIA A100-SXM4-80 GB"), telling("GeForce RTX 4070 Ti")
    (['a100', 'sxm', '80gb'], ['rtx', '4070', 'ti'])
    """
    text = re.sub(r"(\d)\s+gb\b", r"\1gb", name.lower())
    found = [_SAME.get(w, w) for w in re.findall(r"[a-z0-9.+]+", text)]
    return [w for w in found if w not in _NOISE]


def fitting(name: str, slugs: Iterable[str]) -> list[str]:
    """Return the devices that a name may mean: the same words, in which memory may be left out.

    Examples
    --------
    >>> fitting("Titan RTX", ["nvidia-titan-rtx-24gb", "nvidia-titan-v-12gb"])
    ['nvidia-titan-rtx-24gb']
    """
    words = telling(name)
    return [s for s in slugs if words and _fits(words, telling(s))]


def _fits(name: list[str], slug: list[str]) -> bool:
    size = [w for w in name if w.endswith("gb")]
    ours = [w for w in slug if w.endswith("gb")]
    if size and ours and size != ours:
        return False
    plain = {w for w in slug if not w.endswith("gb")}
    return {w for w in name if not w.endswith("gb")} == plain
