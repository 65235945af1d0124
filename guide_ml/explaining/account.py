"""One deployment taken through physics once more, keeping what a prediction lets go of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guide_ml.describe.targets import TARGETS, Target
from guide_ml.estimators.artefacts import Fitted
from guide_ml.estimators.estimate import trust
from guide_ml.features.load import Load, build
from guide_ml.physics.design import drivers
from guide_ml.physics.inputs import inputs
from guide_ml.physics.model import Estimate, estimate
from guide_ml.physics.shares import TOKEN, shares, split
from guide_ml.table.assume import Columns, Resolved
from guide_ml.trees.boosters import Inputs
from guide_ml.units import MS_PER_S

__all__ = ["Account", "account", "bounds", "parts"]


@dataclass(frozen=True)
class Account:
    """Physics of one deployment for one statistic.

    Parameters
    ----------
    load, knobs, estimate : Load, dict, Estimate
        Bounds, efficiencies and estimates.
    columns : dict of str to array of shape (1,)
        Inputs of the boosted estimators but ``log_estimate``, which depends on the target.
    hardware : str
        Slug of the device.
    trust : float
        Share of the boosters' correction that it gets.
    """

    load: Load
    knobs: Columns
    estimate: Estimate
    columns: Columns
    hardware: str
    trust: float

    def row(self, target: str, names: list[str]) -> Inputs:
        """Return the inputs of a target's estimators, shape (1, inputs)."""
        own = self.columns | {"log_estimate": np.log(self.estimate.targets[target])}
        return np.stack([own[n] for n in names], axis=1).astype(np.float32)

    def physics(self, target: str) -> float:
        """Return what calibrated physics says of a target."""
        return float(self.estimate.targets[target][0])


def account(resolved: Resolved, fitted: Fitted, target: Target) -> Account:
    """Take the only row through physics, with the statistic that is asked of a target.

    Parameters
    ----------
    resolved : Resolved
        One row.
    fitted : Fitted
        The trained set.
    target : Target
        What is to be explained.
    """
    load = build(resolved.columns)
    code = resolved.columns[target.stat] if target.stat else np.zeros(1)
    moved_by = drivers(load.columns, resolved.names, code, load.held)
    knobs = fitted.physics.knobs(moved_by)
    found = estimate(load, knobs)
    columns = inputs(load, resolved.names, knobs, found) | {"statistic": code}
    share = float(trust(fitted.physics, moved_by)[0])
    return Account(load, knobs, found, columns, str(resolved.names["hardware"][0]), share)


def parts(accounts: dict[str, Account], values: dict[str, float]) -> dict[str, dict[str, float]]:
    """Split the predicted times into parts that sum to them.

    Parameters
    ----------
    accounts : dict of str to Account
        By target.
    values : dict of str to float
        Predicted figures by target.
    """
    out = {}
    for target in TARGETS:
        if target.name not in values:
            continue
        name, value = target.name, values[target.name]
        if not target.is_time:
            if len(values) > 1:
                continue  # the latencies beside it say where its time goes
            name, value = TOKEN, MS_PER_S / value
        own = accounts[target.name]
        shared = split(own.load, own.estimate)[name]
        out[name] = {k: float(v[0]) * value for k, v in shared.items()}
    return out


def bounds(one: Account) -> dict[str, str]:
    """Name the largest part of each phase that the mode has."""
    closed = one.load.is_mode("closed")[0]
    passes = {"prefill": one.estimate.one if closed else one.estimate.whole,
              "decode": one.estimate.step}  # fmt: skip
    for mode, other in (("prefill", "decode"), ("decode", "prefill")):
        if one.load.is_mode(mode)[0]:
            del passes[other]
    found = {phase: shares(times, phase == "prefill") for phase, times in passes.items()}
    return {phase: max(s, key=lambda k: float(s[k][0])) for phase, s in found.items()}
