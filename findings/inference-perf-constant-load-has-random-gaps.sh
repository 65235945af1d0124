#!/usr/bin/env bash
# inference-perf 0.7.0's "constant" load arrives at random; its "poisson" load is even over seconds.
#
# Guess: load type "constant" at 10 a second sends a request every 0.1 s, and "poisson" is a Poisson
#        process, whose gaps are exponential.
# So:    "constant" draws exponential gaps and scales them so that they fill the stage: the gaps vary
#        as Poisson's do (CV 1, not 0), and no seed can be given. "poisson" draws how many requests
#        come in a second, and spreads them so that the last one comes at its end: every second that
#        has requests ends with one. What is called constant has the queues of a Poisson load.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6
"$work/venv/bin/pip" download -q --no-deps --only-binary=:all: --python-version 3.12 -d "$work/wheels" inference-perf==0.7.0
"$work/venv/bin/python" -m zipfile -e "$work"/wheels/*.whl "$work/client"
cd "$work" && venv/bin/python - <<'PY'
import sys
import types
from importlib import util

import numpy as np

# The timers' file alone: its only import of the package is a reader that is not used here.
reader = types.ModuleType("inference_perf.utils.trace_reader")
reader.TraceReader = object
sys.modules["inference_perf.utils.trace_reader"] = reader
for name in ("inference_perf", "inference_perf.utils"):
    sys.modules[name] = types.ModuleType(name)
spec = util.spec_from_file_location("load_timer", "client/inference_perf/loadgen/load_timer.py")
timers = util.module_from_spec(spec)
spec.loader.exec_module(timers)

RATE, SECONDS = 10.0, 400.0


def spread(gaps):
    return float(gaps.std() / gaps.mean())


constant = np.fromiter(timers.ConstantLoadTimer(RATE, SECONDS).start_timer(0.0), float)
print(f"constant: {len(constant)} requests, the last at {constant[-1]:.3f} s; CV of the gaps {spread(np.diff(constant)):.2f}")
assert abs(constant[-1] - SECONDS) < 1e-6
assert 0.9 < spread(np.diff(constant)) < 1.1

times = timers.PoissonLoadTimer(RATE, SECONDS).start_timer(0.0)
poisson = np.asarray([next(times) for _ in range(int(RATE * SECONDS))])
ends = int((np.abs(poisson - np.rint(poisson)) < 1e-6).sum())
print(f"poisson: {len(poisson)} requests; {ends} of them come at the end of one of {int(poisson[-1])} seconds")
assert ends >= int(poisson[-1]) - 1
PY
