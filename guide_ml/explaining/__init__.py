"""Why a prediction is what it is: time in parts, what moved it, what would change it."""

from guide_ml.explaining.explain import Explainer

__all__ = ["Explainer"]
