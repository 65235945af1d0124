#!/usr/bin/env bash
# MLX 0.32.4: "4-bit" is 4.5 or 5 bits a weight by the model's dtype, and the file's elements are no parameters.
#
# Guess: 4-bit weights take half a byte, and the element counts in a safetensors header add up to the
#        parameters.
# So:    each group of 64 keeps a scale and a bias in the dtype that the model had: 4.5 bits from
#        bfloat16, 5.0 from float32 (3-bit: 3.5 or 4.0). mxfp4 takes 4.25 and nvfp4 4.5 whatever the
#        dtype. The weights lie packed in 32-bit integers, so that the header's elements are 6.4 times fewer than
#        the parameters; for nvfp4 5.3 times. Embeddings are packed like the rest.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q 'mlx[cpu]==0.32.4'
cd "$work" && venv/bin/python - <<'PY'
import json
import math
from importlib.metadata import version
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(1024, 256)
        self.up = nn.Linear(256, 512, bias=False)


PARAMETERS = 1024 * 256 + 256 * 512


def measure(dtype, **how):
    model = Model()
    model.set_dtype(dtype)
    nn.quantize(model, **how)
    mx.save_safetensors("model.safetensors", dict(tree_flatten(model.parameters())))
    raw = Path("model.safetensors").read_bytes()
    tensors = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    tensors.pop("__metadata__", None)
    size = sum(end - begin for begin, end in (t["data_offsets"] for t in tensors.values()))
    elements = sum(math.prod(t["shape"]) for t in tensors.values())
    assert {t["dtype"] for name, t in tensors.items() if name.endswith("weight")} == {"U32"}
    return 8 * size / PARAMETERS, PARAMETERS / elements


seen = {}
for name, how in {"4 bits": dict(bits=4), "3 bits": dict(bits=3), "mxfp4": dict(mode="mxfp4"),
                  "nvfp4": dict(mode="nvfp4")}.items():
    for dtype in (mx.bfloat16, mx.float32):
        seen[name, str(dtype)] = bits, fewer = measure(dtype, **how)
        print(f"{name} from {str(dtype).split('.')[-1]}: {bits:.3f} bits a weight, elements {fewer:.1f} times fewer")
bits = {f"{name} {dtype.split('.')[-1]}": value[0] for (name, dtype), value in seen.items()}
assert bits == {"4 bits bfloat16": 4.5, "4 bits float32": 5.0, "3 bits bfloat16": 3.5, "3 bits float32": 4.0,
                "mxfp4 bfloat16": 4.25, "mxfp4 float32": 4.25, "nvfp4 bfloat16": 4.5, "nvfp4 float32": 4.5}, bits
assert all(fewer > 5 for _, fewer in seen.values()) and version("mlx") == "0.32.4"
PY
