#!/usr/bin/env bash
# transformers 5.24.0: a config.json without num_key_value_heads or head_dim means what its class says.
#
# Guess: left out, num_key_value_heads equals num_attention_heads and head_dim is
#        hidden_size / num_attention_heads, as the Llama class has it.
# So:    each class has a default of its own: 8 KV heads in Mistral and Mixtral, 4 in Qwen3-MoE,
#        Gemma 2 and SmolLM3, 2 in StarCoder 2, GLM and ERNIE 4.5; heads of 128 in Qwen3 but
#        hidden / heads in Qwen3-MoE, 256 in Gemma, 64 in gpt-oss. The KV cache of one and the same
#        file differs up to 16 times by model_type. tie_word_embeddings, too, is true in some.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q transformers==5.24.0
cd "$work" && HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python - <<'PY'
import json, pathlib

import transformers

shape = dict(hidden_size=4096, num_attention_heads=32, num_hidden_layers=32, intermediate_size=11008)
seen = {}
for kind in ("llama", "qwen2", "phi3", "mistral", "mixtral", "qwen3", "qwen3_moe", "gemma", "gemma2",
             "smollm3", "starcoder2", "glm4", "ernie4_5", "gpt_oss"):
    pathlib.Path("config.json").write_text(json.dumps(shape | {"model_type": kind}))
    config = transformers.AutoConfig.from_pretrained(".")
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    seen[kind] = config.num_key_value_heads, width, config.tie_word_embeddings
    cache = 2 * 2 * config.num_hidden_layers * config.num_key_value_heads * width
    print(f"{kind:>10}: {seen[kind][0]:>2} KV heads of {width}, {cache / 1024:.0f} KiB of 16-bit KV a token,"
          f" embeddings tied: {seen[kind][2]}")
expected = dict(llama=(32, 128, False), qwen2=(32, 128, False), phi3=(32, 128, False), mistral=(8, 128, False),
                mixtral=(8, 128, False), qwen3=(32, 128, False), qwen3_moe=(4, 128, False), gemma=(16, 256, True),
                gemma2=(4, 256, True), smollm3=(4, 128, True), starcoder2=(2, 128, True), glm4=(2, 128, False),
                ernie4_5=(2, 128, True), gpt_oss=(8, 64, False))
assert seen == expected, seen
assert transformers.Qwen3Config(hidden_size=2048, num_attention_heads=32).head_dim == 128
assert getattr(transformers.Qwen3MoeConfig(hidden_size=2048, num_attention_heads=32), "head_dim", None) is None
print("hidden 2048, 32 heads: Qwen3 has heads of 128, Qwen3-MoE names none (64)")
assert transformers.__version__ == "5.24.0"
PY
