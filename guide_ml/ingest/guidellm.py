"""GuideLLM's ``benchmarks.json``, ``.yaml`` and ``.csv``: one row a benchmark of the report.

Its ``time_per_output_token_ms`` is not read: releases up to 0.3 leave the first token's wait out
of it and divide by all tokens, newer ones take whole requests. TPOT in this project's sense (after
the first token) is its ``inter_token_latency_ms``. Latencies of requests are in seconds. Statistics
of ``total`` hold failed and cut requests, so those of ``successful`` are read. Older releases count
the prompt twice in tokens a second.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.names import engine_of, model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import (
    Importer,
    Row,
    asking,
    failed,
    flagged,
    joined,
    served,
    stats,
)
from guide_ml.units import MS_PER_S

__all__ = ["GUIDELLM", "run"]

#: Tokens a second that exceed generated ones by more than lengths allow count something twice.
TWICE = 1.25
#: Requests that its throughput strategy keeps in flight where no cap is stated.
MOST_AT_ONCE = 512
#: Mean share of requests in flight below which they were not there at once, nor was the cap met.
FEW = 0.25


def _recognises(content: Content) -> bool:
    return any(isinstance(b, dict) and "time_to_first_token_ms" in (b.get("metrics") or {})
               for o in content.objects for b in _benchmarks(o))  # fmt: skip


def _benchmarks(found: dict[str, Any]) -> list[Any]:
    inside = found.get("benchmarks")
    return inside if isinstance(inside, list) else []


def _rows(content: Content) -> list[Row]:
    return [run(b, o) for o in content.objects for b in _benchmarks(o) if isinstance(b, dict)]


def run(found: dict[str, Any], report: dict[str, Any]) -> Row:
    """Read one benchmark.

    Parameters
    ----------
    found : dict
        The benchmark.
    report : dict
        The whole report, whose settings it may share.
    """
    counts = _counts(found)
    done, lost = number(counts.get("successful")), number(counts.get("errored"))
    sent = number(counts.get("total")) or (done or 0) + (lost or 0) or None
    places = ("config", "args", "scheduler")
    named = (pick(found, p, "strategy") for p in places)
    strategy: dict[str, Any] = next((s for s in named if s), {})
    row = joined(
        _load(strategy, sent, _asked_cap(found), _pace(found)),
        _model(found, report),
        engine_of(str(pick(found, "config", "backend", "kind") or "").split("_")[0]),
        {"num_requests": done, "input_len": _of(found, "prompt_token_count", "mean"),
         "output_len": _of(found, "output_token_count", "mean"),
         "output_tok_s": _of(found, "output_tokens_per_second", "mean")},
        _stats(found, "ttft", "time_to_first_token_ms"),
        _stats(found, "tpot", "inter_token_latency_ms"),
        _stats(found, "e2e", "request_latency", MS_PER_S), _shared(found, report),
        failed(lost, done),
    )  # fmt: skip
    row["total_tok_s"] = _total(found, row)
    if "tpot_ms" not in row:
        row |= stats("tpot", [_after_first(row)])
    if start := number(found.get("start_time")):
        row["measured_on"] = datetime.fromtimestamp(start, UTC).date().isoformat()
    return row


def _counts(found: dict[str, Any]) -> dict[str, Any]:
    """Find the requests by outcome, wherever the release keeps them."""
    places = (("metrics", "request_totals"), ("request_totals",),
              ("scheduler_metrics", "requests_made"), ("run_stats", "requests_made"))  # fmt: skip
    counts = (pick(found, *place) for place in places)
    return next((c for c in counts if isinstance(c, dict) and c.get("successful") is not None), {})


def _asked_cap(found: dict[str, Any]) -> float | None:
    """Find the cap that was asked for beside a rate; a strategy's own may be a mere limit."""
    places = (("config", "profile"), ("benchmarker", "profile"), ("args", "profile"))
    return next((n for p in places if (n := number(pick(found, *p, "max_concurrency")))), None)


def _pace(found: dict[str, Any]) -> tuple[float | None, float | None]:
    """Read requests done a second, and the mean time of one in seconds.

    Newer releases count requests over the whole run, with the start of their worker processes, and
    tokens over the time in which some came: the larger rate is that of the load.
    """
    tokens, each = (_of(found, f"output_token{k}", "mean") for k in ("s_per_second", "_count"))
    rates = [_of(found, "requests_per_second", "mean"), tokens / each if tokens and each else None]
    return max((r for r in rates if r), default=None), _of(found, "request_latency", "mean")


def _load(
    strategy: dict[str, Any], sent: float | None, cap: float | None,
    pace: tuple[float | None, float | None],
) -> Row:  # fmt: skip
    kind = strategy.get("type_") or strategy.get("kind")
    if kind == "synchronous":
        return served(1)
    if kind == "throughput":
        return _flood(number(strategy.get("max_concurrency")) or MOST_AT_ONCE, sent, pace)
    if kind == "concurrent":
        return served(strategy.get("streams") or strategy.get("max_concurrency"), None, sent)
    rate = number(strategy.get("rate"))
    return served(cap, rate, sent, *pace) if rate else served(None, "trace")


def _flood(most: float, sent: float | None, pace: tuple[float | None, float | None]) -> Row:
    """Read the load of all that the client can send, unless it never filled the engine.

    Requests in flight on average = rate x time of one (Little's law).
    """
    here = min(most, sent) if sent else most
    rate, took = pace
    if not rate or not took or rate * took >= FEW * here:
        return served(most, None, sent)
    why = f"of {here:g} requests that the client could send at once, {rate * took:.3g} were in"
    return asking("concurrency", f"{why} flight on average")


def _model(found: dict[str, Any], report: dict[str, Any]) -> Row:
    places = (
        ("config", "backend", "model"), ("config", "backend", "attributes", "model"),
        ("backend", "model"), ("worker", "backend_model"),
    )  # fmt: skip
    names = [pick(found, *place) for place in places]
    names.append(pick(report, "config", "spec", "backend", "model"))
    rows = [joined(model_of(name), precision(model=name)) for name in names if name]
    return next((r for r in rows if "model" in r), rows[0] if rows else {})


def _shared(found: dict[str, Any], report: dict[str, Any]) -> Row:
    """Flag conversations and shared beginnings of prompts: the engine may have them cached."""
    data = pick(report, "config", "spec", "data") or []
    sets = [d for d in data if isinstance(d, dict)] if isinstance(data, list) else []
    text = str(pick(found, "request_loader", "data") or pick(report, "args", "data") or "")
    turns = [number(d.get("turns")) or 1 for d in sets]
    turns += [number(t) or 1 for t in re.findall(r"turns['\"]?\s*[=:]\s*(\d+)", text)]
    prefix = any(d.get("prefix_buckets") or d.get("prefix_tokens") for d in sets)
    prefix |= bool(re.search(r"prefix_(?:tokens|buckets)['\"]?\s*[=:]\s*[1-9\[]", text))
    return flagged("multi-turn" if max(turns, default=1) > 1 else None,
                   "prefix-cached" if prefix else None)  # fmt: skip


def _of(found: dict[str, Any], name: str, statistic: str) -> float | None:
    return number(pick(found, "metrics", name, "successful", statistic))


def _stats(found: dict[str, Any], column: str, name: str, scale: float = 1.0) -> Row:
    p99 = pick(found, "metrics", name, "successful", "percentiles", "p99")
    return stats(column, (_of(found, name, "mean"), _of(found, name, "median"), p99), scale)


def _total(found: dict[str, Any], row: Row) -> float | None:
    """All tokens a second, unless the release counts some of them twice."""
    total = _of(found, "tokens_per_second", "mean")
    inside, outside, speed = (row.get(k) for k in ("input_len", "output_len", "output_tok_s"))
    if not total or not outside or not speed or inside is None:
        return total
    expected = speed * (inside + outside) / outside
    return total if total <= TWICE * expected else None


def _after_first(row: Row) -> float | None:
    """Take the first token out of the whole latency, where no time between tokens is given."""
    whole, tokens = row.get("e2e_ms"), row.get("output_len")
    # ``time_per_output_token_ms`` would not do: up to 0.3 it is without the first token's wait,
    # later with it, and no file of both ages says which.
    if whole is None or not tokens or tokens <= 1 or "ttft_ms" not in row:
        return None
    rest: float = (whole - row["ttft_ms"]) / (tokens - 1)
    return rest


GUIDELLM = Importer(
    "guidellm", "GuideLLM: benchmarks.json, benchmarks.yaml", _recognises, _rows,
    versions="0.2.1 to 0.8.1", gives="model, load, lengths, TTFT, TPOT, throughput, failures",
)  # fmt: skip
