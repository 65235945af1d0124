"""Short text of what a deployment is made of: what tells it apart, without notes and sources."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

__all__ = ["Brief"]

#: Fields that are shown whatever they hold; of others nothing is shown.
SHOWN = {
    "Hardware": ("hardware", "memory_gb", "mem_bw_gbs"),
    "Model": ("model", "params_total_b", "params_active_b"),
    "Framework": ("framework", "version", "backend"),
}


class Brief:
    """Base of described things; a notebook's prompt is no place for forty fields.

    Kinds that :data:`SHOWN` lists show what tells one from another; the others show what differs
    from a field's default.
    """

    def __repr__(self) -> str:
        kind = type(self).__name__
        told = {name: getattr(self, name) for name in SHOWN.get(kind, ()) or _changed(self)}
        inner = ", ".join(f"{name}={value!r}" for name, value in told.items() if value != "")
        return f"{kind}({inner}{', ...' if kind in SHOWN else ''})"


def _changed(thing: Any) -> list[str]:
    return [f.name for f in fields(thing) if getattr(thing, f.name) != _default(f)]


def _default(field: Field[Any]) -> object:
    made = field.default_factory
    return field.default if made is MISSING else made()
