#!/usr/bin/env bash
# transformers 5.24.0: head_dim and num_key_value_heads of a DeepSeek-V3 configuration are no cache.
#
# Guess: KV cache of a token = 2 x layers x num_key_value_heads x head_dim, both read from the config.
# So:    the file has 128 KV heads and no head_dim. The class answers 64 for head_dim, which is the
#        rotary part of a head alone. Neither the formula with 64 (16,384 values a layer) nor that
#        with hidden_size / heads = 56 (14,336) nor real head widths (40,960) is what is kept:
#        one latent of kv_lora_rank + qk_rope_head_dim = 576 values for all heads. 25 to 71 times off.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q transformers==5.24.0
cd "$work" && HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python - <<'PY'
from pathlib import Path

import transformers

config = transformers.DeepseekV3Config()  # the class's own defaults are those of the 671B model
print({key: getattr(config, key) for key in ("num_hidden_layers", "hidden_size", "num_attention_heads",
      "num_key_value_heads", "head_dim", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank")})
heads = config.num_key_value_heads
guesses = {
    "2 x KV heads x head_dim": 2 * heads * config.head_dim,
    "2 x KV heads x hidden / heads": 2 * heads * (config.hidden_size // config.num_attention_heads),
    "KV heads x (key + value widths)": heads * (config.qk_nope_head_dim + config.qk_rope_head_dim + config.v_head_dim),
}
latent = config.kv_lora_rank + config.qk_rope_head_dim
for name, values in guesses.items():
    print(f"{name}: {values:,} values a token and layer, {values / latent:.0f} times the latent's {latent}")
assert config.head_dim == config.qk_rope_head_dim == 64 and heads == 128
assert list(guesses.values()) == [16384, 14336, 40960] and latent == 576
assert "head_dim" not in transformers.PreTrainedConfig().to_dict()

# What the class's attention hands to the cache: its one narrow projection, in two parts.
code = Path(transformers.__file__).with_name("models") / "deepseek_v3" / "modeling_deepseek_v3.py"
text = code.read_text()
assert "torch.split(compressed_kv, [self.kv_lora_rank, self.qk_rope_head_dim], dim=-1)" in text
assert ".update(kv_nope, k_rot, self.layer_idx" in text
assert transformers.__version__ == "5.24.0"
PY
