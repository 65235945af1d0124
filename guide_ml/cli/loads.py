"""Loads as people know them, turned into those that a search takes."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from guide_ml.errors import InvalidInput

__all__ = ["NAMES", "settle"]

NAMES = ("people", "busy_share", "offline_requests", "offline_input_tokens")
"""Options that :func:`settle` takes out."""


def settle(given: MutableMapping[str, Any]) -> None:
    """Replace people by requests in flight, and requests or prompts of a job by its tokens.

    Parameters
    ----------
    given : mapping
        Options by name, changed in place: :data:`NAMES` are taken out, ``users`` and
        ``offline_tokens`` are set where they follow.

    Raises
    ------
    InvalidInput
        If a number is beyond its range, lacks its companion or contradicts another one.

    Examples
    --------
    >>> asked = {"people": 200, "busy_share": 0.05, "users": None}
    >>> settle(asked)
    >>> asked
    {'users': 10.0}
    """
    people, busy, requests, prompts = (given.pop(name, None) for name in NAMES)
    for name, value in zip(NAMES, (people, busy, requests, prompts), strict=True):
        if value is not None and not value > 0:
            raise InvalidInput(f"--{name.replace('_', '-')} must be above 0; got {value:g}")
    if busy is not None and busy > 1:
        raise InvalidInput(f"--busy-share must be a share from 0 to 1; got {busy:g}")
    if (people is None) != (busy is None):
        raise InvalidInput("--people and --busy-share belong together: so many people, each of whom"
                           " waits for an answer for this share of the time")  # fmt: skip
    if people is not None:
        _set(given, "users", max(people * busy, 1.0), "--people")
    if requests is not None:
        _set(given, "offline_tokens", requests * given["output_len"], "--offline-requests")
    if prompts is not None:
        tokens = prompts / given["input_len"] * given["output_len"]
        _set(given, "offline_tokens", tokens, "--offline-input-tokens")


def _set(given: MutableMapping[str, Any], name: str, value: float, by: str) -> None:
    if given.get(name) is not None:
        raise InvalidInput(f"give {by} or --{name.replace('_', '-')}, not both")
    given[name] = value
