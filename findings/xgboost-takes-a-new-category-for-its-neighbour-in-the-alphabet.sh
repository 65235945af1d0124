#!/usr/bin/env bash
# XGBoost 3.2.0 takes a new category for the next known one in the alphabet.
#
# Guess: since 3.1 categories are matched by name, and a level that training never saw is refused.
# So:    it is refused only if it sorts behind all known levels. Any other new name is looked up in
#        the sorted list and taken for the known name that follows it: a B200 is answered as an H100,
#        an H200 as an L4, to the bit. A test with "zzz" as the unknown level sees the refusal and
#        believes that all is well.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 xgboost-cpu==3.2.0
OMP_NUM_THREADS=1 "$work/venv/bin/python" - <<'PY'
import numpy as np, pandas as pd, xgboost

level = {"l4": 0.0, "a100": 50.0, "h100": 100.0}
rng = np.random.default_rng(0)
names = rng.choice(list(level), 600)
table = pd.DataFrame({"device": pd.Categorical(names, categories=list(level)), "load": rng.uniform(0, 1, 600)})
y = pd.Series(names).map(level) + table.load
booster = xgboost.train(dict(max_depth=3, nthread=1), xgboost.DMatrix(table, y, enable_categorical=True), 100)


def answer(name):
    row = pd.DataFrame({"device": pd.Categorical([name], categories=[name]), "load": [0.5]})
    try:
        return float(booster.predict(xgboost.DMatrix(row, enable_categorical=True))[0])
    except xgboost.core.XGBoostError as error:
        return next(line for line in str(error).splitlines() if "category" in line).rsplit("29: ", 1)[-1]


known = {name: answer(name) for name in level}
print("known:", {name: round(value, 2) for name, value in known.items()})
assert max(abs(known[name] - level[name] - 0.5) for name in level) < 1
for new, neighbour in {"a10g": "h100", "b200": "h100", "h200": "l4", "A100": "a100"}.items():
    print(f"{new}, never seen: {answer(new):.2f}, as {neighbour}")
    assert answer(new) == known[neighbour]
for new in ("mi300x", "zzz"):
    print(f"{new}, never seen: {answer(new)}")
    assert "not in the training set" in answer(new)
assert xgboost.__version__ == "3.2.0"
PY
