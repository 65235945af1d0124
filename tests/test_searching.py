from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import guide_ml
from guide_ml import SLO, Constraints, Load, Workload, api, catalogue
from guide_ml.errors import DoesNotFit, GuideError, InvalidInput
from guide_ml.searching import Found, search, sweep
from guide_ml.searching.ranking import DEAREST, settled, tied
from guide_ml.searching.request import Request
from guide_ml.searching.run import pose

SMALL: dict[str, Any] = {
    "model": "llama-3.1-8b-instruct", "workload": {"input_len": 512, "output_len": 128},
    "load": {"users": 24}, "slo": {"ttft_ms": 600, "tpot_ms": 40},
    "constraints": {"hardware": ("l4", "h100", "mi300x"), "frameworks": ("vllm",)},
}  # fmt: skip


def find(**changes: Any) -> Found:
    asked = dict(SMALL)
    for name, value in changes.items():
        both = isinstance(value, dict) and name in ("slo", "constraints")
        asked[name] = asked[name] | value if both else value
    return search(**asked)


@pytest.fixture(scope="module")
def found() -> Found:
    return find()


@pytest.fixture
def scored(monkeypatch) -> list[tuple]:
    """Collect what is predicted without intervals: the points of a search."""
    rows: list[tuple] = []
    predict = api.predict_table

    def spy(table: pd.DataFrame, **kwargs: Any) -> pd.DataFrame:
        rows.extend(table.drop(columns="model").itertuples(index=False, name=None))
        return predict(table, **kwargs)

    monkeypatch.setattr(api, "predict_table", spy)
    monkeypatch.setattr("guide_ml.searching.run._plans", lambda *_: ([], None, []))
    monkeypatch.setattr("guide_ml.searching.reasons.why", lambda *_: ["spied on"])
    return rows


def test_the_best_is_what_an_enumeration_finds(found: Found) -> None:
    every = find(sampler="enumerate")
    assert found.best
    assert every.best
    assert found.best.usd_h == every.best.usd_h
    assert found.proven
    assert every.proven
    assert every.counts["scored"] == every.counts["points"] > found.counts["scored"]


def test_a_plan_does_what_predict_says_of_it(found: Found) -> None:
    assert found.plans
    for plan in found.plans:
        d = plan.deployment
        told = guide_ml.predict(
            hardware=d.hardware, model=d.model, framework=d.framework.framework, tp=d.tp, pp=d.pp,
            num_devices=d.num_devices, weight_dtype=d.weight_dtype, kv_dtype=d.kv_dtype,
            concurrency=plan.concurrency, input_len=512, output_len=128,
        )  # fmt: skip
        assert (told.ttft_ms, told.tpot_ms) == pytest.approx((plan.ttft_ms, plan.tpot_ms))
        assert plan.in_domain == told.in_domain
        assert plan.ttft_ms is not None
        assert plan.ttft_ms <= 600
        assert plan.tpot_ms is not None
        assert plan.tpot_ms <= 40


def test_every_plan_can_be_started(found: Found) -> None:
    for plan in found.plans:
        start = plan.deployment.launch(plan.workload)
        assert start.command.startswith("vllm serve")
        assert "/Llama-3.1-8B-Instruct" in start.command  # or its published checkpoint


def test_plans_are_sorted_whole_and_carry_the_load(found: Found) -> None:
    prices = [p.usd_h for p in found.plans]
    assert prices == sorted(prices)
    for plan in found.plans:
        assert plan.capacity_users >= 24
        assert plan.headroom == pytest.approx(plan.capacity_users / 24 - 1)
        assert plan.num_devices == plan.instances * plan.devices_per_instance
        assert plan.usd_h == pytest.approx(plan.instances * plan.price_usd_h)
        assert plan.usd_month == pytest.approx(730 * plan.usd_h)
        assert plan.replicas * plan.tp * plan.pp * plan.dp <= plan.num_devices
        assert plan.provider
        assert plan.region
        assert plan.instance_type
        assert plan.price_date >= "2024"


def test_the_price_of_tokens_adds_up_to_the_bill(found: Found) -> None:
    best = found.best
    assert best
    hour = 3600 * best.capacity_req_s / 1e6
    full = hour * (512 * best.usd_per_m_input_full + 128 * best.usd_per_m_output_full)
    assert full == pytest.approx(best.usd_h)
    assert best.usd_per_m_output >= best.usd_per_m_output_full
    assert best.usd_per_m_output > best.usd_per_m_input  # a decoded token takes more


def test_the_runner_up_is_of_another_vendor_and_no_cheaper(found: Found) -> None:
    assert found.best
    assert found.runner_up
    assert {found.best.vendor, found.runner_up.vendor} == {"nvidia", "amd"}
    assert found.runner_up.usd_h >= found.best.usd_h
    assert any("another vendor" in line for line in found.why)


def test_the_front_holds_what_nothing_beats(found: Found) -> None:
    front = [(p.usd_h, p.e2e_ms or 0.0) for p in found.front]
    assert front == sorted(front)
    times = [t or 0.0 for _, t in front]
    assert times == sorted(times, reverse=True)


def test_equal_prices_are_ordered_by_speed_then_headroom_then_evidence(found: Found) -> None:
    assert found.best
    best = replace(found.best, usd_h=3.75, job_usd=None, headroom=0.5, e2e_ms=900.0)
    near = replace(best, hardware="a", in_domain="near", usd_h=3.7501)  # the same but for rounding
    far = replace(best, hardware="b", in_domain="far", e2e_ms=800.0)
    roomy = replace(near, hardware="c", headroom=0.6)
    measured = replace(best, hardware="d", in_domain="measured")
    cheap = replace(far, hardware="e", usd_h=3.7, e2e_ms=2000.0)
    order = settled([near, far, measured, roomy, cheap], "cost")
    assert [p.hardware for p in order] == ["e", "b", "c", "d", "a"]
    assert settled([near, far], "latency") == [near, far]  # which speed has told apart already


def test_of_equal_prices_none_beats_the_plan_that_is_returned() -> None:
    names = ("h100", "mi300x", "l40s", "a100-80gb")
    same = pd.DataFrame({"hardware": names, "num_devices": 1, "price_usd_h": 2.0,
                         "provider": "lab", "as_of": "2026-01-01"})  # fmt: skip
    limits = {"providers": ("lab",), "hardware": names}
    result = find(prices=same, load={"users": 4}, constraints=limits)
    assert result.best
    assert result.best == result.plans[0]
    narrower: list[dict[str, Any]] = [{"hardware": (name,)} for name in names]
    narrower += [{"frameworks": (name,)} for name in ("vllm", "sglang", "tensorrt-llm")]
    narrower += [{"weight_dtypes": (name,)} for name in ("bf16", "fp8")]
    narrower += [{"max_usd_h": 2.5}, {"max_devices": 1}]
    compared = 0
    for change in narrower:
        other = find(prices=same, load={"users": 4}, constraints=limits | change).best
        if other is None:
            continue
        assert (other.usd_h, other.e2e_ms) >= (result.best.usd_h, result.best.e2e_ms), change
        compared += 1
    assert compared >= 8


def test_the_front_is_that_of_the_whole_space() -> None:
    """Scoring everything finds nothing that the front of a search is beaten by."""
    asked = {"load": {"users": 16}, "constraints": {"hardware": ("h100", "l40s", "mi300x"),
             "frameworks": ("vllm", "sglang")}}  # fmt: skip
    front, whole = find(**asked).front, find(**asked, sampler="enumerate").front
    assert [(p.usd_h, p.e2e_ms) for p in front] == [(p.usd_h, p.e2e_ms) for p in whole]
    assert len(front) > 1
    assert all(p.usd_h <= DEAREST * front[0].usd_h for p in front)  # nobody takes what is dearer


def test_search_and_predict_give_one_number_for_one_plan(found: Found) -> None:
    for plan in found.plans:
        d, w = plan.deployment, found.request.workload
        one = guide_ml.predict(
            hardware=d.hardware, model=d.model, framework=d.framework.framework, tp=d.tp, pp=d.pp,
            num_devices=d.num_devices, weight_dtype=d.weight_dtype, kv_dtype=d.kv_dtype,
            concurrency=plan.concurrency, input_len=w.input_len, output_len=w.output_len,
        )  # fmt: skip
        assert (one.ttft_ms, one.tpot_ms) == (plan.ttft_ms, plan.tpot_ms)
        assert one.output_tok_s is not None
        assert one.output_tok_s * plan.replicas <= plan.capacity_tok_s * (1 + 1e-9)
        assert one.request_latency_s is not None
        rate = plan.concurrency / one.request_latency_s
        assert one.output_tok_s == pytest.approx(rate * w.output_len)


def test_the_layout_is_spelt_out(found: Found) -> None:
    assert found.best
    four = replace(found.best, replicas=4, tp=4, pp=1, dp=1, ep=1, num_devices=16)
    assert four.layout == "16 GPUs = 4 replicas x tp 4"
    assert replace(four, num_devices=18).layout.endswith("(+ 2 idle)")
    assert replace(four, replicas=1, tp=1, num_devices=1).layout == "1 GPU"


def test_a_result_is_plain_values(found: Found) -> None:
    told = json.loads(json.dumps(found.to_dict()))
    assert told["plans"][0]["layout"] == found.plans[0].layout
    assert len(found.table()) == len(found.plans)
    assert told["proven"] is True


def test_the_same_seed_finds_the_same(found: Found) -> None:
    again = find()
    assert again.plans == found.plans
    assert again.counts == found.counts


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_no_point_is_scored_twice_or_beyond_what_is_allowed(sampler: str, scored: list) -> None:
    result = find(sampler=sampler, n_trials=150)
    assert result.counts["scored"] == len(scored) == 150
    assert len(set(scored)) == 150


def test_what_is_enumerated_is_not_scored_twice(scored: list) -> None:
    result = find(sampler="auto", constraints={"hardware": ("l4",)})
    assert len(scored) == len(set(scored)) == result.counts["scored"]


def test_every_point_runs_divides_and_fits() -> None:
    request = Request(
        model=catalogue.model("meta-llama/Llama-3.1-70B-Instruct"),
        workload=Workload(input_len=2048, output_len=512), load=Load(requests_per_s=1),
        constraints=Constraints(hardware=("l40s", "h100", "a100-80gb", "mi300x", "b200")),
    )  # fmt: skip
    problem, _ = pose(request)
    some = np.random.default_rng(0).choice(len(problem.space), 1500, replace=False)
    told = problem.table(some, None)
    assert told.memory_fits.all()
    assert (told.error == "").all()
    configs = problem.space.configs
    assert (64 % configs.tp == 0).all()
    fp8 = set(configs.hardware[(configs.weight_dtype == "fp8") | (configs.kv_dtype == "fp8")])
    assert "nvidia-a100-sxm-80gb" not in fp8
    assert "nvidia-h100-sxm-80gb" in fp8
    trt = configs.framework == "tensorrt-llm"
    assert "amd-mi300x-192gb" not in set(configs.hardware[trt])
    assert set(configs.framework) == {"vllm", "sglang", "tensorrt-llm"}
    largest = problem.offers.groupby("hardware").num_devices.max()
    assert (configs.devices <= configs.hardware.map(largest)).all()


def test_four_bits_and_local_engines_come_only_when_asked_for() -> None:
    plain = find(constraints={"hardware": ("h100",)})
    assert {p.weight_dtype for p in plain.plans} <= {"bf16", "fp8"}
    four = find(constraints={"hardware": ("h100",), "weight_dtypes": ("awq-int4",)})
    assert {p.weight_dtype for p in four.plans} == {"awq-int4"}
    local = find(constraints={"hardware": ("l4",), "frameworks": ("llama.cpp",)},
                 load={"users": 1}, slo={"ttft_ms": 2000, "tpot_ms": 100})  # fmt: skip
    assert {p.framework for p in local.plans} == {"llama.cpp"}


def test_tighter_limits_are_never_cheaper(found: Found) -> None:
    assert found.best
    tight = find(slo={"tpot_ms": 12})
    assert tight.best
    assert tight.proven
    assert tight.best.usd_h >= found.best.usd_h
    faster = find(slo={"tok_s_per_user": 1000 / 12})
    assert faster.best
    assert faster.best.usd_h == tight.best.usd_h


def test_being_surer_is_never_cheaper_and_both_costs_are_told(found: Found) -> None:
    assert found.best
    sure = find(confidence=0.9)
    assert sure.best
    assert sure.best.usd_h >= found.best.usd_h
    assert found.best.usd_h_estimate == pytest.approx(found.best.usd_h)
    assert sure.best.usd_h_sure == pytest.approx(sure.best.usd_h)
    assert sure.best.usd_h_estimate is not None
    assert sure.best.usd_h_estimate <= sure.best.usd_h


def test_more_load_is_never_cheaper_and_loads_may_be_said_in_several_ways() -> None:
    one = find(load={"requests_per_s": 4})
    many = find(load={"requests_per_s": 40})
    tokens = find(load=Load(tokens_per_s=40 * 128))
    assert one.best
    assert many.best
    assert tokens.best
    assert many.best.usd_h > one.best.usd_h
    assert tokens.best.usd_h == many.best.usd_h
    assert many.best.capacity_req_s >= 40
    assert tokens.best.capacity_tok_s >= 40 * 128


def test_an_offline_job_is_billed_by_its_hours() -> None:
    job = find(load={"offline_tokens": 1e8, "deadline_h": 4}, slo=None)
    best = job.best
    assert best
    assert best.job_h is not None
    assert best.job_h <= 4
    assert best.job_usd == pytest.approx(best.usd_h * best.job_h, rel=0.02)
    assert best.ttft_ms is None
    assert best.concurrency == 0
    # Prices within a thousandth are the same; evidence puts those in order.
    prices = tied(np.asarray([p.job_usd for p in job.plans], dtype=float)).tolist()
    assert prices == sorted(prices)
    assert max(prices) > 0
    hurry = find(load={"offline_tokens": 1e8, "deadline_h": 0.5}, slo=None)
    assert hurry.best
    assert hurry.best.usd_h > best.usd_h


def test_whole_machines_are_paid_for(tmp_path: Path) -> None:
    prices = pd.DataFrame({"hardware": ["h100"], "num_devices": [8], "price_usd_h": [16.0],
                           "provider": ["lab"], "as_of": ["2026-01-01"]})  # fmt: skip
    only = find(prices=prices, load={"users": 2}, constraints={"providers": ("lab",)}).best
    assert only
    assert (only.num_devices, only.usd_h, only.instances) == (8, 16.0, 1)
    assert only.replicas * only.tp * only.pp == 8


def test_spot_prices_count_only_when_asked_for(found: Found) -> None:
    spot = find(constraints={"spot": True})
    assert not any(p.spot for p in found.plans)
    assert spot.best
    assert found.best
    assert spot.best.usd_h <= found.best.usd_h
    assert any(p.spot for p in spot.plans)


def test_budgets_are_kept() -> None:
    few = find(constraints={"max_devices": 1, "hardware": ("l4", "h100")}, load={"users": 64})
    assert few.plans
    assert all(p.num_devices <= 1 for p in few.plans)
    poor = find(constraints={"max_usd_h": 3.0})
    assert poor.plans
    assert all(p.usd_h <= 3.0 for p in poor.plans)


def test_a_budget_may_buy_speed_or_throughput() -> None:
    fast = find(objective="latency", constraints={"max_usd_h": 12.0, "hardware": ("h100", "l4")})
    most = find(objective="throughput", constraints={"max_usd_h": 12.0, "hardware": ("h100", "l4")})
    cheap = find(constraints={"hardware": ("h100", "l4")})
    assert fast.best
    assert most.best
    assert cheap.best
    assert fast.best.e2e_ms is not None
    assert cheap.best.e2e_ms is not None
    assert fast.best.e2e_ms < cheap.best.e2e_ms
    assert most.best.capacity_tok_s > cheap.best.capacity_tok_s
    assert max(fast.best.usd_h, most.best.usd_h) <= 12.0


def test_several_objectives_give_a_front() -> None:
    both = find(objective=("cost", "latency"), n_trials=200)
    front = [(p.usd_h, p.e2e_ms) for p in both.front]
    assert len(front) > 1
    for a in front:
        assert not any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in front)  # type: ignore[operator]


def test_nothing_fits_says_what_binds_and_what_giving_way_costs() -> None:
    none = find(slo={"ttft_ms": 20}, constraints={"hardware": ("l4",)})
    assert not none.plans
    assert none.best is None
    assert "What binds is the TTFT" in none.why[0]
    assert "roven: " in none.why[0]
    way = next(r for r in none.relaxations if r.limit == "ttft_ms")
    assert way.needed > way.given == 20
    assert set(way.plan.misses) == {"ttft_ms"}
    assert none.nearest
    assert all(p.misses for p in none.nearest)
    given_way = find(slo={"ttft_ms": way.needed * 1.001}, constraints={"hardware": ("l4",)})
    assert given_way.best
    assert given_way.best.usd_h <= way.plan.usd_h * 1.001


def test_where_the_budget_binds_it_says_so() -> None:
    poor = find(constraints={"max_usd_h": 0.01})
    assert not poor.plans
    way = next(r for r in poor.relaxations if r.limit == "max_usd_h")
    free = find()
    assert free.best
    assert way.needed == pytest.approx(free.best.usd_h)
    assert poor.binds == ("max_usd_h",) == tuple(poor.to_dict()["binds"])
    assert "What binds is the price" in poor.why[0]


def test_the_price_that_would_do_is_told_where_several_limits_bind() -> None:
    small = {"hardware": ("l4",), "max_devices": 1, "max_usd_h": 0.01}
    many = find(load={"users": 400}, constraints=small)
    assert not many.plans
    assert set(many.binds) >= {"max_usd_h", "max_devices"}
    line = next(w for w in many.why if w.startswith("The price that would do: "))
    free = find(load={"users": 400}, constraints={"hardware": ("l4",)})
    assert free.best
    assert f": {free.best.usd_h:,.2f} USD/h" in line
    slow = find(slo={"ttft_ms": 0.1}, constraints=small)
    assert any("No price keeps the other limits" in w for w in slow.why)


def test_estimators_without_intervals_still_answer(monkeypatch, found: Found) -> None:
    from guide_ml.errors import BadArtefact

    predict = api.predict_table

    def plain(table: pd.DataFrame, **kwargs: Any) -> pd.DataFrame:
        if kwargs["level"] is not None:
            raise BadArtefact("these estimators give no intervals")
        return predict(table, **kwargs)

    monkeypatch.setattr(api, "predict_table", plain)
    result = find()
    assert result.best
    assert found.best
    assert (result.best.usd_h, result.best.usd_h_sure) == (found.best.usd_h, None)
    with pytest.raises(BadArtefact):
        find(confidence=0.9)


def test_no_more_points_are_scored_than_allowed(scored: list) -> None:
    assert find(n_trials=70, load={"requests_per_s": 9}).counts["scored"] == len(scored) == 70


def test_no_more_requests_are_in_flight_than_users(found: Found) -> None:
    for plan in (*found.plans, *found.front):
        assert plan.concurrency <= 24


def test_far_deployments_can_be_kept_out() -> None:
    near = find(constraints={"in_domain": True, "hardware": ("h100", "l4")})
    assert near.plans
    assert not [p for p in near.plans if p.in_domain == "far"]


def test_a_study_goes_on_where_it_stopped_and_scores_nothing_again(
    tmp_path: Path, scored: list
) -> None:
    journal = tmp_path / "study.log"
    first = find(sampler="tpe", n_trials=30, storage=journal)
    assert first.counts["scored"] == len(scored) == 30
    second = find(sampler="tpe", n_trials=45, storage=journal)
    assert second.counts["scored"] == len(scored) == len(set(scored)) == 45
    other = find(sampler="tpe", n_trials=5, storage=journal, load={"users": 25})
    assert other.counts["scored"] == 5  # another question is another study


def test_the_dashboard_opens_a_study(tmp_path: Path) -> None:
    dashboard = pytest.importorskip("optuna_dashboard")
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    journal = tmp_path / "study.log"
    find(n_trials=8, storage=journal, constraints={"hardware": ("l4",)})
    app = dashboard.wsgi(JournalStorage(JournalFileBackend(str(journal))))
    told = _get(app, "/api/studies")
    assert len(told["study_summaries"]) == 1
    one = _get(app, f"/api/studies/{told['study_summaries'][0]['study_id']}")
    done = [t for t in one["trials"] if t["state"] == "Complete"]
    assert len(done) == 8
    assert {p["name"] for p in done[0]["params"]} >= {"hardware", "tp", "weight_dtype"}


def _get(app: Callable, path: str) -> Any:
    status: list[str] = []
    from wsgiref.util import setup_testing_defaults

    environ: dict[str, Any] = {"PATH_INFO": path}
    setup_testing_defaults(environ)
    body = b"".join(app(environ, lambda code, _, *__: status.append(code)))
    assert status[0].startswith("200")
    return json.loads(body)


def test_time_is_kept_and_progress_told() -> None:
    told: list[tuple[int, int, str]] = []
    late = find(timeout=1e-6, progress=lambda *a: told.append(a))
    assert late.counts["scored"] < 700
    assert told


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"load": {}}, "load: give one of requests_per_s, users"),
        ({"load": {"users": 2, "tokens_per_s": 3}}, "got users, tokens_per_s"),
        ({"load": {"offline_tokens": 5}}, "offline_tokens and deadline_h belong together"),
        ({"load": {"user": 5}}, "did you mean users"),
        ({"load": {"users": -5}}, "users must be a number above 0; got -5"),
        ({"slo": {"ttft_ms": float("nan")}}, "ttft_ms must be a number above 0"),
        ({"objective": "price"}, "unknown objective 'price'"),
        ({"objective": "latency"}, "needs max_usd_h or max_devices"),
        ({"confidence": 1.0}, "confidence must be from 0.5"),
        ({"confidence": 0.3}, "confidence must be from 0.5"),
        ({"sampler": "grid"}, "unknown sampler 'grid'"),
        ({"n_trials": 0}, "n_trials must be above 0; got 0"),
        ({"constraints": {"frameworks": "vllm"}}, "frameworks must be a tuple of names"),
        ({"constraints": {"frameworks": ("vlm",)}}, "did you mean vllm"),
        ({"constraints": {"kv_dtypes": ("nf4",)}}, "kv_dtypes must be of"),
        ({"constraints": {"max_usd_h": 0}}, "max_usd_h must be a number above 0"),
        ({"constraints": {"hardware": ("mi300x",), "frameworks": ("tensorrt-llm",)}},
         "no engine that is allowed"),
        ({"constraints": {"providers": ("aws",), "hardware": ("rtx-4090",)}}, "no offer is left"),
        ({"workload": {"input_len": 200_000, "output_len": 8}}, "takes 131,072 tokens at most"),
        ({"workload": {"mode": "static", "batch_size": 4, "input_len": 8, "output_len": 8}},
         "lengths and statistics only"),
        ({"load": {"offline_tokens": 5, "deadline_h": 1}}, "no latency limits"),
        ({"storage": "/no/such/folder/x.log"}, "there is no folder"),
        ({"model": "llama-9"}, "unknown model"),
    ],
)  # fmt: skip
def test_a_wrong_question_gets_one_sentence(wrong: dict, says: str) -> None:
    with pytest.raises(GuideError, match=says):
        find(**wrong)


def test_a_model_that_fits_nothing_says_how_big_it_is() -> None:
    with pytest.raises(DoesNotFit, match="fits none of the machines that are allowed"):
        find(model="meta-llama/Llama-3.1-405B", constraints={"hardware": ("l4",)})


def test_a_sweep_tells_how_cost_grows() -> None:
    told: list[tuple[int, int, str]] = []
    asked = SMALL | {"constraints": {"hardware": ("l4",), "frameworks": ("vllm",)}}
    table = sweep(over="users", values=(4, 40, 200), progress=lambda *a: told.append(a), **asked)
    assert table.users.tolist() == [4, 40, 200]
    assert table.usd_h.is_monotonic_increasing
    assert told[-1][:2] == (3, 3)
    limits = sweep(over="tpot_ms", values=(1, 60), **asked)
    assert limits.fits.tolist() == [False, True]
    assert "Nothing fits" in limits.why[0]


@pytest.mark.parametrize(
    ("over", "values", "says"),
    [("user", [1], "did you mean tok_s_per_user, users"), ("users", [], "at least one value"),
     ("tokens_per_s", [1], "the load must be given as tokens_per_s too")],
)  # fmt: skip
def test_a_wrong_sweep_says_so(over: str, values: list, says: str) -> None:
    with pytest.raises(InvalidInput if over != "user" else GuideError, match=says):
        sweep(over=over, values=values, **SMALL)


def test_limits_are_what_the_slo_says() -> None:
    assert SLO(tpot_ms=40, tok_s_per_user=50).limits == {"tpot_ms": 20.0}
    assert SLO().limits == {}
