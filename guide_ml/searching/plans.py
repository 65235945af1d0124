"""From scored points to plans: machines, prices, limits, in plain values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.errors import BadArtefact
from guide_ml.offers import HOURS_PER_MONTH
from guide_ml.searching import support
from guide_ml.searching.cost import Sized, e2e_ms, rates
from guide_ml.searching.plan import Plan
from guide_ml.searching.request import S_PER_H
from guide_ml.searching.score import (
    ANY_LEVEL,
    Problem,
    Scores,
    excess,
    objectives,
    predict_at,
)
from guide_ml.searching.space import Ints
from guide_ml.table.read import Columns, Floats
from guide_ml.units import MS_PER_S

__all__ = ["SURE", "Judged", "judge", "plan"]

MILLION = 1e6
#: Confidence whose cost is shown beside that of the estimates themselves.
SURE = 0.9


@dataclass(frozen=True)
class Judged:
    """All scored points, sized and held against the limits.

    Parameters
    ----------
    points : array of int of shape (n,)
    values : dict of str to array of shape (n,)
    sized : Sized
    missed : dict of str to array of shape (n,)
        By limit, :func:`guide_ml.searching.score.excess`.
    wanted : array of shape (n, objectives)
    """

    problem: Problem
    points: Ints
    values: Columns
    sized: Sized
    missed: Columns
    wanted: Floats

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Whether a point keeps all limits."""
        return np.asarray(self.total == 0)

    @property
    def total(self) -> Floats:
        """By how much a point misses its limits, together."""
        return np.asarray(np.sum([*self.missed.values()], axis=0))

    def column(self, name: str) -> NDArray[np.object_]:
        """One descriptor of each point's configuration."""
        space = self.problem.space
        return space.configs[name].to_numpy()[space.config[self.points]]


def judge(scores: Scores) -> Judged:
    """Hold all scored points against the limits."""
    points, sized, values, _ = scores.judged()
    request = scores.problem.request
    return Judged(scores.problem, points, values, sized, excess(request, values, sized),
                  objectives(request, values, sized))  # fmt: skip


def plan(judged: Judged, i: int) -> Plan:
    """Spell one scored point out; its domain and the costs of confidence follow in :func:`full`."""
    problem, sized, point = judged.problem, judged.sized, judged.points[i]
    request, space = problem.request, problem.space
    config = space.configs.iloc[space.config[point]]
    offer = problem.offers.iloc[sized.offer[i]]
    values = {k: v[i : i + 1] for k, v in judged.values.items()}
    concurrency, w = space.concurrency[point], request.workload
    capacity, usd_h = float(sized.capacity_req_s[i]), float(sized.usd_h[i])
    replicas = int(sized.replicas[i])
    users = int(replicas * concurrency) if np.isfinite(concurrency) else 0
    if request.load.users is not None:
        asked, headroom = capacity * request.load.users / users, users / request.load.users - 1
    else:
        asked = request.load.requests_s(w.output_len) or 0.0
        headroom = capacity / asked - 1.0
    share = float(space.bounds["input_share"][point])
    # Machines of an offline job are given back at its end: their tokens cost what they cost busy.
    million = {"": capacity if request.load.offline else asked, "_full": capacity}
    prices: dict[str, Any] = {
        f"usd_per_m_{kind}{at}": usd_h * part / (rate * S_PER_H * tokens) * MILLION
        for at, rate in million.items()
        for kind, part, tokens in (("input", share, w.input_len),
                                   ("output", 1.0 - share, w.output_len))
    }  # fmt: skip
    tokens_s = capacity * w.output_len
    job_h = (request.load.offline_tokens or 0.0) / (tokens_s * S_PER_H)
    online = not request.load.offline
    device = catalogue.hardware(config["hardware"])
    return Plan(
        hardware=device.hardware, vendor=device.vendor, num_devices=int(sized.devices[i]),
        instances=int(sized.instances[i]), devices_per_instance=int(offer["num_devices"]),
        replicas=replicas, **{k: int(config[k]) for k in ("tp", "pp", "dp", "ep")},
        concurrency=int(concurrency) if online else 0,
        max_len=request.constraints.max_request_tokens
        or int(np.ceil(w.context_depth + w.input_len + w.output_len)),
        longest_asked=request.constraints.max_request_tokens is not None,
        framework=config["framework"], backend=support.backend(device),
        weight_dtype=config["weight_dtype"], kv_dtype=config["kv_dtype"],
        provider=offer["provider"], region=offer["region"], instance_type=offer["instance_type"],
        price_date=offer["as_of"] or "undated", spot=bool(offer["spot"]),
        price_usd_h=float(offer["usd_h"]), usd_h=usd_h, usd_month=usd_h * HOURS_PER_MONTH,
        **prices, job_usd=None if online else float(sized.cost[i]), job_h=None if online else job_h,
        ttft_ms=float(values["ttft_ms"][0]) if online else None,
        tpot_ms=float(values["tpot_ms"][0]) if online else None,
        e2e_ms=float(e2e_ms(request, values)[0]) if online else None,
        tok_s_per_user=MS_PER_S / float(values["tpot_ms"][0]) if online else None,
        percentiles={}, capacity_req_s=capacity, capacity_tok_s=tokens_s, capacity_users=users,
        headroom=headroom, in_domain="", confidence=request.confidence,
        misses={k: float(v[i]) for k, v in judged.missed.items() if v[i] > 0},
        model=request.model, workload=w if not online else replace(
            w, mode="closed", concurrency=float(concurrency)),
    )  # fmt: skip


def complete(judged: Judged, chosen: list[int]) -> list[Plan]:
    """Spell points out, with how near they are to the data, what they carry, what being sure costs.

    A plan carries what its replicas carry at the highest load that still keeps the limits; costs
    are those of the same device, engine, precisions and layout at the best load for either
    confidence.
    """
    if not chosen:
        return []
    problem = judged.problem
    space, asked = problem.space, problem.request.confidence
    rows = judged.points[chosen]
    try:
        near = problem.table(rows, ANY_LEVEL)["in_domain"].tolist()
    except BadArtefact:  # estimators of one's own without held-out errors: no intervals
        return [replace(plan(judged, i), usd_h_estimate=float(judged.sized.usd_h[i]))
                for i in chosen]  # fmt: skip
    members = np.flatnonzero(np.isin(space.config, np.unique(space.config[rows])))
    sure = max(asked, SURE) if asked > 0.5 else SURE
    values = predict_at(problem, members, list(dict.fromkeys((asked, 0.5, sure))))
    known = {c: _configs(problem, members, v) for c, v in values.items()}
    out = []
    for i, point, domain in zip(chosen, rows, near, strict=True):
        config = int(space.config[point])
        told = {c: t.get(config) for c, t in known.items()}
        costs = {c: np.nan if t is None else t.usd_h for c, t in told.items()}
        found, most = plan(judged, i), told[asked]
        if most is not None and not found.misses:
            found = _carrying(found, problem, most.rate, most.concurrency)
        out.append(replace(found, in_domain=str(domain), usd_h_estimate=_or_none(costs[0.5]),
                           usd_h_sure=_or_none(costs[sure])))  # fmt: skip
    return out


class _Most(NamedTuple):
    """What a configuration carries and costs at best within the limits."""

    concurrency: float
    rate: float
    usd_h: float


def _configs(problem: Problem, members: Ints, values: Columns) -> dict[int, _Most]:
    """Find each configuration's least price, and what a replica carries at most within limits."""
    sized, request = problem.size(members, values), problem.request
    missed = excess(request, values, sized)
    budget = np.sum([missed.pop(k) for k in ("max_usd_h", "max_devices", "predicted")
                     if k in missed], axis=0)  # fmt: skip
    slow = np.sum([*missed.values()], axis=0) if missed else np.zeros(len(members))
    concurrency = problem.space.concurrency[members]
    table = pd.DataFrame({
        "config": problem.space.config[members], "concurrency": np.nan_to_num(concurrency),
        "rate": rates(request, concurrency, values),
        "usd_h": np.where((budget == 0) & (slow == 0), sized.usd_h, np.nan),
    })[slow == 0]  # fmt: skip
    best = table.groupby("config").agg({"concurrency": "max", "rate": "max", "usd_h": "min"})
    return {int(row[0]): _Most(*map(float, row[1:])) for row in best.itertuples(name=None)}


def _carrying(found: Plan, problem: Problem, rate: float, concurrency: float) -> Plan:
    """Say what a plan carries when its replicas are as busy as the limits allow."""
    request = problem.request
    more = max(found.replicas * rate / found.capacity_req_s, 1.0)
    users = max(int(found.replicas * concurrency), found.capacity_users)
    headroom = (found.headroom + 1.0) * more - 1.0
    if request.load.users is not None:
        headroom = users / request.load.users - 1.0
    return replace(
        found, capacity_req_s=found.capacity_req_s * more, headroom=headroom,
        capacity_tok_s=found.capacity_tok_s * more, capacity_users=users,
        usd_per_m_input_full=found.usd_per_m_input_full / more,
        usd_per_m_output_full=found.usd_per_m_output_full / more,
    )  # fmt: skip


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
