#!/usr/bin/env bash
# Optuna 5.0.0: a study resumed with the same seed draws the same points again.
#
# Guess: load_if_exists=True with TPESampler(seed=...) goes on where the search stopped, so that
#        five runs of 10 trials are one run of 50.
# So:    the sampler's random numbers start anew with each process. As long as a study is within its
#        random start-up (10 trials), or the sampler is a random one, every resumed run repeats the
#        points of the first: 50 trials, 10 distinct ones.
#        The direction asked for at the second opening is dropped without a word, too.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 optuna==5.0.0
cd "$work" && venv/bin/python - <<'PY'
import warnings

import optuna

warnings.simplefilter("error")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def runs(sampler, times, trials):
    storage = optuna.storages.InMemoryStorage()
    for _ in range(times):  # as a job that is killed and started again does
        study = optuna.create_study(study_name="plan", storage=storage, load_if_exists=True, sampler=sampler())
        study.optimize(lambda trial: trial.suggest_float("share", 0, 1), n_trials=trials)
    return study


for name, sampler, times, trials in (
    ("TPE, 2 runs of 5", lambda: optuna.samplers.TPESampler(seed=1), 2, 5),
    ("random, 5 runs of 10", lambda: optuna.samplers.RandomSampler(seed=1), 5, 10),
):
    drawn = [t.params["share"] for t in runs(sampler, times, trials).trials]
    print(f"{name}: {len(drawn)} trials, {len(set(drawn))} distinct")
    assert len(drawn) == times * trials and len(set(drawn)) == trials
    assert drawn[:trials] == drawn[trials : 2 * trials]
one = runs(lambda: optuna.samplers.TPESampler(seed=1), 1, 10)
assert len({t.params["share"] for t in one.trials}) == 10

storage = optuna.storages.InMemoryStorage()
optuna.create_study(study_name="plan", storage=storage, direction="minimize")
again = optuna.create_study(study_name="plan", storage=storage, direction="maximize", load_if_exists=True)
again.optimize(lambda trial: trial.suggest_float("tokens_per_s", 0, 1), n_trials=10)
lowest = min(t.value for t in again.trials)
print("opened again with direction='maximize':", again.direction.name, "- best is the lowest:", again.best_value == lowest)
assert again.direction.name == "MINIMIZE" and again.best_value == lowest
assert optuna.__version__ == "5.0.0"
PY
