"""Runs in a virtual environment of its own: an engine's real parser on commands.

In: the engine's name as the argument; on standard input a JSON list of commands, a list of words
each. Out: a JSON list, for each command its settings, or ``{"error": ...}``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Callable
from typing import Any

Parser = Callable[[list[str]], dict[str, Any]]


def vllm() -> Parser:
    """Return the parser of ``vllm serve``; the platform is set, as there need be no GPU."""
    import vllm.platforms as platforms
    from vllm.platforms.cpu import CpuPlatform

    platforms._current_platform = CpuPlatform()
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.entrypoints.common.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))

    def parse(words: list[str]) -> dict[str, Any]:
        found = parser.parse_args(words)
        AsyncEngineArgs.from_cli_args(found)
        return vars(found)

    return parse


def sglang() -> Parser:
    """Return the parser of ``sglang serve``."""
    from sglang.srt.server_args import ServerArgs

    parser = argparse.ArgumentParser(prog="sglang serve")
    ServerArgs.add_cli_args(parser)
    return lambda words: vars(parser.parse_args(words))


def answer(parse: Parser, words: list[str]) -> dict[str, Any]:
    """Parse one command."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            found = parse(words)
    except SystemExit:
        return {"error": said.getvalue().strip().splitlines()[-1:]}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    plain = (str, int, float, bool, type(None))
    return {k: v if isinstance(v, plain) else str(v) for k, v in found.items()}


def main() -> None:
    """Answer all commands."""
    commands = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):  # engines greet
        parse = {"vllm": vllm, "sglang": sglang}[sys.argv[1]]()
        found = [answer(parse, words) for words in commands]
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
