#!/usr/bin/env bash
# --random-range-ratio of vLLM 0.33.0 and SGLang 0.5.23 is one flag with two meanings.
#
# Guess: "--random-input-len 1024 --random-output-len 1024", the rest as it is, sends 1,024 tokens in
#        both clients, which grew from one script.
# So:    the default is 0 in both. In vLLM 0 means exactly 1,024, and r means 1,024 x (1 - r) to
#        1,024 x (1 + r). In SGLang 0 means 1 to 1,024 (512 on average), r means r x 1,024 to 1,024,
#        and 1 means exactly. The file keeps the asked length: half the tokens, twice the "speed".
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
import argparse
import sys

import numpy as np
from lone import alone

alone("vllm", "vllm/vllm", "torch datasets soundfile cv2 PIL pybase64 transformers".split() + ["vllm." + part for
      part in "inputs lora multimodal tokenizers transformers_utils utils logger sampling_params".split()])
alone("sglang", "sglang/sglang", ["torch", "datasets", "PIL", "pybase64", "sglang.srt"])

import sglang.benchmark.serving as sglang_client
import vllm.benchmarks.datasets.datasets as vllm_data
from sglang.benchmark.datasets.common import compute_random_lens
from vllm.benchmarks.datasets.utils import get_sampling_params


class Tokenizer:  # one that adds no special tokens
    vocab_size = 1000

    def num_special_tokens_to_add(self):
        return 0


def vllm_lengths(ratio):
    drawn = get_sampling_params(np.random.default_rng(0), 4000, ratio, 1024, 1024, Tokenizer())
    return [(int(d.min()), int(d.max()), float(d.mean())) for d in drawn[:2]]


def sglang_lengths(ratio):
    np.random.seed(0)
    drawn = np.array(compute_random_lens(1024, ratio, 4000))
    return int(drawn.min()), int(drawn.max()), float(drawn.mean())


parser = argparse.ArgumentParser()
vllm_data.add_random_dataset_base_args(parser)
vllm_default = float(parser.parse_args([]).random_range_ratio)
asked = {}
sglang_client.run_benchmark = lambda args: asked.update(vars(args))
sys.argv = ["bench_serving"]
sglang_client.cli_main()
print("defaults: vLLM", vllm_default, "SGLang", asked["random_range_ratio"])
assert vllm_default == asked["random_range_ratio"] == 0.0
assert asked["random_input_len"] == asked["random_output_len"] == 1024

for ratio in (0.0, 0.5):
    print(f"ratio {ratio}: vLLM from, to, mean {vllm_lengths(ratio)[0]}, SGLang {sglang_lengths(ratio)}")
assert vllm_lengths(0.0) == [(1024, 1024, 1024.0)] * 2
low, high, mean = sglang_lengths(0.0)
assert low < 10 and high > 1000 and 490 < mean < 535
low, high, mean = vllm_lengths(0.5)[1]
assert low < 530 and high > 1500 and 1000 < mean < 1050
low, high, mean = sglang_lengths(0.5)
assert low >= 512 and high <= 1024 and 755 < mean < 780
assert sglang_lengths(1.0) == (1024, 1024, 1024.0)
try:
    vllm_lengths(1.0)
    raise SystemExit("vLLM took a ratio of 1")
except ValueError as error:
    print("ratio 1, SGLang's way to ask for exact lengths: vLLM says", error)
PY
