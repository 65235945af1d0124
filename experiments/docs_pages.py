"""Pages of the site that are made, not written: the commands, and the changes.

MkDocs calls :func:`on_files` while it builds (``hooks`` in mkdocs.yml).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
#: Columns, so that no help text is cut off.
WIDTH = "400"


def printed() -> str:
    """Let Typer write its own reference of the command ``guide``."""
    asked = ["-m", "typer", "guide_ml.cli", "utils", "docs", "--name", "guide"]
    plain = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": WIDTH, "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, *asked], capture_output=True, text=True, env=plain,
                          cwd=ROOT)  # fmt: skip
    if done.returncode:
        raise SystemExit(f"the commands could not be listed:\n{done.stderr}")
    return done.stdout


def commands(text: str) -> str:
    """Turn Typer's reference into a page: examples as code, no lists of shortened help."""
    text = re.sub(r"^# `guide`", "# Commands", text)
    text = re.sub(r"\*\*Commands\*\*:\n\n(?:\* .*\n)+", "", text)
    lines, inside = [], False
    for line in text.splitlines():
        if line.strip() == "[bold]Examples[/bold]":
            lines += ["**Examples**:", "", "```console"]
            inside = True
        elif inside and line.startswith(("#", "**")):
            lines += ["```", "", line]
            inside = False
        elif not inside:
            lines.append(line)
        elif line.strip():
            lines.append("$ " + line.strip())
    return "\n".join([*lines, "```" if inside else ""])


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages."""
    made = {
        "commands.md": commands(printed()),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text("utf-8"),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files
