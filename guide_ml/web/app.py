"""The service, put together."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from guide_ml import __version__
from guide_ml.api import predict
from guide_ml.planning import plan
from guide_ml.web import problems, routes, searches
from guide_ml.web.guard import Guard
from guide_ml.web.settings import Settings
from guide_ml.web.values import Operator
from guide_ml.web.work import Work

__all__ = ["create_app", "from_environment"]

STATIC = Path(__file__).with_name("static")
SMALL_BYTES = 1000
ABOUT = ("Predicts latency, throughput and memory of LLM deployments before they are bought. Bodies"
         " hold the keywords of the Python functions; errors are problems (RFC 9457).")  # fmt: skip


def create_app(settings: Settings | None = None) -> FastAPI:
    """Put the service together.

    Parameters
    ----------
    settings : Settings, optional
        Limits and lists; the usual ones if none are given.
    """
    chosen = settings or Settings()
    app = FastAPI(title="guide-ml", version=__version__, description=ABOUT,
                  docs_url=None, redoc_url=None, lifespan=_lifespan)  # fmt: skip
    app.state.settings, app.state.work = chosen, Work(chosen)
    app.state.operator, app.state.warm = Operator(chosen), threading.Event()
    problems.add_handlers(app)
    app.include_router(routes.router)
    app.include_router(searches.router)
    more = APIRouter(responses=routes.PROBLEMS)
    searches.later(more)
    app.include_router(more)
    app.add_api_route("/", _page, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(GZipMiddleware, minimum_size=SMALL_BYTES)
    if "*" not in chosen.hosts:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(chosen.hosts))
    app.add_middleware(Guard, settings=chosen)
    return app


def from_environment() -> FastAPI:
    """Put the service together in a worker process."""
    return create_app(Settings.from_environment())


async def _page() -> Response:
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the estimators before the first request; try a search beside it."""
    if app.state.settings.warm:
        predict(hardware="h100", model="llama-3.1-8b-instruct", concurrency=8, input_len=512,
                output_len=128)  # fmt: skip
        threading.Thread(target=_warm, args=(app,), name="warm", daemon=True).start()
    yield


def _warm(app: FastAPI) -> None:
    """Compile and read what a search needs, so that the first visitor need not wait for it."""
    try:
        plan({}).to_dict()
        app.state.warm.set()
    except Exception:
        logging.getLogger("guide_ml.web").exception("the first search failed")
