"""No plan that is returned is beaten at its price, and allowing less never gives a better one.

Predictions are calibrated physics times a factor of each configuration, so that many searches take
little: what is tested is the search, not the estimators.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.errors import GuideError
from guide_ml.searching import Found, search
from guide_ml.searching.ranking import DEAREST, EQUAL
from guide_ml.searching.score import Problem
from guide_ml.searching.space import CONFIG, METRICS

pytestmark = pytest.mark.slow

CARDS = ("h100", "h200", "l40s", "a100-80gb", "mi300x", "l4")
CHAT, LONG = (1000, 300), (6000, 200)
#: Model, tokens, load, limits, constraints, objective.
REQUESTS: dict[str, tuple[str, tuple[int, int], dict, dict, dict, str]] = {
    "a rate": ("llama-3.1-70b-instruct", CHAT, {"requests_per_s": 5}, {"tpot_ms": 50}, {}, "cost"),
    "a high rate": ("llama-3.1-8b-instruct", CHAT, {"requests_per_s": 60}, {"ttft_ms": 700}, {},
                    "cost"),
    "users": ("llama-3.1-8b-instruct", CHAT, {"users": 50}, {"ttft_ms": 500, "tpot_ms": 30}, {},
              "cost"),
    "many users": ("llama-3.1-70b-instruct", CHAT, {"users": 200}, {"tpot_ms": 50}, {}, "cost"),
    "users without limits": ("qwen3-32b", CHAT, {"users": 7}, {}, {}, "cost"),
    "tokens a second": ("qwen3-30b-a3b", CHAT, {"tokens_per_s": 3000}, {"tpot_ms": 25}, {}, "cost"),
    "a job": ("llama-3.1-70b-instruct", CHAT, {"offline_tokens": 2e8, "deadline_h": 12}, {}, {},
              "cost"),
    "a budget": ("qwen3-32b", CHAT, {"users": 30}, {"ttft_ms": 1500}, {"max_usd_h": 20.0}, "cost"),
    "few devices": ("qwen3-32b", LONG, {"requests_per_s": 1}, {"e2e_ms": 15000},
                    {"max_devices": 8}, "cost"),
    "large clouds": ("mistral-7b-instruct-v0.3", CHAT, {"requests_per_s": 20}, {"ttft_ms": 500},
                     {"providers": ("aws", "gcp", "azure")}, "cost"),
    "one vendor": ("llama-3.1-70b-instruct", CHAT, {"users": 64}, {"tpot_ms": 40},
                   {"vendors": ("amd",)}, "cost"),
    "one engine": ("gpt-oss-120b", CHAT, {"users": 100}, {"ttft_ms": 1000},
                   {"frameworks": ("sglang",)}, "cost"),
    "spot": ("qwen3-14b", LONG, {"users": 90}, {"tpot_ms": 35}, {"spot": True}, "cost"),
    "the fastest": ("llama-3.1-8b-instruct", CHAT, {"users": 20}, {}, {"max_usd_h": 10.0},
                    "latency"),
    "the most": ("llama-3.1-8b-instruct", CHAT, {"users": 20}, {"tpot_ms": 40},
                 {"max_usd_h": 10.0}, "throughput"),
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Let physics stand for the estimators."""

    def table(self: Problem, points: Any, level: float | None) -> pd.DataFrame:
        space = self.space
        configs = space.configs[list(CONFIG)].astype(str).agg("/".join, axis=1)
        own = np.asarray([zlib.crc32(name.encode()) / 2**32 for name in configs])
        factor = np.exp(0.3 * own - 0.1)[space.config[points]]
        out = {}
        for name in METRICS:
            value = space.estimates[name][points]
            out[name] = value / factor if name == "output_tok_s" else value * factor
            worst = np.minimum if name == "output_tok_s" else np.maximum
            out[name] = worst(out[name], space.bounds[name][points])
        told = np.asarray(["near", "far", "interpolated"])[(own * 97).astype(int) % 3]
        return pd.DataFrame(out | {f"{k}_high": 1.3 * v for k, v in out.items()}
                            | {f"{k}_low": v / 1.3 for k, v in out.items()}
                            | {"in_domain": told[space.config[points]]})  # fmt: skip

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Problem, "table", table)
        yield


@cache
def found(name: str, sampler: str = "auto") -> Found:
    return narrowed(name, {}, sampler)


def narrowed(name: str, change: dict[str, Any], sampler: str = "auto") -> Found:
    model, (n_in, n_out), load, slo, constraints, objective = REQUESTS[name]
    allowed = {"hardware": CARDS} | constraints | change
    return search(model=model, workload={"input_len": n_in, "output_len": n_out}, load=load,
                  slo=slo, constraints=allowed, objective=objective, sampler=sampler)  # fmt: skip


def merit(result: Found) -> tuple[float, ...]:
    """Say how good the plan that is returned is: less is better."""
    best, aim = result.best, result.request.objectives[0]
    assert best
    slow = best.e2e_ms or -best.capacity_tok_s
    if aim == "cost":
        return (best.usd_h if best.job_usd is None else best.job_usd, best.usd_h, slow)
    # Searched is the throughput under the load that is asked; a plan may carry more.
    assert best.e2e_ms
    return (slow if aim == "latency" else -best.replicas * best.concurrency / best.e2e_ms,)


def beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether one is better than the other by more than rounding."""
    for a, b in zip(one, other, strict=True):
        if abs(a - b) > 1.01 * EQUAL * abs(b):
            return a < b
    return False


@pytest.mark.parametrize("name", list(REQUESTS))
def test_no_plan_of_the_space_beats_the_one_that_is_returned(name: str) -> None:
    result, whole = found(name), found(name, "enumerate")
    assert result.proven
    assert not beats(merit(whole), merit(result))


@pytest.mark.parametrize("name", list(REQUESTS))
def test_nothing_on_the_front_is_beaten_in_the_space_or_absurd(name: str) -> None:
    result, whole = found(name), found(name, "enumerate")
    if result.request.objectives != ("cost",) or result.request.load.offline:
        return  # their front is of what was scored
    told = [(p.usd_h, p.e2e_ms or 0.0) for p in result.front]
    assert told[0][0] == min(p.usd_h for p in whole.plans)
    assert all(usd <= DEAREST * told[0][0] for usd, _ in told)
    for usd, slow in told:
        for plan in (*whole.plans, *whole.front):
            assert plan.e2e_ms is not None
            better = plan.usd_h <= usd * (1 - EQUAL) and plan.e2e_ms <= slow * (1 - 1e-9)
            assert not better, (usd, slow, plan)


@pytest.mark.parametrize("name", list(REQUESTS))
def test_allowing_less_never_gives_a_better_plan(name: str) -> None:
    result, given = found(name), REQUESTS[name][4]
    best = result.best
    assert best
    changes: list[dict[str, Any]] = [{"frameworks": (e,)} for e in ("vllm", "sglang")]
    changes += [{"hardware": (best.hardware,)}, {"hardware": CARDS[2:]}, {"vendors": ("amd",)},
                {"providers": (best.provider,)}, {"weight_dtypes": (best.weight_dtype,)},
                {"kv_dtypes": ("fp16",)}, {"max_usd_h": best.usd_h * 1.01},
                {"max_devices": best.num_devices}, {"in_domain": True}]  # fmt: skip
    compared = 0
    for change in changes:
        if set(change) & set(given):
            continue
        try:
            other = narrowed(name, change)
        except GuideError:  # no offer or engine is left
            continue
        if other.best is not None:
            compared += 1
            assert not beats(merit(other), merit(result)), change
    assert compared >= 3
