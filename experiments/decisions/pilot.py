"""The LLM-Pilot benchmark: recommend GPUs for an LLM that was never measured.

200 users must be served with a median nTTFT (time to the first token over input tokens) of at
most 100 ms and a median ITL (inter-token latency) of at most 50 ms. For an LLM and a GPU profile
the numbers of users are walked upward and the walk stops at the first that breaks a limit; the
last that held is what a pod serves. The profile whose pods are predicted cheapest is rented.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

import guide_ml
from guide_ml.estimators.artefacts import Fitted
from guide_ml.estimators.predictor import Predictor
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements, default_folder
from guide_ml.physics.fit import fit
from guide_ml.training.crossval import SHARED, boosted_inputs, fit_boosters, known_devices
from guide_ml.training.dataset import Dataset, build, matrix

CASES = Path(__file__).parents[1] / "data" / "llm_pilot.parquet"
SOURCE, OWN = "ibm-llm-pilot", "guide-ml"
METHODS = ("LLM-Pilot", "PARIS", "Selecta", "RF", "PerfNet", "PerfNetV2", "Morphling")
TARGETS = ("nttft_ms", "itl_ms")
LIMITS = {"nttft_ms": 100.0, "itl_ms": 50.0}
LATENCIES = ("ttft_ms", "tpot_ms")
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


def predict(
    measured: Measurements, seed: int, tell: Tell, jobs: int = 2
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every case by estimators that saw no row of its LLM's architecture.

    Returns
    -------
    DataFrame
        :func:`cases` with ``guide-ml nttft_ms`` and ``guide-ml itl_ms``.
    DataFrame
        The same of sets that saw neither the case's LLM nor the one in column ``unseen``: the
        errors from which a decision on the latter may be made, since it had no part in them.
    """
    table, data = cases(), build(measured)
    models = list(table["model"].unique())
    asked = [(m,) for m in models] + list(itertools.combinations(models, 2))
    work = (delayed(_without)(measured, data, unseen, seed) for unseen in asked)
    alone, pairs = [], []
    found = Parallel(n_jobs=jobs, return_as="generator", max_nbytes=SHARED)(work)
    for done, (unseen, parts) in enumerate(zip(asked, found, strict=True), start=1):
        tell(done, len(asked), f"without {' and '.join(unseen)}")
        if len(unseen) == 1:
            alone.append(parts[0])
        else:
            pairs += [p.assign(unseen=m) for p, m in zip(parts, unseen[::-1], strict=True)]
    return pd.concat(alone), pd.concat(pairs)


def _without(
    measured: Measurements, data: Dataset, unseen: tuple[str, ...], seed: int
) -> list[pd.DataFrame]:
    """Predict the cases of each of some LLMs by a set that saw no row of their architectures."""
    group = np.asarray(evaluation.groups(measured, "model"))
    own = set(group[np.isin(measured.resolved.names["model"].astype(str), unseen)])
    keep = ~np.isin(group[data.values.row], list(own))
    predictor = _fitted(data.take(keep), seed)
    table, known = cases(), runs()
    others, seen = (t[~t["model"].isin(unseen)] for t in (table, known))
    parts = []
    for model in unseen:
        mine = table[table["model"] == model]
        found = _published(mine, seen, others, predictor)
        parts.append(mine.assign(**{f"{OWN} {t}": value for t, value in found.items()}))
    return parts


def _fitted(data: Dataset, seed: int) -> Predictor:
    """Train what predicts a server's latencies."""
    coefficients, devices = fit(data.sample), known_devices(data)
    members = fit_boosters(data, matrix(data, coefficients), seed, blind=LATENCIES,
                           plain=LATENCIES, as_read=False)  # fmt: skip
    names = {name: boosted_inputs(name) for name in members}
    return Predictor(Fitted(coefficients, names, members, devices))


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


@dataclass(frozen=True)
class Choice:
    """What to rent: `pods` of a GPU profile, each taken to serve `thought` users."""

    hardware: str
    num_devices: int
    thought: int
    pods: int


Profiles = dict[tuple[str, int], pd.DataFrame]


def profiles(part: pd.DataFrame) -> Profiles:
    """Split the cases of one LLM by GPU profile."""
    return {(str(hardware), int(devices)): p.sort_values("concurrency")
            for (hardware, devices), p in part.groupby(["hardware", "num_devices"])}  # fmt: skip


def price(profile: pd.DataFrame) -> float:
    """USD an hour of one pod."""
    return float(profile["price_usd_h"].iloc[0])


def cost(profile: pd.DataFrame, users: int) -> float:
    """USD an hour of as many pods as carry all users, when one serves so many."""
    return math.ceil(USERS / users) * price(profile) if users else math.inf


def by_point(options: Profiles, method: str, margin: float = 1.0) -> Choice:
    """Take predictions for the truth: the profile whose pods are predicted cheapest."""
    thought = {k: servable(p, f"{method} ", margin) for k, p in options.items()}
    best = min(options, key=lambda k: cost(options[k], thought[k]))
    return Choice(*best, thought[best], math.ceil(USERS / thought[best]) if thought[best] else 0)


def judge(options: Profiles, choice: Choice) -> dict[str, object]:
    """Compare a choice with the truth."""
    true = {k: servable(p) for k, p in options.items()}
    paid = choice.pods * price(options[choice.hardware, choice.num_devices])
    best = min(options, key=lambda k: cost(options[k], true[k]))
    held = true[choice.hardware, choice.num_devices]
    cheapest = cost(options[best], true[best])
    return {
        "hardware": choice.hardware, "num_devices": choice.num_devices,
        "predicted_users": choice.thought, "users": held, "pods": choice.pods,
        "usd_h": paid if choice.pods else math.inf, "answered": choice.pods > 0,
        "success": choice.pods * held >= USERS,
        "overspend": (paid if choice.pods else math.inf) / cheapest - 1,
        "cheapest": f"{best[1]} x {best[0]}", "cheapest_users": true[best],
        "cheapest_usd_h": cheapest,
    }  # fmt: skip


def decide(table: pd.DataFrame, method: str, margin: float = 1.0) -> pd.DataFrame:
    """Recommend a GPU profile for each LLM by point estimates, and compare with the truth."""
    rows = []
    for model, part in table.groupby("model"):
        options = profiles(part)
        choice = by_point(options, method, margin)
        rows.append({"model": model, "method": method} | judge(options, choice))
    return pd.DataFrame(rows)


def why(table: pd.DataFrame, choice: dict[str, object]) -> str:
    """Say what a bad recommendation came from: a limit that held or broke unforeseen."""
    if choice["success"] and not choice["overspend"]:
        return ""
    devices, hardware = str(choice["cheapest"]).split(" x ")
    if not choice["success"]:
        devices, hardware = str(choice["num_devices"]), str(choice["hardware"])
    profile = table[(table["model"] == choice["model"]) & (table["hardware"] == hardware)
                    & (table["num_devices"] == int(devices))]  # fmt: skip
    held, thought = servable(profile), servable(profile, f"{OWN} ")
    if held == thought:
        return f"{devices} x {hardware} predicted rightly"
    first = profile[profile["concurrency"] > min(held, thought)].nsmallest(1, "concurrency")
    row = first.iloc[0]
    names = {"nttft_ms": "nTTFT", "itl_ms": "ITL"}
    said = [f"{names[t]} measured {row[t]:.0f} ms, predicted {row[f'{OWN} {t}']:.0f}"
            for t in TARGETS
            if (row[t] <= LIMITS[t]) != (row[f"{OWN} {t}"] <= LIMITS[t])]  # fmt: skip
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
