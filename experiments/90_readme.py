"""Write the numbers of README.md and docs/: results of experiments and output of commands.

Every block stands between ``<!-- begin name -->`` and ``<!-- end name -->``, and says below it
which trained set it is of. `--check` tells which files would change, and writes nothing.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from blocks import BLOCKS, Block

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"<!-- begin ([\w-]+) -->\n.*?<!-- end \1 -->", re.DOTALL)


def pages() -> list[Path]:
    """Return the files that hold blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def named(text: str) -> list[str]:
    """Return the names of a text's blocks."""
    return MARK.findall(text)


def fill(text: str, made: dict[str, Block]) -> str:
    """Put what was made between its marks."""

    def body(mark: re.Match[str]) -> str:
        name = mark[1]
        return f"<!-- begin {name} -->\n{made[name].text()}\n<!-- end {name} -->"

    return MARK.sub(body, text)


def main() -> None:
    """Rewrite the blocks of all pages."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--check", action="store_true", help="fail if files would change")
    ask.add_argument("--only", nargs="*", default=list(BLOCKS), choices=BLOCKS, metavar="NAME")
    asked = ask.parse_args()
    texts = {page: page.read_text("utf-8") for page in pages()}
    used = {name for text in texts.values() for name in named(text)}
    if unknown := sorted(used ^ set(BLOCKS)):
        raise SystemExit(f"blocks without a page or without a maker: {', '.join(unknown)}")
    made = {name: BLOCKS[name]() for name in asked.only}
    for page, text in texts.items():
        kept = {n: Block(as_is=body) for n, body in bodies(text).items()} | made
        new = fill(text, kept)
        if new == text:
            continue
        print(page.relative_to(ROOT), "would change" if asked.check else "written")
        if asked.check:
            raise SystemExit(1)
        page.write_text(new, encoding="utf-8")


def bodies(text: str) -> dict[str, str]:
    """Return what stands between the marks, as it is."""
    return {m[1]: m[0].split("\n", 1)[1].rsplit("\n", 1)[0] for m in MARK.finditer(text)}


if __name__ == "__main__":
    main()
