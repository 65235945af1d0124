"""The call that searches."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from guide_ml import catalogue, offers
from guide_ml.answers.progress import ProgressLike, reporting
from guide_ml.describe.descriptors import Workload
from guide_ml.errors import InvalidInput, UnknownName, check_seed
from guide_ml.estimators.predictor import Predictor, default_predictor
from guide_ml.predictions.run import PredictorLike
from guide_ml.profiles import Profile
from guide_ml.searching import caution, journal, ranking, reasons, tails
from guide_ml.searching.drive import Driven, drive
from guide_ml.searching.plan import Plan
from guide_ml.searching.plans import Judged, complete, judge
from guide_ml.searching.request import SLO, Constraints, Load, Request, as_given
from guide_ml.searching.result import Found
from guide_ml.searching.score import Problem
from guide_ml.searching.space import build_space
from guide_ml.searching.study import SAMPLERS, Trials
from guide_ml.table import given
from guide_ml.table.given import ModelLike
from guide_ml.traffic import Traffic

__all__ = ["Prices", "pose", "search"]

Prices = str | os.PathLike[str] | pd.DataFrame


def search(
    *,
    model: ModelLike,
    workload: Workload | Mapping[str, Any],
    load: Load | Mapping[str, Any],
    slo: SLO | Mapping[str, Any] | None = None,
    objective: str | Iterable[str] = "cost",
    constraints: Constraints | Mapping[str, Any] | None = None,
    confidence: float = 0.5,
    prices: Prices | Iterable[Prices] = (),
    sampler: str = "auto",
    n_trials: int | None = None,
    timeout: float | None = None,
    seed: int = 0,
    storage: str | os.PathLike[str] | None = None,
    predictor: PredictorLike | None = None,
    profile: Any = None,
    progress: ProgressLike = None,
    traffic: Traffic | None = None,
) -> Found:
    """Find the deployment that meets an objective, with its price and what it will do.

    Parameters
    ----------
    model : str, Model, dict or path
        As :func:`guide_ml.predict` takes it.
    workload : Workload or dict
        ``input_len``, ``output_len``, ``context_depth`` and statistics; no mode, no batch.
    load : Load or dict
        ``requests_per_s``, ``users`` (in flight at all times), ``tokens_per_s``, or
        ``offline_tokens`` with ``deadline_h``.
    slo : SLO or dict, optional
        ``ttft_ms``, ``tpot_ms``, ``e2e_ms``, ``tok_s_per_user``; of requests that arrive at a rate
        also ``ttft_p99_ms``, ``tpot_p99_ms``, ``e2e_p99_ms``, held by simulating them.
    objective : {"cost", "latency", "throughput"} or several
        What is to be best. Without cost a budget must be given.
    constraints : Constraints or dict, optional
        What the deployment may be.
    confidence : float
        Chance with which each limit is kept and the load carried: 0.5 takes the estimates, 0.9
        the bad ends of intervals.
    prices : path, DataFrame or several
        Offers of one's own beside the catalogue's (:func:`guide_ml.offers.own_offers`).
    sampler : {"auto", "tpe", "nsga2", "random", "enumerate"}
        How points are proposed. auto: Optuna's TPE and the physical floors together, proven
        where the space allows.
    n_trials : int, optional
        Deployments to score at most, those of an earlier run in `storage` counted; 1.5 % of the
        space, at most 640, if not given.
    timeout : float, optional
        Seconds after which no further batch is scored.
    seed : int
        Of all that is random.
    storage : path, optional
        Journal file that keeps the study: the same search goes on there, ``optuna-dashboard``
        opens it.
    predictor : Predictor or path, optional
        Other estimators than the ones that come with the package.
    profile : optional
        Measured corrections, where the predictor knows of any.
    progress : bool or callable, optional
        ``True`` shows a bar; a callable takes points scored, points to score, and a word.
    traffic : Traffic, optional
        What arrives, for limits on percentiles: brought to the load's rate. Without it requests
        are Poisson, or of the load's ``burstiness`` and ``length_cv``.

    Returns
    -------
    Found
        Ranked plans, or what binds where nothing fits.

    Raises
    ------
    UnknownName, InvalidInput
        If a name is unknown, a value absurd, or no offer is left.
    DoesNotFit
        If the model fits none of the machines that are allowed.

    Examples
    --------
    >>> found = search(model="llama-3.1-8b-instruct", load={"users": 16},
    ...                workload={"input_len": 512, "output_len": 128},
    ...                slo={"ttft_ms": 500, "tpot_ms": 50},
    ...                constraints={"hardware": ("l4", "h100"), "frameworks": ("vllm",)})
    >>> found.best.capacity_users >= 16, found.best.tpot_ms <= 50, found.proven
    (True, True, True)
    """
    began = time.perf_counter()
    if sampler not in SAMPLERS:
        raise UnknownName("sampler", str(sampler), SAMPLERS)
    for name, value in {"n_trials": n_trials, "timeout": timeout}.items():
        if value is not None and not value > 0:
            raise InvalidInput(f"{name} must be above 0; got {value}")
    check_seed(seed)
    request = Request(
        model=given.model(model), workload=as_given(Workload, workload, "workload"),
        load=as_given(Load, load, "load"), slo=as_given(SLO, slo, "slo"),
        objectives=(objective,) if isinstance(objective, str) else tuple(objective),
        constraints=as_given(Constraints, constraints, "constraints"), confidence=confidence,
    )  # fmt: skip
    tail = tails.asked(request, traffic, seed)
    with reporting(progress) as tell, journal.held(storage, tell):
        problem, left_out = pose(request, prices, predictor, profile)
        trials = Trials(problem, sampler, seed, storage, _fingerprint(problem))
        driven = drive(problem, trials, sampler, n_trials, timeout, seed, tell)
        found = _found(driven, left_out, began)
        return tails.held(found, tail, problem, began) if tail else found


def pose(
    request: Request, prices: Prices | Iterable[Prices] = (),
    predictor: PredictorLike | None = None, profile: Any = None,
) -> tuple[Problem, dict[str, int]]:  # fmt: skip
    """Lay out the space of a request and the offers that may be taken.

    Returns
    -------
    Problem, dict
        And the offers left out, by reason.
    """
    asked = request.constraints
    own = [prices] if isinstance(prices, str | os.PathLike | pd.DataFrame) else list(prices)
    lists = [offers.catalogue_offers(), *map(offers.own_offers, own)]
    every = pd.concat([o.table for o in lists], ignore_index=True)
    taken = offers.select(
        every, hardware=asked.hardware, vendors=asked.vendors, providers=asked.providers,
        regions=asked.regions, spot=asked.spot, marketplace=asked.marketplace,
        undated=asked.undated, priced_since=asked.priced_since,
    )  # fmt: skip
    left = {"undated": int((every["as_of"] == "").sum()) if not asked.undated else 0}
    for part in lists:
        for reason, n in part.left_out.items():
            left[reason] = left.get(reason, 0) + n
    if isinstance(predictor, str | os.PathLike):
        predictor = Predictor.load(predictor)
    predictor = predictor or default_predictor()
    fitted = getattr(predictor, "fitted", None)
    taken = offers.by_size(taken)
    space = build_space(request, taken, None if fitted is None else fitted.physics)
    return Problem(request, space, taken, predictor, profile), left


def _fingerprint(problem: Problem) -> str:
    card = getattr(problem.predictor, "card", None)
    profile = problem.profile
    told = profile.to_dict() if isinstance(profile, Profile) else repr(profile)
    facts = json.dumps([card, told], sort_keys=True, default=str)
    return hashlib.sha256(facts.encode()).hexdigest()


def _found(driven: Driven, left_out: Mapping[str, int], began: float) -> Found:
    judged = judge(driven.scores)
    problem = judged.problem
    counts = {
        "offers": len(problem.offers), "deployments": problem.deployments,
        "points": problem.points, "possible": driven.possible,
        "scored": int(driven.scores.seen.sum()), "open": driven.open,
        **{f"offers left out: {k}": v for k, v in left_out.items() if v},
    }  # fmt: skip
    fits = bool(judged.kept.any())
    single = len(problem.request.objectives) == 1
    proven = driven.open == 0 and (single or not fits)
    plans, runner_up, fronts = _plans(judged, driven.front_usd_h)
    ways = [] if fits else reasons.relaxations(judged)
    near = [] if fits else complete(judged, ranking.nearest(judged))
    proof = _proof(proven, counts, fits)
    lines = (reasons.why(judged, plans, runner_up, proof) if fits
             else reasons.why_not(judged, ways, proof))  # fmt: skip
    told = plans or near
    lines += reasons.dated(told, date.today(), "best" if fits else "nearest")
    lines += caution.bargain(told, problem.offers) + caution.small_machines(told, problem.offers)
    return Found(
        request=problem.request, plans=tuple(plans), front=tuple(fronts), runner_up=runner_up,
        nearest=tuple(near), relaxations=tuple(ways), proven=proven, counts=counts,
        why=tuple(lines), seconds=time.perf_counter() - began,
        cheaper=reasons.cheaper(judged, plans[0]) if plans else None,
    )  # fmt: skip


def _plans(
    judged: Judged, front_usd_h: float
) -> tuple[list[Plan], Plan | None, list[Plan]]:
    """Spell out the ranked plans, the best of another vendor, and the front."""
    order = ranking.ranked(judged, count=ranking.CANDIDATES, sure=True)
    if not order:
        return [], None, []
    edge = ranking.front(judged, front_usd_h)
    vendor = np.asarray([catalogue.hardware(h).vendor for h in judged.column("hardware")])
    of_each = [i for name in dict.fromkeys(vendor[judged.kept])
               for i in ranking.ranked(judged, judged.kept & (vendor == name), 3)]  # fmt: skip
    wanted = list(dict.fromkeys([*order, *of_each, *edge]))
    spelt = dict(zip(wanted, complete(judged, wanted), strict=True))
    objective = judged.problem.request.objectives[0]
    plans = ranking.settled([spelt[i] for i in order], objective)
    others = ranking.settled([spelt[i] for i in ranking.by_objective(judged, of_each)], objective)
    other = next((p for p in others if p.vendor != plans[0].vendor), None)
    return plans[: ranking.SHOWN], other, [spelt[i] for i in edge]


def _proof(proven: bool, counts: Mapping[str, int], fits: bool) -> str:
    if proven:
        return (f"Proven: {counts['scored']:,} of {counts['points']:,} engine configurations were"
                " scored, physics rules the others out.")  # fmt: skip
    return (f"Not proven: {counts['scored']:,} of {counts['points']:,} engine configurations were"
            f" scored, {counts['open']:,} may still {'be better' if fits else 'fit'}.")  # fmt: skip
