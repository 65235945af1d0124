"""What commands print is readable in any window: no word is broken, commands can be copied."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import guide_ml
from guide_ml.answers import pages
from guide_ml.answers.blocks import Block, Command, Sheet
from guide_ml.answers.layout import JOINTS, LONG
from guide_ml.cli import report
from guide_ml.cli.main import BUG, app, main
from guide_ml.cli.parts import examples

CHAT = ["--model", "llama-3.1-8b-instruct", "--input-len", "512", "--output-len", "128"]
DEVICES = ["--hardware", "l4", "--hardware", "mi300x", "--framework", "vllm"]
SEARCH = ["search", *CHAT, *DEVICES, "--users", "16", "--tpot-ms", "60"]
RUN = str(Path(__file__).parent / "ingest" / "made_up" / "vllm_serve.json")
FACTS = ["--hardware", "h100", "--tp", "1", "--framework", "vllm", "--weight-dtype", "bf16"]
COMMANDS: dict[str, list[str]] = {
    "predict": ["predict", "--hardware", "h100", "--framework", "vllm", *CHAT, "--concurrency",
                "16", "--explain"],
    "predict far": ["predict", "--hardware", "mi300x", "--num-devices", "8", "--tp", "4", *CHAT,
                    "--batch-size", "32", "--framework", "sglang"],
    "search": SEARCH, "search sure": [*SEARCH, "--confidence", "0.9"],
    "nothing fits": [*SEARCH, "--ttft-ms", "5"],
    "offline": ["search", *CHAT, *DEVICES, "--offline-tokens", "1e7", "--deadline-h", "10"],
    "sweep": ["sweep", "--over", "users", "--values", "4,64", *CHAT, *DEVICES, "--tpot-ms", "60"],
    "list hardware": ["list", "hardware"], "list models": ["list", "models"],
    "list frameworks": ["list", "frameworks"], "list none": ["list", "models", "no such model"],
    "show hardware": ["show", "h100"], "show model": ["show", "deepseek-v3"],
    "show framework": ["show", "vllm"],
    "prices": ["prices", "--hardware", "h100"], "no price": ["prices", "--max-usd-h", "0.0001"],
    "calibrate": ["calibrate", "RUNS", "--out", "FOLDER/profile.json"],
    "ingest": ["ingest", RUN, "--out", "FOLDER/mine.parquet", *FACTS],
    "ingest rejects": ["ingest", RUN.replace("vllm_serve", "trtllm_report"), "--out",
                       "FOLDER/other.parquet", "--concurrency", "16", "--tp", "4"],
    "score": ["score", "RUNS", "FOLDER/scored.csv"],
}  # fmt: skip
WIDTHS = (40, 60, 80, 100, 120, 160)
#: Wide enough for every table to be one line a row.
ALL = 2000


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "runs.csv"
    row = {"hardware": "l40s", "model": "qwen2.5-7b-instruct", "framework": "vllm",
           "input_len": 512, "output_len": 128}  # fmt: skip
    pd.DataFrame([row | {"concurrency": c, "tpot_ms": 25.0 + c} for c in (2, 8, 16)]).to_csv(
        path, index=False)  # fmt: skip
    return path


@pytest.fixture(scope="module")
def shown(runs: Path) -> Callable[[str], list[Block]]:
    """Return what a command hands to the terminal, not yet laid out; each runs once."""
    kept: dict[str, list[Block]] = {}

    def blocks(name: str) -> list[Block]:
        if name not in kept:
            seen: list[Block] = []
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(report, "show", lambda given, stream=None: seen.extend(given))
                words = [w.replace("RUNS", str(runs)).replace("FOLDER", str(runs.parent))
                         for w in COMMANDS[name]]  # fmt: skip
                done = CliRunner().invoke(app, words)
                assert done.exit_code in (0, 1, 3), done.output
            kept[name] = seen
        return kept[name]

    return blocks


def pieces(words: set[str]) -> Iterator[str]:
    """Yield whole words, and the parts of long names between joints."""
    for word in words:
        yield word
        if len(word) > LONG:
            cuts = [0, *(i + 1 for i, c in enumerate(word) if c in JOINTS), len(word)]
            yield from (word[a:b] for i, a in enumerate(cuts) for b in cuts[i + 1 :])


@pytest.mark.parametrize("name", COMMANDS)
def test_no_word_is_broken_at_any_width(
    name: str, shown: Callable[[str], list[Block]]
) -> None:
    blocks = shown(name)
    assert blocks
    known = set(pieces(set(pages.text(blocks, ALL).split())))
    known |= {word.rstrip(",.") for word in known}
    for width in WIDTHS:
        for block in blocks:
            told = pages.text([block], width)
            left = re.sub(r"Left out for\s+want of\s+width:[^.]*\.", "", told)
            new = {w for w in left.split() if set(w) != {"-"} and w != "/"} - known
            assert not new, (width, new)


@pytest.mark.parametrize("name", COMMANDS)
def test_no_line_is_wider_than_the_window_but_a_command(
    name: str, shown: Callable[[str], list[Block]]
) -> None:
    for width in WIDTHS[1:]:
        for block in shown(name):
            if not isinstance(block, Command):
                for line in pages.text([block], width).splitlines():
                    # A path or a web address that is longer than the window stays whole.
                    assert len(line) <= width or len(max(line.split(), key=len)) > width // 2


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wide_window_is_used(name: str, shown: Callable[[str], list[Block]]) -> None:
    for block in shown(name):
        if isinstance(block, Sheet) and block.headings and block.rows:
            narrow, wide = (pages.text([block], w).splitlines() for w in (80, ALL))
            assert len(wide) <= len(narrow)
            assert "Left out" not in wide[-1]


def test_a_command_to_copy_stands_alone_on_its_line(
    shown: Callable[[str], list[Block]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (start,) = [b for b in shown("search") if isinstance(b, Command)]
    for columns in ("40", "80", "160"):
        monkeypatch.setenv("COLUMNS", columns)
        lines = CliRunner().invoke(app, SEARCH).stdout.splitlines()
        assert start.line in lines
    assert CliRunner().invoke(app, [*start.line.split()[1:]]).exit_code == 0


COMMAND_NAMES = ["", "predict", "search", "sweep", "prices", "prices refresh", "list", "show",
                 "calibrate", "ingest", "launch", "score", "grid", "train", "evaluate", "retrain",
                 "monitor", "models list", "models promote", "models use"]  # fmt: skip


@pytest.mark.parametrize("name", COMMAND_NAMES)
def test_examples_of_the_help_are_lines_to_copy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = CliRunner().invoke(app, [*name.split(), "--help"]).stdout
    below = told.split("Examples\n")[1].splitlines()
    lines = [line for line in below if line.strip()]
    assert lines
    assert all(re.match(r"(guide|cat) ", line) for line in lines)


def test_a_help_page_keeps_its_examples_for_the_next_time() -> None:
    first, second = (CliRunner().invoke(app, ["show", "--help"]).stdout for _ in range(2))
    assert first == second
    assert examples("guide a", "guide b").split("\n\n")[1:] == ["guide a", "guide b"]


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of Unix")
@pytest.mark.parametrize("columns", [80, 132])
def test_a_terminal_is_used_as_wide_as_it_is(columns: int) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    with subprocess.Popen([sys.executable, "-m", "guide_ml", "show", "vllm"], stdout=theirs,
                          stdin=theirs, env=env | {"TERM": "dumb"},
                          cwd=Path(guide_ml.__file__).parents[1]) as done:  # fmt: skip
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 4096):
                told += part
        except OSError:  # the other end is closed
            pass
    assert done.returncode == 0
    lines = [re.sub(r"\x1b\[[\d;]*m", "", x) for x in told.decode().replace("\r", "").split("\n")]
    assert columns - 12 <= max(map(len, lines)) <= columns


def test_a_pipe_follows_columns_or_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert report.width(sys.__stdout__ or sys.stdout) == 72
    monkeypatch.delenv("COLUMNS")
    told = CliRunner().invoke(app, ["show", "vllm"]).stdout
    assert 100 < max(map(len, told.splitlines())) <= report.PIPE_WIDTH


def test_a_pipe_that_knows_few_letters_gets_question_marks(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with path.open("w", encoding="ascii") as stream:
        report.show([Command(title="é", line="漢")], stream)
    assert path.read_text("ascii") == "?\n?\n"


def test_a_mistake_of_ours_ends_with_what_to_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr("guide_ml.cli.show._find", broken)
    monkeypatch.setattr(sys, "argv", ["guide", "show", "h100"])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err.rstrip("\n").splitlines()
    assert ended.value.code == 1
    assert any("nobody thought of this" in line for line in told)
    assert told[-1] == BUG
    assert json.dumps(BUG)  # one line
    assert "\n" not in BUG
