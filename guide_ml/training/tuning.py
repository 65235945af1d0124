"""Hyper-parameters by Optuna on folds whose physics is calibrated once, not in every trial.

A trial is scored by the mean, over the splits, of its median error relative to that of the
hyper-parameters in force, so that no split is bought with another and 1 means no change. A trial
that does worse than most on its first folds is cut short.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from guide_ml.describe.targets import NAMES
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements
from guide_ml.physics.fit import fit
from guide_ml.physics.inputs import INPUTS
from guide_ml.system.processes import side_by_side
from guide_ml.table.read import Floats
from guide_ml.training.crossval import SHARED
from guide_ml.training.dataset import Dataset, matrix
from guide_ml.training.tuning_space import FIRST, SPACES, Params
from guide_ml.trees.boosters import fit_member

if TYPE_CHECKING:
    import optuna

__all__ = ["Part", "Told", "Trial", "Tuned", "medians", "predict", "prepare_parts", "tune"]

FOLDS, SEED = 3, 7  # folds used for tuning; another seed than the evaluation's
WARM_UP = 4  # trials before any is cut short

Pairs = dict[str, tuple[Floats, Floats]]


@dataclass(frozen=True)
class Part:
    """One fold, with all that trials share.

    Parameters
    ----------
    split : str
        Split that it belongs to.
    held : array of shape (m,) of bool
        Values held out.
    x : array of shape (m, inputs)
        Inputs of the boosters, physics calibrated without the held-out values.
    log_physics : array of shape (m,)
        Logarithm of the physics estimate, likewise.
    """

    split: str
    held: NDArray[np.bool_]
    x: NDArray[np.float32]
    log_physics: Floats


@dataclass(frozen=True)
class Trial:
    """One set of hyper-parameters and what it scored.

    Parameters
    ----------
    number : int
        0 is the set in force.
    params : dict
        Hyper-parameters, as :func:`guide_ml.trees.boosters.fit_member` takes them.
    score : float
        Relative error, 1 for the set in force; NaN if it was cut short.
    median_ape : dict of str to float
        Median error in percent by split.
    seconds : float
        What it took.
    """

    number: int
    params: Params
    score: float
    median_ape: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Tuned:
    """What a search found for one booster of one target: the best trial and all of them."""

    best: Trial
    trials: list[Trial]


Told = Callable[[str, str, Trial], None]
"""Told of each trial as it ends: target, kind, trial."""


def _part(data: Dataset, split: str, held: NDArray[np.bool_]) -> Part:
    table = matrix(data, fit(data.take(~held).sample))
    return Part(split, held, table.stack(list(INPUTS)), table.log_physics)


def prepare_parts(
    measured: Measurements, data: Dataset, splits: Sequence[str] = ("deployment",),
    folds: int = FOLDS, seed: int = SEED, jobs: int = 2,
) -> list[Part]:  # fmt: skip
    """Calibrate the physics of each fold of each split.

    Parameters
    ----------
    measured, data : Measurements, Dataset
        What to tune on.
    splits : sequence of str
        What trials are validated on: names of :data:`guide_ml.measurements.evaluation.SPLITS`.
    folds : int
        Folds of a split.
    seed, jobs : int
        Seed of the folds; processes.
    """
    work = []
    for split in splits:
        group = evaluation.groups(measured, split)
        fold = evaluation.folds(group, seed, folds)[data.values.row]
        work += [delayed(_part)(data, split, fold == k) for k in np.unique(fold)]
    return list(side_by_side(jobs, work, SHARED))


def _guess(
    data: Dataset, part: Part, target: int, kind: str, params: Params
) -> tuple[Floats, Floats]:
    """Fit one fold; return logarithms of what it predicts for held-out means, and measured."""
    mine = data.values.target == target
    train = np.flatnonzero(mine & ~part.held)
    test = np.flatnonzero(mine & part.held & (data.values.statistic == 0))
    y = data.sample.log_value - part.log_physics
    member = fit_member(kind, NAMES[target], part.x[train], y[train], data.sample.weight[train],
                        SEED, 1, params)  # fmt: skip
    return part.log_physics[test] + member.predict(part.x[test]), data.sample.log_value[test]


def predict(
    data: Dataset, parts: Sequence[Part], target: int, kind: str, params: Params,
    after: Callable[[int, Pairs], None] | None = None,
) -> Pairs:  # fmt: skip
    """Predict the held-out means of one target: (predicted, measured) logarithms by split.

    Parameters
    ----------
    data, parts : Dataset, sequence of Part
        :func:`prepare_parts`.
    target : int
        Index into :data:`guide_ml.describe.targets.NAMES`.
    kind, params : str, dict
        Booster and its hyper-parameters.
    after : callable, optional
        Told of each fold's number and all pairs so far; may raise to stop.
    """
    out: Pairs = {}
    for number, part in enumerate(parts):
        found = _guess(data, part, target, kind, params)
        if part.split in out:
            old = out[part.split]
            found = np.concatenate([old[0], found[0]]), np.concatenate([old[1], found[1]])
        out[part.split] = found
        if after:
            after(number, out)
    return out


def medians(found: Pairs) -> dict[str, float]:
    """Median error of each split, percent."""
    return {s: float(np.median(evaluation.errors(np.exp(g), np.exp(y)))) if len(y) else np.nan
            for s, (g, y) in found.items()}  # fmt: skip


class _Search:
    """The objective of one booster of one target, and a record of its trials."""

    def __init__(
        self, data: Dataset, parts: Sequence[Part], target: int, kind: str, told: Told | None,
        most_rounds: int | None,
    ) -> None:  # fmt: skip
        self.most_rounds = most_rounds
        self.data, self.parts, self.target, self.kind = data, parts, target, kind
        self.told, self.trials, self.last = told, list[Trial](), time.perf_counter()
        self.base: dict[int, dict[str, float]] = {}  # of the set in force, after each fold
        self.kept: Params = {}  # of the set in force: stays where it is not searched

    def start(self, params: Params) -> None:
        """Score the hyper-parameters in force: what all trials are measured against."""
        def keep(number: int, found: Pairs) -> None:
            self.base[number] = medians(found)

        self.kept = params
        found = medians(predict(self.data, self.parts, self.target, self.kind, params, keep))
        self._note(Trial(0, params, 1.0, found))

    def __call__(self, trial: optuna.Trial) -> float:
        """Score one trial; cut it short where it falls behind."""
        import optuna

        params = self.kept | SPACES[self.kind](trial)
        params["rounds"] = min(params["rounds"], self.most_rounds or params["rounds"])

        def check(number: int, found: Pairs) -> None:
            trial.report(self._relative(medians(found), number), number)
            if trial.should_prune():
                self._note(Trial(trial.number + 1, params, float("nan"), medians(found)))
                raise optuna.TrialPruned

        found = medians(predict(self.data, self.parts, self.target, self.kind, params, check))
        score = self._relative(found, len(self.parts) - 1)
        self._note(Trial(trial.number + 1, params, score, found))
        return score

    def _relative(self, found: dict[str, float], number: int) -> float:
        base = self.base[number]
        ratio = [found[s] / base[s] for s in found if base[s] > 0]
        return float(np.nanmean(ratio)) if ratio else 1.0

    def _note(self, trial: Trial) -> None:
        now = time.perf_counter()
        trial, self.last = replace(trial, seconds=now - self.last), now
        self.trials.append(trial)
        if self.told:
            self.told(NAMES[self.target], self.kind, trial)


def tune(
    data: Dataset, parts: Sequence[Part], target: int, kind: str, trials: int,
    start: Params | None = None, told: Told | None = None, seed: int = SEED,
    most_rounds: int | None = None,
) -> Tuned:  # fmt: skip
    """Search one booster's hyper-parameters; those in force stay unless others do better.

    Parameters
    ----------
    data, parts : Dataset, list of Part
        :func:`prepare_parts`.
    target : int
        Index into :data:`guide_ml.describe.targets.NAMES`.
    kind : {"lightgbm", "xgboost"}
        Booster.
    trials : int
        Trials beside the hyper-parameters in force.
    start : dict, optional
        Hyper-parameters in force; :data:`FIRST` by default.
    told : callable, optional
        Told of each trial.
    seed : int
        The same seed and data give the same trials.
    most_rounds : int, optional
        Rounds that no trial exceeds.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = _Search(data, parts, target, kind, told, most_rounds)
    search.start(dict(start or FIRST[kind]))
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=WARM_UP),
    )
    if start is not None and trials > 1:
        study.enqueue_trial({k: v for k, v in FIRST[kind].items() if k != "alpha"})
    study.optimize(search, n_trials=trials)
    best = min(search.trials, key=lambda t: t.score if np.isfinite(t.score) else np.inf)
    return Tuned(best, search.trials)
