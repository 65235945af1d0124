"""Why a prediction is what it is: time in parts, what moved it, what would change it.

In: a prediction and its numbers on the way. Out: :class:`guide_ml.Explanation`.
A new part of the time belongs to ``account``, a new "what would change it" to ``variants``.
"""

from guide_ml.explaining.explain import Explainer

__all__ = ["Explainer"]
