"""Predict latency, throughput and memory of LLM inference deployments.

What is public is loaded on first use, so that ``import guide_ml`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from guide_ml.api import predict, predict_table
    from guide_ml.descriptors import Deployment, Framework, Hardware, Model, Workload
    from guide_ml.errors import GuideError
    from guide_ml.prediction import Prediction
    from guide_ml.predictor import Predictor
    from guide_ml.scoring.cluster import predict_dask
    from guide_ml.searching import SLO, Constraints, Load, search

    __version__: str

__all__ = ["SLO", "Constraints", "Deployment", "Framework", "GuideError", "Hardware", "Load",
           "Model", "Prediction", "Predictor", "Workload", "__version__", "predict",
           "predict_dask", "predict_table", "search"]  # fmt: skip

_HOME = {
    "predict": "api", "predict_table": "api", "Prediction": "prediction",
    "Predictor": "predictor", "GuideError": "errors", "Deployment": "descriptors",
    "Framework": "descriptors", "Hardware": "descriptors", "Model": "descriptors",
    "Workload": "descriptors", "search": "searching", "SLO": "searching", "Load": "searching",
    "Constraints": "searching", "predict_dask": "scoring.cluster",
}  # fmt: skip


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
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("guide-ml")
    except PackageNotFoundError:  # a checkout that is not installed
        return "0+unknown"
