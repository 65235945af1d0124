"""Hyper-parameters of a challenger: those in force, or better ones."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
from joblib import Parallel, delayed

from guide_ml.describe.targets import NAMES
from guide_ml.tracking.gather import Gathered
from guide_ml.training.crossval import HyperParameters
from guide_ml.training.dataset import sparse
from guide_ml.training.tuning import SEED, Told, Tuned, prepare_parts, tune
from guide_ml.trees.boosters import hyper_parameters

__all__ = ["in_force", "tuned"]


def in_force(rounds: int | None = None) -> HyperParameters:
    """Return the package's hyper-parameters, the boosters' rounds cut to a number if given."""
    found = deepcopy(hyper_parameters())
    for params in found.values():
        params["rounds"] = min(params["rounds"], rounds or params["rounds"])
    return found


def tuned(
    gathered: Gathered, trials: int, start: HyperParameters, told: Told | None = None,
    jobs: int = 2, seed: int = SEED, most_rounds: int | None = None,
) -> HyperParameters:  # fmt: skip
    """Search hyper-parameters of every target, validated on deployments held out.

    Parameters
    ----------
    gathered : Gathered
        What to learn from.
    trials : int
        Trials a target; with 0 the start is returned.
    start : dict
        Hyper-parameters in force by ``target/kind``.
    told : callable, optional
        Told of each trial, from several threads.
    jobs, seed : int
        Targets at once; seed of the search.
    most_rounds : int, optional
        Rounds that no booster exceeds.
    """
    if trials < 1:
        return start
    data = gathered.data
    parts = prepare_parts(gathered.measured, data, jobs=jobs)
    shared = _share(trials, start)

    def work(name: str) -> Tuned:
        target, kind = name.split("/")
        number = NAMES.index(target)
        return tune(data, parts, number, kind, shared[name], start[name], told, seed,
                    most_rounds)  # fmt: skip

    few = sparse(data.values.target)
    # The longest first, so that no thread is left alone with it at the end.
    values = np.bincount(data.values.target, minlength=len(NAMES))
    asked = [name for name in start if name.split("/")[0] not in few]  # too few to choose by
    order = sorted(asked, key=lambda name: -int(values[NAMES.index(name.split("/")[0])]))
    # Boosters let go of the interpreter's lock, so threads do, and share the folds' matrices.
    found = Parallel(n_jobs=jobs, prefer="threads")(delayed(work)(name) for name in order)
    best = {name: t.best.params for name, t in zip(order, found, strict=True)}
    return start | {name: best[name] for name in start if name in best}


def _share(trials: int, start: HyperParameters) -> dict[str, int]:
    """Share the trials of a target among its kinds of boosters."""
    kinds = {t: [n for n in start if n.startswith(f"{t}/")] for t in NAMES}
    return {n: -(-trials // len(names)) for names in kinds.values() for n in names}

