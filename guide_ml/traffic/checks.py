"""What the arrays and numbers of a traffic must be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guide_ml.errors import InvalidInput
from guide_ml.traffic.lengths import whole_tokens

__all__ = ["ARRAYS", "MOST", "ascending", "count", "how_many", "ids", "optional_tokens",
           "positive", "same_length", "seed"]  # fmt: skip

ARRAYS = ("arrival_s", "input_tokens", "output_tokens", "conversation", "shared_prefix",
          "shared_tokens")  # fmt: skip
#: Requests of one traffic at most: what its arrays take stays below 5 GB.
MOST = 100_000_000


def ascending(values: ArrayLike) -> NDArray[np.float64]:
    """Return times of arrival; refuse none at all, gaps in them, and times that go backwards."""
    found = np.atleast_1d(np.asarray(values))
    if found.ndim != 1 or found.dtype.kind not in "iuf" or not len(found):
        raise InvalidInput("arrival_s must be one number a request, of one request at least; got"
                           f" an array of shape {found.shape} and type {found.dtype}")  # fmt: skip
    found = found.astype(np.float64)
    if (bad := ~(np.isfinite(found) & (found >= 0))).any():
        at = int(np.argmax(bad))
        raise InvalidInput(f"arrival_s must be seconds from 0 on; request {at} has {found[at]}")
    if (back := np.diff(found) < 0).any():
        at = int(np.argmax(back)) + 1
        raise InvalidInput(f"arrival_s must ascend; request {at} has {found[at]:g} s after"
                           f" {found[at - 1]:g} s")  # fmt: skip
    return found


def ids(name: str, values: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return numbers of groups; -1 for all where none are given."""
    found = np.atleast_1d(np.asarray(values))
    if not found.size:
        return np.full(n, -1, dtype=np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iu" or (found < -1).any():
        raise InvalidInput(f"{name} must be whole numbers from 0 on, or -1 for none, one a request")
    return found.astype(np.int64)


def optional_tokens(name: str, values: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return counts of tokens from 0 on; 0 for all where none are given."""
    found = np.atleast_1d(np.asarray(values))
    return np.zeros(n, dtype=np.int64) if not found.size else whole_tokens(name, found, least=0)


def same_length(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Refuse arrays of different length."""
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{n:,} of {name}" for name, n in lengths.items())
        raise InvalidInput(f"traffic: all arrays must have one value a request; got {told}")
    if lengths["arrival_s"] > MOST:
        raise InvalidInput(f"traffic: at most {MOST:,} requests; got {lengths['arrival_s']:,}")


def positive(name: str, value: float, low: float, high: float) -> float:
    """Return a number in a range."""
    number = isinstance(value, int | float | np.integer | np.floating)
    if not number or isinstance(value, bool) or not low <= value <= high:
        raise InvalidInput(f"traffic: {name} must be a number from {low:g} to {high:g};"
                           f" got {value!r}")  # fmt: skip
    return float(value)


def count(name: str, value: int) -> int:
    """Return a whole number from 1 on."""
    found = positive(name, value, 1, MOST)
    if found != math.floor(found):
        raise InvalidInput(f"traffic: {name} must be a whole number; got {value!r}")
    return int(found)


def seed(value: int) -> int:
    """Return a seed."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise InvalidInput(f"traffic: seed must be a whole number from 0 on; got {value!r}")
    return int(value)


def how_many(
    rate_rps: float, num_requests: int | None, duration_s: float | None
) -> tuple[int, float | None]:
    """Return the number of requests asked for, or about how many come in a duration, and that."""
    if (num_requests is None) == (duration_s is None):
        raise InvalidInput("traffic: give num_requests or duration_s, one of the two")
    if num_requests is not None:
        return count("num_requests", num_requests), None
    duration = positive("duration_s", float(duration_s or 0.0), 1e-6, 1e9)
    if duration * rate_rps > MOST:
        raise InvalidInput(f"traffic: {duration:g} s at {rate_rps:g}/s are more than {MOST:,}"
                           " requests; ask for a shorter time")  # fmt: skip
    return math.ceil(duration * rate_rps), duration
