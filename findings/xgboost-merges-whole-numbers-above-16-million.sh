#!/usr/bin/env bash
# XGBoost 3.2.0 cannot tell 16,777,216 from 16,777,217, LightGBM 4.7.0 can.
#
# Guess: a 64-bit column (bytes of memory, parameters, tokens of a day) reaches the trees whole.
# So:    XGBoost keeps features in 32-bit floats, for training and for answers. Whole numbers above
#        2**24 merge: byte counts that differ by 2 kB are one value at 80 GB. A tree
#        that was carried to another program must round its input to 32 bits before it compares, or
#        a value at a threshold takes the other branch.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 lightgbm==4.7.0 xgboost-cpu==3.2.0
"$work/venv/bin/python" - <<'PY'
import json

import lightgbm, numpy as np, xgboost

pairs = {"2**24": (2.0**24, 2.0**24 + 1), "80 GB, 2 kB more": (80_000_004_096.0, 80_000_006_144.0)}
for name, (low, high) in pairs.items():
    x = np.repeat([low, high], 50)[:, None]
    y = np.repeat([0.0, 1.0], 50)
    light = lightgbm.train(dict(verbose=-1, min_data_in_leaf=1, min_data_in_bin=1), lightgbm.Dataset(x, y), 100)
    xg = xgboost.train({}, xgboost.DMatrix(x, y), 100)
    ask = np.array([[low], [high]])
    told = light.predict(ask), xg.predict(xgboost.DMatrix(ask))
    print(f"{name}: {low:.0f} and {high:.0f}: LightGBM {told[0].round(2)}, XGBoost {told[1].round(2)}")
    assert told[0][1] - told[0][0] > 0.9 and told[1][1] == told[1][0]

# The threshold of a saved tree is a 32-bit number: 0.3 in 64 bits lies below it, yet goes right.
xg = xgboost.train(dict(max_depth=1, base_score=0), xgboost.DMatrix(np.array([[0.1], [0.3]]), [0.0, 1.0]), 1)
tree = json.loads(xg.get_dump(dump_format="json")[0])
threshold, leaves = tree["split_condition"], {leaf["nodeid"]: leaf["leaf"] for leaf in tree["children"]}
answer = float(xg.predict(xgboost.DMatrix(np.array([[0.3]])), output_margin=True)[0])
print(f"threshold {threshold!r}: 0.3 < threshold is {0.3 < threshold}, XGBoost answers {answer:.3f};"
      f" leaf of yes {leaves[tree['yes']]:.3f}, of no {leaves[tree['no']]:.3f}")
assert 0.3 < threshold and np.float32(0.3) >= np.float32(threshold)
assert abs(answer - leaves[tree["no"]]) < 1e-6 < abs(answer - leaves[tree["yes"]])
assert lightgbm.__version__ == "4.7.0" and xgboost.__version__ == "3.2.0"
PY
