"""The orders that physics demands, on deployments drawn over the whole catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import guide_ml
from guide_ml import catalogue
from guide_ml.estimators.load_order import DOUBLINGS
from guide_ml.estimators.rising import least_batches
from guide_ml.table.assume import resolve
from guide_ml.table.read import read

TIMES = ("batch_latency_s", "ttft_ms", "tpot_ms")
ORDERS = (
    ("static", {"batch_size": 2.0}, TIMES),
    ("closed", {"concurrency": 2.0}, ("ttft_ms", "tpot_ms")),
    ("static", {"input_len": 2.0}, ("batch_latency_s", "ttft_ms")),
    ("closed", {"input_len": 2.0}, ("ttft_ms",)),
    ("static", {"output_len": 2.0}, ("batch_latency_s",)),
)
"""Mode, what becomes heavier, and the figures that may not fall with it."""
DRAWN, FEW = 2500, 0.002
SERVER: dict[str, Any] = {
    "hardware": "rtx-4090", "model": "llama-3.1-8b-instruct", "framework": "vllm",
    "input_len": 2048, "output_len": 256,
}  # fmt: skip


def predicted(table: pd.DataFrame) -> pd.DataFrame:
    return guide_ml.predict_table(table, errors="report", level=None)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    load, static = np.round(2 ** rng.uniform(0, 9, DRAWN)), rng.random(DRAWN) < 0.5
    return pd.DataFrame({
        "hardware": rng.choice(catalogue.slugs("hardware"), DRAWN),
        "model": rng.choice(catalogue.slugs("model"), DRAWN),
        "framework": rng.choice(["vllm", "sglang", "tensorrt-llm", "llama.cpp", "tgi"], DRAWN),
        "num_devices": rng.choice([1, 1, 2, 4, 8], DRAWN),
        "input_len": np.round(2 ** rng.uniform(2, 14, DRAWN)),
        "output_len": np.round(2 ** rng.uniform(1, 11, DRAWN)),
        "mode": np.where(static, "static", "closed"),
        "batch_size": np.where(static, load, np.nan),
        "concurrency": np.where(static, np.nan, load),
    })  # fmt: skip


@pytest.fixture(scope="module")
def found(table: pd.DataFrame) -> pd.DataFrame:
    return predicted(table)


@pytest.mark.parametrize(("mode", "factors", "figures"), ORDERS, ids=lambda x: str(x))
def test_a_heavier_load_is_no_quicker(table, found, mode, factors, figures):
    mine = (table["mode"] == mode) & found["ttft_ms"].notna()
    assert mine.sum() > 400
    heavier = predicted(table[mine].assign(**{k: f * table[k][mine] for k, f in factors.items()}))
    for name in figures:
        fall = (1.0 - heavier[name] / found[name][mine]).dropna()
        assert (fall > 0.01).mean() < FEW, (name, fall.max())


@pytest.mark.parametrize("mode", ["static", "closed"])
def test_a_second_copy_slows_no_request(table, mode):
    apart = np.asarray([catalogue.hardware(n).cores is None for n in table["hardware"]])
    one = table[(table["mode"] == mode) & apart]
    one = one.assign(tp=one["num_devices"], pp=1)
    first, second = (predicted(one.assign(num_devices=n * one["num_devices"])) for n in (1, 2))
    for name in TIMES[mode == "closed" :]:
        rise = (second[name] / first[name] - 1.0).dropna()
        assert len(rise) > 150
        assert (rise > 0.01).mean() < 5 * FEW, (name, rise.max())


def test_copies_are_one_of_them_with_its_share_of_the_users():
    both = predicted(pd.DataFrame([
        SERVER | {"num_devices": 1, "tp": 1, "concurrency": 8},
        SERVER | {"num_devices": 4, "tp": 1, "concurrency": 32},
    ]))  # fmt: skip
    for name in ("ttft_ms", "tpot_ms"):
        assert both[name][1] == pytest.approx(both[name][0], rel=1e-6)
    assert both["output_tok_s"][1] == pytest.approx(4 * both["output_tok_s"][0], rel=1e-6)


def test_users_who_wait_slow_no_step():
    users = 2.0 ** np.arange(5, 13)
    rows = predicted(pd.DataFrame([SERVER | {"concurrency": u} for u in users]))
    assert rows["tpot_ms"].iloc[-1] <= 1.1 * rows["tpot_ms"].iloc[-3]
    assert (np.diff(rows["tpot_ms"]) >= -0.01 * rows["tpot_ms"][1:]).all()
    assert (np.diff(rows["ttft_ms"]) > 0).all()


def test_requests_that_arithmetic_holds_up_wait_for_their_first_token():
    from guide_ml.estimators.agree import one_answer
    from guide_ml.features.load import build

    columns = resolve(read(pd.DataFrame([SERVER | {"concurrency": 64}]))).columns
    load = build(columns)
    least = {"batch_latency_s": 0.1, "ttft_ms": 1.0, "tpot_ms": 0.1, "output_tok_s": 1000.0}
    limits = {k: np.asarray([v]) for k, v in least.items()}
    out = {"batch_latency_s": np.asarray([np.nan]), "ttft_ms": np.asarray([50.0]),
           "tpot_ms": np.asarray([5.0]), "output_tok_s": np.asarray([np.nan])}  # fmt: skip
    mean = {k: out[k].copy() for k in ("ttft_ms", "tpot_ms")}
    one_answer(load, limits, mean, out)
    assert out["tpot_ms"][0] == 5.0
    assert out["ttft_ms"][0] > 1000.0
    assert out["output_tok_s"][0] == pytest.approx(1000.0)


def test_parts_of_a_batch_rise_with_it_whatever_the_boosters_say():
    """Chains of doublings with random parts: each batch sees those that are larger."""
    rng, length, tokens = np.random.default_rng(5), DOUBLINGS + 1, 9.0
    for _ in range(200):
        first, step = rng.uniform(1, 100, length), rng.uniform(1, 20, length)
        whole = (first + (tokens - 1.0) * step) / 1000.0
        before: dict[str, float] = {}
        for start in range(length):
            n = length - start
            every = {"batch_latency_s": whole[start:], "ttft_ms": first[start:],
                     "tpot_ms": step[start:]}  # fmt: skip
            bounds = {name: np.arange(n) > 0 for name in every}
            found = least_batches(every, bounds, np.zeros(n, dtype=np.intp), np.arange(n),
                                  np.asarray([0]), np.asarray([tokens]))  # fmt: skip
            now = {name: float(v[0]) for name, v in found.items()}
            total = now["ttft_ms"] + (tokens - 1.0) * now["tpot_ms"]
            assert total == pytest.approx(1000.0 * now["batch_latency_s"])
            assert all(now[k] >= before.get(k, 0.0) * (1 - 1e-12) for k in now)
            before = now
