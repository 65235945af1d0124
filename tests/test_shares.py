"""Parts of the time add up, and say what an expert would say."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from guide_ml.estimators.predictor import default_predictor
from guide_ml.features.load import build
from guide_ml.physics.design import drivers
from guide_ml.physics.model import PARTS as PASS_PARTS
from guide_ml.physics.model import Parts, estimate
from guide_ml.physics.shares import PARTS, TOKEN, shares, split

DEPLOYMENTS = (
    {"mode": "closed", "concurrency": 64.0, "input_len": 2048.0},
    {"mode": "static", "batch_size": 1.0},
    {"mode": "static", "batch_size": 4000.0},
    {"mode": "offline", "num_devices": 2.0, "tp": 2.0},
    {"mode": "prefill", "input_len": 8192.0},
    {"mode": "decode", "batch_size": 32.0, "context_depth": 16000.0},
)


@pytest.fixture(scope="module")
def taken(deploy):
    """Several deployments on their way through physics."""
    resolved = deploy(*DEPLOYMENTS)
    load = build(resolved.columns)
    rows = drivers(load.columns, resolved.names, np.zeros(len(DEPLOYMENTS)))
    knobs = default_predictor().fitted.physics.knobs(rows)
    return load, knobs, estimate(load, knobs)


def one_pass(**seconds: float) -> Parts:
    given = dict.fromkeys([f.name for f in fields(Parts)], 1e-9) | seconds
    return Parts(**{k: np.asarray([v]) for k, v in given.items()})


@pytest.mark.parametrize("name", ["one", "whole", "step"])
def test_shares_of_a_pass_sum_to_one_and_none_is_negative(taken, name):
    found = shares(getattr(taken[2], name), prefill=name != "step")
    assert set(found) == set(PARTS) - {"queueing"}
    assert np.allclose(sum(found.values()), 1.0)
    assert min(v.min() for v in found.values()) >= 0.0


@pytest.mark.parametrize("target", ["ttft_ms", "tpot_ms", "batch_latency_s", TOKEN])
def test_parts_of_a_target_sum_to_one_and_none_is_negative(taken, target):
    found = split(taken[0], taken[2])[target]
    assert tuple(found) == PARTS
    assert np.allclose(sum(found.values()), 1.0)
    assert min(v.min() for v in found.values()) >= 0.0


@pytest.mark.parametrize(
    ("part", "of"),
    [("compute_s", "compute"), ("weights_s", "weight_reads"),
     ("unpack_s", "unpacking"), ("kv_s", "kv_reads"),
     ("communication_s", "communication"), ("launch_s", "launch"), ("overhead_s", "launch")],
)  # fmt: skip
def test_what_takes_nearly_all_the_time_gets_it(part, of):
    assert shares(one_pass(**{part: 1.0}), prefill=False)[of][0] > 0.99


def test_a_share_is_what_the_pass_would_lose_with_its_part(taken):
    """Euler: the derivative of a pass by the logarithm of a part is the part's share of it."""
    load, knobs, before = taken
    nudge = 1e-6
    after = estimate(load, knobs | {"kv_bandwidth": knobs["kv_bandwidth"] - nudge})
    lost = (after.step.total_s / before.step.total_s - 1.0) / nudge
    assert np.allclose(lost, shares(before.step, prefill=False)["kv_reads"], atol=1e-4)


def test_every_part_of_a_pass_is_counted():
    assert set(PASS_PARTS) == {f.name for f in fields(Parts)} - {"total_s"}


def test_a_batch_that_does_not_fit_at_once_waits(taken):
    queueing = split(taken[0], taken[2])["batch_latency_s"]["queueing"]
    assert queueing[1] == 0.0
    assert queueing[2] > 0.3


def test_a_server_waits_for_other_requests_and_a_batch_of_one_does_not(taken):
    queueing = split(taken[0], taken[2])["ttft_ms"]["queueing"]
    assert queueing[0] > 0.05
    assert queueing[1] == 0.0
