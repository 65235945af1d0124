#!/usr/bin/env bash
# vLLM 0.33.0 gives an A100 of 80 GB a quarter of the step of an H100 of 80 GB, by its name.
#
# Guess: one default for max_num_batched_tokens and max_num_seqs (2,048 or 8,192; 256 or 1,024), or one by
#        the size of the memory.
# So:    the server takes 8,192 tokens a step and 1,024 sequences from 70 GiB on, unless the device's name
#        holds "a100" or it is a GB10: then 2,048 and 256. From 160 GiB on it takes 16,384. The LLM class (offline
#        benchmarks) takes other figures than the server on the same GPU. An A100 and an H100, or a
#        served and an offline run, are not compared under the same settings unless these are given.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
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
cd "$work" && venv/bin/python - <<'PY'
import ast
import enum
import sys
import types
from pathlib import Path

# The engine's own function, taken out of its file, with a device of ours in place of the platform.
source = Path("vllm/vllm/engine/arg_utils.py").read_text()
engine = next(n for n in ast.parse(source).body if isinstance(n, ast.ClassDef) and n.name == "EngineArgs")
chosen = next(n for n in engine.body if isinstance(n, ast.FunctionDef) and n.name == "get_batch_defaults")
UsageContext = enum.Enum("UsageContext", ["LLM_CLASS", "OPENAI_API_SERVER"])
usage = types.ModuleType("vllm.usage.usage_lib")
usage.UsageContext = UsageContext
sys.modules |= {"vllm": types.ModuleType("vllm"), "vllm.usage": types.ModuleType("vllm.usage"), usage.__name__: usage}


class Device:
    def __init__(self, name, gib, capability):
        self.name, self.gib, self.capability = name, gib, capability

    def get_device_total_memory(self):
        return int(self.gib * 2**30)

    def get_device_name(self):
        return self.name

    def is_device_capability(self, wanted):
        return self.capability == wanted

    def is_tpu(self):
        return False

    is_cpu = is_tpu


def defaults(device):
    around = {"UsageContext": UsageContext, "GiB_bytes": 2**30, "current_platform": device}
    exec(compile(ast.Module([chosen], []), "arg_utils.py", "exec"), around)
    tokens, requests = around["get_batch_defaults"].__func__(None, 1)
    return tuple(table[use] for use in (UsageContext.OPENAI_API_SERVER, UsageContext.LLM_CLASS)
                 for table in (tokens, requests))


seen = {}
for device in (Device("NVIDIA L40S", 44.4, (8, 9)), Device("NVIDIA A100-SXM4-80GB", 79.25, (8, 0)),
               Device("NVIDIA H100 80GB HBM3", 79.1, (9, 0)), Device("NVIDIA H200", 139.8, (9, 0)),
               Device("NVIDIA GB10", 121.7, (12, 1)), Device("AMD Instinct MI300X", 191.98, (9, 4))):
    seen[device.name] = defaults(device)
    server, offline = seen[device.name][:2], seen[device.name][2:]
    print(f"{device.name}, {device.gib} GiB: server {server[0]:,} tokens a step, {server[1]:,} requests;"
          f" LLM class {offline[0]:,} and {offline[1]:,}")
assert seen["NVIDIA A100-SXM4-80GB"] == seen["NVIDIA GB10"] == seen["NVIDIA L40S"] == (2048, 256, 8192, 256)
assert seen["NVIDIA H100 80GB HBM3"] == seen["NVIDIA H200"] == (8192, 1024, 16384, 1024)
assert seen["AMD Instinct MI300X"] == (16384, 1024, 16384, 1024)
PY
