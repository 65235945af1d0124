#!/usr/bin/env bash
# Optuna 5.0.0 runs enqueued and grid values that lie outside the range, and can call them the best.
#
# Guess: suggest_int("batch", 1, 64) returns a whole number from 1 to 64.
# So:    a value given beforehand (enqueue_trial, the grid of GridSampler) is handed out as it is,
#        above the range or off its step, with a warning only. The trial is complete, and
#        study.best_params may hold what the search was told not to offer. Only categorical values
#        are checked.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 optuna==5.0.0
"$work/venv/bin/python" - <<'PY'
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def throughput(trial):
    return trial.suggest_int("batch", 1, 64) / (1 + trial.suggest_int("devices", 2, 8, step=2))


study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
study.enqueue_trial({"batch": 4096, "devices": 3})  # from an older study with wider ranges
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    study.optimize(throughput, n_trials=30)
about = [str(w.message) for w in said if "out of range" in str(w.message)]
print("best of 30 trials, ranges 1-64 and 2, 4, 6, 8:", study.best_params, study.best_trial.state.name)
print("warnings:", about)
assert study.best_params == {"batch": 4096, "devices": 3} and len(about) >= 1

grid = optuna.samplers.GridSampler({"batch": [8, 64, 512], "devices": [2]}, seed=0)
study = optuna.create_study(direction="maximize", sampler=grid)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    study.optimize(throughput)
print("best of a grid with 512:", study.best_params)
assert study.best_params["batch"] == 512

study = optuna.create_study()
study.enqueue_trial({"engine": "other"})
try:
    study.optimize(lambda trial: len(trial.suggest_categorical("engine", ["vllm", "sglang"])), n_trials=1)
    raise SystemExit("an unknown category passed")
except ValueError as error:
    print("categorical:", error)
assert optuna.__version__ == "5.0.0"
PY
