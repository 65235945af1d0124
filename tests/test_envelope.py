"""Heavier loads are really heavier, and listed for the targets that they bound."""

from __future__ import annotations

import numpy as np

from guide_ml.estimators.load_order import AXES, MOST_BATCH, heavier


def test_batches_are_doubled_six_times_and_once_to_the_end(deploy):
    heavy = heavier(deploy({"batch_size": 3}).columns)
    batch = heavy.columns["batch"][0, heavy.axis == 0]
    assert batch.tolist() == [6.0, 12.0, 24.0, 48.0, 96.0, 192.0, 6144.0]
    assert MOST_BATCH / 2 < batch[-1] <= MOST_BATCH


def test_prompts_and_outputs_are_doubled_a_few_times(deploy):
    heavy = heavier(deploy({"batch_size": 1, "input_len": 32, "output_len": 3}).columns)
    prompts = heavy.columns["input_len"][0, heavy.axis == 1]
    assert prompts.tolist() == [64.0, 128.0, 256.0, 512.0, 1024.0]
    assert heavy.columns["output_len"][0, heavy.axis == 2].tolist() == [6.0, 12.0]


def test_each_axis_is_heavier_in_its_own_columns_only(deploy):
    columns = deploy({"batch_size": 4}, {"batch_size": 2, "input_len": 64}).columns
    heavy = heavier(columns)
    for number in range(len(AXES)):
        mine = heavy.axis == number
        for other in ("batch", "input_len", "output_len"):
            steps = heavy.columns[other][:, mine] / columns[other][:, None]
            wanted = np.broadcast_to(AXES[number].factors.get(other, 1.0), steps.shape)
            named = np.isfinite(wanted)  # the step to the end is as long as each load needs
            assert (steps == wanted)[named].all()
            assert (np.log2(steps[~named]) % 1.0 == 0).all()


def test_the_load_itself_comes_first(deploy):
    columns = deploy({"batch_size": 4}, {"mode": "offline"}).columns
    heavy = heavier(columns)
    for name in ("batch", "input_len", "output_len", "requests_per_slot"):
        assert np.array_equal(heavy.columns[name][:, 0], columns[name], equal_nan=True)
    assert heavy.axis[0] == -1
    assert not heavy.bounds("ttft_ms")[0]


def test_one_axis_alone_gives_what_all_together_give(deploy):
    columns = deploy({"batch_size": 4}, {"concurrency": 2, "num_requests": 9}).columns
    together = heavier(columns)
    for number, axis in enumerate(AXES):
        alone = heavier(columns, (number,))
        mine = together.axis == number
        for column in axis.factors:
            assert np.array_equal(alone.columns[column],
                                  together.columns[column][alone.rows][:, mine])  # fmt: skip
        assert np.array_equal(alone.possible, together.possible[alone.rows][:, mine])


def test_a_heavier_run_keeps_its_requests(deploy):
    heavy = heavier(deploy({"concurrency": 8, "num_requests": 40}).columns)
    rounds = heavy.columns["requests_per_slot"][0, heavy.axis == 0]
    # 40 requests for 16 and 32 users are 2.5 and 1.25 rounds, and never less than one.
    assert rounds.tolist() == [2.5, 1.25, 1.0, 1.0, 1.0, 1.0, 1.0]


def test_a_longer_output_bounds_static_batches_only(deploy):
    heavy = heavier(deploy({"batch_size": 2}, {"concurrency": 2}).columns)
    longer = heavy.axis == 2
    assert heavy.bounds("batch_latency_s")[1:].all()
    assert not heavy.bounds("ttft_ms")[longer].any()
    assert heavy.possible[:, longer].all(axis=1).tolist() == [True, False]
    assert not heavy.bounds("output_tok_s").any()


def test_an_offline_queue_has_no_heavier_version(deploy):
    columns = deploy({"mode": "offline"}).columns
    assert all(len(heavier(columns, (axis,)).rows) == 0 for axis in range(len(AXES)))
    assert heavier(columns).possible[0].tolist() == (heavier(columns).axis < 0).tolist()


def test_a_decode_has_no_longer_prompt(deploy):
    heavy = heavier(deploy({"mode": "decode", "batch_size": 1}).columns)
    assert heavy.possible[0].tolist() == (heavy.axis <= 0).tolist()
