"""Files written whole or not at all; what the disk says ends in one sentence."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from guide_ml.errors import InvalidInput
from guide_ml.system.locks import WAIT_S, claimed

__all__ = ["OF_DISKS", "distinct", "refusal", "told", "write_text", "written"]

StrPath = str | os.PathLike[str]

#: What is wrong with a disk or a path, and what helps.
DISK = {
    errno.ENOSPC: "make room, or choose another disk",
    errno.EDQUOT: "make room, or choose another disk",
    errno.EFBIG: "the limit on the size of files must be higher",
    errno.EROFS: "choose a place that can be written to",
    errno.EACCES: "choose a place that can be written to",
    errno.EPERM: "choose a place that can be written to",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "its folder must exist",
    errno.ENOENT: "its folder must exist",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "choose another name",
    errno.EIO: "the disk is broken or gone: choose another",
    errno.EXDEV: "choose another place",
    errno.ENXIO: "choose another place",
}


#: Errors of a disk, which no file name explains: they end in a sentence wherever they come from.
OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES,
            errno.EPERM}  # fmt: skip


def refusal(path: StrPath, error: OSError) -> InvalidInput:
    """Say in a sentence why something cannot be written."""
    why = os.strerror(error.errno) if error.errno else " ".join(str(error).split())[:200]
    helps = DISK.get(error.errno or 0, "choose another place")
    return InvalidInput(f"{os.fspath(path)} cannot be written: {why}; {helps}")


@contextmanager
def told(path: StrPath) -> Iterator[None]:
    """Turn what a disk says while `path` is written into one sentence.

    Raises
    ------
    InvalidInput
        In the place of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise refusal(path, error) from error


def place_of(path: StrPath) -> Path:
    """Return the file that is to be replaced: where a link leads to.

    Raises
    ------
    InvalidInput
        If it is a folder.
    """
    if os.path.isdir(path):
        raise InvalidInput(f"{os.fspath(path)} is a folder; a file is needed here: name one")
    return Path(os.path.realpath(path))


def is_stream(path: StrPath) -> bool:
    """Tell whether a path is a device or a pipe, which is written to, never replaced."""
    try:
        kind = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))


@contextmanager
def written(path: StrPath, wait_s: float = WAIT_S) -> Iterator[Path]:
    """Give a file beside `path` to write; it takes its place if the block ends well.

    Whatever ends the block otherwise, `path` is what it was and nothing lies beside it. A kill
    may leave the file beside; the next writer takes it away. A device or a pipe is written to
    itself.

    Parameters
    ----------
    path : path
        File to write; one that is there is replaced.
    wait_s : float
        How long to wait for another writer of it.

    Yields
    ------
    Path
        Empty file to write to.

    Raises
    ------
    InvalidInput
        If the disk is full or read-only, there is no such folder, or the path is a folder.
    """
    with told(path):
        if is_stream(path):
            yield Path(path)
            return
        place = place_of(path)
        beside = place.with_name(f".{place.name}.part")
        with claimed(place, wait_s):
            beside.unlink(missing_ok=True)
            os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            try:
                yield beside
                keep(beside)
                os.replace(beside, place)
            finally:
                with suppress(OSError):
                    beside.unlink(missing_ok=True)


def keep(path: Path) -> None:
    """Wait until a file is on the disk: some say only then that they are full."""
    file = os.open(path, os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def write_text(path: StrPath, text: str) -> None:
    """Write a text file whole or not at all."""
    with written(path) as beside:
        beside.write_text(text, encoding="utf-8")


def distinct(outputs: Iterable[StrPath | None], inputs: Iterable[StrPath | None] = ()) -> None:
    """Refuse to write over what is read, or twice to one file.

    Raises
    ------
    InvalidInput
        If two of the outputs, or an output and an input, are one file.
    """
    read = [p for p in inputs if p is not None and os.fspath(p) != "-"]
    before: list[StrPath] = []
    for out in outputs:
        if out is None or os.fspath(out) == "-" or is_stream(out):
            continue
        if any(_same(out, one) for one in read):
            raise InvalidInput(
                f"{os.fspath(out)} is read and must not be written over: name another file to"
                " write to"
            )
        if any(_same(out, one) for one in before):
            raise InvalidInput(f"{os.fspath(out)} is to be written twice: name two files")
        before.append(out)


def _same(one: StrPath, other: StrPath) -> bool:
    with suppress(OSError):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)
