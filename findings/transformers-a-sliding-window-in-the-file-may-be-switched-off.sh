#!/usr/bin/env bash
# transformers 5.24.0: a sliding_window in a Qwen2 configuration holds for no layer, or for the last few.
#
# Guess: "sliding_window": 4096 means that each layer keeps 4,096 tokens (as in Mistral v0.1), and
#        max_window_layers is how many layers have one.
# So:    with use_sliding_window false (as the files are published) the value is dropped and every
#        layer is full. With true, the first max_window_layers layers are full and those after
#        them have the window: 28 of 32 is 4 windowed layers, not 28.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q transformers==5.24.0
cd "$work" && HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python - <<'PY'
import json, pathlib

import transformers

shape = dict(hidden_size=4096, num_attention_heads=32, num_key_value_heads=8, num_hidden_layers=32,
             intermediate_size=11008, sliding_window=4096, max_window_layers=28)


def read(**more):
    pathlib.Path("config.json").write_text(json.dumps(shape | more))
    config = transformers.AutoConfig.from_pretrained(".")
    layers = getattr(config, "layer_types", None)
    windowed = [] if layers is None else [i for i, kind in enumerate(layers) if kind == "sliding_attention"]
    return config.sliding_window, windowed


off = read(model_type="qwen2", use_sliding_window=False)
unsaid = read(model_type="qwen2")
on = read(model_type="qwen2", use_sliding_window=True)
mistral = read(model_type="mistral")
print("Qwen2, use_sliding_window false:", off, "- left out:", unsaid)
print("Qwen2, use_sliding_window true: window", on[0], "in layers", on[1])
print("Mistral, same keys: window", mistral[0], "in every layer")
assert off == unsaid == (None, []) and on == (4096, [28, 29, 30, 31]) and mistral[0] == 4096

tokens, wide = 32768, 2 * 8 * 128 * 2  # bytes of a token and layer in 16 bits
kept = lambda windowed: sum(min(tokens, 4096) if i in windowed else tokens for i in range(32)) * wide / 2**30
print(f"KV of 32,768 tokens: off {kept([]):.2f} GiB, on {kept(on[1]):.2f}, if 28 had it {kept(range(28)):.2f}")
assert (kept([]), kept(on[1]), kept(range(28))) == (4.0, 3.5625, 0.9375)
assert transformers.__version__ == "5.24.0"
PY
