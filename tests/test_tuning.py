"""The search keeps what is in force unless it finds better, and repeats itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from guide_ml.describe.targets import NAMES
from guide_ml.measurements import evaluation
from guide_ml.tracking import search
from guide_ml.tracking.gather import gather
from guide_ml.training import tuning, tuning_space
from guide_ml.trees.boosters import hyper_parameters

TPOT = NAMES.index("tpot_ms")
QUICK = {"objective": "l1", "learning_rate": 0.1, "num_leaves": 8, "rounds": 8}


@pytest.fixture(scope="module")
def gathered(few):
    return gather(few, base=False)


@pytest.fixture(scope="module")
def parts(gathered):
    return tuning.prepare_parts(gathered.measured, gathered.data, folds=3, jobs=1)


def run(gathered, parts, start=None, **options):
    told = []
    found = tuning.tune(
        gathered.data, parts, TPOT, "lightgbm", 3, start or QUICK,
        lambda *trial: told.append(trial), most_rounds=12, **options,
    )  # fmt: skip
    return found, told


def test_folds_hold_out_whole_deployments_and_every_value_once(gathered, parts):
    assert np.sum([p.held for p in parts], axis=0).tolist() == [1] * len(gathered.data.values.row)
    group = evaluation.groups(gathered.measured, "deployment")[gathered.data.values.row]
    for part in parts:
        assert not set(group[part.held]) & set(group[~part.held])


def test_the_set_in_force_is_trial_0_and_scores_1(gathered, parts):
    found, told = run(gathered, parts)
    assert [t.number for t in found.trials] == [0, 1, 2, 3]
    assert found.trials[0].params == QUICK
    assert found.trials[0].score == 1.0
    assert [t[2] for t in told] == found.trials
    assert {t[:2] for t in told} == {("tpot_ms", "lightgbm")}


def test_the_best_trial_is_never_worse_than_what_is_in_force(gathered, parts):
    known = tuning.prepare_parts(gathered.measured, gathered.data, ("random",), 3, jobs=1)
    poor = QUICK | {"learning_rate": 1e-6}
    for start, folds in ((QUICK, parts), (poor, known)):
        found, _ = run(gathered, folds, start)
        scores = [t.score for t in found.trials if np.isfinite(t.score)]
        assert found.best.score == min(scores) <= 1.0
    assert found.best.number > 0  # for known deployments anything beats learning nothing


def test_the_same_seed_gives_the_same_trials_and_rounds_are_capped(gathered, parts):
    one, two = run(gathered, parts)[0], run(gathered, parts)[0]
    assert [t.params for t in one.trials] == [t.params for t in two.trials]
    assert [t.score for t in one.trials] == pytest.approx([t.score for t in two.trials])
    assert max(t.params["rounds"] for t in one.trials) <= 12


def test_a_score_is_the_mean_error_relative_to_the_set_in_force(gathered, parts):
    found, _ = run(gathered, parts)
    base = found.trials[0].median_ape["deployment"]
    for trial in found.trials:
        if np.isfinite(trial.score):
            assert trial.score == pytest.approx(trial.median_ape["deployment"] / base)


def test_what_is_not_searched_stays_as_it_is_in_force(gathered, parts):
    found, _ = run(gathered, parts, QUICK | {"max_bin": 31})
    assert {t.params["max_bin"] for t in found.trials} == {31}


def test_without_trials_all_stays_and_rounds_are_cut_to_the_cap(gathered):
    start = search.in_force(5)
    assert {p["rounds"] for p in start.values()} == {5}
    assert search.tuned(gathered, 0, start) is start
    assert {p["rounds"] for p in hyper_parameters().values()} != {5}  # the package's are kept


def test_spaces_hold_the_starts():
    import optuna

    for kind, first in tuning_space.FIRST.items():
        trial: Any = optuna.trial.FixedTrial(first)
        assert tuning_space.SPACES[kind](trial) == first
