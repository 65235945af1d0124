"""What requests may name: things of the catalogue, things by value, things of the operator.

A name never opens a file, an address or a tracking store of the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from guide_ml import catalogue
from guide_ml.describe.descriptors import Hardware, Model
from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.estimators.predictor import Predictor
from guide_ml.hf_config import model_from_config
from guide_ml.profiles import Profile, profile_of
from guide_ml.table import given
from guide_ml.web.settings import Settings

__all__ = ["Operator", "hardware", "model", "prices", "settled"]

MOST_OFFERS = 5000


def hardware(named: str | Mapping[str, Any]) -> Hardware:
    """Return the device of a slug, or of its fields.

    Examples
    --------
    >>> hardware("h100").hardware
    'nvidia-h100-sxm-80gb'
    """
    return catalogue.hardware(named) if isinstance(named, str) else given.hardware(dict(named))


def model(named: str | Mapping[str, Any], accept_unknown: bool = False) -> Model:
    """Return the model of a name of the catalogue, or of the content of a ``config.json``."""
    if isinstance(named, str):
        return catalogue.model(named)
    return model_from_config(dict(named), accept_unknown=accept_unknown)


def prices(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return offers given by value as a table.

    Raises
    ------
    InvalidInput
        If there are too many.
    """
    if len(rows) > MOST_OFFERS:
        raise InvalidInput(f"prices must be {MOST_OFFERS:,} offers at most; got {len(rows):,}")
    return pd.DataFrame([dict(row) for row in rows])


def settled(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Replace names and values of a request by the objects that they stand for."""
    out = dict(asked)
    if isinstance(out.get("hardware"), str | Mapping):
        out["hardware"] = hardware(out["hardware"])
    if "model" in out and out["model"] is not None:
        out["model"] = model(out["model"], bool(out.get("accept_unknown", False)))
    return out


class Operator:
    """Estimators and profiles that the operator lets requests use, by name.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self._predictors = {k: Predictor.load(v) for k, v in settings.predictors.items()}
        self._profiles = {k: profile_of(v) for k, v in settings.profiles.items()}

    def predictor(self, name: str | None) -> Predictor | None:
        """Return the estimators of a name; ``None`` stands for those of the package."""
        if name is None:
            return None
        if name not in self._predictors:
            raise UnknownName("predictor", name, self._predictors, "The operator lists them.")
        return self._predictors[name]

    def profile(self, name: str | None) -> Profile | None:
        """Return the profile of a name."""
        if name is None:
            return None
        if name not in self._profiles:
            raise UnknownName("profile", name, self._profiles, "The operator lists them.")
        return self._profiles[name]

    def settle(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Replace names of predictor and profile, of hardware and model by what they stand for."""
        out = settled(asked)
        for kind in ("predictor", "profile"):
            if kind in out:
                out[kind] = getattr(self, kind)(out[kind])
        return out
