"""Errors as ``application/problem+json``: the sentences of the package, with a status."""

from __future__ import annotations

import json
import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from guide_ml.errors import BadArtefact, BadStore, GuideError, UnknownName

__all__ = ["Problem", "add_handlers", "problem", "problem_of"]

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The request cannot be read", 401: "A token is needed", 404: "There is no such thing",
    405: "Not in this way", 413: "Too much at once", 415: "A format that is not known",
    422: "That cannot be", 500: "A mistake of the service", 503: "Not now",
}  # fmt: skip
_KINDS = ("constrained-str", "str", "float", "int", "bool")
_MUST = {
    "float_type": "must be a number", "int_type": "must be a whole number",
    "int_from_float": "must be a whole number", "string_type": "must be text",
    "bool_type": "must be true or false", "list_type": "must be a list",
    "dict_type": "must be an object", "model_attributes_type": "must be an object",
    "model_type": "must be an object",
}  # fmt: skip
"""What a type must be, in words."""
_LOG = logging.getLogger("guide_ml.web")


class Problem(Exception):
    """What a request is answered with instead of what it asked for.

    Parameters
    ----------
    status : int
        HTTP status.
    detail : str
        One sentence: what must hold, what came, what to do.
    retry_s : int, optional
        Seconds after which trying again makes sense.
    """

    def __init__(self, status: int, detail: str, retry_s: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.retry_s = status, detail, retry_s


def problem(status: int, detail: str, retry_s: int | None = None, **more: Any) -> Response:
    """Write a problem."""
    body = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status,
            "detail": detail, **more}  # fmt: skip
    headers = {"Retry-After": str(retry_s)} if retry_s else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(json.dumps(body, ensure_ascii=False), status, headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """Return the problem that an error is."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UnknownName):
        return Problem(404, str(error))
    if isinstance(error, BadArtefact | BadStore):
        return Problem(503, str(error))
    if isinstance(error, GuideError):
        return Problem(422, str(error))
    _LOG.error("a request failed by a mistake of the service", exc_info=error)
    return Problem(500, "the service made a mistake; its log says which. Please report it to those"
                        " who run it")  # fmt: skip


def add_handlers(app: FastAPI) -> None:
    """Have every error of an app told as a problem."""

    async def told(request: Request, error: Exception) -> Response:
        found = problem_of(error)
        return problem(found.status, found.detail, found.retry_s)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = error.detail if error.status_code != 404 else (
            f"there is nothing at {request.url.path[:200]}; /openapi.json lists what there is")
        if error.status_code == 405:
            detail = f"{request.url.path[:200]} does not take {request.method}"
        return problem(error.status_code, detail)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return _invalid(error)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    for kind in (Problem, GuideError):
        app.add_exception_handler(kind, told)


def _invalid(error: RequestValidationError) -> Response:
    first, *more = error.errors()
    if first["type"] == "json_invalid":
        reason = first.get("ctx", {}).get("error", "it is broken")
        return problem(400, f"the body must be a JSON object: {reason}")
    fields = list(dict.fromkeys(_named(one["loc"]) for one in (first, *more)))
    what = _sentence(first, fields[0])
    others = f" (and so are {', '.join(fields[1:4])})" if len(fields) > 1 else ""
    return problem(422, what + others, fields=fields[:50])


def _named(loc: Any) -> str:
    """Name a field without the kinds that it may be of: ``hardware/constrained-str``."""
    parts = [str(part) for part in loc[1:]]
    return "/".join(p for p in parts if not p.endswith("]") and p not in _KINDS) or "the body"


def _sentence(told: Any, name: str) -> str:
    if told["type"] == "missing":
        return f"{name} must be given"
    if told["type"] == "extra_forbidden":
        return f"{name} is not known here; /openapi.json lists what is"
    came = repr(told.get("input"))
    short = came if len(came) <= 80 else came[:77] + "..."
    reason = _MUST.get(told["type"], str(told["msg"]).replace("Input should", "must"))
    if name in ("hardware", "model"):
        reason = "must be a name or an object"
    return f"{name} {reason}; got {short}"
