#!/usr/bin/env bash
# Optuna 5.0.0's pruners compare a trial with trials that break the constraint.
#
# Guess: with constraints_func the search is for the best feasible trial, in all its parts.
# So:    the sampler and best_trial know the constraint, the pruners do not. Cheap trials that can
#        never be the answer set the median, and feasible ones, which cost more, are stopped as
#        hopeless: 87 of 91 here, and one study of four ends without any answer. A constraint that is
#        noted at the end of the objective stops the whole study at the first pruned trial.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 optuna==5.0.0
"$work/venv/bin/python" -W ignore - <<'PY'
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
LEAST = 0.7  # cheaper plans are too slow


def cost(trial, note_first=True):
    price = trial.suggest_float("price", 0, 1)
    if note_first:
        trial.set_user_attr("too_slow", LEAST - price)
    for step in range(3):
        trial.report(price, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("too_slow", LEAST - price)
    return price


def search(pruner, seed):
    sampler = optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=100, constraints_func=lambda trial: (trial.user_attrs["too_slow"],))
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    study.optimize(cost, n_trials=100)
    fit = [t for t in study.trials if t.params["price"] >= LEAST]
    stopped = sum(t.state is optuna.trial.TrialState.PRUNED for t in fit)
    best = min((t.value for t in fit if t.state is optuna.trial.TrialState.COMPLETE), default=None)
    return len(fit), stopped, best


told = {}
for seed in range(4):
    told[seed] = search(optuna.pruners.NopPruner(), seed), search(optuna.pruners.MedianPruner(), seed)
    for name, (fit, stopped, best) in zip(("no pruner", "median pruner"), told[seed], strict=True):
        print(f"seed {seed}, {name}: {fit} feasible trials, {stopped} of them stopped, best", best and round(best, 3))
for without, with_pruner in told.values():
    assert without[0] == with_pruner[0] > 15 and without[1] == 0 and without[2] < 0.73
    assert with_pruner[1] > 0.8 * with_pruner[0]
    assert with_pruner[2] is None or with_pruner[2] >= without[2]
assert any(with_pruner[2] is None for _, with_pruner in told.values())

sampler = optuna.samplers.TPESampler(seed=0, constraints_func=lambda trial: (trial.user_attrs["too_slow"],))
study = optuna.create_study(sampler=sampler, pruner=optuna.pruners.MedianPruner())
try:
    study.optimize(lambda trial: cost(trial, note_first=False), n_trials=100)
    raise SystemExit("pruned trials no longer need the constraint")
except KeyError as error:
    print(f"noted at the end: KeyError {error} after {len(study.trials)} of 100 trials")
assert len(study.trials) < 100 and optuna.__version__ == "5.0.0"
PY
