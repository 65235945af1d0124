"""Reading profiles from files, which may be of another version or broken."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadArtefact, InvalidInput
from guide_ml.profiles.effects import LOADS, TRAITS
from guide_ml.profiles.profile import FORMAT, KIND, MOST, Profile
from guide_ml.profiles.shrink import Cells
from guide_ml.system.lazily import pandas as pd

__all__ = ["ProfileLike", "load", "profile_of"]

ProfileLike = Profile | str | os.PathLike[str]


def profile_of(given: ProfileLike | None) -> Profile | None:
    """Return the profile that a caller means: an object, or the file of one."""
    if given is None or isinstance(given, Profile):
        return given
    if isinstance(given, str | os.PathLike):
        return load(given)
    raise InvalidInput(f"profile must be a Profile or the file of one; got {given!r}")


def load(path: str | os.PathLike[str]) -> Profile:
    """Read a profile and check it.

    Raises
    ------
    BadArtefact
        If there is no such file, or it is no profile of this version.
    """
    where = Path(path)
    try:
        found = json.loads(where.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadArtefact(f"{where} must be a readable JSON file: {error}") from error
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise BadArtefact(f"{where} must be a profile, as `guide calibrate` writes it")
    if found.get("format") != FORMAT:
        raise BadArtefact(f"{where} must be a profile of format {FORMAT}; got"
                          f" {found.get('format')!r}: run guide calibrate again")  # fmt: skip
    try:
        return _profile(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadArtefact(
            f"{where} must be a profile, as `guide calibrate` writes it; it was changed or is"
            f" incomplete: {error}"
        ) from error


def _profile(found: Mapping[str, Any]) -> Profile:
    rows = [_cell(row) for row in found["measured"]]
    if not rows:
        raise ValueError("it lists no measured deployment")
    table = pd.DataFrame(rows)
    numbers = {k: table[k].to_numpy(float) for k in ("n", "ratio", "spread")}
    known = Cells(table[[*TRAITS, *LOADS]], table["target"].to_numpy(np.intp), numbers["n"],
                  np.log(numbers["ratio"]), np.log1p(numbers["spread"] / 100.0))  # fmt: skip
    return Profile(known, str(found["trained_set"]), dict(found["facts"]))


def _cell(row: Mapping[str, Any]) -> dict[str, Any]:
    """Check one measured deployment of a file."""
    out: dict[str, Any] = {"target": NAMES.index(row["target"])}
    for trait in ("hardware", "framework", "model", "weight_dtype", "mode"):
        out[trait] = row[trait]
        if not isinstance(row[trait], str):
            raise TypeError(f"{trait} must be text; got {row[trait]!r}")
    if row["mode"] not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}; got {row['mode']!r}")
    limits = {**dict.fromkeys(LOADS, (0, 1e9)), "tp": (1, 1e5), "pp": (1, 1e5), "dp": (1, 1e5),
              "ep": (1, 1e5), "spec": (0, 100), "kv_bits": (1, 64),
              "params_active_b": (1e-6, 1e6), "n": (1, 1e9), "spread_percent": (0, 1e6),
              "measured_over_predicted": (1 / MOST, MOST)}  # fmt: skip
    for name, (low, high) in limits.items():
        value = row[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{name} must be a number; got {value!r}")
        if not low <= value <= high:
            raise ValueError(f"{name} must be from {low:g} to {high:g}; got {value:g}")
        out[name] = float(value)
    out["ratio"], out["spread"] = out.pop("measured_over_predicted"), out.pop("spread_percent")
    return out
