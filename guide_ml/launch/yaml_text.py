"""YAML from plain values by PyYAML, in the order given, the same text every time."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["to_yaml"]


def to_yaml(value: object) -> str:
    r"""Write mappings, lists, texts, numbers and truth values as YAML.

    Texts of several lines are blocks, as far as YAML lets them be; no anchors are written.

    Examples
    --------
    >>> to_yaml({"ports": ["8000:8000"], "tty": True})
    'ports:\n- 8000:8000\ntty: true\n'
    """
    import yaml

    written: str = yaml.dump(
        value, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=1000
    )
    return written


_BREAKS = frozenset("\x85\u2028\u2029")


@cache
def _dumper() -> Any:
    import yaml

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        # PyYAML 6.0.3 folds these breaks into spaces where a text is written plain or in blocks.
        style = '"' if _BREAKS & set(value) else style
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    made = type("Dumper", (yaml.SafeDumper,), {"ignore_aliases": lambda self, data: True})
    made.add_representer(str, text)  # type: ignore[attr-defined]
    return made
