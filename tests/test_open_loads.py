"""Open loads through the public calls: rates, percentiles, runs, overload, and bad input."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import guide_ml
from guide_ml import InvalidInput, Lengths, Traffic
from guide_ml.calibration.fit import calibrate
from guide_ml.estimators.predictor import default_predictor
from guide_ml.predictions.run import ask
from guide_ml.profiles import Profile
from guide_ml.simulation import asked as asking
from guide_ml.simulation.lessons import factor, instead, shipped
from guide_ml.simulation.loads import OpenLoad
from guide_ml.simulation.policies import POLICIES, policy
from guide_ml.simulation.run import rules
from guide_ml.simulation.surface import SPREAD, _closed, _loop, fit
from guide_ml.table.read import Definitions

CHAT: dict[str, Any] = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
        "input_len": 1024, "output_len": 256}  # fmt: skip


def predicted(**given: Any) -> Any:
    """Predict; an open load has figures that others lack."""
    return guide_ml.predict(**given)


#: Hardware, model, engine, devices (all of them tensor parallel), prompt and answer.
DEPLOYMENTS = [
    ("h100", "llama-3.1-8b-instruct", "vllm", 1, 1024, 256),
    ("h100", "llama-3.1-8b-instruct", "sglang", 1, 512, 512),
    ("h100", "llama-3.1-8b-instruct", "tensorrt-llm", 1, 256, 1024),
    ("h100", "llama-3.1-70b-instruct", "vllm", 4, 1024, 256),
    ("h100", "llama-3.1-70b-instruct", "sglang", 4, 2048, 512),
    ("h200", "llama-3.1-70b-instruct", "vllm", 2, 1024, 1024),
    ("h200", "deepseek-ai/DeepSeek-R1", "sglang", 8, 1024, 1024),
    ("b200", "llama-3.1-8b-instruct", "tensorrt-llm", 1, 128, 1024),
    ("b200", "llama-3.1-70b-instruct", "vllm", 1, 512, 256),
    ("mi300x", "llama-3.1-70b-instruct", "vllm", 1, 512, 512),
    ("mi300x", "llama-3.1-8b-instruct", "vllm", 1, 1024, 128),
    ("a100-80gb", "llama-3.1-8b-instruct", "vllm", 1, 512, 256),
    ("a100-80gb", "llama-3.1-70b-instruct", "vllm", 4, 512, 256),
    ("a10g", "llama-3.1-8b-instruct", "vllm", 1, 256, 128),
    ("l40s", "llama-3.1-8b-instruct", "vllm", 1, 512, 128),
    ("l4", "google/gemma-2-2b-it", "vllm", 1, 512, 256),
    ("h100", "google/gemma-2-2b-it", "vllm", 1, 256, 128),
    ("h100", "openai/gpt-oss-120b", "vllm", 2, 1024, 512),
    ("a100-80gb", "llama-3.1-8b-instruct", "sglang", 1, 2048, 256),
    ("h200", "llama-3.1-8b-instruct", "vllm", 1, 4096, 512),
    ("rtx-4090", "llama-3.1-8b-instruct", "llama.cpp", 1, 512, 128),
]  # fmt: skip


def table() -> pd.DataFrame:
    names = ["hardware", "model", "framework", "num_devices", "input_len", "output_len"]
    out = pd.DataFrame(DEPLOYMENTS, columns=names)
    return out.assign(tp=out["num_devices"], mode="closed", concurrency=1.0)


def test_closed_loops_take_as_long_as_predicted():
    """TTFT, TPOT and what follows from them, the throughput, on 21 deployments."""
    _, resolved = ask(table(), Definitions())
    assert (resolved.errors == "").all()
    predictor, within, checked = default_predictor(), 0, 0
    for row in range(len(DEPLOYMENTS)):
        asked = asking.ask(resolved, row, predictor)
        own = rules(asked, policy(str(resolved.names["framework"][row])))
        surface = fit(asked, own)
        for users in (1, 4, 32):
            k = np.flatnonzero(asked.loads.users == users)
            whole = 1.1 * (asked.input_len + asked.output_len) + asked.extra
            if not len(k) or users > own["seqs"][0] or users > asked.room / whole:
                continue
            ttft, tpot = _closed(_loop(asked, users, SPREAD), surface, own, users)
            wanted = asked.loads.ttft_s[k[0]], asked.loads.tpot_s[k[0]]
            off = [abs(ttft / wanted[0] - 1), abs(tpot / wanted[1] - 1)]
            checked += 1
            within += max(off) < 0.03
            assert max(off) < 0.15, (DEPLOYMENTS[row], users, off)
    assert checked >= 55
    assert within >= 0.9 * checked


def test_a_light_load_is_seen_as_a_lone_user_sees_it():
    lone = predicted(**CHAT, concurrency=1, level=None)
    with instead(taught(0.0)):
        few = predicted(**CHAT, request_rate_rps=0.02, level=None)
    assert few.tpot_ms == pytest.approx(lone.tpot_ms, rel=0.03)
    assert few.ttft_ms == pytest.approx(lone.ttft_ms, rel=0.1)
    assert few.output_tok_s == pytest.approx(0.02 * 256)


def taught(log_ratio: float) -> Profile:
    """Make lessons of which each says the same."""
    own = shipped()
    said = np.full(len(own.cells.n), log_ratio)
    return Profile(replace(own.cells, log_ratio=said), own.trained_set, {})


def test_what_open_loads_taught_moves_their_first_tokens_and_no_closed_load():
    found = []
    for ratio in (0.0, 0.3):
        with instead(taught(ratio)):
            closed = Traffic.closed(4, Lengths.fixed(1024, 64), num_requests=200, seed=1)
            four = guide_ml.simulate(
                hardware="h100", model="llama-3.1-8b-instruct", framework="vllm", traffic=closed,
                level=None)  # fmt: skip
            rate = predicted(**CHAT, request_rate_rps=0.5, level=None)
            found.append((rate.ttft_ms, rate.tpot_ms, four.figures["ttft_ms"]["mean"]))
    (first, token, users), (later, other, same) = found
    assert 1.15 * first < later < 1.36 * first
    assert other == pytest.approx(token, rel=0.05)
    assert same == users


def test_lessons_hold_for_what_was_measured_and_are_of_first_tokens_only():
    lessons = shipped()
    assert set(lessons.cells.target) == {1}
    table = pd.DataFrame([CHAT | {"hardware": h, "framework": f, "mode": "closed", "concurrency": 1}
                          for h, f in (("gb10", "vllm"), ("rtx-3060", "exllamav2"))])  # fmt: skip
    _, resolved = ask(table, Definitions())
    spark, other = (factor(lessons, asking.rows(resolved, i, 1)) for i in (0, 1))
    assert other == 1.0
    assert 1.1 < spark < 2.0


def test_more_load_takes_longer_until_it_is_too_much():
    found = [predicted(**CHAT, request_rate_rps=r, level=None) for r in (1, 8, 16)]
    for name in ("ttft_ms", "tpot_ms", "e2e_ms", "output_tok_s"):
        values = [getattr(p, name) for p in found]
        assert values == sorted(values)
    much = predicted(**CHAT, request_rate_rps=200)
    assert (much.overloaded, much.ttft_ms, much.e2e_ms) == (True, None, None)
    assert much.queue_growth_per_min == pytest.approx(60 * (200 - much.capacity_rps))
    assert "overloaded: the queue grows by" in much.notes[0]
    assert much.output_tok_s == pytest.approx(much.capacity_rps * 256)
    assert f"the queue grows by {much.queue_growth_per_min:,.0f} requests a minute" in str(much)
    assert "e+0" not in str(much)


def test_a_run_of_so_many_has_its_start_and_drain():
    run = predicted(**CHAT, request_rate_rps=200, num_requests=500, level=None)
    longer = predicted(**CHAT, request_rate_rps=200, num_requests=1500, level=None)
    assert not run.overloaded
    assert run.ttft_ms < longer.ttft_ms  # the queue of a longer run is longer
    assert run.served_rps < 200


def test_statistics_arrivals_and_lengths_are_asked_for():
    ask_for = CHAT | {"request_rate_rps": 10, "level": None}
    mean, p99 = (predicted(**ask_for, ttft_stat=s, e2e_stat=s) for s in ("mean", "p99"))
    assert p99.ttft_ms == p99.percentiles["ttft_ms"]["p99"] > mean.ttft_ms
    assert p99.e2e_ms > mean.e2e_ms
    even = predicted(**ask_for, arrival="constant", ttft_stat="p99")
    bursty = predicted(**ask_for, arrival=0.2, ttft_stat="p99")
    assert even.ttft_ms < p99.ttft_ms < bursty.ttft_ms
    varied = predicted(**ask_for, length_cv=1.0, e2e_stat="p99")
    assert varied.e2e_ms > 1.5 * p99.e2e_ms
    cached = predicted(**ask_for, prefix_hit_rate=0.9)
    assert cached.ttft_ms < mean.ttft_ms
    few = predicted(**ask_for, max_num_seqs=4)
    assert few.overloaded


def test_the_answer_is_whole_and_its_interval_holds_it():
    found = predicted(**CHAT, request_rate_rps=12, e2e_stat="p95")  # too much at the slow end
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["deployment"]["mode"] == "open"
    assert told["deployment"]["request_rate_rps"] == 12
    assert told["e2e_ms"] == found.percentiles["e2e_ms"]["p95"]
    for name in ("ttft_ms", "tpot_ms", "e2e_ms"):
        assert found.low[name] < getattr(found, name) < found.high[name]
    assert "what users see" in found.summary()
    again = predicted(**CHAT, request_rate_rps=12, e2e_stat="p95")
    assert again.percentiles == found.percentiles


def test_open_rows_stand_in_a_table_with_others():
    rows = [CHAT | {"concurrency": 4}, CHAT | {"request_rate_rps": 5, "e2e_stat": "p99"},
            CHAT | {"request_rate_rps": 900}, CHAT | {"request_rate_rps": 5, "arrival": "odd"},
            CHAT | {"mode": "open"}, CHAT | {"hardware": "l4", "model": "llama-3.1-70b-instruct",
                                             "request_rate_rps": 1}]  # fmt: skip
    found: Any = guide_ml.predict_table(pd.DataFrame(rows, index=list("abcdef")), errors="report")
    assert found.index.tolist() == list("abcdef")
    alone = guide_ml.predict_table(pd.DataFrame(rows[:1]))
    assert found.loc["a", "ttft_ms"] == alone["ttft_ms"].iloc[0]
    assert "e2e_ms" not in alone
    single = predicted(**CHAT, request_rate_rps=5, e2e_stat="p99")
    assert found.loc["b", "e2e_ms"] == single.e2e_ms
    assert found.loc["b", "ttft_ms_high"] == single.high["ttft_ms"]
    assert found.loc["c", "error"].startswith("overloaded")
    assert np.isnan(found.loc["c", "ttft_ms"])
    assert "arrival must be poisson" in found.loc["d", "error"]
    assert "mode open needs request_rate_rps" in found.loc["e", "error"]
    assert (found.loc["f", "memory_fits"], "GB short" in found.loc["f", "error"]) == (False, True)


@pytest.mark.parametrize(("change", "message"), [
    ({"arrival": "sometimes"}, "arrival must be poisson"),
    ({"request_rate_rps": -1}, "request_rate_rps must be a number from"),
    ({"length_cv": 99}, "length_cv must be a number from 0 to 10"),
    ({"e2e_stat": "p42"}, "e2e_stat must be one of mean, median, p90, p95, p99"),
    ({"num_requests": 10, "duration_s": 10}, "not both"),
    ({"router": "random"}, "router must be one of"),
    ({"concurrency": 4, "arrival": "poisson"},
     "arrival is for requests that come at a rate; got concurrency"),
    ({"mode": "static", "e2e_stat": "p99"}, "e2e_stat is for .* got mode static"),
])  # fmt: skip
def test_what_is_wrong_is_said(change, message):
    with pytest.raises(InvalidInput, match=message):
        predicted(**CHAT | {"request_rate_rps": 5} | change)


def test_devices_of_all_copies_are_shared_among_them():
    """Fleets are written down with the devices of all their copies, or with those of one."""
    fleet = CHAT | {"request_rate_rps": 20, "replicas": 4, "tp": 1, "num_devices": 4}
    rows = [fleet, fleet | {"dp": 4}, fleet | {"dp": 1}, fleet | {"num_devices": 1},
            CHAT | {"request_rate_rps": 20, "replicas": 4, "num_devices": 4, "tp": 4}]  # fmt: skip
    found: Any = guide_ml.predict_table(pd.DataFrame(rows), level=None)
    assert (found["ttft_ms"].iloc[:4] == found["ttft_ms"].iloc[0]).all()
    assert found["tpot_ms"].iloc[4] < found["tpot_ms"].iloc[0]  # four devices each


def test_lengths_of_benchmarks_are_spread_evenly_and_wide_ones_are_not():
    load = OpenLoad(rate_rps=1.0, input_len=1000, output_len=100, length_cv=0.5)
    even = load.traffic(4000, 0).input_tokens
    assert (even.min() >= 133, even.max() <= 1867) == (True, True)
    assert even.std() / even.mean() == pytest.approx(0.5, rel=0.05)
    wide = replace(load, length_cv=1.0).traffic(4000, 0).input_tokens
    assert wide.max() > 5000
    assert wide.std() / wide.mean() == pytest.approx(1.0, rel=0.2)


def test_measured_open_loads_calibrate():
    """Of six runs that are 30 % quicker to the first token, five teach the sixth."""
    runs = pd.DataFrame([CHAT | {"request_rate_rps": r} for r in (1, 3, 6, 10, 14, 8)])
    before: Any = guide_ml.predict_table(runs, level=None)
    runs["ttft_ms"], runs["tpot_ms"] = 0.7 * before["ttft_ms"], 0.85 * before["tpot_ms"]
    profile = calibrate(runs.iloc[:5])
    after: Any = guide_ml.predict_table(runs, level=None, profile=profile)
    assert after["ttft_ms"][5] == pytest.approx(runs["ttft_ms"][5], rel=0.1)
    assert after["tpot_ms"][5] == pytest.approx(runs["tpot_ms"][5], rel=0.1)
    blank = runs.assign(weight_dtype=None, memory_share=float("nan"))  # a cell that says nothing
    again = calibrate(blank.iloc[:5]).to_dict()["measured"]
    assert {c["target"] for c in again} == {"ttft_ms", "tpot_ms"}
    with pytest.raises(InvalidInput, match="needs 3 measured rows"):
        calibrate(runs.iloc[:2])
    with pytest.raises(InvalidInput, match="row 2 cannot calibrate: arrival must be poisson"):
        calibrate(runs.assign(arrival=["poisson", "odd", *["poisson"] * 4]))


def test_simulate_tells_what_users_see_and_engines_do():
    lengths = Lengths.lognormal(220, 200)
    traffic = Traffic.poisson(20.0, lengths, num_requests=3000, seed=1)
    asked: dict[str, Any] = {"hardware": "h100", "model": "llama-3.1-8b-instruct",
                             "traffic": traffic}  # fmt: skip
    found = guide_ml.simulate(**asked, limits={"ttft_ms": 30}, seed=3)
    same = guide_ml.simulate(**asked, limits={"ttft_ms": 30}, seed=3)
    assert found == same
    assert found.ttft_ms.tobytes() == same.ttft_ms.tobytes()
    assert found.goodput_rps is not None
    assert 0 < found.goodput_rps < found.served_rps
    for metric, by in found.figures.items():
        assert by["median"] <= by["p90"] <= by["p95"] <= by["p99"]
        assert found.low[metric]["mean"] < by["mean"] < found.high[metric]["mean"]
    assert not found.overloaded
    assert found.over_time["served_rps"].sum() > 0
    json.dumps(found.to_dict(), allow_nan=False)
    assert "what the engines do" in repr(found)
    much = guide_ml.simulate(**asked | {"traffic": traffic.at_rate(500.0)}, level=None)
    assert much.overloaded
    assert "overloaded" in repr(much)
    with pytest.raises(InvalidInput, match="simulate\\(\\) takes no concurrency: the traffic"):
        guide_ml.simulate(**asked, concurrency=3)


def test_a_request_that_is_refused_changes_nothing_for_others():
    lengths = Lengths.fixed(300, 100)
    traffic = Traffic.poisson(2.0, lengths, num_requests=200, seed=1)
    longer = traffic.input_tokens.copy()
    longer[50] = 1_000_000
    own: dict[str, Any] = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "level": None}
    plain, other = (guide_ml.simulate(**own, traffic=t)
                    for t in (traffic, replace(traffic, input_tokens=longer)))  # fmt: skip
    assert (plain.refused, other.refused) == (0, 1)
    assert other.figures["ttft_ms"]["mean"] == pytest.approx(plain.figures["ttft_ms"]["mean"],
                                                              rel=0.02)  # fmt: skip
    assert not other.overloaded


def test_every_policy_names_its_source():
    for name, rule in POLICIES.items():
        assert rule.source.lower().startswith(name.split(".")[0][:4])
        assert rule.seqs >= 1


def test_a_warm_answer_is_quick():
    for rate in (9.0, 10.0):  # the first one compiles and loads
        start = time.process_time()
        predicted(**CHAT, request_rate_rps=rate)
        took = time.process_time() - start
    assert took < 0.4  # 0.1 s on a machine that has nothing else to do


def test_a_start_has_room_for_requests_longer_than_the_mean():
    p = predicted(**CHAT, request_rate_rps=8, level=None)
    closed = predicted(**CHAT, concurrency=8, level=None)
    lengths = [q.deployment.launch(q.workload).argv for q in (p, closed)]
    longest = [argv[argv.index("--max-model-len") + 1] for argv in lengths]
    assert longest[0] == longest[1]


@pytest.mark.parametrize("name", ["request_rate_rps", "num_requests", "replicas", "router",
                                  "length_cv", "prefill_tp"])  # fmt: skip
@pytest.mark.parametrize("cell", [np.zeros(2), [1, 2], {"a": 1}, (1,)], ids=str)
def test_a_cell_that_holds_several_costs_its_row_only(name, cell):
    good = {"hardware": "l4", "model": "llama-3.1-8b-instruct", "framework": "vllm",
            "request_rate_rps": 1.0, "input_len": 100, "output_len": 10}  # fmt: skip
    rows = pd.DataFrame([good, good]).astype(object)
    rows[name] = pd.Series([cell, good.get(name)], dtype=object)
    found = guide_ml.predict_table(rows, errors="report", level=None)
    assert found["error"][0]
    assert not found["error"][1]
