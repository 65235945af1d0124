"""What the documents say exists: commands, options, make targets, paths, pages, the version."""

from __future__ import annotations

import ast
import importlib.util
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
PATH = re.compile(
    r"(?:docs|guide_ml|data|models|experiments|tests|\.ci)/[\w./-]*|" + FILE.pattern
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
MADE = {"api.md", "changelog.md", "commands.md"}  # pages that experiments/docs_pages.py makes
README_WORDS = 1200
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
def pages() -> dict[str, str]:
    """Return the text of each page of the site, and the README's, by file name."""
    found = {path.name: path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
    return {"README.md": readme()} | found


@cache
def written() -> str:
    return "\n\n".join(pages().values())


@cache
def version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def fences(text: str) -> list[str]:
    """Return the bodies of the fenced blocks."""
    return FENCE.findall(text)


def spans(text: str) -> list[str]:
    """Return the inline code outside of the fenced blocks."""
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def languages(name: str) -> list[str]:
    """Return the bodies of the fenced blocks of one language."""
    return re.findall(rf"^```{name}\n(.*?)^```", written(), re.DOTALL | re.MULTILINE)


def commands(program: str) -> list[list[str]]:
    """Return the words of every command of the documents that starts with `program`."""
    bodies = languages("console")
    lines = [line for body in bodies for line in body.replace("\\\n", " ").splitlines()]
    found = []
    for line in [*lines, *spans(written())]:
        if re.match(rf"(?:\$ )?{program} ", line.strip()):
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            found.append(words[1:])
    return found


def written_paths() -> set[str]:
    """Return the paths that the documents name in inline code, but for the reader's own files."""
    own = {word.removeprefix("./") for body in fences(written())
           for word in re.split(r"[\s=:\"]+", body)}  # fmt: skip
    return {span for span in spans(written())
            if PATH.fullmatch(span) and ("/" in span or span not in own)}  # fmt: skip


def exists(path: str) -> bool:
    """Tell whether a path exists, from the root or, as in prose, from the package."""
    return any((base / path).exists() for base in (ROOT, ROOT / "guide_ml"))


@cache
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


def build_hooks() -> Any:
    """Load hatch_build.py, which lies beside the package."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_written_paths_exist():
    assert written_paths()
    assert not sorted(path for path in written_paths() if not exists(path))


def test_readme_is_one_page():
    assert len(readme().split()) <= README_WORDS


def test_readme_shows_a_picture_and_no_link_that_breaks_elsewhere():
    assert LINK.findall(readme()) == ["docs/images/accuracy.svg"]
    assert not LINK.findall(build_hooks().description(readme()))


@pytest.mark.parametrize(
    ("text", "left"),
    [("a\n\n![b](c.svg)\n\nd", "a\n\nd"), ("[a](b.md) c", "a c"),
     ("[a](https://b.org/c) d", "[a](https://b.org/c) d"), ("[a](#b)", "a")],
)  # fmt: skip
def test_description_keeps_links_that_lead_somewhere(text, left):
    assert build_hooks().description(text) == left


def test_links_of_pages_lead_to_pages():
    broken = [
        f"{name}: {target}"
        for name, text in pages().items()
        for target in LINK.findall(FENCE.sub("", text))
        if not re.match(r"https?:", target)
        and (file := target.partition("#")[0])
        and file not in MADE
        and not (ROOT / ("" if name == "README.md" else "docs") / file).is_file()
    ]
    assert not broken


def test_every_page_is_in_the_navigation_once():
    text = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"^ +- [\w ]+: ([\w-]+\.md)$", text, re.MULTILINE)
    assert sorted(listed) == sorted({*pages(), *MADE} - {"README.md"})


@pytest.mark.parametrize("code", languages("python"))
def test_python_of_pages_uses_public_names(code):
    import guide_ml

    named = {
        node.attr for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and node.value.id == "guide_ml"
    }  # fmt: skip
    assert named <= set(guide_ml.__all__)


@pytest.mark.parametrize("text", languages("toml"))
def test_toml_of_pages_is_read(text):
    assert tomllib.loads(text)


def test_no_page_speaks_of_sets_that_came_before():
    text = re.sub(r"<!-- begin history -->.*?<!-- end history -->", "", written(), flags=re.DOTALL)
    assert not re.findall(r"(?:former|before the present|present) sets?\b", text)


def test_written_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {word for words in commands("make") for word in words if "=" not in word}
    assert named
    assert named <= targets


def test_every_make_target_has_a_help_line():
    text = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(phony.split()) == set(re.findall(r"^([a-z-]+):.*  ## \w", text, re.MULTILINE))


def test_written_guide_commands_exist():
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


def test_pages_show_every_guide_command():
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
