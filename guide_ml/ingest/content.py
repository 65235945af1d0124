"""What a file holds, read once and looked at by every importer: JSON, lines of it, CSV, text."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from guide_ml.errors import BadData

__all__ = ["Content", "load", "number", "pick"]

#: Files larger than this hold raw traces, not results.
MAX_BYTES = 2_000_000_000
PARQUET = b"PAR1"
#: Where results come from that are piped in.
STANDARD_INPUT = Path("-")
#: YAML larger than this is no report, and slow to read.
MAX_YAML = 20_000_000
_YAML = re.compile(
    r"\s*(?:#[^\n]*\n\s*)*(?:---\s*\n\s*)?(?:#[^\n]*\n\s*)*[A-Za-z_][\w.-]*:(?:[ \t]|\r?\n)"
)


@dataclass(frozen=True)
class Content:
    """A file's bytes and what they can be read as.

    Parameters
    ----------
    path : Path
        Where it lies; its name says nothing about its format.
    raw : bytes
        What it holds.
    """

    path: Path
    raw: bytes

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file."""
        return self.raw[:4] == PARQUET

    @cached_property
    def digest(self) -> str:
        """Hash of the bytes, short: the file's name in ``source_ref``."""
        return hashlib.sha256(self.raw).hexdigest()[:12]

    @cached_property
    def text(self) -> str:
        """The file as text; blank if it is none."""
        if self.is_parquet or b"\0" in self.raw[:4096]:
            return ""
        return self.raw.decode("utf-8-sig", errors="replace")

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of the file: one, the members of a list, one a line (JSON), or YAML's."""
        found = self._json() or self._yaml()
        members = found if isinstance(found, list) else [found]
        return [m for m in members if isinstance(m, dict)]

    def _json(self) -> Any:
        if self.text.lstrip()[:1] not in ("{", "["):
            return []
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return [_line(line) for line in self.text.splitlines() if line.strip()]

    def _yaml(self) -> Any:
        if len(self.text) > MAX_YAML or not _YAML.match(self.text):
            return []
        try:
            return yaml.load(self.text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, ValueError, RecursionError):
            return []

    @cached_property
    def records(self) -> list[list[str]]:
        """The file as CSV records; empty if its first line has no comma."""
        if "," not in self.text.lstrip().split("\n", 1)[0] or self._json():
            return []
        try:
            return [r for r in csv.reader(io.StringIO(self.text)) if r]
        except csv.Error:
            return []

    @cached_property
    def table(self) -> list[dict[str, str]]:
        """The CSV records under their heading."""
        if not self.records:
            return []
        heading, *rest = self.records
        return [dict(zip(heading, row, strict=False)) for row in rest]


def _line(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def load(path: Path) -> Content:
    """Read a file; ``-`` is standard input.

    Raises
    ------
    BadData
        If there is none, it is empty, or too large to be a file of results.
    """
    if path == STANDARD_INPUT:
        return _piped(sys.stdin.buffer.read(MAX_BYTES + 1))
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadData(f"{path} has {size / 1e9:.1f} GB; a file of results has at most 2")
        raw = path.read_bytes()
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror or error}") from None
    if not raw.strip():
        raise BadData(f"{path} is empty")
    return Content(path, raw)


def _piped(raw: bytes) -> Content:
    if not raw.strip():
        raise BadData("standard input is empty: pipe in what a benchmark tool printed")
    if len(raw) > MAX_BYTES:
        raise BadData("standard input has more than 2 GB; results have less")
    return Content(Path("standard-input"), raw)


def number(value: object) -> float | None:
    """Return a finite number, or ``None`` for what is none; text may have thousands' commas.

    Examples
    --------
    >>> number("1,234.5"), number("N/A"), number(float("inf")), number(True)
    (1234.5, None, None, None)
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value.replace(",", "") if isinstance(value, str) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return found if abs(found) < float("inf") else None


def pick(found: Mapping[str, Any], *keys: str) -> Any:
    """Follow keys into nested objects; ``None`` where one is missing.

    Examples
    --------
    >>> pick({"a": {"b": 1}}, "a", "b"), pick({"a": None}, "a", "b")
    (1, None)
    """
    value: Any = found
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
