"""Addresses that answer at once: predict, score, launch, the catalogue, health and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from guide_ml.api import predict
from guide_ml.catalogue.listing import list_frameworks, list_hardware, list_models
from guide_ml.errors import UnknownName
from guide_ml.offers.listing import cheapest, list_offers
from guide_ml.planning import details
from guide_ml.scoring.batch import Options, check_descriptors, score_batch
from guide_ml.web import metrics, tables
from guide_ml.web.bodies import DetailsBody, LaunchBody, PredictBody
from guide_ml.web.plain import answer
from guide_ml.web.replies import (
    DetailsReply,
    HealthReply,
    PredictionReply,
    ProblemReply,
    RowsReply,
    StartReply,
)
from guide_ml.web.values import Operator
from guide_ml.web.work import Work

__all__ = ["PROBLEMS", "router"]

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemReply, "content": {"application/problem+json": {}}}
    for status in (400, 401, 404, 413, 422, 503)
}
OWN = ("port", "checkpoint", "draft", "max_model_len", "image", "host_devices")
router = APIRouter(responses=PROBLEMS)


def _told(model: type) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model}}


def state(request: Request) -> tuple[Work, Operator]:
    """Return what does the work, and what requests may name."""
    return request.app.state.work, request.app.state.operator


@router.post("/v1/predict", responses=_told(PredictionReply), tags=["predict"])
async def predict_(body: PredictBody, request: Request) -> Response:
    """Speed and memory of one deployment: ``guide_ml.predict``."""
    work, operator = state(request)
    found = await work.run(lambda: predict(**operator.settle(body.asked())).to_dict())
    metrics.ROWS.labels("/v1/predict").inc()
    return answer(found)


@router.post("/v1/plan/details", responses=_told(DetailsReply), tags=["plan"])
async def details_(body: DetailsBody, request: Request) -> Response:
    """Everything of one deployment that a reader may unfold."""
    work, operator = state(request)
    found = await work.run(lambda: details(**operator.settle(body.asked())))
    return answer(found)


@router.post("/v1/launch", responses=_told(StartReply), tags=["launch"])
async def launch_(body: LaunchBody, request: Request) -> Response:
    """How a deployment is started, as text; nothing is run."""
    work, operator = state(request)
    return answer(await work.run(lambda: _start(operator.settle(body.asked()))))


def _start(asked: dict[str, Any]) -> dict[str, Any]:
    own = {name: asked.pop(name) for name in OWN if name in asked}
    found = predict(**asked)  # what does not fit is not started
    start = found.deployment.launch(found.workload, **own)
    texts: dict[str, str | None] = {}
    for name in ("compose", "kubernetes"):
        texts[name] = getattr(start, name)() if start.image else None
    return {
        "framework": start.engine.slug, "version": start.engine.version, "image": start.image,
        "argv": start.argv, "devices": start.devices, "replicas": start.replicas,
        "notes": start.notes, "command": start.command, **texts,
    }  # fmt: skip


@router.post(
    "/v1/score", responses=_told(RowsReply), tags=["predict"],
    openapi_extra={"requestBody": {"required": True, "content": {
        name: {"schema": {"type": "string", "format": "binary"} if kind != "json" else
               {"type": "array", "items": {"type": "object"}}}
        for name, kind in tables.TYPES.items()}}},
)  # fmt: skip
async def score_(
    request: Request,
    level: Annotated[float | None, Query(description="Share that intervals hold.")] = None,
    cost: Annotated[bool, Query(description="Add what the machines cost.")] = False,
    columns: Annotated[str, Query(description="Columns, separated by commas.")] = "",
    predictor: Annotated[str | None, Query(description="A name of the operator.")] = None,
    profile: Annotated[str | None, Query(description="A name of the operator.")] = None,
) -> Response:
    """Predict each row of a table; it comes back with predictions beside, in the same format."""
    work, operator = state(request)
    body, media = await request.body(), request.headers.get("content-type", "")
    most = request.app.state.settings.max_rows
    wanted = tuple(c.strip() for c in columns.split(",") if c.strip())

    def score() -> tuple[bytes, str, int]:
        kind = tables.kind_of(media)
        table = tables.read(body, media, most)
        check_descriptors(table.column_names)
        options = Options(level=level, cost=cost, columns=wanted,
                          predictor=operator.predictor(predictor),
                          profile=operator.profile(profile))  # fmt: skip
        scored, counts = score_batch(table, options)
        return *tables.write(scored, kind), counts.rows

    written, kind, rows = await work.run(score)
    metrics.ROWS.labels("/v1/score").inc(rows)
    return Response(written, media_type=kind)


def _offers() -> pd.DataFrame:
    return cheapest(list_offers())


_LISTS: dict[str, Callable[[], pd.DataFrame]] = {
    "hardware": lambda: list_hardware().reset_index(),
    "models": lambda: list_models().reset_index(),
    "frameworks": lambda: list_frameworks().reset_index(), "offers": _offers,
}  # fmt: skip


@router.get("/v1/catalogue/{kind}", responses=_told(RowsReply), tags=["catalogue"])
async def catalogue_(
    kind: str, request: Request,
    text: Annotated[str, Query(max_length=100, description="Only rows that hold it.")] = "",
) -> Response:  # fmt: skip
    """List what is known: hardware, models, frameworks, the cheapest offers of each provider."""
    if kind not in _LISTS:
        raise UnknownName("list of the catalogue", kind, _LISTS)
    work, _ = state(request)

    def rows() -> list[dict[str, Any]]:
        table = _LISTS[kind]()
        plain = table.astype(object).where(table.notna(), None)
        found = [{str(k): v for k, v in row.items()} for row in plain.to_dict("records")]
        low = text.lower()
        return [r for r in found if low in " ".join(map(str, r.values())).lower()] if low else found

    return answer({"rows": await work.run(rows)})


@router.get("/healthz", responses=_told(HealthReply), tags=["service"])
async def health(request: Request) -> Response:
    """Whether the service lives."""
    from guide_ml import __version__

    return answer({"status": "ok", "version": __version__, "warm": request.app.state.warm.is_set()})


@router.get("/metrics", tags=["service"])
async def metrics_() -> Response:
    """Tell Prometheus of requests, latency, rows and searches."""
    return Response(metrics.page(), media_type=metrics.CONTENT_TYPE_LATEST)
