"""Loops that Numba compiles: when they are first called, kept on disk where a folder allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["compiled", "inner"]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile, to run without the interpreter's lock; kept on disk where a folder allows it."""
    try:
        kept: Callable[..., Any] = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither NUMBA_CACHE_DIR, the package nor the user has one
        kept = numba.njit(nogil=True)(function)
    return kept


def inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile what only other compiled loops call: nothing is made for Python to call it by."""
    options: Any = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
                    "error_model": "numpy"}  # fmt: skip
    try:
        kept: Callable[..., Any] = numba.njit(cache=True, **options)(function)
    except RuntimeError:
        kept = numba.njit(**options)(function)
    return kept
