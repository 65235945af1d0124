"""evalscope perf's ``benchmark_summary.json``: each figure's unit stands in its name.

``Concurrency`` is what was asked, also above the number of requests. ``Spec. Accept Rate`` appears
without any drafting when chunks hold several tokens, so it tells nothing. ``Input Throughput`` is
0 in text runs.
"""

from __future__ import annotations

from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.llama_text import cells_of
from guide_ml.ingest.names import model_of
from guide_ml.ingest.rows import ASKS, Importer, Row, failed, flagged, joined, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["EVALSCOPE"]

#: Names of releases from 1.10 on, and of those before.
_NAMES = {
    "sent": ("Total Requests", "Total requests"),
    "done": ("Success Requests", "Succeed requests"),
    "lost": ("Failed Requests", "Failed requests"),
    "users": ("Concurrency", "Number of concurrency"),
    "rate": ("Request Rate (req/s)", "Request rate (req/s)"),
    "reached": ("Request Throughput (req/s)", "Request throughput (req/s)"),
    "input_len": ("Avg Input Tokens", "Average input tokens per request"),
    "output_len": ("Avg Output Tokens", "Average output tokens per request"),
    "output_tok_s": ("Output Throughput (tok/s)", "Output token throughput (tok/s)"),
    "total_tok_s": ("Total Throughput (tok/s)", "Total token throughput (tok/s)"),
}
_TIMES = {
    "ttft": ("Avg TTFT (ms)", "Average time to first token (s)"),
    "tpot": ("Avg TPOT (ms)", "Average time per output token (s)"),
    "e2e": ("Avg Latency (s)", "Average latency (s)"),
}  # fmt: skip
_TURNS, _HITS, _HANDOFF = (
    "Avg Turns/Request",
    "KV Cache Hit Rate (%)",
    "Avg PD Handoff Latency (ms)",
)
_PERCENT = 100.0


def _is_summary(found: dict[str, Any]) -> bool:
    return any(n in found for n in _NAMES["users"]) and any(n in found for n in _TIMES["e2e"])


def _summaries(content: Content) -> list[dict[str, Any]]:
    """Summaries of the file, or those of the tables that are printed."""
    found: list[dict[str, Any]] = [o for o in content.objects if _is_summary(o)]
    for part in content.text.split("Benchmarking summary")[1:] if not found else ():
        pairs = [c for c in map(cells_of, part.splitlines()) if len(c) == 2]
        found.append(dict(reversed(pairs)))
    return [o for o in found if _is_summary(o)]


def _rows(content: Content) -> list[Row]:
    return [_run(o) for o in _summaries(content)]


def _run(found: dict[str, Any]) -> Row:
    f = {
        k: next((number(found[n]) for n in names if n in found), None)
        for k, names in _NAMES.items()
    }
    columns = ("input_len", "output_len", "output_tok_s", "total_tok_s")
    hits, turns = number(found.get(_HITS)), number(found.get(_TURNS)) or 1.0
    times = _times(found)
    took = times.get("e2e_ms", 0.0) / MS_PER_S
    row = joined(
        served(f["users"], f["rate"], f["sent"], f["reached"], took), {"num_requests": f["done"]},
        {c: f[c] for c in columns}, times, failed(f["lost"], f["done"]),
        model_of(found.get("Model") or found.get("model")),
        {"prefix_hit_rate": hits / _PERCENT} if hits else {},
        flagged("multi-turn" if turns > 1 else "prefix-cached" if hits else None),
    )  # fmt: skip
    if number(found.get(_HANDOFF)):
        row = joined(
            row,
            {
                "mode": "disagg",
                ASKS: {
                    "num_devices": "prefill and decode had devices of"
                    " their own; give the number of both"
                },
            },
        )
    return row


def _times(found: dict[str, Any]) -> Row:
    """Read the times; answers that were not streamed have none of single tokens."""
    row: Row = {}
    whole = number(found.get("Stream Requests")) == 0
    for column, names in _TIMES.items():
        if whole and column != "e2e":
            continue
        name = next((n for n in names if n in found), "")
        scale = MS_PER_S if name.endswith("(s)") else 1.0
        row |= stats(column, [found.get(name)], scale)
    return row


EVALSCOPE = Importer(
    "evalscope",
    "evalscope perf: benchmark_summary.json; the table that it prints",
    lambda c: bool(_summaries(c)),
    _rows,
    versions="1.14.1, names of 0.17",
    gives="load, lengths, TTFT, TPOT, throughput, failures; the model is asked for",
)
