"""How the command line ends: what breaks by mistake says where to tell of it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from guide_ml.errors import without_passwords
from guide_ml.system.writing import OF_DISKS, refusal

__all__ = ["BUG", "ending"]

#: The last line of a traceback.
BUG = ("guide: this is a mistake of guide-ml, not yours. Please report the command, these lines and"
       " what `guide --version` says to those who gave you guide-ml, or as an issue of its"
       " repository.")  # fmt: skip


@contextmanager
def ending() -> Iterator[None]:
    """Run a command; a standard output that takes nothing more is no mistake of ours."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in OF_DISKS:
            _mistake(error)
        _silence()
        typer.echo(f"guide: {refusal('standard output', error)}", err=True)
        sys.exit(2)
    except Exception as error:
        _mistake(error)


def _silence() -> None:
    """Let what standard output did not take go: Python would try again at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _mistake(error: Exception) -> None:
    """Show a traceback, without the passwords that an address in it may hold."""
    told = "".join(traceback.format_exception(error))
    typer.echo(without_passwords(told), err=True)
    typer.echo(BUG, err=True)
    sys.exit(1)
