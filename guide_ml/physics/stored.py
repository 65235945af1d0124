"""Coefficients of the physics as their file holds them, checked before they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guide_ml.errors import BadArtefact
from guide_ml.physics.design import Coefficients
from guide_ml.physics.drivers import GROUPS
from guide_ml.physics.knobs import KNOBS

__all__ = ["coefficients"]

#: What a constant or correction may be, and a slope: logarithms whose priors have a standard
#: deviation of 1 and 0.3. The largest that were ever fitted are 1.7 and 0.8.
MOST, STEEPEST = 12.0, 4.0

_GROUPED = {knob.name: {group for group, _ in knob.groups} for knob in KNOBS}
_SLOPES = {knob.name: {*knob.slopes} for knob in KNOBS}


def coefficients(found: Mapping[str, Any], where: str) -> Coefficients:
    """Read coefficients.

    Parameters
    ----------
    found : dict
        What the file holds.
    where : str
        The file, to speak of.

    Raises
    ------
    BadArtefact
        If a part is missing, of another kind, or a number is none that a fit finds.
    """
    known = _SLOPES.keys()
    constants = _numbers(_part(found, "constants", where), known, MOST, f"{where}: constants")
    slopes = {
        knob: _numbers(given, _SLOPES[knob], STEEPEST, f"{where}: slopes of {knob}")
        for knob, given in _known(_part(found, "slopes", where), known, where).items()
    }
    corrections: dict[str, dict[str, dict[str, float]]] = {}
    for knob, groups in _known(_part(found, "corrections", where), known, where).items():
        told = f"{where}: corrections of {knob}"
        named = _known(groups, _grouped(knob), told)
        corrections[knob] = {
            group: _numbers(levels, None, MOST, f"{told} by {group}")
            for group, levels in named.items()
        }
    return Coefficients(constants, slopes, corrections)


def _grouped(knob: str) -> set[str]:
    return _GROUPED[knob] & GROUPS.keys()


def _part(found: Mapping[str, Any], name: str, where: str) -> Any:
    if name not in found:
        raise BadArtefact(f"{where} lacks {name!r}")
    return found[name]


def _known(given: Any, known: Any, where: str) -> dict[str, Any]:
    """Check that an object has known names only."""
    if not isinstance(given, dict):
        raise BadArtefact(f"{where} must hold numbers by name; got {type(given).__name__}")
    if known is not None and (strange := sorted(given.keys() - known)):
        raise BadArtefact(f"{where} names {strange[0]!r:.80}, which this version does not know")
    return given


def _numbers(given: Any, known: Any, most: float, where: str) -> dict[str, float]:
    out = {}
    for name, value in _known(given, known, where).items():
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        if not plain or not -most <= value <= most:
            raise BadArtefact(f"{where} must be numbers from -{most:g} to {most:g}; {name!r:.80}"
                              f" is {value!r:.60}")  # fmt: skip
        out[name] = float(value)
    return out
