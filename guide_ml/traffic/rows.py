"""Requests of a file, checked line by line before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.checks import MAX_TOKENS
from guide_ml.errors import BadData
from guide_ml.traffic.sharing import Shared

__all__ = ["Rows", "checked", "in_order"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Requests as a file tells them.

    Parameters
    ----------
    arrival_s : array of float
        Ascending.
    input_tokens, output_tokens : array of int
        From 1 on.
    shared : Shared, optional
        What prompts share, where the file says so.
    left_out : mapping of str to int
        Requests that were left out, by reason.
    note : str
        What else must be said of them.
    """

    arrival_s: Floats
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    shared: Shared | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


def checked(
    path: Path, lines: NDArray[np.int64], arrival_s: Floats, inside: Floats, outside: Floats,
    least_output: int = 1,
) -> None:  # fmt: skip
    """Refuse times that are missing or go backwards, and lengths that are missing or absurd.

    Parameters
    ----------
    path : Path
        For the message.
    lines : array of int of shape (n,)
        Line of the file that each request stands in.
    arrival_s, inside, outside : array of float of shape (n,)
        NaN where a number is missing or is none.
    least_output : int
        Fewest tokens of an answer: 0 where formats write failed requests so.

    Raises
    ------
    BadData
        With the number of the first line that breaks a rule.
    """
    back = np.zeros(len(arrival_s), dtype=bool)
    with np.errstate(invalid="ignore"):
        back[1:] = np.diff(arrival_s) < 0
        rules = (
            ("time of arrival", ~np.isfinite(arrival_s), arrival_s),
            ("time of arrival", back, arrival_s),
            ("length of the prompt", ~_tokens(inside, 1), inside),
            ("length of the answer", ~_tokens(outside, least_output), outside),
        )
    broken = [(int(np.argmax(bad)), name, bad is back, values)
              for name, bad, values in rules if bad.any()]  # fmt: skip
    if broken:
        i, name, backwards, values = min(broken, key=lambda b: b[0])
        raise BadData(f"{path}: line {lines[i]}: {_told(name, values, i, backwards)}")


def _told(name: str, values: Floats, i: int, backwards: bool) -> str:
    if backwards:
        return (f"the {name} must not go backwards; it is {values[i - 1] - values[i]:.6g} before"
                " that of the line above: sort the file by time")  # fmt: skip
    if np.isnan(values[i]):
        return f"the {name} is missing or no number"
    if "time" in name:
        return f"the {name} must be a finite number; got {values[i]}"
    return (f"the {name} must be a whole number of tokens from 1 to {MAX_TOKENS:,};"
            f" got {values[i]:g}")  # fmt: skip


def _tokens(values: Floats, least: int) -> NDArray[np.bool_]:
    return np.asarray((values >= least) & (values <= MAX_TOKENS) & (values == np.floor(values)))


def in_order(
    path: Path, lines: NDArray[np.int64], arrival_s: Floats, inside: Floats, outside: Floats,
    reason: str,
) -> Rows:  # fmt: skip
    """Make rows of a client's log: in order of their start, without those that failed."""
    done = ~(outside <= 0)  # a missing length is no failure, and is refused below
    failed = int((~done).sum())
    order = np.flatnonzero(done)[np.argsort(arrival_s[done], kind="stable")]
    arrival_s, inside, outside = arrival_s[order], inside[order], outside[order]
    checked(path, lines[order], arrival_s, inside, outside)
    return Rows(arrival_s, inside.astype(np.int64), outside.astype(np.int64),
                left_out={reason: failed} if failed else {})  # fmt: skip
