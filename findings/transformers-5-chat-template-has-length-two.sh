#!/usr/bin/env bash
# transformers 5.24.0: len(tokenizer.apply_chat_template(messages)) is 2 for every prompt.
#
# Guess: it returns the token ids (as up to version 4), so that its length is the prompt's.
# So:    it returns a mapping of input_ids and attention_mask. A script that counts prompt tokens so
#        writes input_len 2 for a prompt of any length, without an error. Rendering first and
#        counting the text counts the start token twice when template and tokenizer both add it.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q transformers==5.24.0 tokenizers==0.23.3 jinja2==3.1.6
cd "$work" && HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python - <<'PY'
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

words = {"<s>": 0, "[UNK]": 1, "user": 2, "a": 3, "b": 4}
raw = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>", unk_token="[UNK]")
tokenizer.chat_template = "{{ bos_token }} {% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}"

for length in (10, 1000):
    chat = [{"role": "user", "content": "a b " * (length // 2)}]
    given = tokenizer.apply_chat_template(chat)
    text = tokenizer.apply_chat_template(chat, tokenize=False)
    again = tokenizer(text)["input_ids"]
    print(f"{length} words: len() {len(given)} ({type(given).__name__} of {list(given)}),"
          f" tokens {len(given['input_ids'])}, of the rendered text {len(again)}")
    assert len(given) == 2 and len(given["input_ids"]) == length + 2
    assert len(again) == length + 3 and again[:2] == [0, 0]
assert transformers.__version__ == "5.24.0"
PY
