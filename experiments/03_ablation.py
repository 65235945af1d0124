"""What does each part of the estimate contribute on what nobody has measured?

Physics alone, trees without physics, estimators without each group of inputs, LightGBM (plain and
with random thresholds), XGBoost and the mean of all, with and without what physics knows by name
(engine, architecture, device, ...), on unseen deployments, models, hardware and sources. All rows
are predicted, in 5 folds (01 uses 10 or more, so its errors are a little lower). Writes
results/03_ablation.{md,csv}. Takes more than an hour on one core; --share 0.1 for a quick look.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tables import markdown, set_of, stamp

from guide_ml.describe.targets import NAMES
from guide_ml.estimators.artefacts import Fitted
from guide_ml.explaining.words import GROUPS, group_of
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import prepare, read_files
from guide_ml.physics.design import Coefficients, Drivers
from guide_ml.physics.fit import fit, log_estimate
from guide_ml.physics.inputs import INPUTS, LOADED, STATIC
from guide_ml.table.assume import Resolved
from guide_ml.training.crossval import boosted_inputs, known_devices, predict_values
from guide_ml.training.dataset import Dataset, Matrix, build, matrix
from guide_ml.trees.boosters import BLIND, KINDS, fit_member, hyper_parameters

RESULTS = Path(__file__).parent / "results"
SEED, FOLDS = 0, 5
SPLITS = ("deployment", "model", "hardware", "source")
#: Hyper-parameters of a kind that tuning kept for another target only, or for none.
USUAL: dict[str, dict[str, object]] = {
    "lightgbm": {"objective": "l1", "learning_rate": 0.08, "num_leaves": 80, "rounds": 280,
                 "min_child_samples": 15, "feature_fraction": 0.4, "bagging_fraction": 0.9,
                 "lambda_l2": 0.01},
    "extra": {"objective": "l1", "learning_rate": 0.08, "num_leaves": 80, "rounds": 450,
              "min_child_samples": 15, "feature_fraction": 0.8, "bagging_fraction": 0.9,
              "lambda_l2": 0.01, "path_smooth": 8.0},
    "xgboost": {"eta": 0.07, "max_depth": 7, "min_child_weight": 6.0, "subsample": 0.85,
                "colsample_bytree": 0.5, "reg_lambda": 2.0, "rounds": 350},
}  # fmt: skip
#: Inputs of trees that know no physics: descriptors only.
PHYSICAL = ("log_launch", "log_prefill_launch", "log_hops", "log_arithmetic", "log_bandwidth",
            "log_interference", "log_step_floor_one", "log_one", "log_whole", "log_step",
            "log_estimate", "log_held", "kv_pressure")  # fmt: skip
PLAIN = [n for n in (*STATIC, *LOADED) if n not in PHYSICAL]
OWN, ALL = "guide-ml", "mean of all kinds"
ALONE = {"LightGBM alone": "lightgbm", "LightGBM, random thresholds, alone": "extra",
         "XGBoost alone": "xgboost"}  # fmt: skip
ALIKE = "no estimators of their own for unmeasured devices"
NAMELESS = "no corrections by name in physics"
PHYSICS, PLAIN_PHYSICS = "physics alone", "physics alone, no corrections by name"
TREES = "trees without physics"
WITHOUT = {f"inputs without {g}": g for g in GROUPS}
METHODS = (
    OWN, ALL, *ALONE, ALIKE, NAMELESS, PHYSICS, PLAIN_PHYSICS, TREES, *WITHOUT,
)  # fmt: skip


def tell(done: int, total: int, text: str) -> None:
    """Show progress."""
    print(f"  {text} {done}/{total}", file=sys.stderr, flush=True)


def nameless(rows: Drivers) -> Drivers:
    """Give every row the same name in every group."""
    codes = {k: np.zeros_like(v) for k, v in rows.codes.items()}
    return replace(rows, codes=codes, levels={k: [""] for k in rows.levels})


def fit_nameless(train: Dataset, known: Coefficients) -> Coefficients:
    """Calibrate physics that corrects nothing by name; names that `known` met stay known."""
    found = fit(replace(train.sample, drivers=nameless(train.sample.drivers)))
    shared = {knob: sum(levels.get("", 0.0) for levels in by_group.values())
              for knob, by_group in found.corrections.items()}  # fmt: skip
    constants = {k: v + shared.get(k, 0.0) for k, v in found.constants.items()}
    silent = {knob: {group: dict.fromkeys(levels, 0.0) for group, levels in by_group.items()}
              for knob, by_group in known.corrections.items()}  # fmt: skip
    return Coefficients(constants, found.slopes, silent)


def parameters(target: str, kind: str) -> dict[str, object]:
    """Tuned hyper-parameters; the middle of the tuned range for a kind that tuning dropped."""
    tuned = hyper_parameters()
    name = f"{target}/{kind}"
    return tuned[name] if name in tuned else USUAL[kind]


def chosen(target: str) -> list[str]:
    """Kinds that tuning chose for a target."""
    return [k for k in KINDS if f"{target}/{k}" in hyper_parameters()]


def every(target: str) -> list[str]:
    """Kinds that tuning chose, and those that it did not."""
    return list(dict.fromkeys([*chosen(target), *ALONE.values()]))


def shipped(fitted: Fitted) -> Fitted:
    """Keep the kinds that tuning chose for each target."""
    members = {name: {k: found[k] for k in kinds_of(name, chosen)}
               for name, found in fitted.members.items()}  # fmt: skip
    return replace(fitted, members=members)


def kinds_of(name: str, kinds: Callable[[str], list[str]]) -> list[str]:
    """Kinds of estimators of a name; for unmeasured devices the first of those chosen."""
    found = kinds(name.removesuffix(BLIND))
    return found[:1] if name.endswith(BLIND) and kinds is chosen else found


def parameters_of(name: str, kind: str) -> dict[str, object]:
    """Hyper-parameters of a name's estimators; for unmeasured devices with half of the rounds."""
    found = dict(parameters(name.removesuffix(BLIND), kind))
    if name.endswith(BLIND):
        found["rounds"] = max(int(str(found["rounds"])) // 2, 1)
    return found


def boost(
    train: Dataset, table: Matrix, coefficients: Coefficients, blind: Iterable[str],
    kinds: Callable[[str], list[str]] = chosen, drop: str = "",
) -> Fitted:  # fmt: skip
    """Fit estimators of all kinds or those that tuning chose, without the inputs of a group.

    The targets of `blind` get estimators for unmeasured devices as well.
    """
    residual = train.sample.log_value - table.log_physics
    inputs, members = {}, {}
    for name in (*NAMES, *(n + BLIND for n in blind)):
        target = name.removesuffix(BLIND)
        rows = np.flatnonzero(train.values.target == NAMES.index(target))
        inputs[name] = [c for c in boosted_inputs(name) if not drop or group_of(c) != drop]
        x = table.stack(inputs[name])[rows]
        members[name] = {
            kind: fit_member(kind, target, x, residual[rows], train.sample.weight[rows], SEED, 1,
                             parameters_of(name, kind))
            for kind in kinds_of(name, kinds)
        }
    return Fitted(coefficients, inputs, members, known_devices(train))


def only(fitted: Fitted, kind: str) -> Fitted:
    """Keep the estimators of one kind."""
    return replace(fitted, members={k: {kind: v[kind]} for k, v in fitted.members.items()})


def trees(train: Dataset, test: Dataset) -> np.ndarray:
    """Predict by trees that see descriptors only and learn the logarithm of the value."""
    tables = [matrix(part, Coefficients()).stack(PLAIN) for part in (train, test)]
    out = np.full(len(test.values.row), np.nan)
    for index, name in enumerate(NAMES):
        rows, asked = (np.flatnonzero(d.values.target == index) for d in (train, test))
        if len(asked):
            both = [fit_member(kind, name, tables[0][rows], train.sample.log_value[rows],
                               train.sample.weight[rows], SEED, 1,
                               parameters(name, kind)).predict(tables[1][asked])
                    for kind in chosen(name)]  # fmt: skip
            out[asked] = np.mean(both, axis=0)
    return out


def one_fold(
    data: Dataset, resolved: Resolved, held: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Predict the values of a fold by every method."""
    train, test = data.take(~held), data.take(held)
    known = fit(train.sample)
    plain = fit_nameless(train, known)
    asked = set(test.slugs["hardware"].astype(str))
    blind = [name for name, known in known_devices(train).items() if asked - set(known)]
    tables = {True: matrix(train, known), False: matrix(train, plain)}
    full = boost(train, tables[True], known, blind, every)
    own = shipped(full)
    anywhere = {name: sorted(set(data.slugs["hardware"].astype(str))) for name in NAMES}
    variants = {
        OWN: own, ALL: full, ALIKE: replace(own, devices=anywhere),
        NAMELESS: boost(train, tables[False], plain, blind),
    }
    variants |= {method: only(full, kind) for method, kind in ALONE.items()}
    for method, group in WITHOUT.items():
        variants[method] = boost(train, tables[True], known, blind, drop=group)
    out = {k: predict_values(v, resolved, test.values) for k, v in variants.items()}
    rows = test.sample.drivers
    out[PHYSICS] = log_estimate(test.sample, known.knobs(rows))
    out[PLAIN_PHYSICS] = log_estimate(test.sample, plain.knobs(rows))
    out[TREES] = trees(train, test)
    return np.flatnonzero(held), out


def run(split: str, share: float, jobs: int) -> pd.DataFrame:
    """Predict every value of a split by every method and sum the errors up."""
    table = read_files()
    whole = prepare(table).sha256
    if share < 1:
        table = table.sample(frac=share, random_state=SEED).reset_index(drop=True)
    measured = prepare(table)
    data = build(measured)
    fold = evaluation.folds(evaluation.groups(measured, split), SEED, FOLDS) % FOLDS
    fold = fold[data.values.row]
    logs = {m: np.full(len(fold), np.nan) for m in METHODS}
    work = (delayed(one_fold)(data, measured.resolved, fold == k) for k in np.unique(fold))
    found = Parallel(n_jobs=jobs, return_as="generator")(work)
    for done, (rows, predicted) in enumerate(found, start=1):
        for method, values in predicted.items():
            logs[method][rows] = values
        tell(done, len(np.unique(fold)), f"split {split}: fold")
    lines = []
    for method, values in logs.items():
        for index, name in enumerate(NAMES):
            mine = (data.values.target == index) & (data.values.statistic == 0)
            mine &= np.isfinite(values)
            ape = evaluation.errors(np.exp(values[mine]), data.values.value[mine])
            lines.append({"split": split, "method": method, "target": name}
                         | evaluation.summary(ape))  # fmt: skip
    return pd.DataFrame(lines).round(2).assign(set=set_of(whole))


def write(table: pd.DataFrame, share: float) -> str:
    """Write what was measured; splits not run keep their rows."""
    path = RESULTS / "03_ablation.csv"
    if path.exists():
        old = pd.read_csv(path)
        table = pd.concat([old[~old["split"].isin(table["split"])], table], ignore_index=True)
    table.to_csv(path, index=False)
    parts = ["# What each part contributes\n",
             f"Median error in percent, means only, {FOLDS} folds"
             + (f", {share:.0%} of the rows" if share < 1 else "")
             + f"; trees without physics see {len(PLAIN)} of {len(INPUTS)} inputs. Written by"
             " `experiments/03_ablation.py`.\n", stamp(table["set"])]  # fmt: skip
    for split in SPLITS:
        own = table[table["split"] == split]
        if len(own):
            wide = own.pivot_table(index="method", columns="target", values="median_ape")
            wide = wide.loc[[m for m in METHODS if m in wide.index], list(NAMES)].round(1)
            parts += [f"\n## Unseen {split}\n", markdown(wide.reset_index())]
    text = "\n".join([*parts, ""])
    (RESULTS / "03_ablation.md").write_text(text, encoding="utf-8")
    return text


def main() -> None:
    """Run the splits and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", nargs="+", default=list(SPLITS), choices=SPLITS)
    parser.add_argument("--share", type=float, default=1.0, help="share of the rows to use")
    parser.add_argument("--jobs", type=int, default=2, help="folds at a time")
    asked = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for split in asked.splits:  # written after each, so that an interrupted run keeps its splits
        text = write(run(split, asked.share, asked.jobs), asked.share)
    print(text)


if __name__ == "__main__":
    main()
