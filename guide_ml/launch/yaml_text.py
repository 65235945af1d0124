"""YAML from plain values: just enough, the same text every time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

__all__ = ["to_yaml"]

#: Texts that every YAML reader takes for a text without quotes.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
#: Texts of several plain lines, none of them blank: readable as a block.
_BLOCK = re.compile(r"(?! )([ -~]*[!-~]\n){2,}")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

Value = object


def to_yaml(value: Value) -> str:
    r"""Write mappings, lists, texts, numbers and truth values as YAML.

    Examples
    --------
    >>> to_yaml({"ports": ["8000:8000"], "tty": True})
    'ports:\n  - "8000:8000"\ntty: true\n'
    """
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Value) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for key, item in value.items() for line in _pair(str(key), item)]
    if isinstance(value, list | tuple) and value:
        return [line for item in value for line in _item(item)]
    return [_scalar(value)]


def _pair(key: str, item: Value) -> list[str]:
    if isinstance(item, str) and _BLOCK.fullmatch(item):
        return [f"{_scalar(key)}: |", *(f"  {line}" for line in item.splitlines())]
    if isinstance(item, Mapping | list | tuple) and item:
        return [f"{_scalar(key)}:", *(f"  {line}" for line in _lines(item))]
    return [f"{_scalar(key)}: {_scalar(item)}"]


def _item(item: Value) -> list[str]:
    head, *rest = _lines(item)
    return [f"- {head}", *(f"  {line}" for line in rest)]


def _scalar(value: Value) -> str:
    """Write one value; texts that could be read as something else are quoted as in JSON."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=not str(value).isprintable())
