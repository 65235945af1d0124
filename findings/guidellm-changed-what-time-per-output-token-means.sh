#!/usr/bin/env bash
# time_per_output_token_ms of GuideLLM 0.3.1 and 0.8.1 is one name for two quantities, neither the TPOT.
#
# Guess: it is the TPOT that other clients write: (last token - first token) / (tokens - 1).
# So:    0.3.1 divides that time by all tokens (a little low). 0.8.1 divides the whole time since the
#        request began, prefill included: 71 ms instead of 10 for 8 tokens after a TTFT of 500 ms.
#        inter_token_latency_ms is the TPOT of other clients in both.
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
get guidellm==0.3.1 guidellm-0.3.1
get guidellm==0.8.1 guidellm-0.8.1
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
import sys

from lone import alone

first, last, end, tokens = 1000.50, 1000.57, 1000.57, 8  # asked at 1000.00: TTFT 500 ms, then 10 ms a token


def old():
    alone("guidellm", "guidellm-0.3.1/guidellm", HOLLOW)
    from guidellm.benchmark.benchmark import GenerativeTextResponseStats

    return GenerativeTextResponseStats.model_construct(prompt_tokens=100, output_tokens=tokens, start_time=1000.0,
        end_time=end, first_token_time=first, last_token_time=last)


def new():
    alone("guidellm", "guidellm-0.8.1/guidellm", HOLLOW)
    from guidellm.schemas.base import RequestInfo, RequestTimings, UsageMetrics
    from guidellm.schemas.base.request_stats import GenerativeRequestStats

    timings = RequestTimings(resolve_start=1000.0, request_start=1000.0, first_token_iteration=first,
        last_token_iteration=last, request_end=end, resolve_end=end, token_iterations=tokens)
    return GenerativeRequestStats(request_id="one", info=RequestInfo(timings=timings, status="completed"),
        input_metrics=UsageMetrics(text_tokens=100), output_metrics=UsageMetrics(text_tokens=tokens))


HOLLOW = "datasets torch transformers PIL httpx ftfy guidellm.dataset guidellm.preprocess".split()
seen = {}
for name, make in (("0.3.1", old), ("0.8.1", new)):
    one = make()
    seen[name] = one.time_per_output_token_ms, one.inter_token_latency_ms, one.time_to_first_token_ms
    print(f"GuideLLM {name}: time_per_output_token_ms {seen[name][0]:.2f}, inter_token_latency_ms"
          f" {seen[name][1]:.2f}, time_to_first_token_ms {seen[name][2]:.0f}; TPOT elsewhere {70 / 7:.2f}")
    for module in [m for m in sys.modules if m.split(".")[0] == "guidellm"]:
        del sys.modules[module]
assert abs(seen["0.3.1"][0] - 70 / 8) < 0.01 and abs(seen["0.8.1"][0] - 570 / 8) < 0.01
assert all(abs(s[1] - 10) < 0.01 and abs(s[2] - 500) < 0.01 for s in seen.values())
PY
