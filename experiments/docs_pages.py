"""Pages of the site that are made, not written: Python's names, the commands, the changes.

MkDocs calls :func:`on_files` and :func:`on_page_content` while it builds (mkdocs.yml).
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
#: Columns, so that no help text is cut off.
WIDTH = "400"
#: ``:func:`name``` of a docstring, as it stands in HTML.
ROLE = re.compile(r":\w+:<code>~?([\w.]+)</code>")


def printed() -> str:
    """Let Typer write its own reference of the command ``guide``."""
    asked = ["-m", "typer", "guide_ml.cli.main", "utils", "docs", "--name", "guide"]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    plain = os.environ | {"PYTHONPATH": paths, "COLUMNS": WIDTH, "NO_COLOR": "1"}
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


def public() -> list[str]:
    """Return the public names of guide_ml, as its list says."""
    tree = ast.parse((ROOT / "guide_ml" / "__init__.py").read_text("utf-8"))
    (names,) = (node.value for node in tree.body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    return [name for name in ast.literal_eval(names) if not name.startswith("_")]


def errors() -> set[str]:
    """Return the names of the errors."""
    tree = ast.parse((ROOT / "guide_ml" / "errors.py").read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


def api() -> str:
    """Write the page of public names: functions, classes, errors; docstrings fill it."""
    names, wrong = public(), errors()
    parts = {
        "Functions": [n for n in names if n[0].islower()],
        "Classes": [n for n in names if n[0].isupper() and n not in wrong],
        "Errors": [n for n in names if n in wrong],
    }
    lines = ["# Python", "All of this is loaded on first use, so `import guide_ml` costs little."]
    for title, members in parts.items():
        lines += [f"## {title}", *(f"::: guide_ml.{name}" for name in members)]
    return "\n\n".join(lines)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages."""
    made = {
        "api.md": api(),
        "commands.md": commands(printed()),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text("utf-8"),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Link what docstrings name to its place on the page, where it is public."""
    return ROLE.sub(r'<autoref optional identifier="\1"><code>\1</code></autoref>', html)
