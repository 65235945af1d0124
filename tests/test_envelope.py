"""Lighter loads are really lighter, and listed for the targets that they bound."""

from __future__ import annotations

import numpy as np

from guide_ml.envelope import AXES, lighter


def test_batches_are_halved_down_to_one_request_a_replica(deploy):
    columns = deploy({"batch_size": 10}).columns
    light = lighter(columns)
    batch = light.columns["batch"][light.axis == 0]
    assert batch.tolist() == [5.0, 2.5, 1.25]


def test_prompts_and_outputs_are_halved_four_times(deploy):
    light = lighter(deploy({"batch_size": 1, "input_len": 512, "output_len": 6}).columns)
    assert light.columns["input_len"][light.axis == 1].tolist() == [256.0, 128.0, 64.0, 32.0]
    assert light.columns["output_len"][light.axis == 2].tolist() == [3.0, 1.5]


def test_only_one_axis_is_lighter_at_a_time(deploy):
    columns = deploy({"batch_size": 4}, {"batch_size": 2, "input_len": 64}).columns
    light = lighter(columns)
    for number, axis in enumerate(AXES):
        for other in AXES:
            if other is axis:
                continue
            mine = light.axis == number
            parents = columns[other.column][light.parent[mine]]
            assert np.array_equal(light.columns[other.column][mine], parents)


def test_a_lighter_run_keeps_its_requests(deploy):
    light = lighter(deploy({"concurrency": 8, "num_requests": 80}).columns)
    batch = light.axis == 0
    requests = light.columns["requests_per_slot"][batch] * light.columns["batch"][batch]
    assert requests.tolist() == [80.0] * batch.sum()


def test_a_longer_output_bounds_batches_only(deploy):
    light = lighter(deploy({"batch_size": 2}).columns)
    assert light.bounds("batch_latency_s").all()
    assert not light.bounds("ttft_ms")[light.axis == 2].any()
    assert not light.bounds("output_tok_s").any()
