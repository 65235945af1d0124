"""What must be scored beside the cheapest: all that costs the same, and all of the Pareto front.

No prediction beats its physical floor. So what costs more than the best at its floor cannot tie
with it, and what is dominated at its floor cannot lie on the front; the rest is scored, as far as
it is not too dear to be advice.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from guide_ml.searching.cost import e2e_ms
from guide_ml.searching.guide import Bounds
from guide_ml.searching.ranking import DEAREST, EQUAL
from guide_ml.searching.score import Problem, Scores
from guide_ml.searching.space import Ints
from guide_ml.table.read import Floats

__all__ = ["dominated", "fill_front", "fill_ties"]

#: Points that are scored together; at most for ties, of which there are few; and for the front,
#: so that an answer takes seconds.
STEP, MOST, MOST_FRONT = 4096, 49_152, 4096
#: Points of the front that are scored together: each rules out some of what follows.
FRONT_STEP = 192

Late = Callable[[Scores], bool]


def fill_ties(
    scores: Scores, bounds: Bounds, late: Late, most: int, best: Callable[[], float]
) -> None:
    """Score what may cost as little as the best, so that the best of equals is returned.

    What physics allows most is scored first: where it beats the best, less is left to score.

    Parameters
    ----------
    scores : Scores
        Gets what is scored.
    bounds : Bounds
        What physics allows.
    late : callable
        Tells whether time is up.
    most : int
        Points to score at most.
    best : callable
        Tells the objective of the best point so far that keeps all limits.
    """
    tied, left = np.flatnonzero(scores.problem.carrying), min(most, MOST)
    while left > 0 and not late(scores):
        least = best()
        tied = bounds.hopeful(bounds.open(scores, tied, least + EQUAL * abs(least)))
        if not len(tied):
            return
        scores.add(tied[: min(STEP, left)])
        left -= STEP


def fill_front(scores: Scores, bounds: Bounds, late: Late, most: int) -> float:
    """Score whatever may lie on the front of price and time of a request, the cheapest first.

    Parameters
    ----------
    scores, bounds, late, most
        As of :func:`fill_ties`.

    Returns
    -------
    float
        USD/h below which nothing that was not scored can beat what was.
    """
    problem = scores.problem
    open_ = _quickest(problem, np.flatnonzero(problem.carrying), bounds)
    left = min(most, MOST_FRONT)
    while True:
        _, sized, values, missed = scores.judged()
        kept = missed == 0
        if not kept.any():
            return np.inf
        known = np.stack([sized.usd_h[kept], e2e_ms(problem.request, values)[kept]], 1)
        open_ = bounds.open(scores, open_)
        edge = bounds.edge[open_]
        taken = (edge[:, 0] <= DEAREST * known[:, 0].min()) & ~dominated(edge, known)
        open_, edge = open_[taken], edge[taken]
        if not len(open_):
            return np.inf
        if left <= 0 or late(scores):
            return float(edge[:, 0].min())
        order = np.lexsort((edge[:, 1], edge[:, 0]))[: min(FRONT_STEP, left)]
        scores.add(open_[order])
        left -= len(order)


def _quickest(problem: Problem, points: Ints, bounds: Bounds) -> Ints:
    """Keep of each configuration at a price the point that is the fastest, where prices are known.

    For users, machines follow from their number and not from any prediction. Of loads that cost
    the same the lightest is the fastest: more load never makes a request faster.
    """
    if problem.request.load.users is None:
        return points
    config, load = problem.space.config[points], problem.space.concurrency[points]
    price = np.round(bounds.edge[points, 0], 6)
    order = np.lexsort((load, price, config))
    same = (np.diff(config[order]) == 0) & (np.diff(price[order]) == 0)
    return np.sort(points[order[np.r_[True, ~same]]])


def dominated(asked: Floats, known: Floats) -> NDArray[np.bool_]:
    """Tell which of some pairs are no better in either number than one of the known pairs.

    Examples
    --------
    >>> known = np.asarray([[1.0, 5.0], [2.0, 3.0]])
    >>> dominated(np.asarray([[1.0, 4.0], [2.0, 3.5], [3.0, 1.0], [0.5, 9.0]]), known).tolist()
    [False, True, False, False]
    """
    order = np.lexsort((known[:, 1], known[:, 0]))
    first = known[order, 0]
    least = np.minimum.accumulate(known[order, 1])
    place = np.searchsorted(first, asked[:, 0], side="right") - 1
    return np.asarray((place >= 0) & (least[np.maximum(place, 0)] <= asked[:, 1]))

