"""Build hooks: a wheel carries estimators and measurements; its description no relative links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

SOURCE = "models/default"
TARGET = "guide_ml/_models/default"
DATA = {name: f"guide_ml/_data/{name}" for name in ("README.md", "measurements", "sources")}
README = "README.md"
PICTURE = re.compile(r"^!\[[^\]]*\]\((?!https?:)[^)]*\)\n+", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]*\)")


class ModelsHook(BuildHookInterface[Any]):
    """Put `SOURCE` into the wheel as `TARGET`, and `data` as `DATA` says.

    Retraining joins the measurements, and its gate compares on them; their licences lie beside.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them to a standard wheel, or say what is missing."""
        if version == "editable":
            return
        folder = Path(self.root, SOURCE)
        if not folder.is_dir() or not any(folder.iterdir()):
            message = f"a wheel needs the trained estimators in {SOURCE}: run `make train` first"
            raise FileNotFoundError(message)
        build_data["force_include"][str(folder)] = TARGET
        for name, target in DATA.items():
            if not (found := Path(self.root, "data", name)).exists():
                raise FileNotFoundError(f"a wheel needs the measurements: {found} is missing")
            build_data["force_include"][str(found)] = target


def description(readme: str) -> str:
    """Leave out what leads nowhere outside of a checkout: pictures and links by relative paths."""
    return LINK.sub(r"\1", PICTURE.sub("", readme))


class ReadmeHook(MetadataHookInterface):
    """Take the package's description from the README."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description."""
        text = description(Path(self.root, README).read_text("utf-8"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
