"""What is known of engines' command lines: ``engines.toml``, read once."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.launch.refusals import number

__all__ = ["ENGINES", "Engine", "Flag", "engine"]

ENGINES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp", "tgi")
"""Engines whose start is known."""


@dataclass(frozen=True)
class Flag:
    """A flag, or a value of one (``--quantization=mxfp8``), of ``flags.csv``.

    Parameters
    ----------
    value : str
        Kind of its value: int, share, text, json, blank for a switch, or the allowed values with
        bars between them.
    since, until : str
        First version that has it, and first that has it no more; blank where that is not known.
    source : str
        What was read.
    """

    value: str
    since: str
    until: str
    source: str

    def exists(self, version: str) -> bool:
        """Tell whether a version has it; one without a number counts as the newest."""
        asked = number(version)
        gone = bool(self.until) and (not asked or asked >= number(self.until))
        return not gone and not (self.since and asked and asked < number(self.since))


@dataclass(frozen=True)
class Engine:
    """One engine's command line.

    Parameters
    ----------
    slug, title, version, documented : str
        Its name, the version that the flags are of, and where they are documented.
    command, image_command : tuple of str
        What starts it, on a host and in its image.
    cache : str
        Where its image keeps what it downloads.
    port : int
        Where it listens by default.
    backends : tuple of str
        What it runs on.
    images : mapping of str to str
        Container image by backend.
    flags : mapping of str to Flag
        The flags in use.
    oldest : str
        Oldest version that a start is written for; blank if only `version` is known.
    share : float, optional
        Share of the memory that it takes by default.
    weights, kv, speculative : mapping of str to mapping
        What to set, need and refuse, by dtype or method.
    """

    slug: str
    title: str
    version: str
    documented: str
    command: tuple[str, ...]
    image_command: tuple[str, ...]
    cache: str
    port: int
    backends: tuple[str, ...]
    images: Mapping[str, str]
    flags: Mapping[str, Flag]
    weights: Mapping[str, Mapping[str, Any]]
    kv: Mapping[str, Mapping[str, Any]]
    speculative: Mapping[str, Mapping[str, Any]]
    oldest: str = ""
    share: float | None = None

    def named(self, asked: str) -> str:
        """Name the version that a start is written for: the one asked, if its flags are known."""
        if not self.oldest or not number(asked):
            return self.version
        known = number(self.oldest) <= number(asked) <= number(self.version)
        return asked if known else self.version

    def lacking(self, flag: str, value: str | None, version: str) -> str:
        """Say which flag, or value of one, a version does not have; blank if it has both."""
        if not self.flags[flag].exists(version):
            return flag
        pair = f"{flag}={value}"
        return pair if pair in self.flags and not self.flags[pair].exists(version) else ""

    @property
    def name(self) -> str:
        """Title and version."""
        return f"{self.title} {self.version}"

    def entry(self, kind: str, value: str, backend: str, table: str = "") -> Mapping[str, Any]:
        """Look up what a dtype or method needs.

        Parameters
        ----------
        kind, value : str
            Descriptor and its value, for the message.
        backend : str
            What it must work on.
        table : str
            Name of the table; `kind` if none is given.

        Raises
        ------
        InvalidInput
            If the engine cannot do it there.
        """
        known: Mapping[str, Mapping[str, Any]] = getattr(self, table or kind)
        able = [k for k, v in known.items() if backend in v.get("backends", self.backends)]
        if value not in able:
            choice = f"it can: {', '.join(able)}" if able else "it can do none"
            raise InvalidInput(f"{self.name} cannot do {kind} {value!r} on {backend}; {choice}")
        return known[value]


@cache
def _blocks() -> dict[str, dict[str, Any]]:
    text = files(__package__).joinpath("engines.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _flags(slug: str) -> dict[str, Flag]:
    text = files(__package__).joinpath("flags.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return {row["flag"]: Flag(row["value"], row["since"], row["until"], row["source"])
            for row in rows if row["framework"] == slug}  # fmt: skip


@cache
def engine(slug: str) -> Engine:
    """Return an engine's command line by the slug of the framework.

    Raises
    ------
    InvalidInput
        If its start is not known.

    Examples
    --------
    >>> engine("llama.cpp").command
    ('llama-server',)
    """
    if slug not in ENGINES:
        raise InvalidInput(
            f"a start is written for {', '.join(ENGINES)}; got framework {slug!r}: choose one of"
            " these engines"
        )
    block = _blocks()[slug]
    lists = {k: tuple(block[k]) for k in ("command", "image_command", "backends")}
    return Engine(slug=slug, flags=_flags(slug), **{**block, **lists})
