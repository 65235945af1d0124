"""The LLM-Pilot benchmark: recommend GPUs for an LLM that was never measured.

200 users must be served with a median nTTFT (time to the first token over input tokens) of at
most 100 ms and a median ITL (inter-token latency) of at most 50 ms. For an LLM and a GPU profile
the numbers of users are walked upward and the walk stops at the first that breaks a limit; the
last that held is what a pod serves. The profile whose pods are predicted cheapest is rented.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import guide_ml
from guide_ml import evaluation, training
from guide_ml.measurements import Measurements, default_folder
from guide_ml.predictor import Predictor

CASES = Path(__file__).parents[1] / "data" / "llm_pilot.parquet"
SOURCE, OWN = "ibm-llm-pilot", "guide-ml"
METHODS = ("LLM-Pilot", "PARIS", "Selecta", "RF", "PerfNet", "PerfNetV2", "Morphling")
TARGETS = ("nttft_ms", "itl_ms")
LIMITS = {"nttft_ms": 100.0, "itl_ms": 50.0}
USERS = 200
WHERE = ["model", "hardware", "num_devices", "concurrency"]

Tell = Callable[[int, int, str], None]


def cases() -> pd.DataFrame:
    """Read the published cases: what was measured and what seven methods predicted."""
    return pd.read_parquet(CASES)


def runs() -> pd.DataFrame:
    """Read the project's rows of the same runs: lengths, requests, median TTFT, mean TPOT."""
    table = pd.read_parquet(default_folder() / f"{SOURCE}.parquet")
    figures = ["input_len", "output_len", "num_requests", "ttft_median_ms", "tpot_ms"]
    return table[[*WHERE, *figures]]


def predict(measured: Measurements, seed: int, tell: Tell) -> pd.DataFrame:
    """Predict every case by estimators that saw no row of its LLM's architecture.

    Returns
    -------
    DataFrame
        :func:`cases` with ``guide-ml nttft_ms`` and ``guide-ml itl_ms``.
    """
    table, known = cases(), runs()
    group = pd.Series(evaluation.groups(measured, "model"))
    models = list(table["model"].unique())
    parts = []
    for done, model in enumerate(models):
        tell(done, len(models), f"without {model}")
        own = set(group[measured.resolved.names["model"] == model])
        others = table[table["model"] != model]
        rest = measured.table[~group.isin(own).to_numpy()]
        mine = table[table["model"] == model]
        seen = known[known["model"] != model]
        found = _published(mine, seen, others, _fitted(rest, seed))
        mine = mine.assign(**{f"{OWN} {target}": value for target, value in found.items()})
        parts.append(mine)
    tell(len(models), len(models), "all LLMs")
    return pd.concat(parts)


def _fitted(rows: pd.DataFrame, seed: int) -> Predictor:
    """Train on some rows."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "rows.parquet", Path(folder) / "set"
        rows.to_parquet(data, index=False)
        training.train(data, out, seed=seed, held_out=False)
        return Predictor.load(out)


def _published(
    mine: pd.DataFrame, known: pd.DataFrame, others: pd.DataFrame, predictor: Predictor
) -> dict[str, np.ndarray]:
    """Predict an unseen LLM and convert to the benchmark's quantities.

    The load is that of the other LLMs: mean lengths, and requests of a run of so many users. The
    median of TTFT over length is the median TTFT over the mean length times what that ratio is on
    the other LLMs, by number of users. The median ITL is over tokens, so it leaves out the waits
    for prefills that are in the mean TPOT, which is what servers' measurements teach: it is the
    mean TPOT times what that ratio is on the other LLMs, by number of users.
    """
    length = known[["input_len", "output_len"]].median()
    per_user = (known["num_requests"] / known["concurrency"]).groupby(known["concurrency"]).median()
    asked = mine[WHERE].assign(
        framework="tgi", framework_version="ibm-fork", input_len=length["input_len"],
        output_len=length["output_len"], ttft_stat="median", tpot_stat="mean",
        num_requests=mine["concurrency"] * mine["concurrency"].map(per_user),
    )  # fmt: skip
    found = guide_ml.predict_table(asked, errors="report", predictor=predictor,
                                   level=None)  # fmt: skip
    both = others.merge(known, on=WHERE)
    both["nttft"] = both["nttft_ms"] * length["input_len"] / both["ttft_median_ms"]
    both["itl"] = both["itl_ms"] / both["tpot_ms"]
    ratios = both.groupby("concurrency")[["nttft", "itl"]].median()
    nttft = found["ttft_ms"] / length["input_len"] * mine["concurrency"].map(ratios["nttft"])
    itl = found["tpot_ms"] * mine["concurrency"].map(ratios["itl"])
    return {"nttft_ms": nttft.to_numpy(), "itl_ms": itl.to_numpy()}


def servable(profile: pd.DataFrame, prefix: str = "", margin: float = 1.0) -> int:
    """Walk the users of one pod upward until a limit breaks; NaN breaks it."""
    held = 0
    for row in profile.sort_values("concurrency").to_dict("records"):
        if not all(row[f"{prefix}{t}"] * margin <= LIMITS[t] for t in TARGETS):
            break
        held = int(row["concurrency"])
    return held


def decide(table: pd.DataFrame, method: str, margin: float = 1.0) -> pd.DataFrame:
    """Recommend a GPU profile for each LLM and compare with the truth."""
    rows = []
    for model, part in table.groupby("model"):
        options = []
        for (hardware, devices), profile in part.groupby(["hardware", "num_devices"]):
            price = float(profile["price_usd_h"].iloc[0])
            thought, true = servable(profile, f"{method} ", margin), servable(profile)
            pods = math.ceil(USERS / thought) if thought else 0
            options.append({
                "model": model, "method": method, "hardware": hardware, "num_devices": devices,
                "predicted_users": thought, "users": true, "pods": pods,
                "usd_h": pods * price if pods else math.inf,
                "true_usd_h": math.ceil(USERS / true) * price if true else math.inf,
            })  # fmt: skip
        best = min(options, key=lambda o: o["usd_h"])
        cheapest = min(options, key=lambda o: o["true_usd_h"])
        rows.append(best | {
            "answered": best["pods"] > 0, "success": best["pods"] * best["users"] >= USERS,
            "overspend": best["usd_h"] / cheapest["true_usd_h"] - 1,
            "cheapest": f"{cheapest['num_devices']} x {cheapest['hardware']}",
            "cheapest_users": cheapest["users"], "cheapest_usd_h": cheapest["true_usd_h"],
        })  # fmt: skip
    return pd.DataFrame(rows)


def why(table: pd.DataFrame, choice: dict[str, object], method: str) -> str:
    """Say what a bad recommendation came from: a limit that held or broke unforeseen."""
    if choice["success"] and not choice["overspend"]:
        return ""
    devices, hardware = str(choice["cheapest"]).split(" x ")
    if not choice["success"]:
        devices, hardware = str(choice["num_devices"]), str(choice["hardware"])
    profile = table[(table["model"] == choice["model"]) & (table["hardware"] == hardware)
                    & (table["num_devices"] == int(devices))]  # fmt: skip
    held, thought = servable(profile), servable(profile, f"{method} ")
    if held == thought:
        return f"{devices} x {hardware} seen rightly, another too dear or cheap"
    first = profile[profile["concurrency"] > min(held, thought)].nsmallest(1, "concurrency")
    row = first.iloc[0]
    names = {"nttft_ms": "nTTFT", "itl_ms": "ITL"}
    said = [f"{names[t]} measured {row[t]:.0f} ms, predicted {row[f'{method} {t}']:.0f}"
            for t in TARGETS
            if (row[t] <= LIMITS[t]) != (row[f"{method} {t}"] <= LIMITS[t])]  # fmt: skip
    return f"{devices} x {hardware}, {row['concurrency']} users: {'; '.join(said)}"


def errors(table: pd.DataFrame, methods: tuple[str, ...]) -> pd.DataFrame:
    """Errors of each target in percent, every method on the same rows."""
    rows = []
    for target in TARGETS:
        for method in methods:
            ape = evaluation.errors(table[f"{method} {target}"].to_numpy(float),
                                    table[target].to_numpy(float))  # fmt: skip
            rows.append({"target": target, "method": method} | evaluation.summary(ape))
    return pd.DataFrame(rows)
