"""Public names of the package, some of which a version may lack."""

from __future__ import annotations

from typing import Any

import guide_ml

__all__ = ["public"]


def public(name: str) -> Any:
    """Return what has a public name; ``None`` where this version has none of it.

    Examples
    --------
    >>> public("predict").__name__, public("tomorrow")
    ('predict', None)
    """
    return getattr(guide_ml, name) if name in guide_ml.__all__ else None
