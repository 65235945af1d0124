#!/usr/bin/env bash
# "Peak concurrent requests" and "Peak output token throughput" of vLLM 0.33.0 and SGLang 0.5.23 are no peaks.
#
# Guess: the first is at most --max-concurrency, and tells the concurrency that was reached. The second
#        is at least the mean throughput.
# So:    the first counts every request that was alive at some time within a whole second: 4 clients
#        with answers of 0.2 s give 24. The second counts stream chunks, not tokens, by the second:
#        with three tokens a chunk (drafts, batched streams) the "peak" is below the mean.
#        SGLang's "concurrency" beside them is the real mean; vLLM's max_concurrency is what was asked.
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
import contextlib
import io

from lone import alone

alone("vllm", "vllm/vllm", "torch datasets soundfile cv2 PIL pybase64 transformers".split() + ["vllm." + part for
      part in "inputs lora multimodal tokenizers transformers_utils utils logger sampling_params".split()])
alone("sglang", "sglang/sglang", ["torch", "datasets", "PIL", "pybase64", "sglang.srt"])

import sglang.benchmark.serving as sglang_client
import vllm.benchmarks.serve as vllm_client
from sglang.benchmark.datasets.common import DatasetRow

# 40 requests of 4 clients, one after the other: first chunk after 50 ms, three more 50 ms apart, 12 tokens.
CLIENTS, TOKENS, GAPS = 4, 12, [0.05] * 3
facts = [dict(success=True, start_time=0.2 * (i // CLIENTS), ttft=0.05, itl=list(GAPS), latency=0.2) for i in range(40)]
seconds = 2.0


class Tokenizer:
    def encode(self, text, add_special_tokens=False):
        return [0] * TOKENS


with contextlib.redirect_stdout(io.StringIO()):
    ours = [vllm_client.RequestFuncOutput(**f, output_tokens=TOKENS, prompt_len=100) for f in facts]
    vllm, _ = vllm_client.calculate_metrics([], ours, seconds, None, [50, 99], {})
    ours = [sglang_client.RequestFuncOutput(**f, output_len=TOKENS, prompt_len=100) for f in facts]
    sglang, _ = sglang_client.calculate_metrics(None, ours, seconds, Tokenizer(), "vllm")
for name, m in (("vLLM", vllm), ("SGLang", sglang)):
    print(f"{name}: cap {CLIENTS}, peak concurrent requests {m.max_concurrent_requests};"
          f" mean {m.output_throughput:.0f} tok/s, peak {m.max_output_tokens_per_s:.0f};"
          f" TPOT {m.mean_tpot_ms:.1f} ms, ITL {m.mean_itl_ms:.1f} ms")
    assert m.max_concurrent_requests == 24 > CLIENTS
    assert m.max_output_tokens_per_s == 80 < m.output_throughput == 240
    assert abs(m.mean_tpot_ms - 150 / 11) < 0.01 and abs(m.mean_itl_ms - 50) < 0.01  # by token, by chunk
print(f"SGLang's concurrency: {sglang.concurrency:.2f}")
assert abs(sglang.concurrency - CLIENTS) < 0.01 and not hasattr(vllm, "concurrency")
PY
