"""Build hook: a wheel carries the trained estimators, an editable install reads the checkout's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "models/default"
TARGET = "guide_ml/_models/default"


class ModelsHook(BuildHookInterface[Any]):
    """Put `SOURCE` into the wheel as `TARGET`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the estimators to a standard wheel, or say that they are missing."""
        if version == "editable":
            return
        folder = Path(self.root, SOURCE)
        if not folder.is_dir() or not any(folder.iterdir()):
            message = f"a wheel needs the trained estimators in {SOURCE}: run `make train` first"
            raise FileNotFoundError(message)
        build_data["force_include"][str(folder)] = TARGET
