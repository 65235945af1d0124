#!/usr/bin/env bash
# LightGBM 4.7.0 answers for a category it never saw with the figures of one that it did.
#
# Guess: a new level of a category column (a new engine, a new GPU) is an error, or falls back to
#        something like the mean of all.
# So:    LightGBM makes it missing, and a missing category goes down the branch of "all others" at
#        each split: the answer of one known level, chosen by how the splits fell. Codes out of
#        range in a plain array do the same. Nothing is said.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 lightgbm==4.7.0
OMP_NUM_THREADS=1 "$work/venv/bin/python" -W error - <<'PY'
import lightgbm, numpy as np, pandas as pd

rng = np.random.default_rng(0)
level = {"l4": 0.0, "a100": 50.0, "h100": 100.0}
names = rng.choice(list(level), 600)
table = pd.DataFrame({"device": pd.Categorical(names, categories=list(level)), "load": rng.uniform(0, 1, 600)})
y = pd.Series(names).map(level) + table.load
booster = lightgbm.train(dict(verbose=-1, num_threads=1), lightgbm.Dataset(table, y), 100)


def by_name(name):
    row = pd.DataFrame({"device": pd.Categorical([name], categories=[name]), "load": [0.5]})
    return float(booster.predict(row)[0])


told = {name: by_name(name) for name in (*level, "b200")}
coded = {code: float(booster.predict(np.array([[code, 0.5]]))[0]) for code in (0, 1, 2, 7, -1)}
print("by name:", {k: round(v, 1) for k, v in told.items()}, "- mean of all:", round(float(y.mean()), 1))
print("by code:", {k: round(v, 1) for k, v in coded.items()})
assert max(abs(told[name] - level[name] - 0.5) for name in level) < 1
known = [name for name in level if abs(told[name] - told["b200"]) < 0.01]
print("b200, never seen, is answered as", *known)
assert len(known) == 1 and abs(told["b200"] - y.mean()) > 20
assert abs(coded[7] - told["b200"]) < 0.01 > abs(coded[-1] - told["b200"])
assert lightgbm.__version__ == "4.7.0"
PY
