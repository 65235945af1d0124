"""Decisions on measured servers: many (model, workload, limits), several measured deployments each.

A request asks that `USERS` people be served at once within limits of TTFT and TPOT. A candidate is
a measured row: a deployment at some number of users, as often as it takes to carry them all (at
most `MOST_REPLICAS` times), at the median on-demand price of its devices. Costs are known; what
must be predicted is whether the limits hold. Every candidate is predicted by estimators that never
saw its deployment.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from decisions.scoring import worth
from guide_ml import offers
from guide_ml.describe.targets import NAMES
from guide_ml.features.floors import floors
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements
from guide_ml.training.dataset import Dataset

PEER = Path(__file__).parents[1] / "data" / "aiconfigurator.parquet"
PRICES = Path(offers.__file__).with_name("prices.csv")
USERS = (64, 512)
#: Nobody rents hundreds of one-user servers for a service of many users.
MOST_REPLICAS = 32
TTFT_MS = (200.0, 500.0, 1000.0, 2000.0, 5000.0)
TPOT_MS = (10.0, 20.0, 30.0, 50.0, 100.0)
TARGETS = ("ttft_ms", "tpot_ms")
#: Sources whose requests come from one trace: their lengths differ by chance only.
ONE_TRACE = ("ibm-llm-pilot",)
OWN = "guide-ml"
#: Share of held-out rows whose measured value a cautious choice allows for.
CAUTIOUS = {f"guide-ml, {100 * c:.0f} % confidence": c for c in (0.7, 0.8, 0.9)}
PEER_NAME = "AIConfigurator 0.12.0"
POPULAR = "most popular GPU, measured there"
WEIGHED = "guide-ml, errors of other models weighed"
WORLDS = 500
METHODS = (OWN, *CAUTIOUS, "calibrated physics", "floor x constant", "floor")

Logs = np.ndarray


def prices() -> pd.Series:
    """Median on-demand USD an hour of one device, by slug."""
    table = pd.read_csv(PRICES)
    each = table["price_usd_per_hour"] / table["accelerator_count"]
    return each.groupby(table["hardware"]).median().dropna()


def _wide(data: Dataset, logs: Logs, rows: int) -> pd.DataFrame:
    """Arrange values by row and target: the mean where there is one, else the median."""
    out = pd.DataFrame(np.nan, index=np.arange(rows), columns=list(TARGETS))
    v = data.values
    for statistic in (1.0, 0.0):
        for target in TARGETS:
            mine = (v.target == NAMES.index(target)) & (v.statistic == statistic)
            out.loc[v.row[mine], target] = np.exp(logs[mine])
    return out


def _floors(measured: Measurements, data: Dataset) -> tuple[Logs, Logs]:
    """Logarithms of bounds, and of bounds times the median factor on the other folds."""
    bound = floors(data.sample.load)
    logs = np.choose(data.values.target, [np.log(bound[n]) for n in NAMES])
    fold = evaluation.folds(evaluation.groups(measured, "deployment"))[data.values.row]
    scaled = logs.copy()
    for target in range(len(NAMES)):
        mine = data.values.target == target
        for k in np.unique(fold):
            seen, held = mine & (fold != k), mine & (fold == k)
            scaled[held] += np.median((data.sample.log_value - logs)[seen])
    return logs, scaled


def candidates(
    measured: Measurements, data: Dataset, predicted: Logs, physics: Logs
) -> pd.DataFrame:
    """Gather served rows with both limits measured and a price, and what each method predicts."""
    rows, names, c = len(measured.table), measured.resolved.names, measured.resolved.columns
    table = measured.table[["source", "source_ref"]].copy()
    for name in ("hardware", "model", "framework", "weight_dtype"):
        table[name] = names[name].astype(str)
    table["num_devices"], table["users"] = c["devices"], c["batch"]
    trace = table["source"].isin(ONE_TRACE)
    lengths = pd.Series([f"{a:.0f} in, {b:.0f} out" for a, b in zip(
        measured.table["input_len"], measured.table["output_len"], strict=True)])  # fmt: skip
    table["workload"] = lengths.where(~trace, "trace of " + table["source"])
    bound, scaled = _floors(measured, data)
    logs = {"measured": data.sample.log_value, OWN: predicted, "calibrated physics": physics,
            "floor x constant": scaled, "floor": bound}  # fmt: skip
    for name, values in logs.items():
        table = table.join(_wide(data, values, rows).add_prefix(f"{name} "))
    peer = pd.read_parquet(PEER).drop_duplicates("source_ref").set_index("source_ref")
    for target in TARGETS:
        table[f"{PEER_NAME} {target}"] = table["source_ref"].map(peer[f"pred_{target}"])
    table["price_usd_h"] = table["hardware"].map(prices()) * table["num_devices"]
    both = table[[f"measured {t}" for t in TARGETS]].notna().all(axis=1)
    closed = (measured.table["mode"] == "closed").to_numpy()
    return _cautious(table[both & closed & table["price_usd_h"].notna()].reset_index(drop=True))


def _cautious(table: pd.DataFrame) -> pd.DataFrame:
    """Add predictions raised by what held out rows of the other models exceed them by."""
    for target in TARGETS:
        excess = np.log(table[f"measured {target}"] / table[f"{OWN} {target}"])
        for name, share in CAUTIOUS.items():
            factor = {m: np.exp(excess[table["model"] != m].quantile(share))
                      for m in table["model"].unique()}  # fmt: skip
            table[f"{name} {target}"] = table[f"{OWN} {target}"] * table["model"].map(factor)
    return table


def meets(options: pd.DataFrame, method: str, ttft_ms: float, tpot_ms: float) -> pd.Series:
    """Tell which candidates a method takes to hold both limits."""
    return (options[f"{method} ttft_ms"] <= ttft_ms) & (options[f"{method} tpot_ms"] <= tpot_ms)


def _logs(table: pd.DataFrame) -> np.ndarray:
    """Errors log(measured / predicted), shape (candidates, targets)."""
    return np.column_stack([np.log(table[f"measured {t}"] / table[f"{OWN} {t}"]) for t in TARGETS])


def _worlds(table: pd.DataFrame, group: pd.DataFrame, seed: int) -> dict[int, np.ndarray]:
    """Draw latencies of candidates, which err as rows of the other models do.

    Returns
    -------
    dict of int to array of shape (worlds, targets)
        By candidate; those of one deployment err by the same factors.
    """
    other = _logs(table[table["model"] != group["model"].iloc[0]])
    rng = np.random.default_rng(seed)
    deployment = group.groupby(["hardware", "num_devices", "framework"]).ngroup()
    errors = other[rng.integers(len(other), size=(WORLDS, deployment.max() + 1))]
    return {i: group.loc[i, [f"{OWN} {t}" for t in TARGETS]].to_numpy(float)
            * np.exp(errors[:, deployment[i]]) for i in group.index}  # fmt: skip


def decide(table: pd.DataFrame, methods: tuple[str, ...], seed: int = 0) -> pd.DataFrame:
    """Let each method choose for each request; requests that all or no candidates meet are void.

    `WEIGHED` chooses the best mean of success x (1 - overspend) when predictions err as those for
    other models do, which is what S/O rewards; the others take what they think for the truth.
    """
    popular = table.groupby("hardware")["model"].nunique()
    rows = []
    for (model, workload), group in table.groupby(["model", "workload"]):
        worlds = _worlds(table, group, seed)
        for users in USERS:
            replicas = np.ceil(users / group["users"])
            options = group[replicas <= MOST_REPLICAS]
            if len(options[["hardware", "num_devices", "framework"]].drop_duplicates()) < 2:
                continue
            cost = (replicas * group["price_usd_h"])[options.index]
            asked = {"model": model, "workload": workload, "users": users}
            drawn = np.stack([worlds[i] for i in options.index], axis=1)
            rows += _requests(options, cost, asked, methods, popular, drawn)
    return pd.DataFrame(rows)


def _requests(
    options: pd.DataFrame, cost: pd.Series, asked: dict[str, object], methods: tuple[str, ...],
    popular: pd.Series, drawn: np.ndarray,
) -> list[dict[str, object]]:  # fmt: skip
    """Decide under every pair of limits that tells the candidates apart."""
    commonest = max(options["hardware"].unique(), key=lambda h: (popular[h], h))
    there, rows = options["hardware"] == commonest, []
    for ttft_ms, tpot_ms in itertools.product(TTFT_MS, TPOT_MS):
        true = meets(options, "measured", ttft_ms, tpot_ms)
        if not 0 < true.sum() < len(options):
            continue
        limits = {"ttft_limit_ms": ttft_ms, "tpot_limit_ms": tpot_ms,
                  "candidates": len(options), "meeting": int(true.sum())}  # fmt: skip
        choices = {m: cost[meets(options, m, ttft_ms, tpot_ms)] for m in methods}
        choices[POPULAR] = cost[true & there]
        choices[WEIGHED] = _weighed(drawn, cost, (ttft_ms, tpot_ms))
        rows += [asked | limits | {"method": m} | _judge(options, cost, true, chosen)
                 for m, chosen in choices.items()]  # fmt: skip
    return rows


def _weighed(drawn: np.ndarray, cost: pd.Series, limits: tuple[float, float]) -> pd.Series:
    """Choose for the expected outcome in worlds drawn, shape (worlds, candidates, targets)."""
    meet = (drawn <= limits).all(axis=2)
    cheapest = np.where(meet, cost, np.inf).min(axis=1, keepdims=True)
    mean = worth(meet, cost.to_numpy(), cheapest).mean(axis=0)
    return cost.iloc[[int(mean.argmax())]] if mean.max() > 0 else cost.iloc[:0]


def _judge(
    options: pd.DataFrame, cost: pd.Series, true: pd.Series, chosen: pd.Series
) -> dict[str, object]:
    """Compare the cheapest of the candidates that a method takes for good with the truth."""
    best = cost[true].idxmin()
    judged: dict[str, object] = {"cheapest": _name(options.loc[best]), "cheapest_usd_h": cost[best]}
    judged |= _times(options.loc[best], "cheapest_")
    if chosen.empty:
        return judged | {"answered": False, "success": False, "overspend": np.nan}
    pick = chosen.idxmin()
    row = options.loc[pick]
    return judged | {
        "answered": True, "success": bool(true[pick]), "overspend": cost[pick] / cost[best] - 1,
        "chosen": _name(row), "usd_h": cost[pick], "source": row["source"],
        **_times(row, ""),
    }


def _times(row: pd.Series, prefix: str) -> dict[str, float]:
    """What was measured of a candidate and what was predicted for it."""
    return {f"{prefix}{kind}_{t}": row[f"{name} {t}"] for t in TARGETS
            for kind, name in (("measured", "measured"), ("predicted", OWN))}  # fmt: skip


def _name(row: pd.Series) -> str:
    return (f"{row['num_devices']:.0f} x {row['hardware']}, {row['framework']},"
            f" {row['weight_dtype']}, {row['users']:.0f} users")  # fmt: skip
