"""What stands before every address: token, size and time of bodies, counts, headers."""

from __future__ import annotations

import asyncio
import hmac
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guide_ml.web import metrics
from guide_ml.web.problems import problem
from guide_ml.web.settings import Settings

__all__ = ["Guard"]

MB = 1e6
#: Largest JSON object, MB; tables may be as large as the settings say.
JSON_MB = 1.0
#: Addresses that need no token: the page's own files, and whether the service lives.
OPEN = ("/", "/healthz", "/favicon.ico")
TABLES = ("/v1/score",)
HEADERS = {
    b"x-content-type-options": b"nosniff", b"referrer-policy": b"no-referrer",
    b"x-frame-options": b"DENY",
    b"content-security-policy": b"default-src 'self'; style-src 'self' 'unsafe-inline';"
    b" img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}  # fmt: skip


class TooSlow(Exception):
    """A body did not arrive in time."""


class TooLarge(Exception):
    """A body is larger than is allowed."""


class Gone(Exception):
    """The client went away before its body was there."""


class Guard:
    """ASGI middleware that reads a body whole, within its limits, before anything else runs.

    Parameters
    ----------
    app : ASGI application
    settings : Settings
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), [0]

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                message = {**message, "headers": [*message["headers"], *HEADERS.items()]}
            await send(message)

        try:
            await self._guarded(scope, receive, told)
        finally:
            path = _template(scope)
            metrics.REQUESTS.labels(_method(scope), path, str(status[0])).inc()
            metrics.SECONDS.labels(path).observe(time.perf_counter() - began)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if not self._may(scope["path"], headers.get(b"authorization", b"")):
            await problem(401, "this service needs a token: send Authorization: Bearer TOKEN")(
                scope, receive, send)  # fmt: skip
            return
        most = self._most(scope["path"])
        try:
            body = await self._body(receive, headers, most)
        except TooLarge:
            refused = problem(413, f"the body must be {most / MB:g} MB or less: send less at once")
        except TooSlow:
            refused = problem(400, f"the body must arrive within {self._settings.body_s:g} s")
        except Gone:
            return
        else:
            await self._app(scope, _Replay(body, receive), send)
            return
        await refused(scope, receive, send)

    def _may(self, path: str, sent: bytes) -> bool:
        token = self._settings.token
        if token is None or path in OPEN or path.startswith("/static/"):
            return True
        return hmac.compare_digest(sent, f"Bearer {token}".encode())

    def _most(self, path: str) -> float:
        most = self._settings.max_body_mb
        return (most if path in TABLES else min(JSON_MB, most)) * MB

    async def _body(self, receive: Receive, headers: dict[bytes, bytes], most: float) -> bytes:
        told = headers.get(b"content-length", b"")
        if told.isdigit() and int(told) > most:
            raise TooLarge
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._settings.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Gone
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise TooLarge
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError as error:
            raise TooSlow from error


class _Replay:
    """Hands a body over that was read already, then what the client does next."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


def _template(scope: Scope) -> str:
    """Return the address as it was declared, so that names do not make counters without end."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", "other"))


def _method(scope: Scope) -> str:
    known = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH")
    return scope["method"] if scope["method"] in known else "other"
