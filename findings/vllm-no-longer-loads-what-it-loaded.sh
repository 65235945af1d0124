#!/usr/bin/env bash
# A newer vLLM serves fewer models and formats than an older one: 0.33.0 against 0.19.0.
#
# Guess: what an engine served in one version, it serves in all later ones, so a table of measured runs
#        or a guide of last year still starts.
# So:    0.33.0 refuses dozens of architectures that it once loaded, each with the last version that
#        does (QWen, Baichuan, InternLM and MiniMax-M1 0.23.0, Aquila and Grok-1 0.24.0, MPT 0.28.0), and knows
#        no --quantization bitsandbytes or gguf. State the version of a run, and ask it of the version.
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
get vllm==0.19.0 old
cd "$work" && venv/bin/python - <<'PY'
import ast
import re
from pathlib import Path


def tables(folder):
    """Architectures that load, those that did with their last version, and names of --quantization."""
    tree = ast.parse(Path(folder, "vllm/model_executor/models/registry.py").read_text())
    named = {t.id: n.value for n in tree.body if isinstance(n, ast.Assign) for t in n.targets
             if isinstance(t, ast.Name)}
    loads = {ast.literal_eval(k) for name, table in named.items() if name.endswith("_MODELS")
             and isinstance(table, ast.Dict) and not name.startswith(("_PREVIOUSLY", "_OOT"))
             for k in table.keys if k is not None}
    gone = ast.literal_eval(named["_PREVIOUSLY_SUPPORTED_MODELS"])
    text = Path(folder, "vllm/model_executor/layers/quantization/__init__.py").read_text()
    methods = re.search(r"QuantizationMethods = Literal\[(.*?)\n\]", text, re.S).group(1)
    return loads, gone, set(re.findall(r'^\s*"([\w-]+)"', methods, re.M))


old_loads, _, old_methods = tables("old")
new_loads, gone, new_methods = tables("new")
lost = {name: last for name, last in gone.items() if name in old_loads and name not in new_loads}
print(f"{len(lost)} architectures load in 0.19.0 and not in 0.33.0:")
for last in sorted(set(lost.values())):
    print(f"  up to {last}:", ", ".join(sorted(n for n, v in lost.items() if v == last)))
print("--quantization lost:", ", ".join(sorted(old_methods - new_methods)))
assert len(lost) >= 20
assert lost["BaichuanForCausalLM"] == "0.23.0" and lost["AquilaForCausalLM"] == "0.24.0"
assert "bitsandbytes" in old_methods - new_methods
assert "gguf" in old_methods - new_methods
PY
