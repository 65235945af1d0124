"""Which hyper-parameters and which boosters? Optuna, on grouped and on random folds.

A trial is scored by the mean, over the two splits, of its median error relative to that of the
first trial, so that neither split is bought with the other. Then each target takes LightGBM,
XGBoost or their mean, whichever validates best. Writes guide_ml/hyper_parameters.json and
results/12_tune.csv. Takes about half an hour on 2 cores.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from joblib import Parallel, delayed

from guide_ml import evaluation
from guide_ml.dataset import Dataset, Matrix, build, matrix
from guide_ml.estimators import fit_member
from guide_ml.measurements import prepare, read_files
from guide_ml.physics.fit import fit
from guide_ml.physics.inputs import INPUTS
from guide_ml.targets import NAMES

HERE = Path(__file__).parent
OUT = HERE.parent / "guide_ml" / "hyper_parameters.json"
SPLITS = ("random", "deployment")
FOLDS, SEED = 3, 7  # folds used for tuning; another seed than the evaluation's
Prepared = tuple[str, np.ndarray, Dataset, Matrix]


def lightgbm_space(trial: optuna.Trial) -> dict[str, Any]:
    """Search space of LightGBM; bounded so that a table is scored at 10,000 rows a second."""
    return {
        "objective": trial.suggest_categorical("objective", ["l1", "huber"]), "alpha": 0.1,
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.12, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 24, 80, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, 40, log=True),
        "feature_fraction": trial.suggest_float("feature_fraction", 0.25, 0.7),
        "bagging_fraction": trial.suggest_float("bagging_fraction", 0.6, 0.95),
        "lambda_l2": trial.suggest_float("lambda_l2", 0.01, 10.0, log=True),
        "rounds": trial.suggest_int("rounds", 200, 320, step=20),
    }


def xgboost_space(trial: optuna.Trial) -> dict[str, Any]:
    """Search space of XGBoost."""
    return {
        "eta": trial.suggest_float("eta", 0.04, 0.12, log=True),
        "max_depth": trial.suggest_int("max_depth", 5, 9),
        "min_child_weight": trial.suggest_float("min_child_weight", 2.0, 20.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.6, 0.95),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 0.7),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.3, 10.0, log=True),
        "rounds": trial.suggest_int("rounds", 250, 400, step=50),
    }


FIRST = {
    "lightgbm": {"objective": "l1", "learning_rate": 0.08, "num_leaves": 47,
                 "min_child_samples": 12, "feature_fraction": 0.5, "bagging_fraction": 0.8,
                 "lambda_l2": 1.0, "rounds": 300},
    "xgboost": {"eta": 0.08, "max_depth": 7, "min_child_weight": 8.0, "subsample": 0.8,
                "colsample_bytree": 0.5, "reg_lambda": 2.0, "rounds": 300},
}  # fmt: skip
SPACES = {"lightgbm": lightgbm_space, "xgboost": xgboost_space}


def _prepare(data: Dataset, split: str, held: np.ndarray) -> Prepared:
    coefficients = fit(data.take(~held).sample)
    return split, held, data, matrix(data, coefficients)


def predict(parts: list[Prepared], target: int, kind: str, params: dict[str, Any],
            ) -> dict[str, tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """Predict the held-out values of one target: (predicted, measured) logarithms by split."""
    out: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {s: [] for s in SPLITS}
    for split, held, data, table in parts:
        mine = data.values.target == target
        train, test = np.flatnonzero(mine & ~held), np.flatnonzero(mine & held)
        x, y = table.stack(list(INPUTS)), data.sample.log_value - table.log_physics
        member = fit_member(kind, NAMES[target], x[train], y[train], data.sample.weight[train],
                            SEED, 1, params)  # fmt: skip
        guess = table.log_physics[test] + member.predict(x[test])
        means = data.values.statistic[test] == 0
        out[split].append((guess[means], data.sample.log_value[test][means]))
    return {s: (np.concatenate([a for a, _ in v]), np.concatenate([b for _, b in v]))
            for s, v in out.items()}  # fmt: skip


def medians(found: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Median error of each split, percent."""
    return {s: float(np.median(evaluation.errors(np.exp(g), np.exp(y))))
            for s, (g, y) in found.items()}  # fmt: skip


def tune(parts: list[Prepared], target: int, kind: str, trials: int) -> dict[str, Any]:
    """Search one booster's hyper-parameters."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=SEED))
    study.enqueue_trial(FIRST[kind])
    base: dict[str, float] = {}

    def objective(trial: optuna.Trial) -> float:
        params = SPACES[kind](trial)
        trial.set_user_attr("params", params)
        found = medians(predict(parts, target, kind, params))
        if not base:
            base.update(found)
        for split, value in found.items():
            trial.set_user_attr(split, value)
        return float(np.mean([found[s] / base[s] for s in SPLITS]))

    study.optimize(objective, n_trials=trials)
    print(NAMES[target], kind, study.best_value, study.best_trial.user_attrs, file=sys.stderr)
    return dict(study.best_trial.user_attrs["params"])


def choose(parts: list[Prepared], target: int, tuned: dict[str, dict[str, Any]],
           ) -> tuple[list[str], list[dict[str, Any]]]:  # fmt: skip
    """Take one kind or the mean of both, whichever validates best."""
    found = {kind: predict(parts, target, kind, p) for kind, p in tuned.items()}
    found["blend"] = {
        s: (np.mean([f[s][0] for f in found.values()], axis=0), found["lightgbm"][s][1])
        for s in SPLITS
    }
    scores = {name: medians(f) for name, f in found.items()}
    base = scores["lightgbm"]
    # A second booster costs time at every prediction: it must earn at least one percent.
    rank = {n: float(np.mean([v[s] / base[s] for s in SPLITS])) for n, v in scores.items()}
    best = min(rank, key=lambda n: rank[n] + (0.01 if n == "blend" else 0.0))
    rows = [{"target": NAMES[target], "boosters": n, "chosen": n == best} | v
            for n, v in scores.items()]  # fmt: skip
    return (list(tuned) if best == "blend" else [best]), rows


def work(parts: list[Prepared], target: int, trials: int) -> tuple[dict[str, Any], list[Any]]:
    """Tune both boosters of a target and choose."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    tuned = {"lightgbm": tune(parts, target, "lightgbm", trials),
             "xgboost": tune(parts, target, "xgboost", max(trials // 2, 1))}  # fmt: skip
    kinds, rows = choose(parts, target, tuned)
    return {f"{NAMES[target]}/{k}": tuned[k] for k in kinds}, rows


def main() -> None:
    """Tune every target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    measured = prepare(read_files())
    data = build(measured)
    jobs = []
    for split in SPLITS:
        fold = evaluation.folds(evaluation.groups(measured, split), SEED)[data.values.row]
        jobs += [delayed(_prepare)(data, split, fold == k) for k in range(FOLDS)]
    parts = Parallel(n_jobs=options.jobs)(jobs)
    found = Parallel(n_jobs=options.jobs)(
        delayed(work)(parts, t, options.trials) for t in range(len(NAMES))
    )
    chosen = {k: v for part, _ in found for k, v in part.items()}
    OUT.write_text(json.dumps(chosen, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    table = pd.DataFrame([r for _, rows in found for r in rows]).round(2)
    (HERE / "results").mkdir(exist_ok=True)
    table.to_csv(HERE / "results" / "12_tune.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
