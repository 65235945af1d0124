#!/usr/bin/env bash
# LightGBM 4.7.0 reads a missing value as 0 in a column that had none missing in training.
#
# Guess: boosters of both kinds send a missing value (NaN) down a branch meant for missing values.
# So:    LightGBM notes at training that the column is never missing, and later compares 0 instead.
#        XGBoost 3.2.0 sends it down each split's default branch. On one and the same table the two
#        end at opposite ends of the range, and neither says a word.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 lightgbm==4.7.0 xgboost-cpu==3.2.0
"$work/venv/bin/python" - <<'PY'
import lightgbm, numpy as np, xgboost

rng = np.random.default_rng(0)
x = rng.uniform(10, 20, (2000, 1))  # say, a batch size: always given, never near 0
y = x[:, 0]
light = lightgbm.train(dict(verbose=-1, num_leaves=7), lightgbm.Dataset(x, y), 50)
xg = xgboost.train(dict(max_depth=3), xgboost.DMatrix(x, y), 50)


def both(value):
    row = np.array([[value]])
    return float(light.predict(row)[0]), float(xg.predict(xgboost.DMatrix(row))[0])


for value in (np.nan, 0.0, 10.0, 15.0, 20.0):
    print(f"x = {value:>4}: LightGBM {both(value)[0]:6.2f}, XGBoost {both(value)[1]:6.2f}")
assert lightgbm.__version__ == "4.7.0" and xgboost.__version__ == "3.2.0"
assert both(np.nan)[0] == both(0.0)[0] == both(10.0)[0], "LightGBM: NaN is 0, the low end"
assert both(np.nan)[1] == both(20.0)[1] > 19, "XGBoost: NaN takes the default branch, the high end"

# One missing value among the training rows changes what LightGBM does with all later ones.
seen = np.vstack([x, [[np.nan]]])
taught = lightgbm.train(dict(verbose=-1, num_leaves=7, min_data_in_leaf=1),
                        lightgbm.Dataset(seen, np.append(y, 30.0)), 50)
told = float(taught.predict([[np.nan]])[0]), float(taught.predict([[0.0]])[0])
print(f"with one missing row in training: NaN {told[0]:.2f}, 0 {told[1]:.2f}")
assert told[0] - told[1] > 5
PY
