"""Which format a file is of: by its name, or by its first bytes."""

from __future__ import annotations

from pathlib import Path

from guide_ml.errors import InvalidInput, UnknownName

__all__ = ["FORMATS", "STREAM", "of_bytes", "of_path"]

FORMATS = {
    "csv": (".csv", ".csv.gz", ".csv.zst"),
    "jsonl": (".jsonl", ".ndjson", ".jsonl.gz", ".jsonl.zst", ".ndjson.gz"),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".ipc", ".feather", ".arrows"),
    "grid": (".toml",),
}
"""Endings of each format; a folder holds Parquet files."""

STREAM = "-"
"""What stands for standard input and output."""

_PARQUET, _ARROW_FILE, _ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"


def of_path(path: str, given: str | None = None) -> str:
    """Tell the format of a path.

    Parameters
    ----------
    path : str
        Path; a folder is of format ``folder``.
    given : str, optional
        Format that the caller names, which goes first.

    Raises
    ------
    UnknownName, InvalidInput
        If the format named is none, or the ending of the path is none.

    Examples
    --------
    >>> of_path("candidates.csv.gz"), of_path("out/")
    ('csv', 'folder')
    """
    if given is not None:
        if given not in FORMATS:
            raise UnknownName("format", given, FORMATS)
        return given
    if path.endswith("/") or Path(path).is_dir():
        return "folder"
    low = path.lower()
    for name, endings in FORMATS.items():
        if low.endswith(endings):
            return name
    every = ", ".join(ending for endings in FORMATS.values() for ending in endings)
    raise InvalidInput(
        f"{path!r} must end in one of {every}, or be a folder (with / at its end); or name its"
        " format with --from or --to"
    )


def of_bytes(head: bytes) -> str:
    """Guess the format of a stream by how it begins.

    Examples
    --------
    >>> of_bytes(b'{"hardware": "h100"}'), of_bytes(b"hardware,model")
    ('jsonl', 'csv')
    """
    if head.startswith((_ARROW_FILE, _ARROW_STREAM)):
        return "arrow"
    if head.startswith(_PARQUET):
        raise InvalidInput("Parquet cannot be read from a stream, as its end comes first: give"
                           " the file's name, or send Arrow, CSV or JSON Lines")  # fmt: skip
    return "jsonl" if head.lstrip().startswith(b"{") else "csv"
