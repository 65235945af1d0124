"""Where an output may go: never onto what is read, never into what is read."""

from __future__ import annotations

from pathlib import Path

from guide_ml.errors import InvalidInput
from guide_ml.scoring import formats
from guide_ml.scoring.sources import Source
from guide_ml.system.folders import inside
from guide_ml.system.writing import distinct

__all__ = ["checked_out", "kind_of_stream"]


def kind_of_stream(out: str) -> str:
    """Tell the format of standard output, a pipe or a device."""
    try:
        return formats.of_path(out)
    except InvalidInput:
        return "csv"


def checked_out(out: str, to: str | None, source: Source) -> tuple[Path, str]:
    """Return where the output goes and its format.

    Raises
    ------
    InvalidInput
        If nothing can be written there, or it is what is read.
    """
    if out == formats.STREAM:
        raise InvalidInput("a file or a folder is needed as output here; got standard output")
    kind, place = formats.of_path(out, to), Path(out)
    if kind == "grid":
        raise InvalidInput(f"{out} must be a table, not the description of a grid")
    if not place.parent.is_dir():
        raise InvalidInput(f"{out} must lie in a folder that exists; {place.parent} does not")
    if kind != "folder" and place.is_dir():
        raise InvalidInput(f"{out} is a folder; a file is needed here: name one")
    distinct([place], source.files)
    if any(inside(file, place) for file in source.files):
        raise InvalidInput(f"{out} holds what is read and must not be replaced: name another")
    if source.folder is not None and inside(place, source.folder):
        raise InvalidInput(f"{out} must not lie in the folder that is read: it would be read as"
                           " input the next time")  # fmt: skip
    return place, kind
