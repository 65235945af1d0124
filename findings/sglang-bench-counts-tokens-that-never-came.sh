#!/usr/bin/env bash
# SGLang 0.5.23's client counts the tokens that it asked for, if the server does not say how many came.
#
# Guess: total_output_tokens, output_throughput and TPOT rest on what was received.
# So:    the client asks no stream for its usage (stream_options), and takes the asked length until a
#        usage block says otherwise. A server that sends none and ends early (it knows no ignore_eos)
#        makes throughput 12.5 times too high and TPOT 14 times too low here, all requests "successful".
#        total_output_tokens_retokenized and ITL, in the same file, are right.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 aiohttp==3.14.5 tqdm==4.70.1 transformers==5.24.0 tokenizers==0.23.3 jinja2==3.1.6 msgspec==0.23.0 orjson==3.13.0 requests==2.34.2
get() { # NAME==VERSION FOLDER: the Python files of the package's wheel, without what it depends on
    "$work/venv/bin/pip" download -q --no-deps --only-binary=:all: --python-version 3.11 -d "$work/wheels" "$1"
    "$work/venv/bin/python" - "$work"/wheels/*.whl "$work/${2:-${1%%==*}}" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.endswith(".py")])
PY
    rm -r "$work/wheels"
}
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
cd "$work" && HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python - <<'PY'
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lone import alone
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

ASKED, SENT, GAP_S = 100, 8, 0.02
bodies = []


class Server(BaseHTTPRequestHandler):
    """Speaks the chat protocol: eight tokens, 20 ms apart, and no usage unless it is asked for."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"data": [{"id": "toy"}]}')

    def do_POST(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        usage = {"prompt_tokens": 16, "completion_tokens": SENT, "total_tokens": 16 + SENT}
        chunks = [{"choices": [{"index": 0, "delta": {"content": "a "}}]}] * SENT
        if bodies[-1].get("stream_options", {}).get("include_usage"):
            chunks = [*chunks, {"choices": [], "usage": usage}]
        for chunk in chunks:
            time.sleep(GAP_S)
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
raw = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2, "c": 3}, unk_token="[UNK]"))
raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, unk_token="[UNK]")
tokenizer.chat_template = "{{ messages[0]['content'] }}"
tokenizer.save_pretrained("toy")

alone("sglang", "sglang/sglang", ["torch", "datasets", "PIL", "pybase64", "sglang.srt"])

import sglang.benchmark.serving as client

client.resolve_base_url = lambda url, *_: url


def bench(**extra):
    options = {"--backend": "vllm-chat", "--base-url": f"http://127.0.0.1:{server.server_port}", "--model": "toy",
               "--tokenizer": "toy", "--dataset-name": "random-ids", "--random-input-len": 16,
               "--random-output-len": ASKED, "--random-range-ratio": 1, "--num-prompts": 6, "--max-concurrency": 2,
               "--warmup-requests": 0, "--ready-check-timeout-sec": 0, "--output-file": "run.jsonl", **extra}
    sys.argv = ["bench_serving", "--disable-tqdm", *(str(word) for pair in options.items() for word in pair)]
    client.cli_main()
    return json.loads(Path("run.jsonl").read_text().splitlines()[-1])


plain = bench()
body = bodies[-1]
told = bench(**{"--extra-request-body": json.dumps({"stream_options": {"include_usage": True}})})
for name, run in (("as it is", plain), ("with usage asked for", told)):
    print(f">> {name}: completed {run['completed']}, output tokens {run['total_output_tokens']}, retokenised"
          f" {run['total_output_tokens_retokenized']}, TPOT {run['mean_tpot_ms']:.1f} ms, ITL {run['mean_itl_ms']:.1f} ms")
assert "stream_options" not in body and body["max_completion_tokens"] == ASKED and body["ignore_eos"] is True
assert plain["completed"] == told["completed"] == 6
assert plain["total_output_tokens"] == 6 * ASKED and plain["total_output_tokens_retokenized"] == 6 * SENT
assert plain["mean_tpot_ms"] < 0.15 * plain["mean_itl_ms"]
assert told["total_output_tokens"] == 6 * SENT and 0.8 < told["mean_tpot_ms"] / told["mean_itl_ms"] < 1.4
PY
