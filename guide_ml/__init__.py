"""Predict latency, throughput and memory of LLM inference deployments.

What is public is loaded on first use, so that ``import guide_ml`` costs next to nothing. The way
of the data through the packages::

    precision, launch, describe, answers       what a deployment is, and what is said of it
    hf_config, catalogue, offers               from names, files and prices to facts
    table, features, physics                   from facts to numbers, floors, calibrated times
    measurements, traffic, ingest              what others measured, and what users send
    trees, profiles, trust, registry           what was learnt, and how sure it is
    estimators, predictions, training          a trained set: asked, and made
    simulation                                 what users see when requests come as they do
    explaining, calibration, api               what users call
    sizing, searching, scoring, tracking, cli  searches, tables of candidates, retraining, commands
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from guide_ml import moved as _moved

if TYPE_CHECKING:
    from guide_ml.answers.explanation import Explanation
    from guide_ml.answers.prediction import Prediction
    from guide_ml.api import predict, predict_table
    from guide_ml.calibration.fit import calibrate
    from guide_ml.catalogue.listing import list_frameworks, list_hardware, list_models
    from guide_ml.describe.descriptors import Deployment, Framework, Hardware, Model, Workload
    from guide_ml.errors import (
        BadArtefact,
        BadData,
        BadStore,
        DoesNotFit,
        GuideError,
        InvalidInput,
        UnknownName,
    )
    from guide_ml.estimators.predictor import Predictor
    from guide_ml.offers.listing import list_offers
    from guide_ml.profiles import Profile
    from guide_ml.scoring.cluster import predict_dask
    from guide_ml.searching import SLO, Constraints, Found, Load, Plan, search, sweep
    from guide_ml.simulation.api import simulate
    from guide_ml.sizing import Capacity, capacity
    from guide_ml.traffic import Lengths, Traffic

    __version__: str

__all__ = ["SLO", "BadArtefact", "BadData", "BadStore", "Capacity", "Constraints", "Deployment",
           "DoesNotFit", "Explanation", "Found", "Framework", "GuideError", "Hardware",
           "InvalidInput", "Lengths", "Load", "Model", "Plan", "Prediction", "Predictor",
           "Profile", "Traffic", "UnknownName", "Workload", "__version__", "calibrate", "capacity",
           "list_frameworks", "list_hardware", "list_models", "list_offers", "predict",
           "predict_dask", "predict_table", "search", "simulate", "sweep"]  # fmt: skip

_NAMES_OF = {
    "api": ("predict", "predict_table"),
    "answers.explanation": ("Explanation",),
    "answers.prediction": ("Prediction",),
    "calibration.fit": ("calibrate",),
    "catalogue.listing": ("list_frameworks", "list_hardware", "list_models"),
    "describe.descriptors": ("Deployment", "Framework", "Hardware", "Model", "Workload"),
    "errors": ("BadArtefact", "BadData", "BadStore", "DoesNotFit", "GuideError", "InvalidInput",
               "UnknownName"),
    "estimators.predictor": ("Predictor",),
    "offers.listing": ("list_offers",),
    "profiles": ("Profile",),
    "scoring.cluster": ("predict_dask",),
    "simulation.api": ("simulate",),
    "searching": ("SLO", "Constraints", "Found", "Load", "Plan", "search", "sweep"),
    "sizing": ("Capacity", "capacity"),
    "traffic": ("Lengths", "Traffic"),
}  # fmt: skip
_HOME = {name: home for home, names in _NAMES_OF.items() for name in names}

_moved.install()


if not TYPE_CHECKING:  # type checkers would take any name for public

    def __getattr__(name: str) -> Any:
        """Load a public name from the module that it lives in."""
        if name == "__version__":
            value = _version()
        elif name in _HOME:
            value = getattr(import_module(f"guide_ml.{_HOME[name]}"), name)
        else:
            raise AttributeError(f"module 'guide_ml' has no attribute {name!r}")
        globals()[name] = value  # the next use does not come here
        return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("guide-ml")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0+unknown"
