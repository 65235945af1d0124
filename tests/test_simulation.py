"""The engine that is simulated: what queueing theory and arithmetic say of it must hold."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from guide_ml import Lengths, Traffic
from guide_ml.simulation.run import Replica, simulate_replica
from guide_ml.simulation.split import simulate_split
from guide_ml.simulation.state import RULES, Surface

USUAL = {"seqs": 64, "budget": 2048, "room": 1e6, "extra": 0.0, "block": 16, "accept": 1.0,
         "checked": 1.0, "longest": np.inf, "chunked": 1, "mixed": 1, "remember": 1}  # fmt: skip


def rules(**changed: float):
    out = np.zeros(1, dtype=RULES)
    for name, value in (USUAL | changed).items():
        out[name] = value
    return out


def surface(decode_s: float = 0.01, prefill_s: float = 1e-4, handling_s: float = 0.0) -> Surface:
    """Steps that take the same time whatever they hold; prefills in proportion to their tokens."""
    grid = np.asarray([1.0, 1e6])
    prefill = prefill_s * np.repeat(grid[:, None], 2, axis=1)
    beside = np.tile([1.0, handling_s], (65, 1))
    return Surface(np.full((65, 2), decode_s), grid, prefill, np.stack([grid, grid]), beside)


def alone(n: int = 1, prompt: int = 100, answer: int = 11) -> Traffic:
    return Traffic.constant(0.01, Lengths.fixed(prompt, answer), num_requests=n)


def test_a_lone_request_takes_its_prefill_and_a_step_for_each_further_token():
    found = simulate_replica(alone(3), surface(), rules())
    np.testing.assert_allclose(found.ttft_s, 0.01)
    np.testing.assert_allclose(found.tpot_s, 0.01)
    np.testing.assert_allclose(found.e2e_s, 0.11)


def test_single_server_queues_as_theory_says():
    """One slot, constant service: M/D/1, whose mean wait is rho * service / (2 - 2 rho)."""
    service, rho = 0.1, 0.7
    lengths = Lengths.fixed(1000, 1)
    traffic = Traffic.poisson(rho / service, lengths, num_requests=200_000, seed=3)
    found = simulate_replica(traffic, surface(), rules(seqs=1, budget=1000))
    wait = found.ttft_s.mean() - service
    assert wait == pytest.approx(rho * service / (2 - 2 * rho), rel=0.03)


def test_the_same_seed_gives_the_same_to_the_bit():
    lengths = Lengths.lognormal(300, 100, cv=0.8)
    traffic = Traffic.poisson(30.0, lengths, num_requests=2000, seed=5)
    a, b = (simulate_replica(traffic, surface(), rules(), replicas=3) for _ in range(2))
    assert a.ttft_s.tobytes() == b.ttft_s.tobytes()
    assert a.e2e_s.tobytes() == b.e2e_s.tobytes()


def test_a_decode_step_waits_for_a_prompt_beside_it():
    """Two requests, the second one while the first decodes: its gap is a step and a prefill."""
    traffic = Traffic(arrival_s=np.asarray([0.0, 0.05]), input_tokens=np.asarray([100, 1000]),
                      output_tokens=np.asarray([50, 2]))  # fmt: skip
    found = simulate_replica(traffic, surface(), rules())
    # First: 10 ms of prefill, 48 steps of 10 ms, and one beside the 100 ms of the other, which
    # reads the weights for both.
    assert found.e2e_s[0] == pytest.approx(0.01 + 48 * 0.01 + 0.1)
    assert found.ttft_s[1] == pytest.approx(0.11, abs=0.011)


def test_an_engine_that_does_not_mix_gives_prompts_steps_of_their_own():
    lengths = Lengths.fixed(500, 20)
    traffic = Traffic.poisson(5.0, lengths, num_requests=400, seed=1)
    mixed, apart = (simulate_replica(traffic, surface(), rules(mixed=m)) for m in (1, 0))
    assert apart.ttft_s.mean() < mixed.ttft_s.mean()  # no decode step beside the prompt


def test_prompts_are_cut_to_the_budget():
    traffic = alone(1, prompt=5000, answer=2)
    found = simulate_replica(traffic, surface(), rules(budget=1000))
    np.testing.assert_allclose(found.ttft_s, 0.5)  # five passes in proportion to their tokens


def test_slots_and_room_bound_what_runs_together():
    burst = Traffic.constant(1e6, Lengths.fixed(100, 50), num_requests=64)
    free = simulate_replica(burst, surface(), rules())
    few = simulate_replica(burst, surface(), rules(seqs=8))
    small = simulate_replica(burst, surface(), rules(room=8 * 176.0))
    assert few.e2e_s.max() > 3 * free.e2e_s.max()
    assert small.e2e_s.max() > 3 * free.e2e_s.max()


def test_a_full_cache_preempts_and_everybody_is_served():
    burst = Traffic.constant(1e6, Lengths.fixed(100, 400), num_requests=30)
    found = simulate_replica(burst, surface(), rules(room=3000.0))
    assert found.world.books["evicted"].sum() > 0
    assert np.isfinite(found.e2e_s).all()
    assert found.world.engines["used"][0] == pytest.approx(0.0, abs=1e-6)
    careful = simulate_replica(burst, surface(), rules(room=3000.0, reserve=1.0))
    assert careful.world.books["evicted"].sum() == 0


def test_what_is_too_long_is_refused_and_counted():
    traffic = Traffic(arrival_s=np.arange(3.0), input_tokens=np.asarray([100, 5000, 100]),
                      output_tokens=np.asarray([10, 10, 10]))  # fmt: skip
    found = simulate_replica(traffic, surface(), rules(longest=4096.0))
    assert np.isnan(found.e2e_s).tolist() == [False, True, False]


def test_speculation_yields_several_tokens_a_step():
    found = simulate_replica(alone(1, answer=101), surface(), rules(accept=2.5))
    assert found.e2e_s[0] == pytest.approx(0.01 + 40 * 0.01)


def test_shared_beginnings_are_computed_once_while_they_stay():
    traffic = Traffic.constant(2.0, Lengths.fixed(1000, 2), num_requests=50)
    shared = traffic.with_shared_prefix(800, groups=1)
    found = simulate_replica(shared, surface(), rules())
    hits = found.world.books["hit"]
    assert hits[0] == 0
    assert (hits[1:] == 800).all()
    assert found.ttft_s[1:].mean() == pytest.approx(0.02, rel=0.05)
    # Two groups that take turns and a cache that holds one: none is found again.
    ids = np.arange(50) % 2
    turns = Traffic(arrival_s=np.arange(50.0), input_tokens=np.full(50, 1000),
                    output_tokens=np.full(50, 2), shared_prefix=ids,
                    shared_tokens=np.full(50, 800))  # fmt: skip
    small = simulate_replica(turns, surface(), rules(room=1100.0))
    assert small.world.books["hit"].sum() == 0
    wide = simulate_replica(turns, surface(), rules(room=5000.0))
    assert (wide.world.books["hit"][2:] == 800).all()


def test_a_conversation_finds_its_turns_before():
    turns = Traffic(arrival_s=np.arange(3.0) * 10, input_tokens=np.asarray([100, 300, 600]),
                    output_tokens=np.full(3, 60), conversation=np.zeros(3, dtype=int))  # fmt: skip
    found = simulate_replica(turns, surface(), rules())
    assert found.world.books["hit"].tolist() == [0, 160, 352]  # whole blocks of 160 and 360


def test_routers_share_the_load():
    traffic = Traffic.poisson(40.0, Lengths.lognormal(300, 60), num_requests=3000, seed=2)
    waits = {router: simulate_replica(traffic, surface(), rules(seqs=8), replicas=4, router=router)
             for router in ("round-robin", "least-loaded")}  # fmt: skip
    for found in waits.values():
        assert set(found.world.books["replica"]) == {0, 1, 2, 3}
    tails = {k: np.quantile(v.ttft_s, 0.99) for k, v in waits.items()}
    assert tails["least-loaded"] <= tails["round-robin"]


def test_a_prefix_aware_router_keeps_groups_together():
    traffic = Traffic.poisson(10.0, Lengths.fixed(1000, 5), num_requests=1000, seed=4)
    shared = traffic.with_shared_prefix(900, groups=12, seed=1)
    hits = {router: simulate_replica(shared, surface(), rules(room=6000.0), replicas=4,
                                     router=router).world.books["hit"].mean()
            for router in ("least-loaded", "prefix-aware")}  # fmt: skip
    assert hits["prefix-aware"] > 1.3 * hits["least-loaded"]


def test_littles_law_holds_over_time():
    traffic = Traffic.poisson(20.0, Lengths.lognormal(300, 80), num_requests=5000, seed=7)
    found = simulate_replica(traffic, surface(), rules())
    series, end = found.world.series, found.world.books["finish"].max()
    inside = (series["running"].sum() + series["waiting"].sum()) / end
    # A request that came during a step is counted from the next one on.
    assert inside == pytest.approx(found.e2e_s.sum() / end, rel=0.02)
    assert series["served"].sum() == 5000
    assert found.world.itl.sum() == pytest.approx((traffic.output_tokens - 1).sum(), rel=1e-9)


def test_split_workers_hand_the_cache_over():
    """Prefill, transfer and decode add up; decoding is never disturbed by prompts."""
    worker = Replica(surface(), rules(), cast(Any, None))
    found = simulate_split(alone(2), worker, worker, prefill_workers=1, decode_workers=1,
                           link_s=0.002, token_s=1e-5)  # fmt: skip
    np.testing.assert_allclose(found.ttft_s, 0.01 + 0.002 + 0.001)
    np.testing.assert_allclose(found.e2e_s, 0.013 + 10 * 0.01)
    busy = Traffic.poisson(6.0, Lengths.fixed(1000, 100), num_requests=800, seed=1)
    split = simulate_split(busy, worker, worker, prefill_workers=2, decode_workers=1)
    together = simulate_replica(busy, surface(), rules(), replicas=3)
    assert np.nanmax(split.tpot_s) == pytest.approx(0.01, rel=0.02)
    assert np.quantile(together.tpot_s, 0.9) > 1.2 * np.nanmax(split.tpot_s)
    assert np.isfinite(split.e2e_s).all()
