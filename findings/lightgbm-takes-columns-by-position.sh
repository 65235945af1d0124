#!/usr/bin/env bash
# LightGBM 4.7.0 takes the columns of a named table by position, not by name.
#
# Guess: a booster that was trained on named columns finds them by name, or refuses other ones.
# So:    LightGBM answers a data frame or an Arrow table with its columns swapped, without a word
#        (the scikit-learn face too), unless validate_features=True is asked for, which is off.
#        XGBoost 3.2.0 refuses such a frame.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 pyarrow==26.0.1 \
    scikit-learn==1.9.1 lightgbm==4.7.0 xgboost-cpu==3.2.0
"$work/venv/bin/python" - <<'PY'
import warnings

import lightgbm, numpy as np, pandas as pd, pyarrow as pa, xgboost

rng = np.random.default_rng(0)
table = pd.DataFrame({"tokens_in": rng.uniform(0, 1, 2000), "tokens_out": rng.uniform(0, 1, 2000)})
y = 10 * table.tokens_in + table.tokens_out
light = lightgbm.train(dict(verbose=-1), lightgbm.Dataset(table, y), 50)
wrapped = lightgbm.LGBMRegressor(verbose=-1).fit(table, y)
row = pd.DataFrame({"tokens_in": [0.9], "tokens_out": [0.1]})
swapped = row[["tokens_out", "tokens_in"]]  # the same facts, the columns in another order

with warnings.catch_warnings():
    warnings.simplefilter("error")
    for name, ask in (("Booster, pandas", light.predict), ("scikit-learn face", wrapped.predict),
                      ("Booster, Arrow", lambda t: light.predict(pa.Table.from_pandas(t)))):
        right, wrong = float(ask(row)[0]), float(ask(swapped)[0])
        print(f"LightGBM {name}: {right:.2f} in the trained order, {wrong:.2f} swapped")
        assert abs(right - 9.1) < 0.2 and abs(wrong - 1.9) < 0.2
try:
    light.predict(swapped, validate_features=True)
    raise SystemExit("validate_features=True let swapped columns pass")
except lightgbm.basic.LightGBMError as error:
    print("LightGBM with validate_features=True:", error)
xg = xgboost.train({}, xgboost.DMatrix(table, y), 50)
try:
    xg.predict(xgboost.DMatrix(swapped))
    raise SystemExit("XGBoost took swapped columns")
except ValueError as error:
    print("XGBoost:", str(error).splitlines()[0])
assert lightgbm.__version__ == "4.7.0" and xgboost.__version__ == "3.2.0"
PY
