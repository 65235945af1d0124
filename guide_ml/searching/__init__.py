"""The cheapest deployment that meets an objective: from model, traffic and limits to machines.

Nothing here loads Optuna before a search runs.
"""

from guide_ml.searching.request import SLO, Constraints, Load
from guide_ml.searching.result import Found, Plan
from guide_ml.searching.run import search
from guide_ml.searching.sweep import sweep

__all__ = ["SLO", "Constraints", "Found", "Load", "Plan", "search", "sweep"]
