"""Verdicts of monitoring: fine, a factor mends it, nothing does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guide_ml.tracking.health import judge_targets

USUAL = {"tpot_ms": np.abs(np.random.default_rng(9).normal(0, 0.1, 1000))}


def values(bias=0.0, spread=0.1, n=200, groups=20, inside=0.9, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "target": "tpot_ms", "deployment": [f"d{i % groups}" for i in range(n)],
        "hardware": "h100", "framework": "vllm", "key": np.arange(n),
        "error": bias + rng.normal(0, spread, n),
        "inside": (np.arange(n) / n < inside).astype(float),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("case", "finding"),
    [
        ({}, "fine"),
        ({"spread": 0.05}, "fine"),
        ({"bias": 0.5}, "calibrate"),  # off by a factor
        ({"spread": 0.6}, "retrain"),  # off in all directions
        ({"inside": 0.5}, "calibrate"),  # intervals hold too seldom
        ({"spread": 0.2, "n": 4}, "too few"),
    ],
)
def test_finding(case, finding):
    assert judge_targets(values(**case), USUAL, 0.9).loc[0, "finding"] == finding


def test_bad_luck_in_few_rows_is_no_alarm():
    alarms = [
        judge_targets(values(n=6, groups=2, seed=s), USUAL, 0.9).loc[0, "finding"] != "fine"
        for s in range(30)
    ]
    assert sum(alarms) <= 3


def test_figures():
    row = judge_targets(values(bias=np.log(1.5), spread=0.0), USUAL, 0.9).iloc[0]
    assert row["median_ape"] == pytest.approx(50)
    assert row["mended_ape"] == pytest.approx(0)
    assert row["covered"] == pytest.approx(0.9)
    assert row["groups"] == 20
    assert row["expected_ape"] == pytest.approx(100 * np.expm1(np.median(USUAL["tpot_ms"])))


def test_a_target_never_held_out_has_nothing_to_be_compared_with():
    assert judge_targets(values(), {}, 0.9).loc[0, "finding"] == "too few"
