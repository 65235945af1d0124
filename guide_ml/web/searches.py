"""Addresses that may take seconds: search, sweep, plan. They stream, and end when cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from guide_ml.planning import choices, plan
from guide_ml.searching import search, sweep
from guide_ml.web.bodies import CapacityBody, PlanBody, SearchBody, SweepBody
from guide_ml.web.by_value import traffic
from guide_ml.web.plain import answer, text
from guide_ml.web.problems import Problem, problem_of
from guide_ml.web.public import public
from guide_ml.web.replies import AnswerReply, FoundReply, RowsReply
from guide_ml.web.routes import PROBLEMS, state
from guide_ml.web.values import prices, settled
from guide_ml.web.work import Stop, Stopped

__all__ = ["later", "router"]

STREAM = "text/event-stream"
TICK_S = 0.15
router = APIRouter(responses=PROBLEMS)
Call = Callable[[Stop], Any]

_BOTH = (" With `Accept: text/event-stream` the answer comes as events: `progress` (done, total,"
         " text), then `result` or `problem`. Closing the connection cancels.")  # fmt: skip


def _told(model: type) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "content": {STREAM: {}}}}


async def _answer(request: Request, call: Call) -> Response:
    """Run a search; stream its progress where that is asked for."""
    work, _ = state(request)
    if STREAM in request.headers.get("accept", ""):
        return StreamingResponse(_events(request, call), media_type=STREAM,
                                 headers={"Cache-Control": "no-store"})  # fmt: skip
    try:
        return answer(await work.search(call, request.is_disconnected))
    except Stopped as error:
        raise Problem(503, str(error)) from error


async def _events(request: Request, call: Call) -> AsyncIterator[str]:
    work, _ = state(request)
    try:
        async with work.started(call) as (stop, task):
            last: tuple[int, int, str] | None = None
            while not task.done():
                if stop.done != last:
                    last = stop.done
                    done, total, said = last
                    yield _event("progress", {"done": done, "total": total, "text": said})
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait([task], timeout=TICK_S)
            yield _event("result", task.result())
    except Exception as error:  # the head is sent already: the stream says it
        found = problem_of(error) if not isinstance(error, Stopped) else Problem(503, str(error))
        yield _event("problem", {"status": found.status, "detail": found.detail})


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {text(data)}\n\n"


def _asked(body: SearchBody, request: Request) -> dict[str, Any]:
    """Return the keywords of a search."""
    _, operator = state(request)
    found = operator.settle({k: v for k, v in body.asked().items() if v is not None})
    found.pop("accept_unknown", None)
    if "prices" in found:
        found["prices"] = prices(found["prices"])
    return found


@router.post("/v1/search", responses=_told(FoundReply), tags=["search"],
             description="The cheapest deployment that keeps limits: `guide_ml.search`." + _BOTH)
async def search_(body: SearchBody, request: Request) -> Response:
    """Search."""
    asked = _asked(body, request)
    return await _answer(request, lambda stop: search(**asked, progress=stop.tell).to_dict())


@router.post("/v1/sweep", responses=_told(RowsReply), tags=["search"],
             description="A search for each value of a load, limit or budget: `guide_ml.sweep`."
             + _BOTH)  # fmt: skip
async def sweep_(body: SweepBody, request: Request) -> Response:
    """Sweep."""
    asked = _asked(body, request)
    return await _answer(
        request, lambda stop: {"rows": sweep(**asked, progress=stop.tell).rows()})  # fmt: skip


@router.post("/v1/plan", responses=_told(AnswerReply), tags=["plan"],
             description="Five plain questions, answered in words and numbers." + _BOTH)
async def plan_(body: PlanBody, request: Request) -> Response:
    """Plan."""
    _, operator = state(request)
    asked = body.asked()
    chosen = operator.predictor(asked.pop("predictor", None))
    asked["countries"] = tuple(asked.get("countries", ()))
    if asked.get("model"):
        asked = settled({k: v for k, v in asked.items() if k != "hardware"}) | {
            k: asked[k] for k in ("hardware",) if k in asked}  # fmt: skip
    return await _answer(
        request, lambda stop: plan(asked, predictor=chosen, progress=stop.tell).to_dict())


@router.get("/v1/plan/choices", tags=["plan"])
async def choices_(request: Request) -> Response:
    """Everything that can be chosen, in words, with the sources of its figures."""
    work, _ = state(request)
    return answer(await work.run(choices))


def later(app_router: APIRouter) -> None:
    """Add simulate and capacity where this version of guide-ml has them."""
    for name in ("simulate", "capacity"):
        if public(name) is not None:
            app_router.add_api_route(f"/v1/{name}", _of(name), methods=["POST"], tags=["traffic"],
                                     summary=f"guide_ml.{name}")  # fmt: skip


def _of(name: str) -> Callable[..., Any]:
    async def run(body: CapacityBody, request: Request) -> Response:
        _, operator = state(request)
        asked = operator.settle(body.asked())
        if asked.get("traffic") is not None:
            asked["traffic"] = traffic(asked["traffic"])
        call = public(name)
        return await _answer(request, lambda stop: call(**asked).to_dict())

    run.__doc__ = f"What ``guide_ml.{name}`` answers; traffic comes by value."
    return run
