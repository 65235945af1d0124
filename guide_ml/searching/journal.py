"""The journal of a search: one search at a time writes it, and what a kill tore off is cut off."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guide_ml.answers.progress import Progress
from guide_ml.errors import InvalidInput
from guide_ml.system.locks import WAIT_S, claimed
from guide_ml.system.writing import place_of, told

if TYPE_CHECKING:
    import optuna

__all__ = ["held", "storage"]

StrPath = str | os.PathLike[str]
BLOCK = 1 << 16
TRIAL = b'"op_code":4'  # of a line that makes a trial: what is worth keeping
HEAD = b'{"op_code":'  # of every line


@contextmanager
def held(path: StrPath | None, tell: Progress) -> Iterator[None]:
    """Be the only search that writes a journal.

    Parameters
    ----------
    path : path, optional
        Journal; nothing is done without one.
    tell : callable
        Told whom the search waits for.

    Raises
    ------
    InvalidInput
        If the file is no journal, another search does not come to an end, or the disk does not
        take what is written.
    """
    if path is None:
        yield
        return
    with told(path):
        place = place_of(path)
        if not place.parent.is_dir():
            raise InvalidInput(f"storage: there is no folder for {os.fspath(path)!r}")
        with claimed(place, WAIT_S, lambda words: tell(0, 1, words)):
            new = not place.exists()
            mend(place)
            try:
                yield
            except OSError:
                mend(place)
                if new and place.exists() and TRIAL not in place.read_bytes():
                    place.unlink()
                raise


def mend(path: Path) -> None:
    """Cut off what a kill or a full disk left of a line at the end of a journal.

    Raises
    ------
    InvalidInput
        If the file is no journal: it stays as it is.
    """
    if not path.exists():
        return
    with path.open("r+b") as file:
        first = file.readline(BLOCK)
        torn = not first.endswith(b"\n") and HEAD.startswith(first[: len(HEAD)])
        if first and not torn and not _is_entry(first):
            raise InvalidInput(f"{path} must be a journal of searches; it is something else: name"
                               " another file")  # fmt: skip
        while (end := _torn(file)) is not None:
            file.truncate(end)


def _is_entry(line: bytes) -> bool:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "op_code" in found


def _torn(file: Any) -> int | None:
    """Return where the last line begins if it is not whole; none if it is, or there is none."""
    size = end = file.seek(0, os.SEEK_END)
    tail = b""
    while end and tail.count(b"\n") < 2:
        begin = max(end - BLOCK, 0)
        file.seek(begin)
        tail, end = file.read(end - begin) + tail, begin
    if not tail:
        return None
    start = tail.rstrip(b"\n").rfind(b"\n") + 1
    last = tail[start:]
    return None if last.endswith(b"\n") and _is_entry(last) else int(size - len(last))


class _Held:
    """Optuna's own lock is a file that outlives a kill; :func:`held` does its work."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        """Nothing was taken."""


def storage(path: StrPath) -> optuna.storages.JournalStorage:
    """Open a journal; call it inside of :func:`held`."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    lock: Any = _Held()
    return JournalStorage(JournalFileBackend(os.fspath(place_of(path)), lock))
