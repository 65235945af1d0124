"""Workers that prefill and workers that decode: rates, requests in flight, layouts, bad input."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import guide_ml
from guide_ml import InvalidInput
from guide_ml.cli.main import app
from guide_ml.estimators.predictor import default_predictor
from guide_ml.predictions.run import ask
from guide_ml.simulation.prepared import prepared
from guide_ml.simulation.workers import decoding, pass_s, prefilling
from guide_ml.table.read import Definitions

POOLS: dict[str, Any] = {
    "hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm", "input_len": 2000,
    "output_len": 200, "prefill_workers": 2, "prefill_tp": 1, "decode_workers": 1, "decode_tp": 2,
}  # fmt: skip


def predicted(**given: Any) -> Any:
    return guide_ml.predict(**{"level": None} | given)


def test_requests_in_flight_are_what_goes_through_times_how_long_it_takes():
    for users in (1, 16, 128):
        found = predicted(**POOLS, concurrency=users)
        assert found.e2e_ms == pytest.approx(found.ttft_ms + 199 * found.tpot_ms, rel=1e-6)
        assert found.output_tok_s == pytest.approx(200 * users / found.e2e_ms * 1e3, rel=0.01)
    assert found.workload.mode == "disagg"
    assert found.deployment.num_devices == 4
    assert any("2 that prefill with 1 devices each" in note for note in found.notes)
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_busier_pool_bounds_the_rate():
    few = predicted(**POOLS | {"prefill_workers": 1}, concurrency=2000)
    more = predicted(**POOLS | {"prefill_workers": 8}, concurrency=2000)
    assert more.output_tok_s > 1.3 * few.output_tok_s
    assert few.output_tok_s <= 200 * few.capacity_rps * 1.001


def test_a_rate_gives_percentiles_and_is_close_to_its_requests_in_flight():
    found = predicted(**POOLS, request_rate_rps=6, ttft_stat="p99")
    by = found.percentiles["ttft_ms"]
    assert by["median"] <= by["p90"] <= by["p99"] == found.ttft_ms
    closed = predicted(**POOLS, concurrency=found.in_flight)
    assert found.tpot_ms == pytest.approx(closed.tpot_ms, rel=0.1)
    assert found.output_tok_s == pytest.approx(closed.output_tok_s, rel=0.1)
    much = predicted(**POOLS, request_rate_rps=6000)
    assert (much.overloaded, much.ttft_ms) == (True, None)


def test_the_command_line_takes_the_layout_of_both_kinds_of_workers():
    words = ["predict", "--json", "--level", "0.9", "--concurrency", "16"]
    for name, value in POOLS.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["deployment"]["num_devices"] == 4
    assert told["tpot_ms"] == pytest.approx(predicted(**POOLS, concurrency=16).tpot_ms)


def test_rows_of_a_table_may_be_disaggregated():
    own = {k: v for k, v in POOLS.items() if not k.startswith(("prefill", "decode"))}
    rows = [POOLS | {"concurrency": 16, "mode": "disagg", "num_devices": 4},
            own | {"concurrency": 16, "num_devices": 1},
            POOLS | {"concurrency": 16, "num_devices": 5},
            {k: v for k, v in POOLS.items() if k != "decode_tp"} | {"concurrency": 16},
            POOLS | {"request_rate_rps": 4}]  # fmt: skip
    found: Any = guide_ml.predict_table(pd.DataFrame(rows), errors="report", level=0.9)
    assert np.isfinite(found["tpot_ms"]).tolist() == [True, True, False, False, True]
    assert found["ttft_ms"][0] == predicted(**POOLS, concurrency=16).ttft_ms
    assert (found["tpot_ms_low"] < found["tpot_ms"])[[0, 1, 4]].all()
    assert (found["output_tok_s_high"] > found["output_tok_s"])[[0, 1]].all()
    assert "num_devices must be those of all workers" in found["error"][2]
    assert "got no decode_tp" in found["error"][3]


@pytest.mark.parametrize(("change", "message"), [
    ({}, "needs request_rate_rps or concurrency"),
    ({"batch_size": 4}, "takes request_rate_rps or concurrency; got batch_size"),
    ({"request_rate_rps": 1, "replicas": 2}, "workers in place of replicas"),
    ({"concurrency": 2, "prefill_tp": 1.5}, "prefill_tp must be a whole number"),
])  # fmt: skip
def test_what_is_wrong_is_said(change, message):
    with pytest.raises(InvalidInput, match=message):
        predicted(**POOLS | change)


def alone(model: str) -> Any:
    row = {"hardware": "h100", "model": model, "framework": "vllm", "input_len": 2000,
           "output_len": 200, "mode": "closed", "concurrency": 1, "num_devices": 2,
           "tp": 2}  # fmt: skip
    _, resolved = ask(pd.DataFrame([row]), Definitions())
    return prepared(resolved, 0, default_predictor())


def test_workers_of_one_kind_are_quicker_and_a_lone_request_is_as_predicted():
    own = alone("openai/gpt-oss-120b")
    prompt, answer = prefilling(own), decoding(own)
    lone = prompt.surface.beside[0, 1] + pass_s(prompt, own.asked.input_len)
    assert lone == pytest.approx(own.asked.loads.ttft_s[0], rel=1e-6)
    assert (prompt.surface.prefill <= own.asked.prefill).all()
    assert prompt.surface.prefill[-1, 0] < 0.9 * own.asked.prefill[-1, 0]
    share = answer.surface.decode / own.surface.decode
    assert (share[1] < 1.0).all()
    assert (np.ptp(share, axis=1) < 1e-9).all()


def test_no_pass_of_prompts_beats_the_peak_of_its_device():
    for model in ("llama-3.1-8b-instruct", "openai/gpt-oss-120b"):
        own = alone(model)
        took = pass_s(prefilling(own), own.asked.input_len)
        assert took >= own.asked.floor_s
