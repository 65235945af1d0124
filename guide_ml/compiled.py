"""Loops that Numba compiles: when they are first called, kept on disk where a folder allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["compiled"]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile, to run without the interpreter's lock; kept on disk where a folder allows it."""
    try:
        kept: Callable[..., Any] = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither NUMBA_CACHE_DIR, the package nor the user has one
        kept = numba.njit(nogil=True)(function)
    return kept
