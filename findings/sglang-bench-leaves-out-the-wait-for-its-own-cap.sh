#!/usr/bin/env bash
# SGLang 0.5.23's client with a rate and a cap starts its clocks when the cap lets a request go.
#
# Guess: --request-rate 50 --max-concurrency 1 is open traffic, and TTFT and latency of an overloaded
#        server grow with the queue.
# So:    requests wait inside the client, and that wait is in no figure. A server that needs 160 ms a
#        request and is asked 50 times a second shows a TTFT of one step and the latency of an idle server; only
#        the run's length (and the rate that was reached, beside the one that was asked) tells.
#        Such a run is closed traffic at the cap, whatever request_rate says.
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

TOKENS, GAP_S, REFUSE_EVERY = 8, 0.02, 0
asked = []


class Server(BaseHTTPRequestHandler):
    """Speaks the chat protocol: eight tokens, 20 ms apart."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"data": [{"id": "toy"}]}')

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        asked.append(time.perf_counter())
        if REFUSE_EVERY and len(asked) % REFUSE_EVERY == 0:
            self.send_response(503)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for _ in range(TOKENS):
            time.sleep(GAP_S)
            chunk = {"choices": [{"index": 0, "delta": {"content": "a "}}]}
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


def bench(count, **extra):
    options = {"--backend": "vllm-chat", "--base-url": f"http://127.0.0.1:{server.server_port}", "--model": "toy",
               "--tokenizer": "toy", "--dataset-name": "random-ids", "--random-input-len": 16,
               "--random-output-len": TOKENS, "--random-range-ratio": 1, "--num-prompts": count,
               "--warmup-requests": 0, "--ready-check-timeout-sec": 0, "--output-file": "run.jsonl", **extra}
    sys.argv = ["bench_serving", "--disable-tqdm", *(str(word) for pair in options.items() for word in pair)]
    client.cli_main()
    return json.loads(Path("run.jsonl").read_text().splitlines()[-1])



COUNT, RATE = 16, 50
run = bench(COUNT, **{"--request-rate": RATE, "--max-concurrency": 1})
one_ms = 1000 * TOKENS * GAP_S
print(f">> asked {run['request_rate']:.0f} requests/s, reached {run['request_throughput']:.1f};"
      f" TTFT p99 {run['p99_ttft_ms']:.0f} ms, latency mean {run['mean_e2e_latency_ms']:.0f}, p99"
      f" {run['p99_e2e_latency_ms']:.0f} ms; the run took {run['duration']:.2f} s")
# Were the wait counted, the last of 16 would stand at about 16 x 160 - 16 / 50 s = 2.2 s.
counted = 1000 * (run["duration"] - COUNT / RATE)
print(f">> with the wait the last request took about {counted:.0f} ms")
assert run["request_rate"] == RATE and run["request_throughput"] < 0.2 * RATE and run["completed"] == COUNT
assert run["p99_e2e_latency_ms"] < 2.5 * one_ms and counted > 10 * one_ms
assert run["p99_ttft_ms"] < one_ms
assert not [key for key in run if "queue" in key or "wait" in key]
PY
