#!/usr/bin/env bash
# GuideLLM 0.8.1's Poisson arrivals repeat each gap once for every worker process.
#
# Guess: strategy "poisson" sends as a Poisson process does: each gap is drawn anew, and the number of
#        requests in a time varies as its square root.
# So:    each worker process draws from a generator of its own, all with the same seed (42 unless told
#        otherwise), and adds to one common clock. With ten workers, which is what most machines get,
#        each gap comes about ten times: the gaps' spread is right (CV 1), but the counts in a time
#        vary about eight times as much (variance over mean, 1 for Poisson). Queues are longer than those
#        of the same rate from another client, and another number of workers is another traffic.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 pydantic==2.14.4 pydantic-settings==2.16.3 loguru==0.7.3 pyyaml==6.0.4 click==8.5.1 rich==15.0.0
get() { # NAME==VERSION FOLDER: the Python files of the package's wheel, without what it depends on
    "$work/venv/bin/pip" download -q --no-deps --only-binary=:all: --python-version 3.11 -d "$work/wheels" "$1"
    "$work/venv/bin/python" - "$work"/wheels/*.whl "$work/${2:-${1%%==*}}" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.endswith(".py")])
PY
    rm -r "$work/wheels"
}
get guidellm==0.8.1
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
cd "$work" && cat > run.py <<'PY'
import asyncio
import multiprocessing
import time

import sys
import types

import numpy as np
from lone import alone

alone("guidellm", "guidellm/guidellm", "datasets torch transformers PIL httpx ftfy".split())
sys.modules["guidellm.scheduler"] = types.ModuleType("guidellm.scheduler")
sys.modules["guidellm.scheduler"].__path__ = ["guidellm/guidellm/scheduler"]
from guidellm.scheduler.strategies import AsyncPoissonStrategy

RATE, EACH = 100.0, 400


def work(strategy, index, each, found):
    """Ask for the next time as a worker does, wait until then, and ask again."""
    async def ask():
        times = []
        for _ in range(each):
            due = await strategy.next_request_time(index)
            times.append(due)
            await asyncio.sleep(max(due - time.time(), 0.0))
        return times

    found.put(asyncio.run(ask()))


def arrivals(workers):
    context = multiprocessing.get_context("fork")
    strategy = AsyncPoissonStrategy(rate=RATE)
    strategy.init_processes_timings(worker_count=workers, max_concurrency=512, mp_context=context)
    found = context.Queue()
    all_of_them = [context.Process(target=work, args=(strategy, i, EACH * 10 // workers, found))
                   for i in range(workers)]
    for process in all_of_them:
        process.start()
    strategy.init_processes_start(start_time=time.time() + 1.0)
    times = np.sort(np.concatenate([found.get() for _ in all_of_them]))
    for process in all_of_them:
        process.join()
    return times


def dispersion(times, window=1.0):
    counts = np.bincount(((times - times[0]) / window).astype(int))[:-1]
    return float(counts.var() / counts.mean())


spread, uneven, distinct = {}, {}, {}
for workers in (1, 10):
    times = arrivals(workers)
    gaps = np.diff(times)
    spread[workers] = float(gaps.std() / gaps.mean())
    uneven[workers] = dispersion(times)
    distinct[workers] = len(np.unique(np.round(gaps, 6))) / len(gaps)
    print(f"{workers:2d} workers: {len(times)} requests, CV of the gaps {spread[workers]:.2f}, variance over mean of"
          f" the counts in a second {uneven[workers]:.2f}, gaps that are different {distinct[workers]:.0%}")
assert distinct[1] > 0.9
assert distinct[10] < 0.2
assert uneven[10] > 2.5 * uneven[1]
PY
venv/bin/python run.py
