"""What ``guide show`` tells of a model's own files."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["is_model_file", "model_file", "rows"]


def is_model_file(text: str) -> bool:
    """Whether a text is the path of a config, of a folder that holds one, or of a GGUF file.

    Examples
    --------
    >>> is_model_file("no/such/config.json"), is_model_file("h100")
    (True, False)
    """
    if text.lower().endswith((".json", ".gguf")):
        return True
    return os.path.isfile(os.path.join(text, "config.json"))


def model_file(path: str, accept_unknown: bool) -> dict[str, Any]:
    """Tell what is read from a model's file; see :func:`guide_ml.hf_config.describe_config`."""
    from guide_ml import hf_config

    if path.lower().endswith(".gguf"):
        return hf_config.describe_gguf(path)
    return hf_config.describe_config(path, accept_unknown=accept_unknown)


def rows(told: dict[str, Any]) -> dict[str, Any]:
    """Return the same with a row for each kind of layer and of module, for a table.

    Examples
    --------
    >>> rows({"layers": [{"count": 2, "first": 0, "kind": "full attention", "heads": "8"}]})
    {'2 layers from 0': 'full attention; heads 8'}
    """
    out: dict[str, Any] = {}
    for name, value in told.items():
        if name == "layers":
            for layer in value:
                own = {k: v for k, v in layer.items() if k not in ("count", "first", "kind")}
                facts = [f"{k} {v}" for k, v in own.items()]
                out[f"{layer['count']} layers from {layer['first']}"] = "; ".join(
                    [layer["kind"], *facts]
                )
        elif name == "precision":
            for label, held in value.items():
                out[f"bits of {label}"] = f"{held['bits']:g}, of {held['params_b']:g} B weights"
        elif value or name.startswith("params"):
            out[name] = value
    return out
