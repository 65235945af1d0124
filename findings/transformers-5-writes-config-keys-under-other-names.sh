#!/usr/bin/env bash
# transformers 5.24.0 reads torch_dtype, rope_theta and rope_scaling, and writes other keys.
#
# Guess: a config.json that was loaded and saved again (a fine-tune, a quantised copy) keeps its keys.
# So:    torch_dtype comes out as dtype; rope_theta and rope_scaling come out inside rope_parameters,
#        and config.rope_theta is no attribute any more. A reader that looks for the old names finds no precision
#        (and takes 32 bits, twice the weights) and no scaling (and takes a shorter context).
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q transformers==5.24.0
cd "$work" && HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python - <<'PY'
import json, pathlib

import transformers

scaling = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
published = dict(model_type="qwen2", hidden_size=1024, num_attention_heads=16, num_key_value_heads=2,
                 num_hidden_layers=24, intermediate_size=2816, vocab_size=151936, max_position_embeddings=32768,
                 torch_dtype="bfloat16", rope_theta=1000000.0, rope_scaling=scaling)
pathlib.Path("config.json").write_text(json.dumps(published))
config = transformers.AutoConfig.from_pretrained(".")
config.save_pretrained("again")
saved = json.loads(pathlib.Path("again/config.json").read_text())
gone = sorted(set(published) - set(saved))
print("gone after loading and saving:", gone)
print("there instead: dtype", saved["dtype"], "and rope_parameters", saved["rope_parameters"])
print("attributes left:", {name: hasattr(config, name) for name in gone})
assert gone == ["rope_scaling", "rope_theta", "torch_dtype"] and saved["dtype"] == "bfloat16"
assert saved["rope_parameters"] == scaling | {"rope_theta": 1000000.0}
assert not hasattr(config, "rope_theta")
assert saved["max_position_embeddings"] == 32768  # the scaled length stands nowhere
assert transformers.__version__ == "5.24.0"
PY
