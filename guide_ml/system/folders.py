"""Folders that take the place of older ones: only of what this program wrote, in one step."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.system.locks import claimed
from guide_ml.system.writing import told

__all__ = ["MARKER", "check", "fresh", "inside", "listed", "mark", "put", "recover"]

MARKER = "_guide.json"
"""Says that this program wrote a folder, and which files; readers of tables skip its name."""

#: Files that a refusal names at most.
MOST_NAMED = 3


def mark(folder: Path, **facts: Any) -> None:
    """Write the marker of a folder: every file that it holds."""
    names = sorted(p.name for p in folder.iterdir() if p.name != MARKER)
    text = json.dumps({"written_by": "guide-ml", "files": names} | facts, indent=1)
    (folder / MARKER).write_text(text + "\n", encoding="utf-8")


def listed(folder: Path, marker: str = MARKER) -> dict[str, Any] | None:
    """Read the marker of a folder; none if there is none, or it is no marker.

    Returns
    -------
    dict or None
        ``files`` are the names of what this program wrote.
    """
    try:
        found = json.loads((folder / marker).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    files = found.get("files") if isinstance(found, dict) else None
    return found if isinstance(files, list | dict) else None


def check(folder: Path, marker: str = MARKER, overwrite: bool = False) -> None:
    """Refuse to replace a folder that holds anything that this program did not write there.

    Parameters
    ----------
    folder : Path
        What is to be replaced; need not be there.
    marker : str
        File in it that lists, under ``files``, what this program wrote.
    overwrite : bool
        Whether the user asked to replace it with all that it holds.

    Raises
    ------
    InvalidInput
        If it is a file, or holds something else.
    """
    if folder.is_file():
        raise InvalidInput(f"{folder} is a file; a folder is needed here: name another")
    if overwrite or not folder.is_dir():
        return
    found = listed(folder, marker) or {}
    own = {marker, *map(str, found.get("files", ()))} if found else set()
    strange = sorted(p.name for p in folder.iterdir() if p.name not in own or p.is_dir())
    if strange:
        more = f" and {len(strange) - MOST_NAMED} more" if len(strange) > MOST_NAMED else ""
        raise InvalidInput(
            f"{folder} holds what guide-ml did not write there: {', '.join(strange[:MOST_NAMED])}"
            f"{more}. Name another folder; --overwrite replaces it with all that it holds"
        )


@contextmanager
def fresh(folder: Path, marker: str, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder to fill; it takes the place of `folder` if the block ends well.

    Whatever ends the block otherwise, `folder` is what it was.

    Parameters
    ----------
    folder : Path
        Where the folder goes.
    marker, overwrite
        As for :func:`check`, which is asked before and after.

    Raises
    ------
    InvalidInput
        If something else is there, another process writes it, or the disk says no.
    """
    place = Path(os.path.realpath(folder))
    with told(folder):
        check(place, marker, overwrite)
        place.parent.mkdir(parents=True, exist_ok=True)
        with claimed(place):
            beside = place.with_name(f".{place.name}.guide")
            recover(place, beside / "old")
            _clear(beside)
            beside.mkdir(mode=0o700)
            try:
                new = beside / "new"
                new.mkdir()
                yield new
                check(place, marker, overwrite)
                put(new, place, beside / "old")
            finally:
                shutil.rmtree(beside, ignore_errors=True)


def _clear(beside: Path) -> None:
    """Take away what a kill left; nobody else's folder."""
    if beside.is_dir() and not beside.is_symlink():
        strange = sorted({p.name for p in beside.iterdir()} - {"new", "old"})
        if strange:
            raise InvalidInput(f"{beside} is in the way and holds {strange[0]}, which guide-ml"
                               " did not write: move it away")  # fmt: skip
        shutil.rmtree(beside)


def put(new: Path, folder: Path, old: Path) -> None:
    """Let a folder take the place of another, in one step where the system has such a step.

    Parameters
    ----------
    new : Path
        Folder that is whole; afterwards it is gone, or holds what was replaced.
    folder : Path
        Its place.
    old : Path
        Where the replaced one lies meanwhile, on systems that need two steps;
        :func:`recover` puts it back after a kill.
    """
    if not folder.exists():
        os.replace(new, folder)
    elif not exchange(new, folder):
        os.replace(folder, old)
        os.replace(new, folder)


def recover(folder: Path, old: Path) -> None:
    """Put a folder back that a kill between two steps left under another name."""
    if old.is_dir() and not folder.exists():
        os.replace(old, folder)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one step; tell whether the system could."""
    call = _exchanger()
    if call is None:
        return False
    paths = (os.fsencode(one), os.fsencode(other))
    return bool(call(*paths) == 0)


@cache
def _exchanger() -> Any:
    """Find the system's call: ``renameat2`` of Linux, ``renamex_np`` of macOS."""
    here, swap = -100, 2  # AT_FDCWD; RENAME_EXCHANGE and RENAME_SWAP are both 2
    with suppress(OSError, AttributeError, TypeError):
        system = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "linux":
            found = system.renameat2
            return lambda one, other: found(here, one, here, other, swap)
        if sys.platform == "darwin":
            renamed = system.renamex_np
            return lambda one, other: renamed(one, other, swap)
    return None


def inside(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> bool:
    """Tell whether a path lies in a folder, or is it."""
    full, within = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    return within == full or within in full.parents
