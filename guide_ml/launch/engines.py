"""What is known of engines' command lines: ``engines.toml``, read once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from guide_ml.errors import InvalidInput

__all__ = ["ENGINES", "Engine", "engine"]

ENGINES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp", "tgi")
"""Engines whose start is known."""


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
    flags : mapping of str to str or list
        Kind of value, or the allowed values, of each flag in use.
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
    flags: Mapping[str, str | list[str]]
    weights: Mapping[str, Mapping[str, Any]]
    kv: Mapping[str, Mapping[str, Any]]
    speculative: Mapping[str, Mapping[str, Any]]

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
    return Engine(slug=slug, **{**block, **lists})
