"""Which hyper-parameters and which boosters? Optuna, on grouped and on random folds.

A trial is scored by the mean, over the two splits, of its median error relative to that of the
first trial, so that neither split is bought with the other. Then each target takes LightGBM,
XGBoost or their mean, whichever validates best. Writes guide_ml/trees/hyper_parameters.json and
results/12_tune.csv. Takes about half an hour on 2 cores.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from guide_ml.describe.targets import NAMES
from guide_ml.measurements.read import prepare, read_files
from guide_ml.training.dataset import Dataset, build
from guide_ml.training.tuning import Part, medians, predict, prepare_parts, tune

HERE = Path(__file__).parent
OUT = HERE.parent / "guide_ml" / "trees" / "hyper_parameters.json"
SPLITS = ("random", "deployment")


def choose(
    data: Dataset, parts: list[Part], target: int, tuned: dict[str, dict[str, Any]]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Take one kind or the mean of both, whichever validates best."""
    found = {kind: predict(data, parts, target, kind, p) for kind, p in tuned.items()}
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


def work(
    data: Dataset, parts: list[Part], target: int, trials: int
) -> tuple[dict[str, Any], list[Any]]:
    """Tune both boosters of a target and choose."""
    tuned = {}
    for kind, count in (("lightgbm", trials), ("xgboost", max(trials // 2, 1))):
        best = tune(data, parts, target, kind, count).best
        print(NAMES[target], kind, best.score, best.median_ape, file=sys.stderr)
        tuned[kind] = best.params
    kinds, rows = choose(data, parts, target, tuned)
    return {f"{NAMES[target]}/{k}": tuned[k] for k in kinds}, rows


def main() -> None:
    """Tune every target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    measured = prepare(read_files())
    data = build(measured)
    parts = prepare_parts(measured, data, SPLITS, jobs=options.jobs)
    found = Parallel(n_jobs=options.jobs)(
        delayed(work)(data, parts, t, options.trials) for t in range(len(NAMES))
    )
    chosen = {k: v for part, _ in found for k, v in part.items()}
    OUT.write_text(json.dumps(chosen, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    table = pd.DataFrame([r for _, rows in found for r in rows]).round(2)
    (HERE / "results").mkdir(exist_ok=True)
    table.to_csv(HERE / "results" / "12_tune.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
