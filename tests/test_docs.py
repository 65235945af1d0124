"""What the documents say exists: commands, options, make targets, paths, the version."""

from __future__ import annotations

import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

ROOT = Path(__file__).parents[1]
TEXT = {"", ".csv", ".json", ".lock", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}  # suffixes
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"[\w.-]+\.(?:csv|json|lock|md|parquet|py|toml|txt)|Makefile|LICENSE|py\.typed")
PATH = re.compile(r"(?:guide_ml|data|models|experiments|tests|\.ci)/[\w./-]*|" + FILE.pattern)
# Files speak of the project, never of the place or the way in which it was written.
WORKPLACE = re.compile(
    r"(?<![\w.~])[/](?:work|root(?!/\.cache/huggingface)|home/\w+)(?![\w-])|[.][.][/]shared"
    r"|\b(?:coding|helper|sub|another|other|ai)[- ]?ag[e]nts?\b"
    r"|\b(?:this|previous|next|another|other|earlier|later|last) s[e]ssions?\b",
    re.IGNORECASE,
)


@cache
def readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")


@cache
def version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def fences(text: str) -> list[str]:
    """Return the bodies of the fenced blocks."""
    return FENCE.findall(text)


def spans(text: str) -> list[str]:
    """Return the inline code outside of the fenced blocks."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def commands(program: str) -> list[list[str]]:
    """Return the words of every command of the README that starts with `program`."""
    lines = [line for body in fences(readme()) for line in body.replace("\\\n", " ").splitlines()]
    found = []
    for line in [*lines, *spans(readme())]:
        if re.match(rf"(?:\$ )?{program} ", line.strip()):
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            found.append(words[1:])
    return found


def tree_paths(body: str) -> Iterator[str]:
    """Yield the paths of a file tree: a folder ends in ``/``, what it holds is indented under it.

    A line starts with one or more names, then says what they are for.
    """
    above: list[tuple[int, str]] = []
    for line in body.splitlines():
        text = re.sub(r"[│├└─]", " ", line)
        indent = len(text) - len(text.lstrip())
        above = [(depth, folder) for depth, folder in above if depth < indent]
        base = "".join(folder for _, folder in above)
        for word in text.split():
            if not (FILE.fullmatch(word) or re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*/", word)):
                break
            yield base + word
            if word.endswith("/"):
                above.append((indent, word))
                break


def readme_paths() -> set[str]:
    """Return the paths that the README names, in its file trees and in inline code."""
    trees = [body for body in fences(readme()) if re.search(r"^\W*guide_ml/(\s|$)", body, re.M)]
    assert trees, "README.md has no file tree with guide_ml/ in it"
    return {path for body in trees for path in tree_paths(body)} | {
        span for span in spans(readme()) if PATH.fullmatch(span)
    }


def exists(path: str) -> bool:
    """Tell whether a path exists, from the root or, as in prose, from the package."""
    return any((base / path).exists() for base in (ROOT, ROOT / "guide_ml"))


def cli() -> dict[str, Any]:
    """Return the subcommands of ``guide`` by name; those of a group as ``group command``."""
    from guide_ml.cli.main import app

    found: dict[str, Any] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        if not below or command.invoke_without_command:
            found[name] = command
        found |= {f"{name} {k}": c for k, c in (below or {}).items()}
    return found


def split(words: list[str]) -> tuple[str, list[str]]:
    """Tell the subcommand of a command line from the rest of its words."""
    joined = " ".join(words[:2])
    return (joined, words[2:]) if joined in cli() else (words[0], words[1:])


def project_files() -> Iterator[Path]:
    """Yield the text files of the project, its own hidden ones too."""
    generated = {"build", "dist", "mlruns", "node_modules", "__pycache__"}
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in generated and (f[0] != "." or f == ".ci")]
        yield from (Path(folder, file) for file in files if Path(file).suffix in TEXT)


def test_readme_paths_exist():
    assert not sorted(path for path in readme_paths() if not exists(path))


def test_readme_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {word for words in commands("make") for word in words if "=" not in word}
    assert named
    assert named <= targets


def test_every_make_target_has_a_help_line():
    text = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(phony.split()) == set(re.findall(r"^([a-z-]+):.*  ## \w", text, re.MULTILINE))


def test_readme_guide_commands_exist():
    named = commands("guide")
    assert named
    for line in named:
        subcommand, words = split(line)
        if subcommand.startswith("-"):
            continue
        assert subcommand in cli()
        options = {opt for p in cli()[subcommand].params for opt in [*p.opts, *p.secondary_opts]}
        used = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
        assert used <= options | {"--help"}, f"guide {subcommand}"


def test_readme_shows_every_guide_command():
    shown = {split(words)[0] for words in commands("guide")}
    assert set(cli()) <= shown


def test_every_guide_command_has_help():
    assert not [name for name, command in cli().items() if not command.help]


def test_changelog_has_the_version():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## \[{re.escape(version())}\] - ", text, re.MULTILINE)


def test_no_file_tells_of_the_workplace():
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in project_files()
        if (match := WORKPLACE.search(path.read_text("utf-8", errors="replace")))
    ]
    assert not found


@pytest.mark.parametrize(
    ("line", "hit"),
    [("see /wo" + "rk/main", True), ("../sha" + "red/x.csv", True), ("km/work", False),
     ("agentic coding traffic", False), ("one chat session, three turns", False)],
)  # fmt: skip
def test_workplace_words_are_told_from_plain_ones(line, hit):
    assert bool(WORKPLACE.search(line)) == hit


def test_tree_paths_reads_a_drawn_tree():
    tree = "guide_ml/  the package\n├── errors.py units.py   what\n└── features/\n    └── memory.py"
    assert list(tree_paths(tree)) == [
        "guide_ml/", "guide_ml/errors.py", "guide_ml/units.py", "guide_ml/features/",
        "guide_ml/features/memory.py",
    ]  # fmt: skip
