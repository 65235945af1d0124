"""An OpenAI server on loopback with known times: the first token after 200 ms, then one each 30.

It stands alone, so that it runs beside any client: ``python mock_server.py`` prints its port.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FIRST_S, NEXT_S = 0.2, 0.03
MODEL = "meta-llama/Llama-3.1-8B-Instruct"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path == "/book":
            self._reply(b"one two three four five six seven eight nine ten. " * 4000, "text/plain")
            return
        self._answer({"object": "list", "data": [{"id": MODEL, "object": "model"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        tokens = int(asked.get("max_completion_tokens") or asked.get("max_tokens") or 16)
        prompt = asked.get("prompt") or " ".join(str(m["content"]) for m in asked["messages"])
        inside = len(prompt.split()) if isinstance(prompt, str) else len(prompt)
        usage = {"prompt_tokens": inside, "completion_tokens": tokens,
                 "total_tokens": inside + tokens}  # fmt: skip
        chat = "chat" in self.path
        if not asked.get("stream"):
            time.sleep(FIRST_S + NEXT_S * (tokens - 1))
            self._answer(_chunk(chat, "a" * tokens, False) | {"usage": usage})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        start = time.perf_counter()
        for place in range(tokens):
            time.sleep(max(0.0, start + FIRST_S + NEXT_S * place - time.perf_counter()))
            self._event(_chunk(chat, chr(97 + place % 26), True))
        self._event(_chunk(chat, "", True, "length") | {"usage": usage})
        self._send(b"data: [DONE]\n\n")
        self._send(b"")

    def _event(self, found: dict[str, Any]) -> None:
        self._send(b"data: " + json.dumps(found).encode() + b"\n\n")

    def _send(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _answer(self, found: dict[str, Any]) -> None:
        self._reply(json.dumps(found).encode(), "application/json")

    def _reply(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _chunk(chat: bool, text: str, part: bool, reason: str | None = None) -> dict[str, Any]:
    said = {"delta" if part else "message": {"role": "assistant", "content": text}}
    choice = {"index": 0, "finish_reason": reason, **(said if chat else {"text": text})}
    return {"id": "1", "model": MODEL, "created": 0, "choices": [choice],
            "object": "chat.completion.chunk" if chat else "text_completion"}  # fmt: skip


def serve() -> ThreadingHTTPServer:
    """Make a server on a free port of loopback; the caller runs and closes it."""
    return ThreadingHTTPServer(("127.0.0.1", 0), _Handler)


if __name__ == "__main__":
    server = serve()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
