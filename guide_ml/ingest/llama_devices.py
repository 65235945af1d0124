"""Devices of a llama-bench row: those that it found, less what was not used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from guide_ml.ingest.content import number
from guide_ml.ingest.devices import device_of
from guide_ml.ingest.rows import ASKS, SAID, UNLIKE, Row, asking, joined

__all__ = ["devices"]

_CPU = ("CPU", "BLAS", "CPU,BLAS")


def devices(found: Mapping[str, Any]) -> Row:
    """Count and name the devices of a row under the names of llama-bench's JSON.

    Parameters
    ----------
    found : mapping
        ``backends``, ``gpu_info``, ``cpu_info``, ``devices``, ``split_mode``, ``main_gpu`` and
        ``tensor_split`` are looked at.
    """
    backends = str(found.get("backends") or "").upper()
    if backends in _CPU:
        said = str(found.get("cpu_info") or "")
        return joined({"num_devices": 1.0, "backend": "cpu"}, device_of(said),
                      {SAID: {"hardware": said}} if said else {})  # fmt: skip
    names = [n.strip() for n in str(found.get("gpu_info") or "").split(",") if n.strip()]
    if "RPC" in backends.split(","):
        return joined(_remote(), device_of(names[0]) if len(set(names)) == 1 else {})
    used = _used(names, found)
    if not used:
        return {}
    if len(set(used)) > 1:
        return _unlike(used)
    mode = str(found.get("split_mode"))
    layout = "tp" if mode in ("row", "tensor", "graph") else "pp"
    count = float(len(used))
    return {"num_devices": count, layout: count, SAID: {"hardware": used[0]}} | device_of(used[0])


def _used(names: list[str], found: Mapping[str, Any]) -> list[str]:
    """Devices that hold a part of the model: all, unless an option leaves some out."""
    chosen = str(found.get("devices") or "auto")
    if chosen.lower() not in ("auto", "", "none"):
        places = [int(p) for p in re.findall(r"[A-Za-z]+(\d+)", chosen)]
        inside = [names[p] for p in places if p < len(names)]
        return inside if len(inside) == len(places) and places else names[: chosen.count("/") + 1]
    if str(found.get("split_mode")) == "none":
        main = int(number(found.get("main_gpu")) or 0)
        return names[main : main + 1] or names[:1]
    shares = [number(s) or 0.0 for s in str(found.get("tensor_split") or "").split("/")]
    if sum(shares) > 0:
        return [n for n, s in zip(names, shares, strict=False) if s > 0]
    return names


def _remote() -> Row:
    return asking("num_devices", "the backend RPC uses further machines, which the file does not"
                                 " name")  # fmt: skip


def _unlike(names: list[str]) -> Row:
    why = f"the file lists unlike devices ({', '.join(dict.fromkeys(names))}); which was used?"
    return {
        UNLIKE: list(dict.fromkeys(names)),
        ASKS: {"hardware": why, "num_devices": "one device is a row's, or several alike"},
    }
