"""Paths that modules had before: what was documented or registered under them still imports.

A registered model is code that imports ``guide_ml.predictor`` and ``guide_ml.intervals``; it must
load with a newer guide-ml too. ``guide_ml.calibrate`` is now the function itself, which carries
what the module of that name offered.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["MOVED", "install"]

MOVED = {
    "guide_ml.calibrate": "guide_ml.calibration.fit:calibrate",
    "guide_ml.descriptors": "guide_ml.describe.descriptors",
    "guide_ml.intervals": "guide_ml.trust.intervals",
    "guide_ml.plausible": "guide_ml.measurements.plausible",
    "guide_ml.prediction": "guide_ml.answers.prediction",
    "guide_ml.predictor": "guide_ml.estimators.predictor",
    "guide_ml.targets": "guide_ml.describe.targets",
}
"""Where a path leads now: a module, or after a colon something in it."""


class _Finder(MetaPathFinder, Loader):
    """Finds what :data:`MOVED` names, after every other finder."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Put what the path leads to in the module's place."""
        home, _, inner = MOVED[module.__name__].partition(":")
        found = import_module(home)
        there = getattr(found, inner) if inner else found
        if inner:
            vars(there).update({name: getattr(found, name) for name in found.__all__})
        sys.modules[module.__name__] = there


def install() -> None:
    """Let the old paths be found, once a process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
