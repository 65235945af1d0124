"""Blocks of the engines, with what a fork takes over from the engine that it is like."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["framework_blocks"]

#: Keys of a block that a fork or wrapper does not take over.
_OWN = {"aliases", "versions", "builds", "wrappers", "released", "unstated", "reserve", "backends"}


@cache
def framework_blocks() -> dict[str, dict[str, Any]]:
    """Every engine's block of frameworks.toml by slug."""
    text = files(__package__).joinpath("frameworks.toml").read_text(encoding="utf-8")
    listed: dict[str, dict[str, Any]] = tomllib.loads(text)
    return {slug: _inherited(block, listed) for slug, block in listed.items()}


def _inherited(block: dict[str, Any], listed: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Add what a fork or wrapper takes over from the engine that it is ``like``."""
    if "like" not in block:
        return block
    parent = _inherited(listed[block["like"]], listed)
    return {k: v for k, v in parent.items() if k not in _OWN} | block
