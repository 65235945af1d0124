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
#: How text begins that a Windows terminal wrote.
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_COLOURS = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")
#: What mail and Markdown, `docker compose`, and container runtimes put before lines.
_PREFIXES = (
    re.compile(r"^> ?"), re.compile(r"^[\w.-]+ +\| "),
    re.compile(r"^\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?(?: std(?:out|err) [FP])? "),
)  # fmt: skip
_OPENS = re.compile(r"^[ \t]*[{\[](?=\s*[\"{\[}\]])", re.M)
_DECODER = json.JSONDecoder()
#: Places that look like JSON, but are none, after which no more are tried.
MAX_TRIES = 200
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


@dataclass(frozen=True)
class Content:
    """A file's bytes and what they can be read as.

    Parameters
    ----------
    path : Path
        Where it lies; its name says nothing about its format.
    raw : bytes
        What it holds.
    whole : bytes
        The file of which this is a part; blank if it is the file.
    """

    path: Path
    raw: bytes
    whole: bytes = b""

    @property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file."""
        return self.raw[:4] == PARQUET

    @cached_property
    def digest(self) -> str:
        """Hash of the bytes, short: the file's name in ``source_ref``."""
        return hashlib.sha256(self.whole or self.raw).hexdigest()[:12]

    @cached_property
    def text(self) -> str:
        """The file as text without a terminal's colours, lines ended by newlines; blank if none."""
        if self.is_parquet:
            return ""
        encoding = "utf-16" if self.raw[:2] in _UTF16 else "utf-8-sig"
        if encoding != "utf-16" and b"\0" in self.raw[:4096]:
            return ""
        found = self.raw.decode(encoding, errors="replace")
        found = _COLOURS.sub("", found) if "\x1b" in found else found
        found = found.replace("\r\n", "\n").replace("\r", "\n") if "\r" in found else found
        return _bare(found)

    def unwrapped(self) -> Content | None:
        """Take the objects inside the file's own: people collect results of runs like that."""
        inside = [m for o in self.objects for v in o.values()
                  for m in (v if isinstance(v, list) else [v]) if isinstance(m, dict)]  # fmt: skip
        return Content(self.path, json.dumps(inside).encode(), self.raw) if inside else None

    @cached_property
    def objects(self) -> list[dict[str, Any]]:
        """The objects of the file: one, the members of a list, one a line (JSON), or YAML's."""
        found = self._json() or self._yaml() or self._inside()
        members = found if isinstance(found, list) else [found]
        return [m for m in members if isinstance(m, dict)]

    def _json(self) -> Any:
        if self.text.lstrip()[:1] not in ("{", "["):
            return []
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return self._inside()

    def _inside(self) -> list[Any]:
        """Find JSON that begins a line: several texts in a row, or lines of a log around one."""
        found: list[Any] = []
        if not _OPENS.search(self.text):
            return found
        place = tries = 0
        while tries < MAX_TRIES and (start := _OPENS.search(self.text, place)):
            try:
                value, place = _DECODER.raw_decode(self.text, start.end() - 1)
                found += value if isinstance(value, list) else [value]
            except (ValueError, RecursionError):
                tries, place = tries + 1, start.end()
        return found

    def _yaml(self) -> Any:
        if len(self.text) > MAX_YAML or not _YAML.match(self.text):
            return []
        try:
            return yaml.load(self.text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except (yaml.YAMLError, ValueError, RecursionError):
            return []

    @cached_property
    def records(self) -> list[list[str]]:
        """The file as CSV records; empty if its first line has no comma, tab or semicolon."""
        mark, found = self._cells
        return [] if mark == ";" and self.decimal_commas else found

    @cached_property
    def _cells(self) -> tuple[str, list[list[str]]]:
        heading = self.text.lstrip().split("\n", 1)[0]
        mark = max(",\t;", key=heading.count)
        if mark not in heading or self._json():
            return mark, []
        try:
            reader = csv.reader(io.StringIO(self.text.lstrip()), delimiter=mark)
            return mark, [r for r in reader if r]
        except csv.Error:
            return mark, []

    @property
    def decimal_commas(self) -> bool:
        """Whether it is a table whose numbers have decimal commas, as some spreadsheets write."""
        mark, found = self._cells
        return mark == ";" and any(_DECIMAL_COMMA.fullmatch(c) for r in found for c in r)

    @cached_property
    def table(self) -> list[dict[str, str]]:
        """The CSV records under their heading, less those with more cells than it has."""
        if not self.records:
            return []
        heading, *rest = self.records
        most = len(heading)
        return [dict(zip(heading, r, strict=False)) for r in rest if not any(r[most:])]


def _bare(text: str) -> str:
    """Leave off what a mail, a container's log or a fleet's puts before each line."""
    first = text[: text.find("\n")] if "\n" in text else text
    found = next((m for p in _PREFIXES if (m := p.match(first))), None)
    if found is None:
        return text
    # One name before every line is the same text; times differ.
    same = re.compile(re.escape(found[0]) if found[0].endswith("| ") else found.re.pattern)
    lines = text.splitlines()
    if not all(same.match(line) or not line.strip(" >|") for line in lines):
        return text
    return "".join(same.sub("", line, count=1) + "\n" for line in lines)


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
    >>> number("12,34") is None  # a decimal comma, or what else
    True
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str) and _GROUPED.fullmatch(value.strip()):
        value = value.replace(",", "")
    try:
        found = float(value)  # type: ignore[arg-type]
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
