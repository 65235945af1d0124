"""What is known not to be counted right: types and keys of transformers' classes.

The table ``class_limits.json`` is written by ``experiments/15_models.py``, which builds each
class, changes one key after the other and compares the counts.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from guide_ml.hf_config.classes import class_values

__all__ = ["unchecked", "uncounted", "unread"]

_FILE = Path(__file__).with_name("class_limits.json")


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def uncounted(model_type: str) -> str:
    """Say why a class is not counted; an empty text where it is, or is no class."""
    name = model_type.strip().lower()
    return str(_table()["uncounted"].get(name, ""))


def unchecked(model_type: str) -> bool:
    """Whether a class could not be built to compare with, so that nothing is known of it.

    Examples
    --------
    >>> unchecked("llama")
    False
    """
    return model_type.strip().lower() in _table()["unchecked"]


def unread(model_type: str, given: Mapping[str, Any], read: Collection[str]) -> list[str]:
    """List the keys of a config that change its structure in a way that is not counted.

    Parameters
    ----------
    model_type : str
        As in the config.
    given : mapping
        The config.
    read : collection of str
        Keys that were asked for.
    """
    name = model_type.strip().lower()
    own = class_values(name)
    return [
        key
        for key in _table()["unread"].get(name, ())
        if given.get(key) is not None and given[key] != own.get(key)
    ]
