"""Decide for the expected outcome: predictions are weighed by how they erred on other LLMs.

A point estimate that is as often too low as too high makes half of the tight choices fail. Here
each (GPU profile, number of pods) is judged in many worlds. In each world the truth is the
prediction times the error that was made on one other LLM, drawn at random, profile by profile and
for all numbers of users together, for they err together. The choice is the one with the largest
mean of success x (1 - overspend), which is what S/O rewards; nothing in it is tuned.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from decisions.pilot import LIMITS, OWN, TARGETS, USERS, Choice, Profiles, judge, price, profiles
from decisions.scoring import worth

WORLDS = 2_000
NAME = "guide-ml, errors of other LLMs weighed"

Errors = dict[str, dict[tuple[str, int], pd.DataFrame]]


def errors(pairs: pd.DataFrame) -> Errors:
    """Arrange log(measured / predicted) by LLM and GPU profile, a row a number of users."""
    logs = {t: np.log(pairs[t] / pairs[f"{OWN} {t}"]) for t in TARGETS}
    table = pairs[["model", "concurrency", "hardware", "num_devices"]].assign(**logs)
    return {str(model): {k: p.set_index("concurrency")[list(TARGETS)]
                         for k, p in profiles(part).items()}
            for model, part in table.groupby("model")}  # fmt: skip


def _worlds(options: Profiles, known: Errors, seed: int) -> np.ndarray:
    """Draw how many users a pod of each profile serves, shape (worlds, profiles)."""
    rng, names = np.random.default_rng(seed), sorted(known)
    out = np.zeros((WORLDS, len(options)), dtype=int)
    cache: dict[tuple[object, ...], int] = {}
    for world in range(WORLDS):
        other = names[rng.integers(len(names))]
        for i, (profile, part) in enumerate(options.items()):
            # The error on the same profile; where the other LLM was not run there, on any.
            of = [profile] if profile in known[other] else sorted(known[other])
            source = of[rng.integers(len(of))]
            key = (profile, other, source)
            if key not in cache:
                cache[key] = _served(part, known[other][source])
            out[world, i] = cache[key]
    return out


def _served(part: pd.DataFrame, error: pd.DataFrame) -> int:
    """Users that a pod serves if predictions err as given; see :func:`pilot.servable`."""
    own = error.reindex(part["concurrency"]).ffill().bfill()
    held = 0
    for users, *times in zip(part["concurrency"], *(
        part[f"{OWN} {t}"].to_numpy() * np.exp(own[t].to_numpy()) for t in TARGETS
    ), strict=True):  # fmt: skip
        if not all(time <= LIMITS[t] for time, t in zip(times, TARGETS, strict=True)):
            break
        held = int(users)
    return held


def choose(options: Profiles, known: Errors, seed: int) -> Choice:
    """Choose the profile and the pods with the best expected outcome."""
    served = _worlds(options, known, seed)
    each = np.asarray([price(p) for p in options.values()])
    with np.errstate(divide="ignore"):
        cheapest = (np.ceil(USERS / served) * each).min(axis=1)
    best, choice = -1.0, None
    for i, (hardware, devices) in enumerate(options):
        for users in sorted(set(served[:, i].tolist()) - {0}):
            pods = math.ceil(USERS / users)
            found = worth(pods * served[:, i] >= USERS, pods * each[i], cheapest).mean()
            if found > best:
                best, choice = found, Choice(hardware, devices, users, pods)
    if choice is None:
        raise ValueError("in no world does any profile serve a single user")
    return choice


def decide(table: pd.DataFrame, pairs: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Recommend for each LLM of `table`; errors of `pairs` are of sets that never saw it."""
    rows = []
    for model, part in table.groupby("model"):
        options = profiles(part)
        choice = choose(options, errors(pairs[pairs["unseen"] == model]), seed)
        rows.append({"model": model, "method": NAME} | judge(options, choice))
    return pd.DataFrame(rows)
