from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import guide_ml
from guide_ml import InvalidInput, Lengths, Traffic
from guide_ml.traffic import sharing

FIXED = Lengths.fixed(512, 128)
BITS = {
    "arrival_s": [5.025914224483274, 6.287135732487183, 6.644953738979973],
    "input_tokens": [366, 316, 267], "output_tokens": [79, 27, 9],
}  # fmt: skip


def open_traffic(kind, **more):
    if kind == "gamma":
        return Traffic.gamma(5.0, FIXED, burstiness=0.25, **more)
    return getattr(Traffic, kind)(5.0, FIXED, **more)


@pytest.mark.parametrize("kind", ["poisson", "gamma", "constant"])
def test_a_rate_is_kept_and_a_duration_is_filled(kind):
    many = open_traffic(kind, num_requests=40_000, seed=3)
    assert many.rate_rps == pytest.approx(5.0, rel=0.05)
    timed = open_traffic(kind, duration_s=4000.0, seed=3)
    assert len(timed) == pytest.approx(20_000, rel=0.05)
    assert timed.duration_s < 4000.0
    assert np.array_equal(timed.arrival_s, many.arrival_s[: len(timed)])


@pytest.mark.parametrize(("kind", "cv"), [("poisson", 1.0), ("gamma", 2.0), ("constant", 0.0)])
def test_gaps_vary_as_the_burstiness_says(kind, cv):
    gaps = np.diff(open_traffic(kind, num_requests=100_000, seed=1).arrival_s)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, abs=0.03)


def test_a_seed_gives_the_same_bits_and_another_seed_others():
    lengths = Lengths.lognormal(300, 60, cv=0.8)
    one, same, other = (Traffic.poisson(2.0, lengths, num_requests=500, seed=s).arrays()
                        for s in (4, 4, 5))  # fmt: skip
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["arrival_s"], other["arrival_s"])
    assert not np.array_equal(one["input_tokens"], other["input_tokens"])


def test_the_bits_are_those_of_the_first_release():
    """A seed written down today must bring the same traffic tomorrow."""
    found = Traffic.gamma(1.0, Lengths.lognormal(300, 60, cv=0.8), burstiness=0.5, num_requests=3)
    assert found.arrival_s.tolist() == pytest.approx(BITS["arrival_s"], rel=1e-15)
    assert found.input_tokens.tolist() == BITS["input_tokens"]
    assert found.output_tokens.tolist() == BITS["output_tokens"]


def test_another_rate_is_the_same_traffic_faster():
    slow, fast = (Traffic.poisson(r, FIXED, num_requests=100, seed=2) for r in (1.0, 4.0))
    assert np.allclose(slow.arrival_s, 4.0 * fast.arrival_s, rtol=1e-12)
    assert np.allclose(slow.at_rate(7.0).rate_rps, 7.0)


def test_a_ramp_has_its_rate_at_both_ends():
    times = Traffic.ramp(2.0, 10.0, FIXED, duration_s=4000.0).arrival_s
    counts = np.histogram(times, bins=8, range=(0.0, 4000.0))[0] / 500.0
    assert counts == pytest.approx(np.linspace(2.5, 9.5, 8), rel=0.06)
    falling = Traffic.ramp(10.0, 0.0, FIXED, duration_s=400.0)
    assert len(falling) == pytest.approx(2000, rel=0.1)
    assert falling.duration_s < 400.0


def test_a_closed_loop_has_users_and_no_times():
    found = Traffic.closed(16, FIXED, num_requests=100)
    assert found.concurrency == 16
    assert not found.arrival_s.any()
    assert np.isnan(found.rate_rps)
    with pytest.raises(InvalidInput, match="closed loop has none"):
        found.at_rate(3.0)


@pytest.mark.parametrize(("lengths", "cv"), [
    (Lengths.fixed(700, 90), 0.0), (Lengths.uniform(700, 90, ratio=0.5), 0.5 / 3**0.5),
    (Lengths.lognormal(700, 90, cv=1.2), 1.2),
])  # fmt: skip
def test_lengths_have_the_mean_and_spread_asked_for(lengths, cv):
    for tokens, mean in zip(lengths.drawn(200_000, seed=1), (700, 90), strict=True):
        assert tokens.dtype == np.int64
        assert tokens.min() >= 1
        assert tokens.mean() == pytest.approx(mean, rel=0.02)
        assert tokens.std() / tokens.mean() == pytest.approx(cv, abs=0.03)


def test_recorded_prompts_and_answers_stay_together():
    inside, outside = Lengths.recorded([10, 20, 30], [1, 2, 3]).drawn(1000)
    assert np.array_equal(inside, outside * 10)
    assert set(outside) == {1, 2, 3}


def test_a_traffic_cannot_be_changed_and_leaves_the_arrays_that_came():
    times = np.asarray([0.0, 1.0])
    found = Traffic(arrival_s=times, input_tokens=np.asarray([5, 6]), output_tokens=np.ones(2, int))
    with pytest.raises(ValueError, match="read-only"):
        found.arrival_s[0] = 3.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.concurrency = 4  # type: ignore[misc]
    times[0] = 0.5
    assert found.arrival_s[0] == 0.0
    assert found.conversation.tolist() == found.shared_prefix.tolist() == [-1, -1]
    assert found.shared_tokens.tolist() == [0, 0]


def test_a_piece_begins_at_nought():
    found = Traffic.constant(2.0, FIXED, num_requests=100).between(10.0, 20.0)
    assert len(found) == 20
    assert found.arrival_s[0] == 0.0
    assert len(found.first(7)) == 7
    with pytest.raises(InvalidInput, match="no request arrives"):
        found.between(100.0, 110.0)


def test_a_shared_beginning_is_no_longer_than_its_prompt():
    found = Traffic.poisson(1.0, Lengths.uniform(100, 10, ratio=0.9), num_requests=200)
    found = found.with_shared_prefix(80, groups=3)
    assert set(found.shared_prefix) == {0, 1, 2}
    assert np.array_equal(found.shared_tokens, np.minimum(80, found.input_tokens))


@pytest.mark.parametrize(("made", "said"), [
    (lambda: Traffic.poisson(0.0, FIXED, num_requests=3), "rate_rps must be a number from"),
    (lambda: Traffic.poisson(1.0, FIXED), "num_requests or duration_s"),
    (lambda: Traffic.poisson(1.0, FIXED, num_requests=3, duration_s=3.0), "one of the two"),
    (lambda: Traffic.poisson(1.0, FIXED, num_requests=2.5), "whole number"),  # type: ignore[arg-type]
    (lambda: Traffic.poisson(1.0, (512, 128), num_requests=2), "made by Lengths"),  # type: ignore[arg-type]
    (lambda: Traffic.poisson(1e-6, FIXED, duration_s=1.0), "no request arrives"),
    (lambda: Traffic.poisson(1e6, FIXED, duration_s=1e6), "shorter time"),
    (lambda: Traffic.gamma(1.0, FIXED, burstiness=0.0, num_requests=2), "burstiness"),
    (lambda: Traffic.poisson(1.0, FIXED, num_requests=2, seed=-1), "seed"),
    (lambda: Traffic.closed(0, FIXED, num_requests=2), "concurrency"),
    (lambda: Traffic.ramp(0.0, 0.0, FIXED, duration_s=5.0), "from_rps or to_rps"),
    (lambda: Lengths.fixed(0, 5), "input_len"),
    (lambda: Lengths.uniform(10, 5, ratio=1.0), "ratio"),
    (lambda: Lengths.lognormal(10, 5, cv=float("nan")), "cv"),
    (lambda: Lengths.recorded([1, 2], [1]), "got 2 and 1"),
    (lambda: Lengths.recorded([1.5], [1]), "request 0 has 1.5"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(made, said):
    with pytest.raises(InvalidInput, match=said):
        made()


@pytest.mark.parametrize(("arrays", "said"), [
    ({"arrival_s": [0.0, 2.0, 1.0]}, "request 2 has 1 s after 2 s"),
    ({"arrival_s": [0.0, np.nan, 1.0]}, "request 1 has nan"),
    ({"arrival_s": []}, "one request at least"),
    ({"input_tokens": [5, -1, 5]}, "request 1 has -1"),
    ({"output_tokens": [5, 5]}, "2 of output_tokens"),
    ({"conversation": [0, -2, 0]}, "conversation must be whole numbers"),
    ({"shared_tokens": [0, -2, 0]}, "shared_tokens"),
])  # fmt: skip
def test_arrays_that_cannot_be_meant_are_refused(arrays, said):
    good: dict[str, Any] = {"arrival_s": [0.0, 1.0, 1.0], "input_tokens": [5, 6, 7],
                            "output_tokens": [1, 1, 1]}  # fmt: skip
    assert len(Traffic(**good)) == 3
    with pytest.raises(InvalidInput, match=said):
        Traffic(**good | arrays)


def test_blocks_tell_conversations_and_shared_beginnings():
    # A system prompt (block 0), a talk of three turns, two prompts on one document, a lone one.
    blocks = [[0, 1, 2], [0, 9], [0, 1, 3, 4], [0, 1, 3, 5, 6], [0, 20, 21, 23], [0, 20, 22, 24],
              [40]]  # fmt: skip
    tokens = np.asarray([1100, 600, 1700, 2200, 1900, 1900, 300])
    found = sharing.from_blocks(blocks, tokens, 512)
    assert found.conversation.tolist() == [0, -1, 0, 0, -1, -1, -1]
    assert found.shared_prefix.tolist() == [0, 0, 0, 0, 1, 1, -1]
    assert found.shared_tokens.tolist() == [512, 512, 512, 512, 1024, 1024, 0]


def test_traffic_says_what_it_is():
    found = Traffic.poisson(2.0, FIXED, num_requests=10)
    assert "10 requests" in repr(found)
    assert "Poisson at 2/s" in repr(found)
    assert guide_ml.Traffic is Traffic
