"""Sets that were fetched from a server, kept under their hash so that each is fetched once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from guide_ml.errors import BadArtefact, InvalidInput
from guide_ml.system.private import cache, scratch

__all__ = ["MOST", "fetched"]

MOST = 8
"""Sets that are kept; the one that was asked for longest ago goes first."""

CARD = "card.json"
Fetch = Callable[[str, str | None], Path]


def fetched(fetch: Fetch) -> Path:
    """Return the folder of a set, fetched unless a set of its hash is kept already.

    Parameters
    ----------
    fetch : callable
        Takes what is wanted of the set (``"/card.json"``, or blank for all of it) and a folder
        to put it into; returns where it lies.

    Raises
    ------
    BadArtefact
        If what came is not what its card says.
    """
    with scratch("fetch") as place:
        card = fetch(f"/{CARD}", str(place / "card"))
        mark = _mark(card)
        try:
            sets = cache("sets")
        except (OSError, RuntimeError) as error:
            raise InvalidInput(f"a set that is fetched must be kept somewhere: {error}") from error
        kept = sets / mark
        if _whole(kept, mark):
            os.utime(kept)
            return kept
        came = fetch("", str(place / "all"))
        if _mark(came / CARD) != mark or not _whole(came, mark):
            raise BadArtefact("the set that came from the registry is not what its card says;"
                              " fetch it again, or register it anew")  # fmt: skip
        _keep(came, kept)
        _drop(sets, kept)
        return kept


def _mark(card: Path) -> str:
    """Hash of a set, as its card has it, worked out from the hashes of its files."""
    try:
        told: dict[str, Any] = json.loads(card.read_text("utf-8"))
        files = {str(k): str(v) for k, v in told["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadArtefact(f"{CARD} of the registry must list files with their hashes; it cannot be"
                          f" read: {error}") from error  # fmt: skip
    together = "".join(f"{k}:{v}\n" for k, v in sorted(files.items()))
    return hashlib.sha256((together + json.dumps(told, sort_keys=True)).encode()).hexdigest()


def _whole(folder: Path, mark: str) -> bool:
    """Tell whether a folder holds every file of a set as its card has it."""
    card = folder / CARD
    if not card.is_file() or _mark(card) != mark:
        return False
    files: dict[str, str] = json.loads(card.read_text("utf-8"))["files"]
    return all(Path(n).name == n and (folder / n).is_file()
               and hashlib.sha256((folder / n).read_bytes()).hexdigest() == sha
               for n, sha in files.items())  # fmt: skip


def _keep(came: Path, kept: Path) -> None:
    """Move a set to where it is kept; another process may have been faster."""
    if kept.exists():
        shutil.rmtree(kept, ignore_errors=True)  # what is there is not whole
    aside = kept.with_name(f".{kept.name}.{os.getpid()}")
    shutil.move(came, aside)
    with suppress(OSError):
        os.replace(aside, kept)
    shutil.rmtree(aside, ignore_errors=True)


def _drop(sets: Path, used: Path) -> None:
    """Let the sets go that were asked for longest ago."""
    with suppress(OSError):
        found = sorted((p for p in sets.iterdir() if p != used),
                       key=lambda p: p.stat().st_mtime)  # fmt: skip
        for old in found[: max(0, len(found) + 1 - MOST)]:
            shutil.rmtree(old, ignore_errors=True)
