"""What ``guide show`` tells of a model's own files."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["is_model_file", "model_file"]


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
