"""What benchmark clients write of each request: vLLM, GuideLLM, inference-perf.

A client's log is in the order in which requests were sent, or in which they were answered; either
way it is put in order of their start. What failed is left out and counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from guide_ml.errors import BadData
from guide_ml.traffic.rows import Rows, in_order

__all__ = ["guidellm", "inference_perf", "is_guidellm", "is_inference_perf", "is_vllm", "vllm"]

FAILED = "failed: the client says so"


def _begins(head: str, bracket: str, *names: str) -> bool:
    text = head.lstrip()
    return text[:1] in bracket and all(re.search(rf'"{name}"\s*:', text) for name in names)


def is_vllm(head: str) -> bool:
    """Whether a file begins as a result of ``vllm bench serve`` does."""
    return _begins(head, "{", "completed", "total_input_tokens") or _begins(head, "{", "input_lens")


def is_guidellm(head: str) -> bool:
    """Whether a file begins as GuideLLM's reports do."""
    return _begins(head, "{", "benchmarks") or (_begins(head, "{") and "guidellm" in head)


def is_inference_perf(head: str) -> bool:
    """Whether a file begins as inference-perf's list of requests does."""
    return _begins(head, "[", "start_time")


def vllm(path: Path) -> Rows:
    """Read a result that was saved with ``--save-detailed``; starts are kept since vLLM 0.12."""
    found = _json(path)
    names = ("start_times", "input_lens", "output_lens")
    lists = [found.get(name) if isinstance(found, dict) else None for name in names]
    if not all(isinstance(x, list) for x in lists):
        lacking = next(n for n, x in zip(names, lists, strict=True) if not isinstance(x, list))
        raise BadData(f"{path}: line 1: the result lacks {lacking}: vllm bench serve keeps"
                      " requests with --save-detailed, newer versions their start")  # fmt: skip
    if len({len(x or []) for x in lists}) > 1:
        raise BadData(f"{path}: line 1: {', '.join(names)} must be of one length; got"
                      f" {', '.join(str(len(x or [])) for x in lists)}")  # fmt: skip
    return _rows(path, zip(*(x or [] for x in lists), strict=True))


def guidellm(path: Path) -> Rows:
    """Read a report with one benchmark; a request arrives when it was due, if that is told."""
    found = _json(path)
    benchmarks = found.get("benchmarks") if isinstance(found, dict) else None
    every = [b.get("requests") for b in benchmarks or () if isinstance(b, dict)]
    kept = [r for r in every if isinstance(r, dict) and r.get("successful")]
    if len(kept) != 1:
        raise BadData(f"{path}: line 1: a report of one benchmark with its requests is needed;"
                      f" it has {len(kept)}: run GuideLLM with one rate")  # fmt: skip
    done = [r for r in kept[0]["successful"] if isinstance(r, dict)]
    lost = [r for r in kept[0].get("errored") or () if isinstance(r, dict)]
    rows = [(_start(r), r.get("prompt_tokens"), r.get("output_tokens")) for r in done]
    return _rows(path, [*rows, *((_start(r), 1, 0) for r in lost)])


def _start(found: dict[str, Any]) -> Any:
    info = found.get("info") or found.get("scheduler_info") or {}
    timings = info.get("timings") or info.get("request_timings") or {}
    for value in (timings.get("targeted_start"), found.get("request_start_time"),
                  found.get("start_time"), timings.get("request_start")):  # fmt: skip
        if value is not None:
            return value
    return None


def inference_perf(path: Path) -> Rows:
    """Read ``per_request_lifecycle_metrics.json``."""
    found = _json(path)
    requests = [r for r in found if isinstance(r, dict)] if isinstance(found, list) else []
    return _rows(path, ((r.get("start_time"), *_lengths(r)) for r in requests))


def _lengths(found: dict[str, Any]) -> tuple[Any, Any]:
    """Find the tokens of a request, wherever the release keeps them."""
    if found.get("error"):
        return 1, 0
    computed, info = found.get("computed_metrics") or {}, found.get("info") or {}
    text = (info.get("request_metrics") or {}).get("text") or {}
    answer = info.get("response_metrics") or {}
    inside = (computed.get("input_tokens"), info.get("input_tokens"), text.get("input_tokens"))
    outside = (computed.get("output_tokens"), info.get("output_tokens"),
               answer.get("output_tokens"))  # fmt: skip
    first, second = (next((v for v in values if v is not None), None)
                     for values in (inside, outside))  # fmt: skip
    return first, second


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig", errors="replace"))
    except json.JSONDecodeError as error:
        raise BadData(f"{path}: line {error.lineno} is no JSON: {error.msg}") from None
    except RecursionError:
        raise BadData(f"{path}: line 1: brackets within brackets too deep to be a log") from None


def _rows(path: Path, found: Iterable[tuple[Any, ...]]) -> Rows:
    values = np.asarray([[_number(v) for v in row] for row in found], dtype=float).reshape(-1, 3)
    places = np.arange(1, len(values) + 1)
    try:
        return in_order(path, places, values[:, 0], values[:, 1], values[:, 2], FAILED)
    except BadData as error:  # these files hold requests, not lines
        raise BadData(str(error).replace(": line ", ": request ", 1)) from None


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    return float(value)
