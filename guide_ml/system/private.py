"""Folders that only their owner may enter: a cache that stays, scratch that goes."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from guide_ml.errors import InvalidInput
from guide_ml.system.locks import hold, release

__all__ = ["CACHE", "cache", "folder", "scratch"]

CACHE = "GUIDE_ML_CACHE"
"""Variable that names another place for what is kept between calls."""


def cache(name: str) -> Path:
    """Return a private folder for what is kept between calls; made if it is not there.

    Parameters
    ----------
    name : str
        Folder within the cache: ``GUIDE_ML_CACHE``, or ``guide-ml`` in the user's cache folder.

    Raises
    ------
    OSError
        If it cannot be made.
    InvalidInput
        If it belongs to somebody else.
    """
    told = os.environ.get(CACHE)
    usual = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    root = Path(told) if told else Path(usual) / "guide-ml"
    root.parent.mkdir(parents=True, exist_ok=True)
    return folder(folder(root) / name)


def folder(path: Path) -> Path:
    """Make a folder that only its owner may enter, or check one that is there.

    Raises
    ------
    InvalidInput
        If it is a link or somebody else's: what lies there cannot be trusted.
    """
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not stat.S_ISDIR(found.st_mode) or not mine:
        raise InvalidInput(f"{path} must be a folder of your own; it is a link or somebody"
                           f" else's. Move it away, or name another place: {CACHE}")  # fmt: skip
    if found.st_mode & 0o077:
        path.chmod(0o700)
    return path


@contextmanager
def scratch(word: str, temporary: bool = False) -> Iterator[Path]:
    """Give a private folder that is gone afterwards.

    What a killed process left is taken away by the next one: a lock that the system frees tells
    which folders are nobody's any more.

    Parameters
    ----------
    word : str
        What it is for; begins its name.
    temporary : bool
        Whether other libraries are to put their temporary files there, too. This holds for the
        whole process.
    """
    try:
        base = cache("scratch")
    except (OSError, RuntimeError, InvalidInput):  # no home, or one that cannot be written to
        with tempfile.TemporaryDirectory(prefix=f"guide-{word}-") as one, _for_all(
            Path(one) if temporary else None
        ):
            yield Path(one)
        return
    _sweep(base)
    name = f"{word}-{secrets.token_hex(8)}"
    lock = base / f"{name}.lock"
    held = hold(lock)
    place = base / name
    try:
        place.mkdir(mode=0o700)
        with _for_all(place if temporary else None):
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        release(lock, -1 if held is None else held)


@contextmanager
def _for_all(place: Path | None) -> Iterator[None]:
    if place is None:
        yield
        return
    before, tempfile.tempdir = tempfile.tempdir, str(place)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _sweep(base: Path) -> None:
    """Take away the folders whose holders are gone."""
    with suppress(OSError):
        for place in [p for p in base.iterdir() if p.is_dir()]:
            lock = base / f"{place.name}.lock"
            held = hold(lock)
            if held is not None and held >= 0:
                shutil.rmtree(place, ignore_errors=True)
                release(lock, held)
