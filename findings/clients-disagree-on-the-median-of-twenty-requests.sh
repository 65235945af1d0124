#!/usr/bin/env bash
# The percentiles of NumPy, evalscope 1.14.1 and GuideLLM 0.8.1 are three figures for one and the same run.
#
# Guess: a median is a median, and a p99 differs between tools by noise only.
# So:    of 20 requests of 1 to 20 s, NumPy's interpolation (which the clients of vLLM and SGLang call)
#        says p50 10.5 and p99 19.81; evalscope takes the nearest rank, p50 10 and p99 20; GuideLLM
#        says p50 11 and p99 20. p99 of so few requests is their maximum in two of the three, and few
#        requests a level are usual in sweeps.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 pydantic==2.14.4 pydantic-settings==2.16.3 loguru==0.7.3 pyyaml==6.0.4
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
get evalscope==1.14.1
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
import importlib.util
import sys

import numpy as np
from lone import Hollow, alone

latencies = [float(second) for second in range(1, 21)]
seen = {"NumPy": {p: float(np.percentile(latencies, p)) for p in (50, 90, 99)}}

alone("guidellm", "guidellm/guidellm", "datasets torch transformers".split())
from guidellm.schemas.base.statistics import DistributionSummary

summary = DistributionSummary.from_values(list(latencies))
seen["GuideLLM"] = {50: summary.median, 90: summary.percentiles.p90, 99: summary.percentiles.p99}
assert summary.percentiles.p50 == summary.median

sys.meta_path.insert(0, Hollow(["evalscope", "tabulate"]))
spec = importlib.util.spec_from_file_location("db_util", "evalscope/evalscope/perf/utils/db_util.py")
db_util = importlib.util.module_from_spec(spec)
spec.loader.exec_module(db_util)
seen["evalscope"] = db_util.calculate_percentiles(list(latencies), [50, 90, 99])
for name, values in seen.items():
    print(f"{name}: " + ", ".join(f"p{p} {value:.2f}" for p, value in values.items()))
assert seen["NumPy"][50] == 10.5 and round(seen["NumPy"][99], 2) == 19.81
assert seen["evalscope"] == {50: 10.0, 90: 18.0, 99: 20.0}
assert seen["GuideLLM"] == {50: 11.0, 90: 18.0, 99: 20.0}, seen["GuideLLM"]
PY
