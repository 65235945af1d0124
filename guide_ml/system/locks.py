"""One writer of a target at a time: a lock beside it that the system frees with its holder.

The lock is the system's (``flock``; on Windows a locked byte), not the file's existence, so a
process that is killed lets go of it. The file says who holds it, for those who have to wait.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from guide_ml.errors import InvalidInput, without_passwords

__all__ = ["WAIT_S", "claimed", "hold", "release"]

WAIT_S = 600.0
"""How long a short write waits for another one."""

STEP_S = 0.05
#: Errors of file systems that have no locks: writing stays whole there, but not one at a time.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_mine = threading.local()

try:
    import fcntl

    def _take(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

except ImportError:  # Windows
    import msvcrt

    #: The byte that is locked lies behind the words, so that these can be read.
    _FAR = 1 << 20

    def _take(file: int) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]


def hold(path: Path) -> int | None:
    """Take the lock that a file stands for, if it is free.

    Parameters
    ----------
    path : Path
        The lock's file; made if it is not there. A link is not followed.

    Returns
    -------
    int or None
        What :func:`release` takes; ``None`` if another holder has it. -1 where the file system
        has no locks.

    Raises
    ------
    OSError
        If the file cannot be made.
    """
    while True:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        file = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _take(file)
            there = os.stat(path, follow_symlinks=False)
        except FileNotFoundError:  # its holder took it away just now
            os.close(file)
            continue
        except OSError as error:
            os.close(file)
            if error.errno in _TAKEN:
                return None
            if error.errno in _NO_LOCKS:
                return -1
            raise
        if os.path.samestat(there, os.fstat(file)):
            return file
        os.close(file)


def release(path: Path, file: int) -> None:
    """Let go of a lock, and take its file away."""
    if file < 0:
        return
    with suppress(OSError):  # on Windows an open file stays
        path.unlink()
    os.close(file)


@contextmanager
def claimed(
    target: str | os.PathLike[str], wait_s: float = 0.0, told: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Be the only writer of a target.

    Parameters
    ----------
    target : path
        File or folder that is to be written; need not be there. The thread that holds it may
        claim it again.
    wait_s : float
        How long to wait for another writer.
    told : callable, optional
        Told once whom it waits for.

    Raises
    ------
    InvalidInput
        If another writer has it; the message says who.
    OSError
        If nothing can be written beside the target.
    """
    full = Path(os.path.realpath(target))
    held: set[Path] = _mine.__dict__.setdefault("held", set())
    if full in held:
        yield
        return
    path = full.with_name(f".{full.name}.lock")
    file = _wait(path, Path(target), wait_s, told)
    held.add(full)
    try:
        _sign(file)
        yield
    finally:
        held.discard(full)
        release(path, file)


def _wait(path: Path, target: Path, wait_s: float, told: Callable[[str], None] | None) -> int:
    end = time.monotonic() + wait_s
    while (file := hold(path)) is None:
        if time.monotonic() >= end:
            raise InvalidInput(
                f"{target} is being written by {_holder(path)}: wait for it, end it, or choose"
                " another place"
            )
        if told is not None:
            told(f"waiting for {_holder(path)}")
            told = None
        time.sleep(STEP_S)
    return file


def _sign(file: int) -> None:
    """Say who holds a lock; a disk that is full keeps nobody from holding it."""
    if file < 0:
        return
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else ""
    since = time.strftime("%H:%M:%S UTC", time.gmtime())
    words = f"process {os.getpid()} on {socket.gethostname()} since {since}"
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, f"{words} ({without_passwords(command)[:80]})\n".encode(), 0)


def _holder(path: Path) -> str:
    with suppress(OSError):
        words = path.read_text("utf-8", "replace").strip()
        if words:
            return words
    return "another process"
