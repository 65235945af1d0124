from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from guide_ml import InvalidInput, Lengths, Traffic, UnknownName, capacity, search, sweep
from guide_ml.cli.main import app
from guide_ml.sizing.limits import NAMES, excess, limits_of, place
from guide_ml.sizing.loads import turned
from guide_ml.sizing.looks import look
from guide_ml.sizing.served import Served, served
from guide_ml.sizing.sustained import NEAR, _bisected, fewest, full_rps, highest

L4: dict[str, Any] = {"hardware": "l4", "model": "llama-3.1-8b-instruct", "framework": "vllm"}
LOAD: dict[str, Any] = {"input_len": 512, "output_len": 64}
LIMITS: dict[str, Any] = {"ttft_p99_ms": 1500.0, "tpot_p99_ms": 120.0}
ROUTER = "least-loaded"


@pytest.fixture(scope="module")
def own() -> Served:
    return served(**L4, input_len=512, output_len=64)


def test_limits_are_read_by_name():
    assert limits_of({"ttft_p99_ms": 5, "e2e_ms": None}) == {"ttft_p99_ms": 5.0}
    assert len(NAMES) == len({place(name) for name in NAMES}) == 20
    with pytest.raises(UnknownName, match="ttft_p99_ms"):
        limits_of({"ttft_p98_ms": 5})
    wrong: list[Any] = [0, -1, math.nan, math.inf, "5", True]
    for bad in wrong:
        with pytest.raises(InvalidInput, match="above 0"):
            limits_of({"ttft_ms": bad})


def test_what_cannot_be_judged_is_missed():
    figures = {"ttft_ms": {"p99": math.nan}}
    assert excess(figures, {"ttft_p99_ms": 5.0}) == {"ttft_p99_ms": math.inf}


@pytest.mark.parametrize("edge", [0.0, 0.013, 0.4, 7.7, 99.0, 100.0, 1e9])
@pytest.mark.parametrize("guess", [None, 0.001, 0.5, 8.0, 500.0])
def test_the_edge_is_found_from_any_guess(edge, guess):
    asked = []

    def holds(rate: float) -> bool:
        asked.append(rate)
        return rate <= edge

    found = _bisected(holds, 100.0, guess)
    if edge < 0.5:  # a rate below a two-hundredth of what a full replica carries counts as none
        assert found == 0.0
    else:
        assert min(edge, 100.0) / (1.0 + NEAR) <= found <= min(edge, 100.0)
    assert len(asked) <= 20


def test_recorded_traffic_is_played_again_where_it_is_short():
    short = Traffic(arrival_s=np.asarray([0.0, 1.0, 4.0]), input_tokens=np.asarray([5, 6, 7]),
                    output_tokens=np.asarray([1, 2, 3]),
                    conversation=np.asarray([0, -1, 0]))  # fmt: skip
    found = turned(short, None, None).at(2.0, 7, 0)
    assert len(found) == 9
    assert found.rate_rps == pytest.approx(2.0)
    assert found.conversation.tolist() == [0, -1, 0, 1, -1, 1, 2, -1, 2]
    assert found.input_tokens.tolist() == [5, 6, 7] * 3


@pytest.mark.parametrize(("made", "said"), [
    (lambda: turned(None, 5, None), "input_len and output_len"),
    (lambda: turned(None, 5, 5, "burst"), "no rate"),
    (lambda: turned(None, 5, 5, "often"), "arrival must be"),
    (lambda: turned(None, 5, 5, length_cv=-1), "length_cv"),
    (lambda: turned(Traffic.poisson(1, Lengths.fixed(5, 5), num_requests=9), 5, 5), "leave out"),
    (lambda: turned(Traffic.closed(1, Lengths.fixed(5, 5), num_requests=9), None, None),
     "closed loop"),
    (lambda: capacity(**L4, **LOAD), "at least one limit"),
    (lambda: capacity(**L4, **LOAD, ttft_ms=5, replicas=0), "replicas"),
    (lambda: capacity(**L4, **LOAD, ttft_ms=5, router="nearest"), "router"),
    (lambda: capacity(**L4, **LOAD, ttft_ms=5, batch_size=4), "batch_size"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(made, said):
    with pytest.raises((InvalidInput, UnknownName), match=said):
        made()


def test_limits_hold_at_the_rate_and_not_above_it(own):
    load = turned(None, 512, 64)
    rate, looks = highest(own.own, load, LIMITS, 1, ROUTER, 0)
    assert 0 < rate < full_rps(own.own, load, 1)
    assert next(one for one in looks if one.rate_rps == rate).holds(LIMITS)
    assert not look(own.own, load, rate * (1.0 + 2.5 * NEAR), 1, ROUTER, 0).holds(LIMITS)
    bursts = turned(None, 512, 64, 0.1)
    assert highest(own.own, bursts, LIMITS, 1, ROUTER, 0)[0] < 0.9 * rate
    assert highest(own.own, load, {"ttft_p99_ms": 1.0}, 1, ROUTER, 0)[0] == 0.0


def test_the_replicas_are_the_fewest_that_hold(own):
    load = turned(None, 512, 64)
    one, _ = highest(own.own, load, LIMITS, 1, ROUTER, 0)
    count, seen = fewest(own.own, load, 3.3 * one, LIMITS, ROUTER, 0)
    assert count in (3, 4)  # a router evens out, so three may carry what four would by themselves
    assert seen is not None
    assert seen.holds(LIMITS)
    assert not look(own.own, load, 3.3 * one, count - 1, ROUTER, 0).holds(LIMITS)
    assert fewest(own.own, load, one, {"ttft_p99_ms": 1.0}, ROUTER, 0)[0] == 0


def test_an_unknown_limit_is_told_what_exists():
    for wrong in ("foo", "foo=5"):
        done = CliRunner().invoke(app, ["capacity", "--hardware", "l4", "--model", "qwen3-8b",
                                        "--input-len", "512", "--output-len", "64",
                                        "--limit", wrong])  # fmt: skip
        assert done.exit_code == 2
        for name in ("ttft_ms", "tpot_ms", "itl_ms", "e2e_ms", "median", "p90"):
            assert name in " ".join(done.stderr.split()), wrong


def test_capacity_tells_rate_interval_and_what_binds():
    found = capacity(**L4, **LOAD, **LIMITS)
    assert found.low_rps <= found.rate_rps <= found.high_rps
    assert found.low_rps < found.high_rps
    assert found.binds in LIMITS
    idle = replace(found, binds="throughput")  # no limit is reached: text and JSON say the same
    assert idle.to_dict()["binds"] == "throughput"
    assert re.search(r"bound by +throughput", idle.summary())
    assert all(found.seen[name] <= most for name, most in LIMITS.items())
    assert found.rate_rps <= found.full_rps
    for part in ("sustains", "p99 of TTFT", "90% sure", "rates looked at"):
        assert part in found.summary()
    json.dumps(found.to_dict())
    assert found == capacity(**L4, **LOAD, **LIMITS)


def test_requests_longer_than_the_context_are_counted_as_refused():
    tokens = np.full(400, 512)
    tokens[::100] = 140_000  # the model takes 131,072
    traffic = Traffic(arrival_s=np.arange(400) / 4.0, input_tokens=tokens,
                      output_tokens=np.full(400, 16))  # fmt: skip
    found = capacity(**L4, traffic=traffic, ttft_p99_ms=60_000)
    assert found.refused_share == pytest.approx(0.01)
    assert "refused" in found.summary()


ASK: dict[str, Any] = {
    "model": "llama-3.1-8b-instruct", "workload": {"input_len": 512, "output_len": 64},
    "constraints": {"hardware": ("l4",), "frameworks": ("vllm",)},
}  # fmt: skip


def test_a_search_holds_percentiles_with_the_replicas_that_they_need():
    slo = {"ttft_p99_ms": 1000, "tpot_p99_ms": 100}
    steady = search(**ASK, load={"requests_per_s": 20}, slo=slo)
    bursts = search(**ASK, load={"requests_per_s": 20, "burstiness": 0.05}, slo=slo)
    for found in (steady, bursts):
        assert found.best is not None
        assert found.best.percentiles["ttft_p99_ms"] <= 1000
        assert found.best.percentiles["tpot_p99_ms"] <= 100
        assert found.best.usd_h == pytest.approx(found.best.instances * found.best.price_usd_h)
        assert found.best.headroom >= 0
        assert "99 in 100 requests" in found.summary()
        json.dumps(found.to_dict())
    assert bursts.plans[0].replicas > steady.plans[0].replicas


def test_percentiles_ask_for_requests_that_arrive():
    with pytest.raises(InvalidInput, match="requests_per_s or tokens_per_s"):
        search(**ASK, load={"users": 20}, slo={"ttft_p99_ms": 1000})
    with pytest.raises(InvalidInput, match="for limits on percentiles"):
        search(**ASK, load={"requests_per_s": 2, "burstiness": 0.5}, slo={"ttft_ms": 1000})


def test_a_sweep_moves_a_limit_on_a_percentile():
    found = sweep(over="ttft_p99_ms", values=(1, 2000), load={"requests_per_s": 2},
                  slo={"ttft_p99_ms": 1}, **ASK)  # fmt: skip
    assert found.fits.tolist() == [False, True]


def test_the_commands_simulate_and_size(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "latency.png"
    words = ["--hardware", "l4", "--model", "llama-3.1-8b-instruct", "--framework", "vllm"]
    made = ["--input-len", "512", "--output-len", "64", "--length-cv", "0.5"]
    done = CliRunner().invoke(app, ["simulate", *words, *made, "--requests-per-s", "2",
                                    "--num-requests", "300", "--burstiness", "0.5",
                                    "--plot", str(picture), "--json"])  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["requests"] == 300
    assert told["figures"]["ttft_ms"]["p99"] > told["figures"]["ttft_ms"]["median"]
    assert picture.read_bytes()[:4] == b"\x89PNG"
    done = CliRunner().invoke(app, ["simulate", *words, "--trace", "azure-conv", "--duration",
                                    "60", "--requests-per-s", "1"])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "what users see" in done.stdout
    done = CliRunner().invoke(app, ["capacity", *words, *made, "--ttft-p99-ms", "1500",
                                    "--limit", "e2e_p90_ms=20000", "--json"])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rate_rps"] > 0


@pytest.mark.parametrize(("words", "said"), [
    (["simulate", "--requests-per-s", "2"], "--input-len and --output-len"),
    (["simulate", "--input-len", "5", "--output-len", "5"], "one of both"),
    (["simulate", "--trace", "vllm", "--input-len", "5"], "leave out --input-len"),
    (["simulate", "--input-len", "5", "--output-len", "5", "--requests-per-s", "1", "--arrival",
      "often"], "poisson or constant"),
    (["simulate", "--input-len", "5", "--output-len", "5", "--requests-per-s", "1", "--spread"],
     "--trace"),
    (["capacity", "--input-len", "5", "--output-len", "5"], "at least one limit"),
    (["capacity", "--limit", "fast"], "NAME=MILLISECONDS"),
    (["capacity", "--trace", "nothing.csv", "--ttft-ms", "5"], "there is no such file"),
])  # fmt: skip
def test_wrong_options_end_in_one_sentence(words, said):
    more = ["--hardware", "l4", "--model", "llama-3.1-8b-instruct"]
    done = CliRunner().invoke(app, [*words, *more])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
