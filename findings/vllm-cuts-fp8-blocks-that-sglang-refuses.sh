#!/usr/bin/env bash
# Qwen3-235B-A22B-FP8 over 8 GPUs: vLLM 0.33.0 starts, vLLM 0.27.1 and SGLang 0.5.23 refuse.
#
# Guess: a layout that cuts the 128 x 128 blocks of an fp8 checkpoint is refused by all engines, or by
#        none. Experts of 1,536 over 8 GPUs are 192 wide, which is no multiple of 128.
# So:    SGLang raises, and so did vLLM 0.27.1. vLLM 0.33.0 (0.32.0 too) cuts each block into blocks of
#        64 and goes on, with Triton's kernels alone; below 32 it raises as well. A rule of layouts needs
#        engine and version, and a run on the new one may be slower than tp 4 or expert parallelism.
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
get vllm==0.33.0 new
get vllm==0.27.1 old
get sglang==0.5.23
cd "$work" && venv/bin/python - <<'PY'
import ast
import math
from pathlib import Path
from types import SimpleNamespace


def function(folder, name):
    """The engine's own function, wherever it stands in the wheel, and the file's name."""
    for path in sorted(Path(folder).rglob("*.py")):
        text = path.read_text()
        if f"def {name}(" in text:
            found = next(n for n in ast.walk(ast.parse(text)) if getattr(n, "name", "") == name)
            return found, path
    return None, None


def layer(wide, gpus):
    return SimpleNamespace(intermediate_size_per_partition=wide // gpus, tp_size=gpus, hidden_dim=4096)


source, path = function("new/vllm", "refine_fp8_moe_block_shape")
print("vLLM 0.33.0:", path.name)
around = {"math": math, "FusedMoEConfig": object}
exec(compile(ast.Module([source], []), path.name, "exec"), around)
refine = around["refine_fp8_moe_block_shape"]
for gpus in (4, 8, 16, 64):
    print(f"  1,536 over {gpus} GPUs is {1536 // gpus}: blocks of", refine(layer(1536, gpus), [128, 128]))
assert refine(layer(1536, 4), [128, 128]) is None  # nothing is cut
assert refine(layer(1536, 8), [128, 128]) == [64, 64]
assert refine(layer(1536, 64), [128, 128]) is None  # 24: too narrow, the check below raises

assert function("old/vllm", "refine_fp8_moe_block_shape") == (None, None)
for name, file in (("vLLM 0.27.1", "old/vllm/model_executor/layers/quantization/fp8.py"),
                   ("SGLang 0.5.23", "sglang/sglang/srt/layers/quantization/fp8.py")):
    lines = [line.strip() for line in Path(file).read_text().splitlines()]
    at = [i for i, line in enumerate(lines)
          if line == "if intermediate_size_per_partition % block_n != 0:" and lines[i + 1] == "raise ValueError("]
    print(f"{name}: {len(at)} checks that raise where a slice is no multiple of the block")
    assert at
PY
