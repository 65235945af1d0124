"""What ``trtllm-bench throughput|latency`` prints at its end, in the form of its JSON report.

Releases before 0.17 print one token rate, of generated tokens. All requests are there at once
unless the log names a concurrency or a rate: then the issue rate is beyond anything real.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.rows import Importer, Row, joined, served
from guide_ml.ingest.trtllm import run

__all__ = ["TRTLLM_LOG"]

#: Requests a second that mean "all at once".
AT_ONCE = 1e6
#: Mean requests in flight over all, below which they were not there at once: a queue that is worked
#: off one batch after the other has a half.
FEW = 0.25
_START = re.compile(r"^.*= (?:ENGINE|PYTORCH BACKEND|PYTORCH|BACKEND)[A-Z /+]*$", re.M)
_LINE = re.compile(r"^(?:\[[^\]]*\]\s*)*([A-Za-z][^:\n]*?):[ \t]+(\S[^\n]*?)[ \t]*$", re.M)
_ENGINE = {"model": "model", "model path": "model_path", "tensorrt-llm version": "version",
           "tensorrt llm version": "version", "dtype": "dtype", "quantization": "quantization",
           "kv cache dtype": "kv_cache_dtype"}  # fmt: skip
_WORLD = {"tp size": "tp_size", "pp size": "pp_size", "ep size": "ep_size"}
_REQUEST = {
    "number of requests": "num_requests",
    "average input length (tokens)": "avg_input_length",
    "average output length (tokens)": "avg_output_length",
}
_SPEED = {
    "token throughput (tokens/sec)": "system_output_throughput_tok_s",
    "total output throughput (tokens/sec)": "system_output_throughput_tok_s",
    "total token throughput (tokens/sec)": "system_total_throughput_tok_s",
    "average request latency (ms)": "avg_request_latency_ms",
}  # fmt: skip
_STREAM = {"average time-to-first-token [ttft] (ms)": "avg_ttft_ms",
           "average time-per-output-token [tpot] (ms)": "avg_tpot_ms"}  # fmt: skip
_QUANTILE = re.compile(r"^\s*\[(Latency|TTFT|TPOT)\]\s+P(50|99)\s*:\s*([\d.,]+)", re.M)
_CARD = re.compile(r"^[^\n]*= MACHINE DETAILS[^\n]*\n[^\n]*\n(?:\[[^\]]*\]\s*)*([^,\n]+),", re.M)
_MODE = re.compile(r"= DECODING STATISTICS \(([^)\n]*)\)")
_ACCEPTED = re.compile(r"\[A[LR]\]\s+AVERAGE\s*:\s*([\d.]+)")
_LOAD = re.compile(r"(?:--concurrency[ =]|\bconcurrency=)(\d+)")


def _reports(content: Content) -> list[tuple[str, str]]:
    """Whole text up to each report's end, and the report."""
    if "PERFORMANCE OVERVIEW" not in content.text:
        return []
    starts = [m.start() for m in _START.finditer(content.text)]
    ends = [*starts[1:], len(content.text)]
    found = [content.text[a:b] for a, b in zip(starts, ends, strict=True)]
    return [(content.text[: starts[0]], r) for r in found if "PERFORMANCE OVERVIEW" in r]


def _rows(content: Content) -> list[Row]:
    return [_row(before, report) for before, report in _reports(content)]


def _row(before: str, report: str) -> Row:
    cells = {k.strip().lower(): v for k, v in _LINE.findall(report)}
    parts = (_ENGINE, _WORLD, _REQUEST, _SPEED, _STREAM)
    engine, world, asked, speed, streamed = (
        {new: cells[old] for old, new in part.items() if old in cells} for part in parts
    )
    quantiles: dict[str, dict[str, str]] = {}
    for name, place, value in _QUANTILE.findall(report):
        quantiles.setdefault(name.lower(), {})[f"p{place}"] = value
    tp, pp = number(world.get("tp_size")), number(world.get("pp_size")) or 1.0
    found: dict[str, Any] = {
        "engine": engine, "world_info": world | ({"world_size": tp * pp} if tp else {}),
        "request_info": asked,
        "performance": speed | {"request_latency_percentiles_ms": quantiles.get("latency")},
        "streaming_metrics": streamed | {"ttft_percentiles": quantiles.get("ttft"),
                                         "tpot_percentiles": quantiles.get("tpot")},
    }  # fmt: skip
    if mode := _MODE.search(report):
        mean = _ACCEPTED.search(report)
        found["decoding_stats"] = {
            "mode": mode[1], "acceptance_length": {"average": mean and number(mean[1])},
        }  # fmt: skip
    if card := _CARD.search(report):
        found["machine"] = {"name": card[1].strip()}
    row = run(found)
    return row if "mode" in row else joined(row, _load(before, cells))


def _load(before: str, cells: dict[str, str]) -> Row:
    rate = number(cells.get("issue rate (req/sec)"))
    caps = _LOAD.findall(before)
    if caps and int(caps[-1]) > 0:
        return served(caps[-1])
    if rate is not None and rate >= AT_ONCE and _crowd(cells) >= FEW:
        return served(None)
    return {}


def _crowd(cells: dict[str, str]) -> float:
    """Return the mean share of the requests in flight, one where nothing tells it."""
    few, every = number(cells.get("number of concurrent requests")), number(
        cells.get("number of requests"))  # fmt: skip
    if few and every:
        return few / every
    each, whole = number(cells.get("average request latency (ms)")), number(
        cells.get("total latency (ms)"))  # fmt: skip
    return each / whole if each and whole else 1.0


TRTLLM_LOG = Importer(
    "trtllm-bench",
    "what trtllm-bench prints: text",
    lambda c: bool(_reports(c)),
    _rows,
    versions="0.16, fields of 1.2",
    gives="model, precision, layout, lengths, throughput; TTFT and TPOT"
    " where answers were streamed",
)
