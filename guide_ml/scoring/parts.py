"""What is done already, kept beside the output in finished parts until all is done."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from guide_ml.errors import InvalidInput
from guide_ml.scoring import sinks
from guide_ml.scoring.batch import Counts

__all__ = ["Parts"]

JOB = "job.json"


@dataclass(frozen=True)
class Parts:
    """Finished parts of an output that is not whole yet.

    A part counts once its note lies beside it; both are written aside and moved into place, so
    whatever a kill leaves behind is either whole or passed over.

    Parameters
    ----------
    out : Path
        Where the output goes.
    kind : str
        Format of the parts.
    folder : bool
        Whether the output is a folder of parts.
    """

    out: Path
    kind: str
    folder: bool

    @property
    def place(self) -> Path:
        """Folder that holds the parts until the output is whole."""
        return self.out.parent / f".{self.out.name}.parts"

    def start(self, identity: str, resume: bool) -> list[Counts]:
        """Begin anew, or go on with what is there.

        Parameters
        ----------
        identity : str
            Changes when another input or other columns are asked for.
        resume : bool
            Whether to go on.

        Returns
        -------
        list of Counts
            Of the parts that are done.

        Raises
        ------
        InvalidInput
            If what is there comes from another input or other options.
        """
        mark = hashlib.sha256(identity.encode()).hexdigest()
        job = self.place / JOB
        if not resume or not job.is_file():
            shutil.rmtree(self.place, ignore_errors=True)
            self.place.mkdir(parents=True)
            _write(job, json.dumps({"identity": mark}).encode())
            return []
        if json.loads(job.read_text("utf-8")).get("identity") != mark:
            raise InvalidInput(
                f"{self.place} holds parts of another input or of other options, so there is"
                " nothing to go on with; leave --resume out to begin anew"
            )
        return self._done()

    def _done(self) -> list[Counts]:
        found: list[Counts] = []
        while (note := self._note(len(found))).is_file():
            told: dict[str, Any] = json.loads(note.read_text("utf-8"))
            found.append(Counts(**told | {"reasons": Counter(told["reasons"])}))
        return found

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

    def finish(self, count: int) -> None:
        """Make the output of the parts and move it into place."""
        parts = [self.part(k) for k in range(count)]
        if self.folder:
            self._finish_folder()
            return
        if len(parts) == 1:
            os.replace(parts[0], self.out)
        else:
            whole = self.place / f"whole{sinks.SUFFIX[self.kind]}"
            sinks.join(self.kind, parts, whole)
            os.replace(whole, self.out)
        shutil.rmtree(self.place)

    def _finish_folder(self) -> None:
        """Let the folder of parts take the place of the output."""
        old = self.out.parent / f".{self.out.name}.old"
        shutil.rmtree(old, ignore_errors=True)
        if self.out.exists():
            os.replace(self.out, old)
        os.replace(self.place, self.out)
        for aside in self.out.iterdir():
            if not aside.name.startswith("part-") or aside.suffix in (".json", ".tmp"):
                aside.unlink()
        shutil.rmtree(old, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    aside = path.with_name(path.name + ".tmp")
    aside.write_bytes(content)
    os.replace(aside, path)
