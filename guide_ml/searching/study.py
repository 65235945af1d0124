"""The Optuna study of a search: its parameters, its trials, and where they are kept."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guide_ml.errors import UnknownName
from guide_ml.searching import journal
from guide_ml.searching.request import Request
from guide_ml.searching.score import METRICS, Problem
from guide_ml.searching.space import CONFIG, Ints
from guide_ml.table.read import Columns, Floats

if TYPE_CHECKING:
    import optuna

__all__ = ["SAMPLERS", "Trials"]

SAMPLERS = ("auto", "tpe", "nsga2", "random", "enumerate")
LEVEL = "concurrency_level"
MISSED = "missed: "


class Trials:
    """A study whose trials are points of a space.

    Parameters
    ----------
    problem : Problem
    sampler : str
        One of SAMPLERS.
    seed : int
    storage : path, optional
        Journal file in which the study is kept; a search that is asked again goes on there, and
        ``optuna-dashboard`` opens it. :func:`guide_ml.searching.journal.held` must hold it.
    fingerprint : str
        What else the predictions hang on.
    """

    def __init__(
        self, problem: Problem, sampler: str, seed: int, storage: str | os.PathLike[str] | None,
        fingerprint: str,
    ) -> None:  # fmt: skip
        with warnings.catch_warnings():  # of bars in notebooks, which are not Optuna's here
            warnings.filterwarnings("ignore", message="IProgress not found")
            import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._problem = optuna, problem
        space = problem.space
        levels, self._level = np.unique(np.nan_to_num(space.concurrency, nan=0.0),
                                        return_inverse=True)  # fmt: skip
        self._choices = {c: pd.unique(space.configs[c]).tolist() for c in CONFIG}
        codes = [pd.Index(self._choices[c]).get_indexer(space.configs[c]) for c in CONFIG]
        self._configs = np.stack(codes, 1)
        self._codes = np.stack([*(c[space.config] for c in codes), self._level], 1)
        self._sizes = [*(len(v) for v in self._choices.values()), len(levels)]
        flat = np.ravel_multi_index(tuple(self._codes.T), tuple(self._sizes))
        self._order = np.argsort(flat)
        self._flat = flat[self._order]
        dist = optuna.distributions
        self._space: dict[str, Any] = {
            c: dist.CategoricalDistribution(v) for c, v in self._choices.items()
        } | {LEVEL: dist.IntDistribution(0, len(levels) - 1)}
        # Trials are made in memory; a journal waits for the disk at every word, so it gets whole
        # trials, a batch at a time.
        name = _name(problem, fingerprint)
        self._kept = None if storage is None else self._create(name, journal.storage(storage), None)
        stored = [] if self._kept is None else self._kept.get_trials(deepcopy=False)
        # A sampler that starts with the same seed again would draw the same points again.
        self.study = self._create(name, None, _sampler(sampler, seed + len(stored)))
        self.study.add_trials(stored)
        self._saved = len(stored)

    def _create(self, name: str, storage: Any, sampler: Any) -> optuna.Study:
        """Open a study, or the one of that name."""
        request = self._problem.request
        with warnings.catch_warnings():  # names of metrics are experimental
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            study = self._optuna.create_study(
                study_name=name, storage=storage, sampler=sampler, load_if_exists=True,
                directions=["maximize" if o == "throughput" else "minimize"
                            for o in request.objectives],
            )  # fmt: skip
            if not study.get_trials(deepcopy=False):
                study.set_metric_names([_metric(request, o) for o in request.objectives])
        return study

    def save(self) -> None:
        """Keep what was told since the last time, if there is a storage."""
        if self._kept is not None:
            trials = self.study.get_trials(deepcopy=False)
            self._kept.add_trials(trials[self._saved :])
            self._saved = len(trials)

    def known(self) -> tuple[Ints, Columns]:
        """Return points that the study holds already, and what was predicted of them."""
        done = self.study.get_trials(
            deepcopy=False, states=(self._optuna.trial.TrialState.COMPLETE,)
        )
        points = np.asarray([self._point(t.params) for t in done], dtype=np.intp)
        names = (*METRICS, "far")
        values = {m: np.asarray([_number(t.user_attrs.get(m)) for t in done]) for m in names}
        keep = points >= 0
        return points[keep], {m: v[keep] for m, v in values.items()}

    def ask(self, count: int) -> tuple[list[optuna.Trial], Ints]:
        """Let the sampler propose; -1 where a proposal is no point of the space."""
        trials = [self.study.ask(self._space) for _ in range(count)]
        return trials, np.asarray([self._point(t.params) for t in trials], dtype=np.intp)

    def nearest(self, trials: list[optuna.Trial], candidates: Ints) -> list[int]:
        """Find for each trial the candidate that differs least from what it proposes.

        Each candidate is taken once. Another configuration always differs more than another load,
        so configurations are compared first: of them there are a hundred times fewer than points.
        """
        held, place = np.unique(self._problem.space.config[candidates], return_inverse=True)
        members = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
        codes, free = self._configs[held], np.ones(len(candidates), dtype=bool)
        left = np.bincount(place)
        found: list[int] = []
        for trial in trials[: len(candidates)]:
            wanted = [self._choices[c].index(trial.params[c]) for c in CONFIG]
            differ = (codes != np.asarray(wanted)).astype(float)
            differ[:, 0] *= 2.0  # another device changes more than another engine
            far = np.where(left > 0, differ.sum(1), np.inf)
            near = np.concatenate([members[k] for k in np.flatnonzero(far == far.min())])
            near = np.sort(near[free[near]])
            level = self._codes[candidates[near], -1]
            one = near[np.argmin(np.abs(level - trial.params[LEVEL]))]
            free[one] = False
            left[place[one]] -= 1
            found.append(int(candidates[one]))
        return found

    def drop(self, trials: list[optuna.Trial]) -> None:
        """Close trials that propose no point, or one that was scored: they are not scored."""
        for trial in trials:
            self.study.tell(trial, state=self._optuna.trial.TrialState.FAIL)

    def tell(
        self, asked: Mapping[int, optuna.Trial], points: Ints, values: Columns, wanted: Floats,
        missed: Columns,
    ) -> None:  # fmt: skip
        """Hand scores to the study: of trials that it asked for, and of points chosen otherwise.

        Parameters
        ----------
        asked : mapping of int to Trial
            Trials that the sampler proposed, by their point.
        points, values, missed
            What was scored, and by how much each limit is missed.
        wanted : array of shape (n, objectives)
            To be made small.
        """
        signs = [-1.0 if o == "throughput" else 1.0 for o in self._problem.request.objectives]
        concurrency = self._problem.space.concurrency[points]
        others = []
        for i, point in enumerate(points.tolist()):
            facts = {name: _plain(values[name][i]) for name in (*METRICS, "far")}
            facts["concurrency"] = _plain(concurrency[i])
            limits = {name: float(by[i]) for name, by in missed.items()}
            score = [float(s * v) for s, v in zip(signs, wanted[i], strict=True)]
            if point not in asked:
                others.append(self._finished(point, score, facts, limits))
                continue
            trial = asked[point]
            for name, value in facts.items():
                trial.set_user_attr(name, value)
            for name, by in limits.items():
                _constrain(trial, name, by)
            self.study.tell(trial, score)
        self.study.add_trials(others)

    def _finished(
        self, point: int, score: list[float], facts: dict[str, Any], limits: dict[str, float]
    ) -> Any:
        """Make a trial of a point that the sampler did not propose."""
        params: dict[str, Any] = {c: self._choices[c][self._codes[point, i]]
                                  for i, c in enumerate(CONFIG)}  # fmt: skip
        more: dict[str, Any] = {"constraints": limits}
        if not _new():
            facts = facts | {MISSED + k: v for k, v in limits.items()}
            more = {"system_attrs": {"constraints": list(limits.values())}}
        return self._optuna.trial.create_trial(
            params=params | {LEVEL: int(self._codes[point, -1])}, distributions=self._space,
            values=score, user_attrs=facts, **more,
        )  # fmt: skip

    def _point(self, params: dict[str, Any]) -> int:
        try:
            code = [*(self._choices[c].index(params[c]) for c in CONFIG), int(params[LEVEL])]
            flat = int(np.ravel_multi_index(tuple(code), tuple(self._sizes)))
        except (KeyError, ValueError):
            return -1
        at = int(np.searchsorted(self._flat, flat))
        found = at < len(self._flat) and self._flat[at] == flat
        return int(self._order[at]) if found else -1


def _constrain(trial: optuna.Trial, name: str, missed: float) -> None:
    """Tell the sampler by how much a limit is missed."""
    if _new():
        trial.set_constraint(name, missed)
    else:  # Optuna 4 reads it back through the sampler's constraints_func
        trial.set_user_attr(MISSED + name, missed)


def _new() -> bool:
    """Whether trials carry constraints themselves, as from Optuna 5 on."""
    from optuna import Trial

    return hasattr(Trial, "set_constraint")


def _missed(trial: optuna.trial.FrozenTrial) -> list[float]:
    return [float(v) for k, v in trial.user_attrs.items() if k.startswith(MISSED)]


def _sampler(name: str, seed: int) -> Any:
    from optuna import samplers

    if name not in SAMPLERS:
        raise UnknownName("sampler", name, SAMPLERS)
    old: dict[str, Any] = {} if _new() else {"constraints_func": _missed}
    if name == "nsga2":
        return samplers.NSGAIISampler(seed=seed, **old)
    if name in ("auto", "tpe"):
        return samplers.TPESampler(seed=seed, n_startup_trials=64, constant_liar=False, **old)
    return samplers.RandomSampler(seed=seed)


def _name(problem: Problem, fingerprint: str) -> str:
    """Name a study by what it hangs on, so that no other search goes on in it."""
    facts = {"request": asdict(problem.request), "points": len(problem.space),
             "offers": problem.offers.to_csv(index=False), "predictor": fingerprint}  # fmt: skip
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    return f"guide-search-{digest[:16]}"


def _metric(request: Request, objective: str) -> str:
    units = {"cost": "job_usd" if request.load.offline else "usd_h", "latency": "e2e_ms",
             "throughput": "output_tok_s"}  # fmt: skip
    return units[objective]


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
