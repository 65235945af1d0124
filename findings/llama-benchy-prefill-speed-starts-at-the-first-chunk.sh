#!/usr/bin/env bash
# llama-benchy 0.4.0 takes prefill speed from the first stream chunk, with or without a token in it.
#
# Guess: "pp t/s" is prompt tokens over the time to the first token.
# So:    it is prompt tokens over the time to the first response (less the network's latency). A server or a
#        gateway that opens the stream with a chunk that holds a role alone, before the prompt was
#        computed, gets a prefill speed many times too high: e2e_ttft beside it is right.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 aiohttp==3.14.5 pydantic==2.14.4 tabulate==0.10.0 jinja2==3.1.6 
get() { # NAME==VERSION FOLDER: the Python files of the package's wheel, without what it depends on
    "$work/venv/bin/pip" download -q --no-deps --only-binary=:all: --python-version 3.11 -d "$work/wheels" "$1"
    "$work/venv/bin/python" - "$work"/wheels/*.whl "$work/${2:-${1%%==*}}" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.endswith(".py")])
PY
    rm -r "$work/wheels"
}
get llama-benchy==0.4.0
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
cd "$work" && venv/bin/python - <<'PY'
import asyncio
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
from lone import alone

PROMPT, ANSWER, PREFILL_S = 2000, 8, 0.5


class Server(BaseHTTPRequestHandler):
    early = True  # whether the role is sent before the prompt was computed

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        chunks = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
        chunks += [{"choices": [{"index": 0, "delta": {"content": "a "}}]}] * ANSWER
        chunks += [{"choices": [], "usage": {"prompt_tokens": PROMPT, "completion_tokens": ANSWER}}]
        for place, chunk in enumerate(chunks):
            if place == (1 if Server.early else 0):
                time.sleep(PREFILL_S)
            elif place > 0:
                time.sleep(0.01)
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
alone("llama_benchy", "llama-benchy/llama_benchy", ["transformers"])
from llama_benchy.client import LLMClient
from llama_benchy.results import BenchmarkResults


async def one():
    client = LLMClient(f"http://127.0.0.1:{server.server_port}/v1", "none", "toy")
    async with aiohttp.ClientSession() as session:
        return await client.run_generation(session, "", "a " * PROMPT, ANSWER, False)


speed = {}
for Server.early in (False, True):
    results = BenchmarkResults()
    results.add("toy", PROMPT, ANSWER, 0, 1, [[asyncio.run(one())]], 0.0, PROMPT)
    run = results.runs[0]
    speed[Server.early] = run.pp_throughput.mean
    print(f"role sent {'early' if Server.early else 'with the first token'}: pp {run.pp_throughput.mean:,.0f} t/s,"
          f" ttfr {run.ttfr.mean:.0f} ms, e2e_ttft {run.e2e_ttft.mean:.0f} ms; {PROMPT / PREFILL_S:,.0f} t/s is true")
    assert 450 < run.e2e_ttft.mean < 900
assert 0.5 < speed[False] / (PROMPT / PREFILL_S) < 1.1 and speed[True] > 5 * speed[False]
PY
