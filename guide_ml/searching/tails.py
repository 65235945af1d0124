"""Limits on percentiles: plans of the closed search, checked and sized by simulating traffic.

No mean is above a 99th percentile, so the closed search runs with such limits as limits on means:
what it rules out breaks them too. What it finds is simulated with the traffic that was asked for,
the cheapest plan first, and gets as many replicas as the percentiles need.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from guide_ml.answers.cells import HELD
from guide_ml.errors import DoesNotFit, InvalidInput
from guide_ml.searching.plan import Plan
from guide_ml.searching.request import Request
from guide_ml.searching.result import Found
from guide_ml.searching.score import Problem
from guide_ml.sizing.limits import excess, of
from guide_ml.sizing.loads import Turned, turned
from guide_ml.sizing.looks import Look
from guide_ml.sizing.served import Served, served
from guide_ml.sizing.sustained import fewest, full_rps, highest
from guide_ml.traffic import Traffic
from guide_ml.units import MS_PER_S

__all__ = ["Tail", "asked", "held"]

#: Plans that are simulated at most, those that are told in full, and seconds after which no
#: further one begins.
CANDIDATES, TOLD, SECONDS = 8, 3, 6.0
PERCENTILES = ("ttft_p99_ms", "tpot_p99_ms", "e2e_p99_ms")
ROUTER = "least-loaded"
MONTH_H = 730.0
#: Confidence that the price "if sure" is told at.
SURE = 0.9


@dataclass(frozen=True)
class Tail:
    """What limits on percentiles are held against.

    Parameters
    ----------
    load : Turned
        Traffic.
    rate_rps : float
        Requests a second.
    limits : dict of str to float
        All limits, ms.
    seed : int
    """

    load: Turned
    rate_rps: float
    limits: dict[str, float]
    seed: int


def asked(request: Request, traffic: Traffic | None, seed: int) -> Tail | None:
    """Return what percentiles are held against; ``None`` where no limit is on one.

    Raises
    ------
    InvalidInput
        If requests do not arrive at a rate.
    """
    w, load = request.workload, request.load
    if not request.slo.percentiles:
        if traffic is not None or load.burstiness or load.length_cv:
            raise InvalidInput("traffic, burstiness and length_cv are for limits on percentiles:"
                               " give ttft_p99_ms, tpot_p99_ms or e2e_p99_ms")  # fmt: skip
        return None
    rate = load.requests_s(w.output_len)
    if rate is None:
        raise InvalidInput("limits on 99th percentiles are for requests that arrive at a rate: give"
                           " requests_per_s or tokens_per_s")  # fmt: skip
    if w.context_depth:
        raise InvalidInput("limits on percentiles take no context_depth: give traffic whose prompts"
                           " share beginnings")  # fmt: skip
    made = (turned(traffic, None, None) if traffic is not None else
            turned(None, w.input_len, w.output_len, load.burstiness or 1.0, load.length_cv or 0.0))
    return Tail(made, rate, request.slo.means | request.slo.percentiles, seed)


def held(found: Found, tail: Tail, problem: Problem, began: float) -> Found:
    """Keep the plans that hold percentiles, sized for them, the cheapest first.

    Parameters
    ----------
    found : Found
        What the closed search found.
    tail : Tail
    problem : Problem
        Whose predictor and profile simulate.
    began : float
        When the search began.
    """
    if not found.plans:
        return found
    start, request = time.perf_counter(), found.request
    sized: list[tuple[Plan, Served]] = []
    short: list[Plan] = []
    tried = 0
    for plan in _candidates(found):
        late = time.perf_counter() - start > SECONDS
        if tried >= CANDIDATES or (tried > 1 and late):
            break
        tried += 1
        try:
            ready = _ready(plan, problem, request.confidence)
        except DoesNotFit:  # the longest requests of the traffic are longer than planned for
            continue
        own = ready.slow if request.confidence > 0.5 else ready.own
        count, seen = fewest(own, tail.load, tail.rate_rps, tail.limits, ROUTER, tail.seed,
                             ready.queues)  # fmt: skip
        if seen is None:
            continue
        changed = _resized(plan, max(count, 1), seen)
        misses = _misses(changed, request) if count else _missed(seen, tail)
        if misses:
            short.append(replace(changed, misses=misses))
        else:
            sized.append((changed, ready))
    sized.sort(key=lambda pair: pair[0].usd_h)
    plans = tuple(_told(plan, ready, tail, problem) for plan, ready in sized[:TOLD])
    other = next((p for p in plans[1:] if p.vendor != plans[0].vendor), None)
    return replace(
        found, plans=plans, runner_up=other, front=plans, proven=False, relaxations=(),
        nearest=() if plans else tuple(short[:TOLD]), why=_why(plans, short, tried, tail, found),
        seconds=time.perf_counter() - began,
    )


def _candidates(found: Found) -> Iterable[Plan]:
    """Order distinct configurations by price; of the front those that are not much dearer."""
    kinds: dict[tuple[object, ...], Plan] = {}
    others = [found.runner_up] if found.runner_up else []
    for p in sorted([*found.plans, *others, *found.front], key=lambda p: p.usd_h):
        kinds.setdefault((p.hardware, p.framework, p.weight_dtype, p.kv_dtype, p.tp, p.pp, p.dp,
                          p.ep), p)  # fmt: skip
    return kinds.values()


def _ready(plan: Plan, problem: Problem, confidence: float) -> Served:
    w = problem.request.workload
    own = plan.deployment
    return served(
        hardware=own.hardware, model=own.model, framework=own.framework, tp=plan.tp, pp=plan.pp,
        dp=plan.dp, ep=plan.ep, num_devices=own.num_devices, weight_dtype=plan.weight_dtype,
        kv_dtype=plan.kv_dtype, input_len=w.input_len, output_len=w.output_len,
        predictor=problem.predictor, profile=problem.profile,
        level=2.0 * (confidence if confidence > 0.5 else SURE) - 1.0,
    )  # fmt: skip


def _resized(plan: Plan, replicas: int, seen: Look) -> Plan:
    """Give a plan as many machines as hold so many replicas."""
    each = plan.devices_per_instance // (plan.tp * plan.pp * plan.dp)
    instances = math.ceil(replicas / each)
    usd_h = instances * plan.price_usd_h
    more, tpot = usd_h / plan.usd_h, of(seen.figures, "tpot_ms")
    return replace(
        plan, instances=instances, replicas=instances * each, usd_h=usd_h,
        num_devices=instances * plan.devices_per_instance, usd_month=usd_h * MONTH_H,
        usd_per_m_input=plan.usd_per_m_input * more, usd_per_m_output=plan.usd_per_m_output * more,
        ttft_ms=of(seen.figures, "ttft_ms"), tpot_ms=tpot, e2e_ms=of(seen.figures, "e2e_ms"),
        tok_s_per_user=MS_PER_S / tpot if tpot > 0 else None,
        percentiles={name: of(seen.figures, name) for name in PERCENTILES},
    )  # fmt: skip


def _misses(plan: Plan, request: Request) -> dict[str, float]:
    """By what share budgets are missed."""
    asked = request.constraints
    found = {}
    if asked.max_usd_h and plan.usd_h > asked.max_usd_h:
        found["max_usd_h"] = plan.usd_h / asked.max_usd_h - 1.0
    if asked.max_devices and plan.num_devices > asked.max_devices:
        found["max_devices"] = plan.num_devices / asked.max_devices - 1.0
    return found


def _missed(seen: Look, tail: Tail) -> dict[str, float]:
    """By what share limits are missed with any number of replicas."""
    over = excess(seen.figures, tail.limits)
    return {name: share for name, share in over.items() if share > 0} or {"predicted": 1.0}


def _told(plan: Plan, ready: Served, tail: Tail, problem: Problem) -> Plan:
    """Add what a plan carries within the limits, and its price if sure."""
    sure = plan.confidence > 0.5
    own = ready.slow if sure else ready.own
    queues = plan.replicas * ready.queues
    most = min(full_rps(own, tail.load, queues), 8.0 * tail.rate_rps)
    rate, _ = highest(own, tail.load, tail.limits, queues, ROUTER, tail.seed,
                      guess=min(1.2 * tail.rate_rps, most))  # fmt: skip
    rate = max(rate, tail.rate_rps)  # that it holds at the asked rate has been seen
    prices: list[float | None] = []
    slow = ready.slow
    if 0.5 < plan.confidence < SURE:
        slow = _ready(plan, problem, SURE).slow
    for one in (ready.own, slow):
        count = plan.replicas
        if one is not own:
            count, _ = fewest(one, tail.load, tail.rate_rps, tail.limits, ROUTER, tail.seed,
                              ready.queues)  # fmt: skip
        each = plan.replicas // plan.instances
        prices.append(math.ceil(count / each) * plan.price_usd_h if count else None)
    part = tail.rate_rps / rate
    return replace(
        plan, usd_h_estimate=prices[0], usd_h_sure=prices[1], capacity_req_s=rate,
        capacity_tok_s=rate * tail.load.output_len,
        capacity_users=max(int(rate * (plan.e2e_ms or 0.0) / MS_PER_S), 1),
        headroom=1.0 / part - 1.0, usd_per_m_input_full=plan.usd_per_m_input * part,
        usd_per_m_output_full=plan.usd_per_m_output * part,
    )  # fmt: skip


def _why(
    plans: tuple[Plan, ...], short: list[Plan], tried: int, tail: Tail, found: Found
) -> tuple[str, ...]:  # fmt: skip
    told = f"{tail.load.text}, at {tail.rate_rps:.4g} requests/s"
    if not plans:
        return (f"None of the {tried} cheapest deployments that keep the limits on average keeps"
                f" them in 99 of 100 requests ({told}).",)  # fmt: skip
    best = plans[0]
    lines = [f"Cheapest of the {tried} deployments that were simulated:"
             f" {best.usd_h:,.2f}{HELD}USD/h on {best.num_devices} x {best.hardware} ({told})."
             " Not proven: the closed search chose what was simulated.",
             f"By means alone it would be {found.plans[0].usd_h:,.2f} USD/h on"
             f" {found.plans[0].num_devices} x {found.plans[0].hardware}."]  # fmt: skip
    if len(plans) > 1:
        lines.append(f"Next: {plans[1].usd_h:,.2f} USD/h on {plans[1].num_devices} x"
                     f" {plans[1].hardware}.")  # fmt: skip
    if short:
        lines.append(f"{len(short)} of those simulated keep the limits at no size or budget.")
    return tuple(lines)
