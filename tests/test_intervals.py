"""Intervals hold the share that they promise, the prediction, and nothing below the floor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml import predict, predict_table
from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import NAMES, TARGETS
from guide_ml.errors import InvalidInput
from guide_ml.estimators.predictor import default_predictor
from guide_ml.predictions.frame import CACHE
from guide_ml.trust.domain import LEVELS
from guide_ml.trust.intervals import INPUTS, Residuals, check_level, fit_bands

H100: dict[str, Any] = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
        "input_len": 1024, "output_len": 256}  # fmt: skip
TABLE = pd.DataFrame([
    H100 | {"concurrency": 32}, H100 | {"batch_size": 8}, H100 | {"concurrency": 1},
    {"hardware": "rtx-4090", "model": "Qwen/Qwen2.5-7B-Instruct", "framework": "llama.cpp",
     "batch_size": 1, "input_len": 512, "output_len": 128},
    {"hardware": "mi300x", "model": "mistralai/Mixtral-8x7B-v0.1", "framework": "vllm",
     "mode": "offline", "input_len": 512, "output_len": 128},
])  # fmt: skip


def noisy(n: int, seed: int) -> Residuals:
    """Residuals twice as wide where `devices` says so."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n, len(INPUTS)), dtype=np.float32)
    wide = rng.integers(0, 2, n)
    x[:, INPUTS.index("devices")] = wide
    residual = rng.normal(size=n) * np.where(wide, 0.4, 0.1)
    zeros = np.zeros(n, dtype=np.intp)
    group = rng.integers(0, 50, n).astype(str).astype(object)
    return Residuals(x, residual, zeros, zeros, zeros + 1, group)


@pytest.fixture(scope="module")
def bands():
    return fit_bands(noisy(4000, 1))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("wide", [0, 1])
def test_fresh_residuals_are_covered_narrow_and_wide_alike(bands, level, wide):
    new = noisy(4000, 2)
    low, high = bands.factors(bands.width(new.x), new.target, new.mode, new.domain, level)
    mine = new.x[:, INPUTS.index("devices")] == wide
    held = (new.residual >= np.log(low)) & (new.residual <= np.log(high))
    assert np.mean(held[mine]) == pytest.approx(level, abs=0.04)


def test_wide_cases_get_wide_intervals(bands):
    x = np.zeros((2, len(INPUTS)), dtype=np.float32)
    x[1, INPUTS.index("devices")] = 1
    narrow, wide = bands.width(x)
    assert 2.5 < wide / narrow < 6


def test_shipped_tables_rise_and_straddle_zero():
    tables = default_predictor().knowledge.bands.tables
    assert "" in tables
    for key, grid in tables.items():
        assert np.all(np.diff(grid) >= 0), key
        assert grid[0] < 0 < grid[-1], key


@pytest.mark.parametrize("level", [0.3, 0.5, 0.9, 0.99])
def test_ends_hold_the_prediction_and_respect_the_floor(level):
    found = predict_table(TABLE, level=level)
    for name in NAMES:
        known = found[name].notna()
        assert (found.loc[known, f"{name}_low"] <= found.loc[known, name]).all()
        assert (found.loc[known, f"{name}_high"] >= found.loc[known, name]).all()
        assert found.loc[~known, [f"{name}_low", f"{name}_high"]].isna().all(axis=None)
    p: Any = predict(**H100, concurrency=1, level=level)
    for target in TARGETS:
        if target.is_time and target.name != "batch_latency_s":
            assert p.low[target.name] >= p.floors[target.name]
    assert p.high["output_tok_s"] <= p.floors["output_tok_s"]


def test_intervals_grow_with_the_level():
    before = None
    for level in (0.1, 0.5, 0.8, 0.9, 0.95, 0.99):
        now = predict_table(TABLE, level=level)
        if before is not None:
            for name in NAMES:
                known = now[name].notna()
                assert (now[f"{name}_low"] <= before[f"{name}_low"])[known].all()
                assert (now[f"{name}_high"] >= before[f"{name}_high"])[known].all()
        before = now


def test_throughput_of_a_static_batch_has_the_ends_of_its_latency():
    p: Any = predict(**H100, batch_size=8)
    tokens = 8 * 256
    assert p.low["output_tok_s"] == pytest.approx(tokens / p.high["batch_latency_s"])
    assert p.high["output_tok_s"] == pytest.approx(tokens / p.low["batch_latency_s"])


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9, 0.99])
def test_parts_of_a_static_batch_take_no_longer_than_its_latency_may(level):
    # Devices unlike any measured: few sources time the parts of a batch there.
    table = pd.DataFrame([
        {"hardware": h, "model": "llama-3.1-8b-instruct", "framework": f, "batch_size": b,
         "input_len": 2048, "output_len": n}
        for h in ("nvidia-h20-sxm-96gb", "rtx-3090", "h100") for f in ("sglang", "hf-transformers")
        for b in (1, 16) for n in (1, 128)
    ])  # fmt: skip
    found = predict_table(table, level=level)
    latency_ms = 1000 * found["batch_latency_s_high"]
    most = {"ttft_ms": latency_ms, "tpot_ms": latency_ms / (table["output_len"] - 1).clip(lower=1)}
    for name, bound in most.items():
        known = found[name].notna()
        assert known.any()
        least = np.maximum(bound, found[name])[known]
        assert (found[f"{name}_high"][known] <= least * (1 + 1e-12)).all()


def test_without_a_level_there_are_no_intervals():
    found = predict_table(TABLE, level=None)
    assert list(found.columns) == [*NAMES, "memory_fits", *CACHE, "error"]
    p: Any = predict(**H100, concurrency=4, level=None)
    assert (p.low, p.in_domain, p.evidence) == ({}, None, ())


def test_one_row_and_the_table_agree():
    p: Any = predict(**H100, concurrency=32)
    row = predict_table(TABLE).iloc[0]
    assert p.low["ttft_ms"] == row["ttft_ms_low"]
    assert p.high["tpot_ms"] == row["tpot_ms_high"]
    assert p.in_domain == row["in_domain"]


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1, "0.9", True, float("nan")])
def test_absurd_levels_are_refused(level):
    with pytest.raises(InvalidInput, match="share between 0 and 1"):
        check_level(level)
    with pytest.raises(InvalidInput, match="share between 0 and 1"):
        predict_table(TABLE, level=level)


def test_codes_agree_with_the_descriptors():
    from guide_ml.trust import knowledge
    from guide_ml.trust.domain import cases

    assert MODES[int(cases.CLOSED)] == "closed"
    assert MODES[int(knowledge.STATIC)] == "static"
    assert MODES[int(knowledge.DECODE)] == "decode"
    assert LEVELS.index("interpolated") == 1
