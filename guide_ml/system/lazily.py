"""pandas, imported when something of it is first used.

Its import takes as long as all else that a first prediction does, and one deployment needs none of
it. Modules that a prediction imports take it from here, by the name that everybody knows.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

__all__ = ["pandas"]


class _Later:
    """Stands for a module until something of it is asked for.

    Parameters
    ----------
    name : str
        The module.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = getattr(import_module(self._name), name)
        setattr(self, name, found)  # asked once
        return found


if not TYPE_CHECKING:
    pandas = _Later("pandas")
