"""What is done already, kept beside the output in finished parts until all is done."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from guide_ml.errors import InvalidInput
from guide_ml.scoring import sinks
from guide_ml.scoring.batch import Counts
from guide_ml.system import folders
from guide_ml.system.locks import claimed
from guide_ml.system.writing import keep, told

__all__ = ["Parts"]

JOB = "job.json"


@dataclass
class Parts:
    """Finished parts of an output that is not whole yet.

    A part counts once its note lies beside it; both are written aside and moved into place, so
    whatever a kill leaves behind is either whole or passed over. The job's file is written first
    and goes last: it says what the job is, and from a moment on that the output is whole and only
    has to be moved.

    Parameters
    ----------
    out : Path
        Where the output goes; a link is followed.
    kind : str
        Format of the parts.
    folder : bool
        Whether the output is a folder of parts.
    overwrite : bool
        Whether a folder that is there is replaced whatever it holds.
    """

    out: Path
    kind: str
    folder: bool
    overwrite: bool = False
    job: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.named, self.out = self.out, Path(os.path.realpath(self.out))

    @property
    def place(self) -> Path:
        """Folder that holds the parts until the output is whole."""
        return self.out.parent / f".{self.out.name}.parts"

    @property
    def _whole(self) -> Path:
        usual = "whole" if self.folder else f"whole{sinks.SUFFIX[self.kind]}"
        return self.place / str(self.job.get("whole", usual))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only writer of the output; what the disk says ends in one sentence.

        Raises
        ------
        InvalidInput
            If another process writes it, it holds what this program did not write, or nothing
            can be written there.
        """
        with told(self.named):
            self._check()
            with claimed(self.out):
                try:
                    yield
                except BaseException:
                    self._tidy()
                    raise

    def _tidy(self) -> None:
        """Take away what is half written, and all of it where no part is finished."""
        if not self.job or self.moving:
            return
        with suppress(OSError):
            for path in self.place.glob("*.tmp"):
                path.unlink()
            if not self.folder:
                self._whole.unlink(missing_ok=True)
            if not any(self.place.glob("part-*.json")):
                self._remove()

    def _check(self) -> None:
        if self.folder:
            folders.check(self.out, overwrite=self.overwrite)

    def start(self, identity: Mapping[str, str], resume: bool) -> list[Counts]:
        """Begin anew, or go on with what is there.

        Parameters
        ----------
        identity : mapping of str to str
            What the answers hang on, a hash each: the input, the options, the trained set, ...
        resume : bool
            Whether to go on.

        Returns
        -------
        list of Counts
            Of the parts that are done; where the output is whole already, of all together.

        Raises
        ------
        InvalidInput
            If what is there comes from another input, other options or another trained set.
        """
        folders.recover(self.out, self.place / "old")
        self.job = self._before() if resume else {}
        if self.job and not self._moved():
            self._require(identity)
        if self.moving and not self._moved() and not self._whole.exists():
            self.job = {}  # somebody took the output away
        if self.job.get("identity") == dict(identity):
            return self._counts()
        self._clear()
        self.place.mkdir(mode=0o700)
        self.job = {"identity": dict(identity), "id": secrets.token_hex(16), "state": "scoring"}
        self._write_job()
        return []

    def _before(self) -> dict[str, Any]:
        """Read what a job left; nothing if it left nothing that can be gone on with."""
        try:
            found = json.loads((self.place / JOB).read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return {}
        known = isinstance(found, dict) and isinstance(found.get("identity"), dict)
        return found if known and {"id", "state"} <= set(found) else {}

    def _require(self, identity: Mapping[str, str]) -> None:
        other = [k for k, v in identity.items() if self.job["identity"].get(k) != v]
        if other:
            raise InvalidInput(
                f"{self.place} holds parts of another job ({', '.join(other)}: not the same), so"
                " there is nothing to go on with; leave --resume out to begin anew"
            )

    def _clear(self) -> None:
        """Take away what a job left; nobody else's folder."""
        if not self.place.exists():
            return
        if not (self.place / JOB).is_file() and any(self.place.iterdir()):
            raise InvalidInput(f"{self.place} is in the way, and guide-ml did not write it: move it"
                               " away")  # fmt: skip
        self._remove()

    def _remove(self) -> None:
        """Remove the place of the parts, the job's file last."""
        for path in self.place.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != JOB:
                path.unlink()
        (self.place / JOB).unlink(missing_ok=True)
        self.place.rmdir()

    def _counts(self) -> list[Counts]:
        if self.moving:
            return [_counts(self.job["counts"])]
        if self.folder and self._whole.is_dir():  # killed while they were put there
            for part in self._whole.glob("part-*"):
                os.replace(part, self.part(0).with_name(part.name))
        found: list[Counts] = []
        while (note := self._note(len(found))).is_file() and self.part(len(found)).is_file():
            found.append(_counts(json.loads(note.read_text("utf-8"))))
        return found

    @property
    def moving(self) -> bool:
        """Whether the output is whole and only has to be moved into place."""
        return bool(self.job.get("state") == "moving")

    def part(self, number: int) -> Path:
        """Return where a part lies."""
        return self.place / f"part-{number:06d}{sinks.SUFFIX[self.kind]}"

    def _note(self, number: int) -> Path:
        return self.place / f"part-{number:06d}.json"

    def write(self, number: int, tables: list[pa.Table], counts: Counts) -> None:
        """Write a part, then the note that makes it count."""
        path = self.part(number)
        aside = path.with_name(path.name + ".tmp")
        with aside.open("wb") as file:
            sink = sinks.open_sink(self.kind, file)
            for table in tables:
                sink.write(table)
            sink.close()
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        self.note(number, counts)

    def note(self, number: int, counts: Counts) -> None:
        """Make a part count that lies in its place."""
        _write(self._note(number), json.dumps(vars(counts)).encode())

    def finish(self, count: int, counts: Counts) -> None:
        """Make the output of the parts and move it into place.

        Parameters
        ----------
        count : int
            Parts.
        counts : Counts
            Of all rows; they are known then even if a kill comes between.
        """
        if not self.moving:
            self._make([self.part(k) for k in range(count)])
            self.job |= {"state": "moving", "counts": vars(counts)}
            if not self.folder:
                self.job["file"] = _stamp(self._whole)
            self._write_job()
        self._move()

    def _make(self, parts: list[Path]) -> None:
        """Make one file of the parts, or none of one."""
        if self.folder:
            self._fill(parts)
        elif len(parts) == 1:
            self.job["whole"] = parts[0].name
        else:
            sinks.join(self.kind, parts, self._whole)
            keep(self._whole)

    def _fill(self, parts: list[Path]) -> None:
        """Put the parts into the folder that is to be the output."""
        shutil.rmtree(self._whole, ignore_errors=True)
        self._whole.mkdir()
        for part in parts:
            os.replace(part, self._whole / part.name)
        folders.mark(self._whole, job=self.job["id"])

    def _move(self) -> None:
        if not self._moved():
            self._check()
            if self.folder:
                folders.put(self._whole, self.out, self.place / "old")
            else:
                os.replace(self._whole, self.out)
        self._remove()

    def _moved(self) -> bool:
        """Tell whether the output of the job lies in its place: all but cleaning up is done."""
        if not self.moving:
            return False
        if self.folder:
            return bool((folders.listed(self.out) or {}).get("job") == self.job["id"])
        there = self.out.is_file() and not self._whole.exists()
        return there and _stamp(self.out) == self.job["file"]

    def _write_job(self) -> None:
        _write(self.place / JOB, json.dumps(self.job).encode())


def _counts(told: Mapping[str, Any]) -> Counts:
    return Counts(**{**told, "reasons": Counter(told["reasons"])})


def _stamp(path: Path) -> list[int]:
    """Return what a move does not change of a file."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ino]


def _write(path: Path, content: bytes) -> None:
    aside = path.with_name(path.name + ".tmp")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
