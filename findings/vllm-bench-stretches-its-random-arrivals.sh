#!/usr/bin/env bash
# vLLM 0.33.0's "Poisson" arrivals are stretched to end on time; SGLang 0.5.23's are not.
#
# Guess: --request-rate 100 with burstiness 1 is a Poisson process, as in SGLang's client: the number
#        of requests in a given time varies, and so does the time that N requests take.
# So:    vLLM draws the gaps, then scales them so that the last request leaves at exactly N / rate,
#        whatever the seed. The rate of the run is exact and its slow swings are gone; a simulation
#        with free Poisson arrivals has longer queues. In SGLang the same N takes 0.7 to 1.3 times as
#        long (20 requests), so that its achieved rate is off by as much.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 aiohttp==3.14.5 tqdm==4.70.1 regex==2026.11.19 msgspec==0.23.0 orjson==3.13.0 requests==2.34.2
get() { # NAME==VERSION FOLDER: the Python files of the package's wheel, without what it depends on
    "$work/venv/bin/pip" download -q --no-deps --only-binary=:all: --python-version 3.11 -d "$work/wheels" "$1"
    "$work/venv/bin/python" - "$work"/wheels/*.whl "$work/${2:-${1%%==*}}" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.endswith(".py")])
PY
    rm -r "$work/wheels"
}
get vllm==0.33.0
get sglang==0.5.23
cat > "$work/lone.py" <<'PY'
"""Import a client's files without its engine: parts it imports but does not use here stand hollow."""
import sys
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec


class _Any(type):
    def __getattr__(cls, name):
        return _anything(name)


def _anything(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return _Any(name, (), {"__init__": lambda s, *a, **k: None, "__getattr__": lambda s, n: lambda *a, **k: None})


class Hollow(MetaPathFinder, Loader):
    def __init__(self, names):
        self.names = names

    def find_spec(self, name, path=None, target=None):
        hit = any(name == n or name.startswith(n + ".") for n in self.names)
        return ModuleSpec(name, self, is_package=True) if hit else None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = _anything
        return module

    def exec_module(self, module):
        pass


def alone(package, folder, hollow):
    top = types.ModuleType(package)
    top.__path__ = [folder]  # its own __init__ would load the engine
    sys.modules[package] = top
    sys.meta_path.insert(0, Hollow(hollow))
PY
cd "$work" && venv/bin/python - <<'PY'
import asyncio
import time

import numpy as np
from lone import alone

alone("vllm", "vllm/vllm", "torch datasets soundfile cv2 PIL pybase64 transformers".split() + ["vllm." + part for
      part in "inputs lora multimodal tokenizers transformers_utils utils logger sampling_params".split()])
alone("sglang", "sglang/sglang", ["torch", "datasets", "PIL", "pybase64", "sglang.srt"])

import sglang.benchmark.serving as sglang_client
import vllm.benchmarks.serve as vllm_client

RATE, COUNT = 100.0, 20


async def last_departure(arrivals):
    start = time.perf_counter()
    async for _ in arrivals:
        left = time.perf_counter() - start
    return left


spans = {"vLLM": [], "SGLang": []}
for seed in range(12):
    for name, send in (("vLLM", vllm_client.get_request), ("SGLang", sglang_client.get_request)):
        np.random.seed(seed)
        spans[name].append(asyncio.run(last_departure(send([object()] * COUNT, RATE))))
for name, seen in spans.items():
    print(f"{name}: {COUNT} requests at {RATE:.0f} a second end after {min(seen):.3f} to {max(seen):.3f} s over 12 seeds")
assert all(0.199 < span < 0.24 for span in spans["vLLM"]), spans["vLLM"]
assert max(spans["SGLang"]) / min(spans["SGLang"]) > 1.5

# Lower burstiness is burstier: it is the shape of a gamma distribution, 1 / CV squared.
wait, real_sleep = [], asyncio.sleep


async def noted(seconds):
    wait.append(seconds)
    await real_sleep(0)


def spread(burstiness):
    """Coefficient of variation of the planned gaps, with the clock held still."""
    wait.clear()
    np.random.seed(0)
    now, clock = time.time(), vllm_client.time
    vllm_client.asyncio.sleep, clock.time, clock.perf_counter = noted, lambda: now, lambda: now
    try:
        asyncio.run(last_departure(vllm_client.get_request([object()] * 4000, RATE, burstiness)))
    finally:
        vllm_client.asyncio.sleep, clock.time, clock.perf_counter = real_sleep, REAL_TIME, REAL_COUNTER
    gaps = np.diff(wait)
    return float(gaps.std() / gaps.mean())


REAL_TIME, REAL_COUNTER = time.time, time.perf_counter
spreads = {b: spread(b) for b in (0.25, 1.0, 4.0)}
print("CV of the gaps by burstiness:", {b: round(s, 2) for b, s in spreads.items()})
assert all(abs(s * b**0.5 - 1) < 0.1 for b, s in spreads.items())
PY
