"""Answers as JSON: every float to its last bit, what is no number as null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from starlette.responses import Response

__all__ = ["answer", "plain", "text"]


def plain(value: Any) -> Any:
    """Turn a value into what JSON has.

    Examples
    --------
    >>> plain({"a": (np.float64(0.1), float("nan"), np.int64(3))})
    {'a': [0.1, None, 3]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [plain(v) for v in value]
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def text(value: Any) -> str:
    """Write a value as JSON."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)


def answer(value: Any) -> Response:
    """Answer with JSON."""
    return Response(text(value), media_type="application/json")
