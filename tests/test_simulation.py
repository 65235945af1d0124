"""The engine that is simulated: what queueing theory and arithmetic say of it must hold."""

from __future__ import annotations

import numpy as np
import pytest

from guide_ml import Lengths, Traffic
from guide_ml.simulation.run import simulate_replica
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
