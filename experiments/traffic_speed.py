"""How fast requests are simulated, and what they need: for 02_speed.py."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

import guide_ml
from guide_ml import Lengths, Traffic

__all__ = ["memory_gb", "open_s", "requests_per_s", "search_s"]

SERVER = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm"}
#: Lengths like ShareGPT's, some prompts with a common beginning, and drafts that are accepted: all
#: that the simulator does. The rate is some 70 % of what the deployment carries.
REQUESTS, SHARE, MILLION = 200_000, 0.7, 1_000_000
CODE = (f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r});"
        " import traffic_speed as s; ")  # fmt: skip


def _traffic(rate_rps: float, requests: int) -> Traffic:
    lengths = Lengths.lognormal(220, 200, cv=1.0)
    plain = Traffic.gamma(rate_rps, lengths, burstiness=0.7, num_requests=requests, seed=1)
    return plain.with_shared_prefix(100, groups=20)


def requests_per_s() -> float:
    """Simulated requests a second on one thread, at 70 % load of one replica."""
    small = guide_ml.simulate(**SERVER, traffic=_traffic(1.0, 500), level=None,
                              spec_method="eagle3", accept_len=2.5)  # fmt: skip
    traffic = _traffic(SHARE * (small.capacity_rps or 1.0), REQUESTS)
    start = time.perf_counter()
    found = guide_ml.simulate(**SERVER, traffic=traffic, level=None, spec_method="eagle3",
                              accept_len=2.5)  # fmt: skip
    took = time.perf_counter() - start
    assert not found.overloaded
    assert found.hit_rate > 0.0
    return REQUESTS / took


def open_s() -> float:
    """Time of a warm open prediction with its intervals, of a deployment asked for before."""
    def once(rate: float) -> None:
        guide_ml.predict(**SERVER, request_rate_rps=rate, input_len=900, output_len=200)

    once(4.0)
    start = time.perf_counter()
    for k in range(5):
        once(5.0 + k)
    return (time.perf_counter() - start) / 5


def search_s() -> float:
    """Time of a search whose limits are 99th percentiles."""
    start = time.perf_counter()
    guide_ml.search(model="llama-3.1-8b-instruct", workload={"input_len": 900, "output_len": 200},
                    load={"requests_per_s": 20}, slo={"ttft_p99_ms": 1000, "tpot_p99_ms": 40})
    return time.perf_counter() - start


def memory_gb() -> float:
    """Memory of a process that simulates a million requests, at its peak."""
    code = CODE + "print(s.million())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def million() -> float:
    """Simulate a million requests; return the peak memory of this process, GB."""
    traffic = _traffic(10.0, MILLION)
    guide_ml.simulate(**SERVER, traffic=traffic, level=None)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
