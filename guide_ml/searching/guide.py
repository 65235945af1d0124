"""Which unseen points to score next, and which need not be scored at all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guide_ml.searching.cost import e2e_ms
from guide_ml.searching.score import Problem, Scores, excess, objectives
from guide_ml.searching.space import CONFIG, Ints
from guide_ml.searching.surrogate import Surrogate
from guide_ml.table.read import Columns, Floats

__all__ = ["Bounds", "Guide"]

#: A share of a miss weighs like so many shares of cost.
PENALTY = 5.0
#: Points of one device and engine in the first batch: all kinds are tried once.
FIRST_PER_KIND = 1


class Bounds:
    """What physics leaves of the points of a space.

    No prediction beats its physical floor, so a point whose floor breaks a limit, or whose floor
    costs as much as the best deployment known, is ruled out unscored. Only a single objective has
    such a bound.

    Parameters
    ----------
    problem : Problem
    """

    def __init__(self, problem: Problem) -> None:
        request, space = problem.request, problem.space
        every = np.arange(len(space))
        best: Columns = {k: space.bounds[k] for k in ("ttft_ms", "tpot_ms", "output_tok_s")}
        best["far"] = np.zeros(len(space))
        sized = problem.size(every, best)
        self._possible = np.sum([*excess(request, best, sized).values()], axis=0) == 0
        slow = sized.usd_h if request.load.offline else e2e_ms(request, best)
        #: Least price and time of a request that physics allows each point, shape (points, 2).
        self.edge: Floats = np.stack([sized.usd_h, slow], 1)
        self._least = np.full(len(space), -np.inf)
        if len(request.objectives) == 1:
            self._least = objectives(request, best, sized)[:, 0]

    def open(self, scores: Scores, candidates: Ints, best: float = np.inf) -> Ints:
        """Return those of the candidates that are unseen and may still win.

        Parameters
        ----------
        best : float
            Objective of the best point known that keeps all limits; infinite if there is none.
        """
        keep = self._possible[candidates] & ~scores.seen[candidates]
        return np.asarray(candidates[keep & (self._least[candidates] < best)])

    def hopeful(self, points: Ints) -> Ints:
        """Order points by the objective that physics allows them, the best first."""
        return points[np.argsort(self._least[points], kind="stable")]


class Guide:
    """Proposes points by the surrogate's guess of their objective.

    Parameters
    ----------
    scores : Scores
    seed : int
    """

    def __init__(self, scores: Scores, seed: int) -> None:
        self._scores = scores
        self._surrogate = Surrogate(scores.problem.space)
        self._random = np.random.default_rng(seed)
        space = scores.problem.space
        self._kind = pd.factorize(pd.MultiIndex.from_frame(
            space.configs[["hardware", "framework"]]))[0]  # fmt: skip

    def propose(self, candidates: Ints, count: int, give_way: str = "") -> Ints:
        """Return up to `count` of the candidates, all different, the most promising ones.

        A third of them by a hopeful guess, so that what is little known gets its chance; some
        are neighbours of the best ones in load, precision or engine.

        Parameters
        ----------
        candidates : array of int
        count : int
        give_way : str
            A limit to be missed by as little as possible while all others are kept, rather than
            the objective to be made small.
        """
        seen = np.flatnonzero(self._scores.seen)
        values = {k: v[seen] for k, v in self._scores.values.items()}
        self._surrogate.fit(seen, values)
        if len(candidates) <= count:
            return candidates
        sober = candidates[np.argsort(self._key(candidates, 0.0, give_way), kind="stable")]
        if give_way:
            return sober[:count]
        if not len(seen):
            return self._varied(sober, count)
        hopeful = candidates[np.argsort(self._key(candidates, 1.5), kind="stable")]
        near = self._neighbours(candidates)
        share = count // 3
        chosen = list(dict.fromkeys([*near[:share], *hopeful[:share]]))
        rest = [p for p in sober[:count] if p not in set(chosen)]
        return np.asarray([*chosen, *rest][:count], dtype=np.intp)

    def _key(self, points: Ints, hope: float, give_way: str = "") -> Floats:
        """Guess what is to be small: the objective (or a random mix), misses added."""
        problem = self._scores.problem
        guess = self._surrogate.guess(points, hope)
        sized = problem.size(points, guess)
        missed = {k: np.log1p(v) for k, v in excess(problem.request, guess, sized).items()}
        merit = self._merit(objectives(problem.request, guess, sized))
        if give_way in missed:
            merit = 0.05 * merit + PENALTY * missed[give_way]
            missed = {k: 20.0 * v for k, v in missed.items() if k != give_way}
        return np.asarray(merit + PENALTY * np.sum([*missed.values()], axis=0))

    def _merit(self, wanted: Floats) -> Floats:
        signs = np.where(wanted < 0, -1.0, 1.0)
        logs = signs * np.log(np.maximum(np.abs(wanted), 1e-12))
        weights = self._random.dirichlet(np.ones(logs.shape[1])) if logs.shape[1] > 1 else [1.0]
        return np.asarray(logs @ np.asarray(weights))

    def _varied(self, ordered: Ints, count: int) -> Ints:
        """Take the best of every kind first, then the best of the rest."""
        kinds = pd.Series(self._kind[self._scores.problem.space.config[ordered]])
        first = (kinds.groupby(kinds).cumcount() < FIRST_PER_KIND).to_numpy()
        return np.concatenate([ordered[first], ordered[~first]])[:count]

    def _neighbours(self, candidates: Ints) -> Ints:
        """Candidates that differ from one of the best points in little."""
        problem = self._scores.problem
        points, sized, values, missed = self._scores.judged()
        wanted = self._merit(objectives(problem.request, values, sized))
        best = points[np.lexsort((wanted, missed))][:4]
        space = problem.space
        codes = np.stack([pd.factorize(space.configs[c])[0] for c in CONFIG], 1)
        mine = codes[space.config[candidates]]
        load = np.log(np.nan_to_num(space.concurrency, nan=1.0))
        far = np.full(len(candidates), np.inf)
        for rank, point in enumerate(best):
            differ = (mine != codes[space.config[point]]).sum(1)
            step = np.abs(load[candidates] - load[point])
            far = np.minimum(far, differ + 2.0 * step + 0.3 * rank)
        order = np.argsort(far, kind="stable")
        return candidates[order][far[order] < 3.0]
