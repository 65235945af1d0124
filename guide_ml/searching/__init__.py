"""The cheapest deployment that meets an objective: from model, traffic and limits to machines.

Nothing here loads Optuna before a search runs.

In: a model, a load, limits, offers. Out: :class:`guide_ml.Found` with plans that hold them.
A new limit is a field of ``request.SLO`` or ``request.Constraints``.
"""

from guide_ml.searching.request import SLO, Constraints, Load
from guide_ml.searching.result import Found, Plan
from guide_ml.searching.run import search
from guide_ml.searching.sweeps import sweep

__all__ = ["SLO", "Constraints", "Found", "Load", "Plan", "search", "sweep"]
