"""Read a config.json, or the folder that holds it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from guide_ml.errors import InvalidInput

__all__ = ["load"]

_MAX_BYTES = 16_000_000  # a config of a few thousand layers; weights are larger


def load(given: str | os.PathLike[str]) -> tuple[dict[str, Any], str]:
    """Read the config at a path, a file or its folder; return it and the folder's name."""
    if not isinstance(given, str | os.PathLike):
        raise InvalidInput(f"config: must be an object or a path; got a {type(given).__name__}")
    path = Path(given)
    try:
        file = path / "config.json" if path.is_dir() else path
        config = _object(file)
        beside = file.with_name("hf_quant_config.json")
        if config.get("quantization_config") is None and beside.is_file():
            scheme = _object(beside).get("quantization")
            config |= {"quantization_config": scheme} if scheme else {}
        return config, _name_of(file.absolute().parent)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidInput(
            f"config: must be a config.json or a folder that holds one; no file {str(path)!r}"
            " (nothing is downloaded: save the model's config.json first)"
        ) from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"config: {str(path)!r} must be a readable file; {error}") from error


def _name_of(folder: Path) -> str:
    """Return the name that a folder gives its model; Hugging Face's cache keeps the real one."""
    parent = folder.parent
    if parent.name == "snapshots" and parent.parent.name.startswith("models--"):
        return parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    return folder.name


def _object(file: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object."""
    if file.stat().st_size > _MAX_BYTES:
        raise InvalidInput(f"{str(file)!r} must be a config.json; it is larger than any (16 MB)")
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{str(file)!r} must be a JSON file; {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{str(file)!r} must hold a JSON object; got a {type(value).__name__}")
    return value
