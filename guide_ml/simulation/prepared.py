"""Replicas that were asked for already: a table asks for the same deployment at many rates."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np

from guide_ml.estimators.predictor import Predictor
from guide_ml.profiles import Profile
from guide_ml.simulation import asked as asking
from guide_ml.simulation.lessons import factor, in_use
from guide_ml.simulation.policies import policy
from guide_ml.simulation.run import Replica, replica
from guide_ml.table.assume import Resolved

__all__ = ["prepared"]

#: Estimators, profile and lessons are kept beside, so that their numbers are not given to others.
_KEPT: OrderedDict[tuple[Any, ...], tuple[Replica, object, object, object]] = OrderedDict()
_MOST_KEPT = 64


def prepared(
    resolved: Resolved, row: int, predictor: Predictor, profile: Profile | None = None,
    **changed: float,
) -> Replica:  # fmt: skip
    """Return a replica of one deployment, ready to be simulated; kept for the next time.

    Parameters
    ----------
    resolved : Resolved
        Deployments as closed loads.
    row : int
        Which of them.
    predictor, profile : Predictor, Profile
        What is asked.
    **changed : float
        Fields of :data:`guide_ml.simulation.state.RULES` that are other than usual.
    """
    names, lessons = sorted(resolved.columns), in_use()
    key = (id(predictor.fitted), id(profile), id(lessons), tuple(sorted(changed.items())),
           np.asarray([resolved.columns[k][row] for k in names], dtype=float).tobytes(),
           *(str(v[row]) for v in resolved.names.values()))  # fmt: skip
    if key in _KEPT:
        _KEPT.move_to_end(key)
        return _KEPT[key][0]
    found = replica(asking.ask(resolved, row, predictor, profile),
                    policy(str(resolved.names["framework"][row])), **changed)  # fmt: skip
    found = replace(found, first=factor(lessons, asking.rows(resolved, row, 1)))
    _KEPT[key] = found, predictor.fitted, profile, lessons
    while len(_KEPT) > _MOST_KEPT:
        _KEPT.popitem(last=False)
    return found
