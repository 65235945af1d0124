"""Ask, score, tell: the loop that looks for the best point."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from guide_ml import catalogue
from guide_ml.answers.progress import Progress
from guide_ml.searching.edges import fill_front, fill_ties
from guide_ml.searching.guide import Bounds, Guide
from guide_ml.searching.plans import judge
from guide_ml.searching.ranking import ranked
from guide_ml.searching.score import Problem, Scores, excess, objectives, predict
from guide_ml.searching.space import Ints
from guide_ml.searching.study import Trials

__all__ = ["ENUMERATE", "Driven", "default_trials", "drive"]


#: A space with no more open points than this is enumerated.
ENUMERATE = 1500
#: Points asked for together, and how many of them the sampler proposes where a guide helps it.
BATCH, SAMPLED = 64, 8
#: Points scored for each thing that is said beside the best.
BESIDE = 64
#: Points that an enumeration scores in one table.
TABLE = 10_000
#: Share of a space that is scored unless more is asked for, and its bounds.
SHARE, FEWEST, MOST = 0.015, 320, 640


@dataclass(frozen=True)
class Driven:
    """How a search went.

    Parameters
    ----------
    scores : Scores
        What was predicted.
    trials : Trials
        The study.
    open : int
        Points that were neither scored nor ruled out: none means that the result is proven.
    possible : int
        Points whose physical floor keeps all limits.
    seconds : float
    front_usd_h : float
        USD/h up to which nothing that was not scored can beat the front of what was; infinite
        where the front is that of all points, or only of those scored.
    """

    scores: Scores
    trials: Trials
    open: int
    possible: int
    seconds: float
    front_usd_h: float = np.inf


def default_trials(points: int) -> int:
    """Points that a search scores by default."""
    return int(np.clip(SHARE * points, FEWEST, MOST))


class _Loop:
    """What is left to score of some points; with `bounded` only what physics does not rule out."""

    def __init__(
        self, scores: Scores, trials: Trials, guide: Guide, bounds: Bounds, bounded: bool,
        members: Ints, give_way: str = "",
    ) -> None:  # fmt: skip
        self.scores, self.trials, self.guide, self.bounds = scores, trials, guide, bounds
        self._bounded, self._give_way = bounded, give_way
        self._member = np.zeros(len(scores.seen), dtype=bool)
        self._member[members] = True
        self.open = members
        self.close()

    def close(self) -> None:
        """Rule out what was scored, and what cannot win any more."""
        if self._bounded:
            self.open = self.bounds.open(self.scores, self.open, self.best())
        else:
            self.open = self.open[~self.scores.seen[self.open]]

    def unproven(self) -> int:
        """Count the points that may still beat the best one."""
        return len(self.bounds.open(self.scores, self.open, self.best()))

    def best(self) -> float:
        """Return the least objective known; infinite where nothing keeps all limits."""
        request = self.scores.problem.request
        points, sized, values, missed = self.scores.judged()
        wanted = objectives(request, values, sized)[(missed == 0) & self._member[points]]
        return float(wanted[:, 0].min()) if len(wanted) else np.inf

    def batch(self, count: int, sampled: int) -> None:
        """Score up to `count` points, of which the sampler proposes `sampled`."""
        asked, proposed = self.trials.ask(min(sampled, count))
        open_ = np.zeros(len(self.scores.seen), dtype=bool)
        open_[self.open] = True
        chosen: dict[int, Any] = {}
        refused = []
        for trial, point in zip(asked, proposed, strict=True):
            if point >= 0 and open_[point]:
                chosen[int(point)] = trial
                open_[point] = False
            else:
                refused.append(trial)
        left = np.flatnonzero(open_)
        extra: list[int] = []
        if sampled >= count and len(left):
            extra = self.trials.nearest(refused, left)
        self.trials.drop(refused)
        if sampled < count:
            extra = self.guide.propose(left, count - len(chosen), self._give_way).tolist()
        self.score(np.asarray(extra, dtype=np.intp), chosen)

    def score(self, points: Ints, asked: Mapping[int, Any] | None = None) -> None:
        """Score points, and those that trials asked for already, in one table."""
        problem, asked = self.scores.problem, asked or {}
        points = np.asarray([*asked, *points], dtype=np.intp)
        if not len(points):
            return
        values = predict(problem, points)
        self.scores.add(points, values)
        sized = problem.size(points, values)
        self.trials.tell(asked, points, values, objectives(problem.request, values, sized),
                         excess(problem.request, values, sized))  # fmt: skip
        self.trials.save()


def drive(
    problem: Problem, trials: Trials, sampler: str, n_trials: int | None, timeout: float | None,
    seed: int, progress: Progress | None = None,
) -> Driven:  # fmt: skip
    """Search a space.

    Parameters
    ----------
    problem : Problem
    trials : Trials
        The study; points that it holds are not scored again.
    sampler : str
        ``auto`` lets TPE and the physical floors propose together and enumerates what is small.
    n_trials : int, optional
        Points to score in all, those of an earlier run counted.
    timeout : float, optional
        Seconds after which no further batch begins.
    seed : int
    progress : callable, optional
        Takes points done, points to do, and a word.
    """
    began = time.perf_counter()
    scores = Scores(problem)
    every = np.flatnonzero(problem.carrying)
    bounds = Bounds(problem)
    possible = bounds.open(scores, every)
    known, values = trials.known()
    if len(known):
        scores.add(known, values)
    auto, guide = sampler == "auto", Guide(scores, seed)
    loop = _Loop(scores, trials, guide, bounds, auto, possible if auto else every)
    small = sampler == "enumerate" or (auto and len(loop.open) <= ENUMERATE)
    most = n_trials or (len(known) + len(loop.open) if small else default_trials(len(every)))
    late = _Clock(began, timeout, most, progress)
    if sampler == "enumerate":
        while len(loop.open) and (room := most - int(scores.seen.sum())) > 0 and not late(scores):
            scores.add(loop.open[: min(TABLE, room)])
            loop.close()
    else:
        _run(loop, most, BATCH if not auto else 0 if small else SAMPLED, late)
    front_usd_h = np.inf
    if auto:
        _look_around(loop, late, n_trials or len(every))
        room = (n_trials or len(every) + len(known)) - int(scores.seen.sum())
        if np.isfinite(loop.best()) and len(problem.request.objectives) == 1:
            fill_ties(scores, bounds, late, room, loop.best)
            if n_trials is None and not problem.request.load.offline:
                front_usd_h = fill_front(scores, bounds, late, room)
        loop.close()
    return Driven(scores, trials, loop.unproven(), len(possible), time.perf_counter() - began,
                  front_usd_h)  # fmt: skip


class _Clock:
    """Tells whether time is up, and reports progress on the way."""

    def __init__(
        self, began: float, timeout: float | None, most: int, progress: Progress | None
    ) -> None:
        self._end = np.inf if timeout is None else began + timeout
        self._most, self._progress = most, progress

    def __call__(self, scores: Scores) -> bool:
        done = int(scores.seen.sum())
        if self._progress:
            self._progress(done, max(self._most, done), "scoring deployments")
        return time.perf_counter() > self._end


def _run(loop: _Loop, most: int, sampled: int, late: _Clock, step: int = 4 * BATCH) -> None:
    """Score batches until a number of points was scored in all, none is left or time is up."""
    while len(loop.open) and not late(loop.scores):
        if (room := most - int(loop.scores.seen.sum())) <= 0:
            break
        loop.batch(min(BATCH if sampled else step, room), sampled)
        loop.close()


def _look_around(loop: _Loop, late: _Clock, most: int) -> None:
    """Score a little more, up to `most` in all, for what is said beside the best.

    Where something fits, the best of other devices and of other vendors; where nothing does, for
    every limit what misses it least while all others are kept.
    """
    scores, space = loop.scores, loop.scores.problem.space
    points, sized, values, missed = scores.judged()
    done = int(scores.seen.sum())
    if not (missed == 0).any():
        every = np.flatnonzero(scores.problem.carrying)
        for limit in excess(scores.problem.request, values, sized):
            if limit != "predicted":
                done += 2 * BESIDE
                give = _Loop(scores, loop.trials, loop.guide, loop.bounds, False, every, limit)
                _run(give, min(done, most), 0, late, BESIDE // 2)
        return
    wanted = objectives(scores.problem.request, values, sized)[:, 0]
    winner = points[np.lexsort((wanted, missed))[0]]
    names = space.configs["hardware"]
    vendors = names.map(lambda n: catalogue.hardware(n).vendor)
    for column in (names, vendors):
        other = (column != column.iloc[space.config[winner]]).to_numpy()[space.config]
        done += BESIDE
        beside = _Loop(scores, loop.trials, loop.guide, loop.bounds, True,
                       np.flatnonzero(other))  # fmt: skip
        _run(beside, min(done, most), 0, late, BESIDE // 2)
    _polish(loop, late, min(2 * BESIDE, most - int(scores.seen.sum())))


def _polish(loop: _Loop, late: _Clock, most: int) -> None:
    """Score the other loads at which the plans that will be told could be better still."""
    scores, space = loop.scores, loop.scores.problem.space
    judged = judge(scores)
    if judged.wanted.shape[1] > 1 or late(scores):
        return
    found: list[int] = []
    for i in ranked(judged):
        mine = np.flatnonzero(space.config == space.config[judged.points[i]])
        better = loop.bounds.open(scores, mine, float(judged.wanted[i, 0]))
        away = np.abs(np.log(space.concurrency[better] / space.concurrency[judged.points[i]]))
        found += better[np.argsort(away, kind="stable")].tolist()
    loop.score(np.asarray(found[: max(most, 0)], dtype=np.intp))
