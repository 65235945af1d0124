"""Heavier loads are really heavier, and listed for the targets that they bound."""

from __future__ import annotations

import numpy as np

from guide_ml.envelope import AXES, heavier


def test_batches_are_doubled_six_times(deploy):
    heavy = heavier(deploy({"batch_size": 3}).columns)
    batch = heavy.columns["batch"][heavy.axis == 0]
    assert batch.tolist() == [6.0, 12.0, 24.0, 48.0, 96.0, 192.0]


def test_prompts_and_outputs_are_doubled_a_few_times(deploy):
    heavy = heavier(deploy({"batch_size": 1, "input_len": 32, "output_len": 3}).columns)
    assert heavy.columns["input_len"][heavy.axis == 1].tolist() == [64.0, 128.0, 256.0]
    assert heavy.columns["output_len"][heavy.axis == 2].tolist() == [6.0, 12.0]


def test_only_one_axis_is_heavier_at_a_time(deploy):
    columns = deploy({"batch_size": 4}, {"batch_size": 2, "input_len": 64}).columns
    heavy = heavier(columns)
    for number, axis in enumerate(AXES):
        for other in AXES:
            if other is axis:
                continue
            mine = heavy.axis == number
            parents = columns[other.column][heavy.parent[mine]]
            assert np.array_equal(heavy.columns[other.column][mine], parents)


def test_a_heavier_run_keeps_its_requests(deploy):
    heavy = heavier(deploy({"concurrency": 8, "num_requests": 80}).columns)
    rounds = heavy.columns["requests_per_slot"][heavy.axis == 0]
    # 80 requests for 16, 32 and 64 users are 5, 2.5 and 1.25 rounds, and never less than one.
    assert rounds.tolist() == [5.0, 2.5, 1.25, 1.0, 1.0, 1.0]


def test_a_longer_output_bounds_static_batches_only(deploy):
    heavy = heavier(deploy({"batch_size": 2}, {"concurrency": 2}).columns)
    longer = heavy.axis == 2
    assert heavy.bounds("batch_latency_s").all()
    assert not heavy.bounds("ttft_ms")[longer].any()
    assert set(heavy.parent[longer]) == {0}
    assert not heavy.bounds("output_tok_s").any()


def test_an_offline_queue_has_no_heavier_version(deploy):
    assert len(heavier(deploy({"mode": "offline"}).columns).parent) == 0
