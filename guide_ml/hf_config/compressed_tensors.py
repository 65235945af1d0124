"""Bits of compressed-tensors groups, two-in-four sparsity included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["group_bits", "is_halved"]

_WIDE = 16.0


def is_halved(scheme: Mapping[str, Any]) -> bool:
    """Whether two of four values are left out in the file; a dense format keeps all of them.

    Examples
    --------
    >>> is_halved({"sparsity_config": {"format": "dense", "sparsity_structure": "2:4"}})
    False
    """
    if "24" in str(scheme.get("format")):
        return True
    sparsity = scheme.get("sparsity_config")
    if not isinstance(sparsity, Mapping) or sparsity.get("format") == "dense":
        return False
    return sparsity.get("sparsity_structure") == "2:4" or "24" in str(sparsity.get("format"))


def group_bits(weights: object, halved: bool) -> float:
    """Return the bits a weight of a group.

    Parameters
    ----------
    weights : object
        Its entry ``weights``; modules of a group without one stay in 16 bits.
    halved : bool
        Half of the values are kept, with one bit a weight that says where they stand.
    """
    values = weights if isinstance(weights, Mapping) else {}
    bits, group = (
        float(v) if isinstance(v := values.get(name), int | float) and v > 0 else 0.0
        for name in ("num_bits", "group_size")
    )
    kept = (bits or _WIDE) / 2 + 1 if halved else bits or _WIDE
    return kept + (_scales(values, bits, group) if bits and group else 0.0)


def _scales(values: Mapping[str, Any], bits: float, group: float) -> float:
    """Bits of a group's scale and zero point, by weight."""
    if values.get("type") == "float":
        return 8 / group if bits < 8 or group == 32 else 0.0
    return (16 + (bits if values.get("symmetric") is False else 0)) / group
