"""What the service counts, for Prometheus."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

__all__ = ["CONTENT_TYPE_LATEST", "REQUESTS", "ROWS", "SEARCHES", "SECONDS", "page"]

_REGISTRY = CollectorRegistry()
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

REQUESTS = Counter("guide_requests", "Requests answered.", ("method", "path", "status"),
                   registry=_REGISTRY)  # fmt: skip
SECONDS = Histogram("guide_request_seconds", "Time from a request's head to its answer's end, s.",
                    ("path",), buckets=BUCKETS, registry=_REGISTRY)  # fmt: skip
ROWS = Counter("guide_rows", "Deployments predicted.", ("path",), registry=_REGISTRY)
SEARCHES = Gauge("guide_searches", "Searches that run now.", registry=_REGISTRY,
                 multiprocess_mode="livesum")  # fmt: skip


def page() -> bytes:
    """Write everything counted, of all worker processes."""
    registry = _REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
