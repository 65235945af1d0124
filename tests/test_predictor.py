"""Predictions respect physics, whatever the trees say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import guide_ml
from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import TARGETS
from guide_ml.estimators import estimate as boosted
from guide_ml.estimators.predictor import CHUNK, default_predictor
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import prepare, read_files
from guide_ml.table.read import DESCRIPTORS

DEPLOYMENTS = (
    {"hardware": "h100", "model": "meta-llama/Llama-3.1-8B-Instruct", "framework": "vllm"},
    {"hardware": "a100-80gb", "model": "meta-llama/Llama-2-70b-hf", "framework": "tensorrt-llm",
     "num_devices": 4},
    {"hardware": "b200", "model": "deepseek-ai/DeepSeek-R1", "framework": "sglang",
     "num_devices": 8, "weight_dtype": "fp8"},
    {"hardware": "rtx-4090", "model": "Qwen/Qwen2.5-7B-Instruct", "framework": "llama.cpp"},
    {"hardware": "mi300x", "model": "mistralai/Mixtral-8x7B-v0.1", "framework": "vllm"},
)  # fmt: skip
TIMES = [t.name for t in TARGETS if t.is_time]
LENGTHS = {"input_len": 1024, "output_len": 256}


@pytest.fixture(scope="module")
def used():
    return prepare(read_files())


@pytest.fixture(scope="module")
def outcome(used):
    return default_predictor().predict(used.resolved)


def test_nothing_beats_the_floor(outcome):
    for target in TARGETS:
        value, bound = outcome.values[target.name], outcome.floors[target.name]
        known = np.isfinite(value)
        assert known.any()
        good = value[known] >= bound[known] if target.is_time else value[known] <= bound[known]
        assert good.all()


@pytest.mark.parametrize("asked", [{"mode": "decode"}, {"mode": "prefill"}, {"batch_size": 4}])
def test_a_release_never_measured_is_half_way_from_physics_to_the_trees(asked, monkeypatch):
    row = DEPLOYMENTS[0] | LENGTHS | {"framework_version": "0.8.0"} | asked
    found = {}
    for share in (0.0, boosted.UNMEASURED, 1.0):
        monkeypatch.setattr(boosted, "UNMEASURED", share)
        found[share] = guide_ml.predict(**row).explain()
    for name, physics in found[0.0].physics.items():
        alone, half, full = (found[k].predicted[name] for k in (0.0, 0.5, 1.0))
        # Parts of a batch are made to sum to its latency and to rise with it; throughput
        # follows from latencies.
        near = 5e-3 if "batch_size" in asked else 1e-6
        assert alone == pytest.approx(physics, rel=near) or name == "output_tok_s"
        # Heavier loads, which no estimate may exceed, move it by some percent at most.
        assert half == pytest.approx((alone * full) ** 0.5, rel=0.03)


@pytest.mark.parametrize("asked", [{"mode": "decode"}, {"mode": "prefill"}, {"batch_size": 4}])
def test_a_mixture_never_measured_is_a_quarter_of_the_way_to_the_trees(asked, monkeypatch):
    row = {"hardware": "h100", "num_devices": 4, "framework": "vllm",
           "model": "Qwen/Qwen2-57B-A14B"} | LENGTHS | asked  # fmt: skip
    found = {}
    for share in (0.0, boosted.UNMEASURED_EXPERTS, 1.0):
        monkeypatch.setattr(boosted, "UNMEASURED_EXPERTS", share)
        monkeypatch.setattr(boosted, "UNMEASURED", 1.0)
        found[share] = guide_ml.predict(**row).explain()
    for name, physics in found[0.0].physics.items():
        alone, quarter, full = (found[k].predicted[name] for k in (0.0, 0.25, 1.0))
        # Parts of a batch are made to sum to its latency and to rise with it; throughput
        # follows from latencies.
        near = 5e-3 if "batch_size" in asked else 1e-6
        assert alone == pytest.approx(physics, rel=near) or name == "output_tok_s"
        assert quarter == pytest.approx(alone**0.75 * full**0.25, rel=0.02)


def test_every_mode_has_its_targets_and_no_other(used, outcome):
    mode = used.load.columns["mode"]
    fits = used.load.memory["fits"] > 0
    for target in TARGETS:
        expected = target.applies(mode) & fits
        if target.name == "tpot_ms":  # one token of output has none after it
            single = used.load.columns["output_len"] <= 1
            expected &= ~(single & (mode != MODES.index("decode")))
        if target.name == "output_tok_s":  # of decoding it follows from TPOT
            expected |= (mode == MODES.index("decode")) & fits
        assert np.array_equal(np.isfinite(outcome.values[target.name]), expected)


def test_measured_rows_are_close_to_what_was_measured(used, outcome):
    for name in ("batch_latency_s", "tpot_ms"):
        truth = used.table[name].to_numpy(float)
        stat = used.resolved.columns["tpot_stat"] == 0
        known = np.isfinite(truth) & np.isfinite(outcome.values[name]) & stat
        error = np.median(evaluation.errors(outcome.values[name][known], truth[known]))
        assert error < {"batch_latency_s": 5, "tpot_ms": 7}[name]


@pytest.mark.parametrize("load", ["batch_size", "concurrency"])
@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["hardware"])
def test_doubling_the_load_never_lowers_a_latency(deployment, load):
    rows = [deployment | {"input_len": 512, "output_len": 128, load: 2**k} for k in range(9)]
    found = guide_ml.predict_table(pd.DataFrame(rows), errors="report")
    for name in TIMES:
        values = found[name].dropna().to_numpy()
        # Parts of a static batch sum to its latency, which moves them by less than a hundredth.
        slack = 0.01 if load == "batch_size" and name != "batch_latency_s" else 1e-9
        assert (np.diff(values) >= -slack * values[1:]).all(), name


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["hardware"])
def test_longer_prompts_and_outputs_never_shorten_a_batch(deployment):
    for axis in ("input_len", "output_len"):
        usual = {"input_len": 512, "output_len": 128, "batch_size": 8}
        rows = [deployment | usual | {axis: 2**k} for k in range(5, 11)]
        found = guide_ml.predict_table(pd.DataFrame(rows), errors="report")
        values = found["batch_latency_s"].to_numpy()
        assert np.isfinite(values).all()
        assert (np.diff(values) >= -1e-9 * values[1:]).all(), axis


def test_a_row_does_not_depend_on_its_neighbours(used):
    table = used.table[list(DESCRIPTORS)].iloc[::97]
    together = guide_ml.predict_table(table, errors="report")
    shuffled = table.sample(frac=1.0, random_state=1)
    apart = guide_ml.predict_table(shuffled, errors="report").loc[table.index]
    pd.testing.assert_frame_equal(together, apart, check_exact=True)


def test_chunks_change_nothing(used, monkeypatch):
    table = used.table[list(DESCRIPTORS)].head(50)
    whole = guide_ml.predict_table(table, errors="report")
    monkeypatch.setattr("guide_ml.estimators.predictor.CHUNK", 7)
    monkeypatch.setattr("guide_ml.estimators.predictor.LEAST", 1)
    assert CHUNK > 7
    parts = guide_ml.predict_table(table, errors="report")
    pd.testing.assert_frame_equal(whole, parts, check_exact=True)


def test_static_throughput_is_tokens_over_latency(outcome, used):
    c = used.load.columns
    static = np.isfinite(outcome.values["batch_latency_s"])
    made = c["batch"][static] * c["output_len"][static]
    implied = made / outcome.values["batch_latency_s"][static]
    assert np.allclose(outcome.values["output_tok_s"][static], implied)


def test_a_server_generates_no_more_than_its_users_tokens(outcome, used):
    c = used.resolved.columns
    closed = (c["mode"] == MODES.index("closed")) & (c["tpot_stat"] == 0)
    most = c["batch"] * 1000 / outcome.values["tpot_ms"]
    known = closed & np.isfinite(outcome.values["output_tok_s"])
    assert known.sum() > 2500
    assert (outcome.values["output_tok_s"][known] <= most[known] * (1 + 1e-9)).all()


def test_99th_percentile_is_above_the_median(used):
    table = used.table[used.table["mode"] == "closed"][list(DESCRIPTORS)].iloc[::50]
    found = {s: guide_ml.predict_table(table.assign(ttft_stat=s), errors="report")
             for s in ("median", "p99")}  # fmt: skip
    higher = found["p99"]["ttft_ms"] >= found["median"]["ttft_ms"]
    assert higher[found["p99"]["ttft_ms"].notna()].mean() > 0.97


def test_unheard_of_hardware_is_predicted_from_its_numbers():
    figures = {"memory_gb": 100.0, "mem_bw_gbs": 5000.0, "fp16_tflops": 1200.0}
    usual: dict[str, Any] = {
        "model": "meta-llama/Llama-3.1-8B-Instruct", "framework": "vllm", "input_len": 1024,
        "output_len": 128, "batch_size": 1,
    }  # fmt: skip
    base = guide_ml.predict(hardware={"hardware": "new-chip"} | figures, **usual)
    fast = figures | {"mem_bw_gbs": 10_000.0, "fp16_tflops": 2400.0}
    twice = guide_ml.predict(hardware={"hardware": "new-chip-2"} | fast, **usual)
    assert base.tpot_ms is not None
    assert twice.tpot_ms is not None
    assert twice.tpot_ms < base.tpot_ms
