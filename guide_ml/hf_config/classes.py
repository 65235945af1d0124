"""What the config classes of transformers fill in where a config leaves a key out.

The table ``class_defaults.json`` is written by ``experiments/model_defaults.py`` from the
classes themselves. It holds values that do not follow from other keys, and of lists of layer
kinds the cycle that they repeat.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["class_values", "is_class", "release", "text_type"]

_FILE = Path(__file__).with_name("class_defaults.json")


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


def release() -> str:
    """Return the release of transformers that the table was made from.

    Examples
    --------
    >>> release().split(".")[0]
    '5'
    """
    return str(_table()["transformers"])


def _entry(model_type: str) -> dict[str, Any]:
    types: dict[str, dict[str, Any]] = _table()["types"]
    name = model_type.strip().lower()
    found = types.get(name)
    return found if found is not None else types.get(name.removesuffix("_text"), {})


def is_class(model_type: str) -> bool:
    """Whether transformers has a generating class for a ``model_type``."""
    return bool(_entry(model_type))


def text_type(model_type: str) -> str:
    """Return the type of the text part that a multimodal class has by default, else nothing.

    Examples
    --------
    >>> text_type("llava"), text_type("llama")
    ('llama', '')
    """
    return str(_entry(model_type).get("text_type", ""))


def class_values(model_type: str) -> Mapping[str, Any]:
    """Return the keys that the class of a type fills in.

    ``layer_types:cycle`` holds the kinds that its list of layers repeats, ``layer_types:by``
    the keys that would change them; so with ``mlp_layer_types``.

    Examples
    --------
    >>> class_values("mistral")["num_key_value_heads"]
    8
    """
    return {k: v for k, v in _entry(model_type).items() if k != "text_type"}
