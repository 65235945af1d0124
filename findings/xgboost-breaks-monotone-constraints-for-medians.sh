#!/usr/bin/env bash
# XGBoost 3.2.0 takes monotone constraints with absolute and quantile error, and does not keep them.
#
# Guess: a constraint that the training accepts is kept (more load is never predicted to be faster).
# So:    both objectives put new values into the leaves after the constrained tree was grown. The
#        prediction falls along a feature that was to rise. LightGBM 4.7.0 refuses the same pairs,
#        but in its turn takes a constraint with linear_tree and does not keep it.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 lightgbm==4.7.0 xgboost-cpu==3.2.0
OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'PY' 2>&1 | grep -v '^\[LightGBM\]'
import itertools

import lightgbm, numpy as np, xgboost

rng = np.random.default_rng(0)
x = rng.uniform(0, 1, (600, 3))
y = 3 * np.sin(6 * x[:, 0]) + 2 * x[:, 1] * (x[:, 2] > 0.5) + rng.exponential(1 + 3 * x[:, 2])
steps = np.linspace(0, 1, 400)


def deepest_fall(predict):
    """Walk along the first feature, which was to rise, with the two others fixed."""
    worst = 0.0
    for second, third in itertools.product(np.linspace(0.05, 0.95, 7), repeat=2):
        walk = np.column_stack([steps, np.full(400, second), np.full(400, third)])
        worst = min(worst, float(np.diff(predict(walk)).min()))
    return worst


falls = {}
for objective in ("reg:squarederror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror"):
    options = dict(objective=objective, max_depth=5, monotone_constraints="(1,0,0)", nthread=1)
    if objective == "reg:quantileerror":
        options["quantile_alpha"] = 0.9
    booster = xgboost.train(options, xgboost.DMatrix(x, y), 100)
    falls[objective] = deepest_fall(lambda walk: booster.predict(xgboost.DMatrix(walk)))
for linear in (False, True):
    data = lightgbm.Dataset(x, y, params=dict(linear_tree=linear))
    options = dict(verbose=-1, monotone_constraints=[1, 0, 0], linear_tree=linear, min_data_in_leaf=5)
    falls[f"LightGBM linear_tree={linear}"] = deepest_fall(lightgbm.train(options, data, 100).predict)
for name, fall in falls.items():
    print(f"{name}: deepest fall {fall:.3f}")
assert falls["reg:squarederror"] == falls["reg:pseudohubererror"] == 0
assert falls["reg:absoluteerror"] < -0.05 and falls["reg:quantileerror"] < -0.05
assert falls["LightGBM linear_tree=False"] == 0 and falls["LightGBM linear_tree=True"] < -0.05
for objective in ("regression_l1", "quantile"):
    try:
        lightgbm.train(dict(objective=objective, verbose=-1, monotone_constraints=[1, 0, 0]),
                       lightgbm.Dataset(x, y), 5)
        raise SystemExit(f"LightGBM took {objective} with a constraint")
    except lightgbm.basic.LightGBMError as error:
        print("LightGBM:", error)
assert lightgbm.__version__ == "4.7.0" and xgboost.__version__ == "3.2.0"
PY
