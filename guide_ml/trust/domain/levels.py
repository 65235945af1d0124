"""Words for distances: measured, interpolated, near, far, and which descriptor is to blame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.answers.prediction import Domain
from guide_ml.table.read import Floats
from guide_ml.trust.domain.cases import LOADS, Cases
from guide_ml.trust.domain.reference import Familiarity

__all__ = ["LEVELS", "domain", "levels"]

LEVELS = ("measured", "interpolated", "near", "far")
"""From the best known to the least; ``in_domain`` is one of them."""

#: Within this total distance (1: another engine) a deployment is near to a measured one.
NEAR_DISTANCE = 0.6
#: Load outside the measured range: a fifth is still inside, a factor of four far outside.
INSIDE, OUTSIDE = float(np.log(1.2)), float(np.log(4.0))
#: Years between the engine's release and the measured one's that still count as the same.
SAME_YEARS, NEAR_YEARS = 0.5, 1.5

WORDS = {
    "batch": "batch or concurrency", "input_len": "prompt length", "output_len": "output length",
    "depth": "context depth",
}  # fmt: skip


def outside(found: Familiarity) -> Floats:
    """Return by how much, as a logarithm, the load leaves the nearest case's range."""
    parts = [found.columns[f"{name}_outside"] for name in LOADS]
    return np.asarray(np.max(parts, axis=0))


def levels(found: Familiarity, measured: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Sort rows into :data:`LEVELS`, as codes.

    Parameters
    ----------
    found : Familiarity
        Of n rows.
    measured : array of shape (n,) of bool
        Rows whose deployment and load are in the data.
    """
    c = found.columns
    load, age = outside(found), np.abs(c["age"])
    parts = (c["device_seen"] > 0) & (c["model_seen"] > 0) & (c["engine_seen"] > 0)
    same = (c["deployment_seen"] > 0) & (c["distance"] < 0.25) & (age <= SAME_YEARS)
    near = (c["distance"] <= NEAR_DISTANCE) & (age <= NEAR_YEARS) & (load <= OUTSIDE)
    near |= parts & (c["distance"] <= 2 * NEAR_DISTANCE) & (load <= OUTSIDE) & (age <= NEAR_YEARS)
    out = np.where(near, 2, 3)
    out = np.where(same & (load <= INSIDE), 1, out)
    return np.where(measured, 0, out)


def domain(found: Familiarity, cases: Cases, level: int, row: int) -> Domain:
    """Tell of one row in words.

    Parameters
    ----------
    found : Familiarity
        Of n rows.
    cases : dict of str to array
        :attr:`guide_ml.trust.domain.Reference.cases`.
    level : int
        Code from :func:`levels`.
    row : int
        Which row.
    """
    place = int(found.nearest[row])
    case = {k: v[place] for k, v in cases.items()}
    number = {k: float(v[row]) for k, v in found.columns.items()}
    reasons = [] if level == 0 else _reasons(number, case)
    devices = f"{case['devices']:.0f} x " if case["devices"] > 1 else ""
    nearest = f"{case['model']} on {devices}{case['hardware']} with {case['framework']}"
    return Domain(
        level=LEVELS[level], distance=round(number["distance"], 3), reasons=tuple(reasons),
        nearest=nearest,
    )


def _reasons(number: dict[str, float], case: Mapping[str, Any]) -> list[str]:
    """List what differs from the nearest case, the weightiest first."""
    seen = {k.removesuffix("_seen"): v > 0 for k, v in number.items() if k.endswith("_seen")}
    found = [
        (number["device_distance"],
         f"{'another device than measured there' if seen['device'] else 'a device never measured'}"
         f", the nearest is {case['hardware']}"),
        (number["model_distance"],
         f"{'another model than measured there' if seen['model'] else 'a model never measured'}"
         f", the nearest is {case['model']}"),
        (number["engine_distance"],
         f"{'another engine' if seen['engine'] else 'an engine never measured'}, the nearest is"
         f" {case['framework']} on {case['backend']}"),
        (number["mode_distance"], "measured in another mode"),
        (number["precision_distance"], "measured in another precision"),
        (number["layout_distance"], f"measured on {case['devices']:.0f} devices, tp"
                                    f" {case['tp']:.0f}"),
        (0.3 * max(abs(number["age"]) - SAME_YEARS, 0.0),
         f"the measured engine is {abs(number['age']):.1f} years"
         f" {'older' if number['age'] > 0 else 'newer'}"),
    ]  # fmt: skip
    for name in LOADS:
        over = number[f"{name}_outside"]
        if over > INSIDE:
            found.append((0.3 * over, _load_reason(name, case)))
    weighty = sorted((f for f in found if f[0] > 1e-6), key=lambda f: -f[0])
    return [text for _, text in weighty]


def _load_reason(name: str, case: Mapping[str, Any]) -> str:
    low, high = np.exp(case[f"{name}_low"]), np.exp(case[f"{name}_high"])
    span = f"{low:,.0f}" if high < 1.01 * low else f"{low:,.0f} to {high:,.0f}"
    return f"{WORDS[name]} outside of what was measured ({span})"
