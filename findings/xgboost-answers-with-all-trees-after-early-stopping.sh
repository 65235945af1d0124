#!/usr/bin/env bash
# After early stopping XGBoost 3.2.0 answers with every tree, LightGBM 4.7.0 with the best ones.
#
# Guess: a booster that stopped early predicts with its best number of trees.
# So:    LightGBM's Booster does, and saves only those. XGBoost's Booster keeps and uses the rounds
#        after the best one, and saves them all; only its scikit-learn face stops at the best.
#        A comparison of the two boosters then favours LightGBM by the patience that was asked for.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 \
    lightgbm==4.7.0 xgboost-cpu==3.2.0
cd "$work" && OMP_NUM_THREADS=1 venv/bin/python - <<'PY'
import lightgbm, numpy as np, xgboost

rng = np.random.default_rng(0)


def draw():
    x = rng.normal(size=(300, 5))
    return x, x[:, 0] + 3 * rng.normal(size=300)


(x, y), (xv, yv) = draw(), draw()
light = lightgbm.train(dict(verbose=-1), lightgbm.Dataset(x, y), 200,
                       valid_sets=[lightgbm.Dataset(xv, yv)],
                       callbacks=[lightgbm.early_stopping(20, verbose=False)])
xg = xgboost.train(dict(max_depth=3), xgboost.DMatrix(x, y), 200,
                   evals=[(xgboost.DMatrix(xv, yv), "valid")], early_stopping_rounds=20, verbose_eval=False)
wrapped = xgboost.XGBRegressor(n_estimators=200, max_depth=3, early_stopping_rounds=20)
wrapped.fit(x, y, eval_set=[(xv, yv)], verbose=False)

rms = lambda answer: float(np.sqrt(np.mean((answer - yv) ** 2)))
plain = rms(xg.predict(xgboost.DMatrix(xv)))
best = rms(xg.predict(xgboost.DMatrix(xv), iteration_range=(0, xg.best_iteration + 1)))
every = rms(xg.predict(xgboost.DMatrix(xv), iteration_range=(0, xg.num_boosted_rounds())))
print(f"XGBoost: best round {xg.best_iteration}, rounds kept {xg.num_boosted_rounds()};"
      f" error of predict() {plain:.4f}, of the best rounds {best:.4f}, of all {every:.4f}")
print(f"scikit-learn face: error of predict() {rms(wrapped.predict(xv)):.4f}")
light.save_model("light.txt")
kept = lightgbm.Booster(model_file="light.txt").num_trees()
print(f"LightGBM: best round {light.best_iteration}, trees saved {kept}")
assert plain == every > best and xg.num_boosted_rounds() > xg.best_iteration + 1
assert abs(rms(wrapped.predict(xv)) - best) < 1e-6
assert kept == light.best_iteration
assert np.array_equal(light.predict(xv), light.predict(xv, num_iteration=light.best_iteration))
assert lightgbm.__version__ == "4.7.0" and xgboost.__version__ == "3.2.0"
PY
