"""What GuideLLM prints at its end: the tables of releases up to 0.3, and those from 0.4 on.

The older tables have means, and name the load (``concurrent@4``). The newer have medians of times,
and no load but that of one request after the other: it is asked for. Their mean lengths follow
from totals where all answers are of one length. Tables that a narrow terminal broke are not read.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.guidellm import run
from guide_ml.ingest.rows import Importer, Row, asking, joined, served, stats

__all__ = ["GUIDELLM_TEXT"]

_KINDS = ("synchronous", "throughput", "concurrent", "constant", "poisson", "async")
_OLD = ("request_latency", "time_to_first_token_ms", "inter_token_latency_ms",
        "time_per_output_token_ms")  # fmt: skip
#: Cells of a line of the older tables: of information and of statistics.
INFORMATION, STATISTICS = 19, 17
_TITLES = {
    "runs": "Run Summary Info", "tokens": "Request Token Statistics",
    "times": "Request Latency Statistics", "rates": "Server Throughput Statistics",
}  # fmt: skip
#: Cells of a line of the newer tables.
_WIDTHS = {"runs": 12, "tokens": 11, "times": 9, "rates": 11}
_OPEN = ("constant", "poisson", "async")


def _lines(text: str) -> list[list[str]]:
    """Cells of lines that begin with a kind of load."""
    found = []
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if cells[0].split("@")[0] in _KINDS:
            found.append(cells)
    return found


def _old(content: Content) -> list[tuple[list[str], list[str]]]:
    """Lines of information and of statistics of each benchmark, in the older tables."""
    if "Benchmarks Stats:" not in content.text:
        return []
    lines = _lines(content.text)
    about = [c for c in lines if len(c) == INFORMATION]
    measured = [c for c in lines if len(c) == STATISTICS]
    alike = [a[0] for a in about] == [m[0] for m in measured]
    whole = len(about) + len(measured) == len(lines)
    return list(zip(about, measured, strict=True)) if alike and whole else []


def _new(content: Content) -> list[dict[str, list[str]]]:
    """Lines of each benchmark, by table, in the newer ones."""
    parts: dict[str, list[list[str]]] = {}
    for name, title in _TITLES.items():
        if title not in content.text:
            return []
        rest = re.split(r"\n[^\n|]*(?:Statistics|Info)", content.text.split(title)[-1])[0]
        parts[name] = _lines(rest)
        if any(len(c) != _WIDTHS[name] for c in parts[name]):
            return []
    if len({len(p) for p in parts.values()}) != 1:
        return []
    return [dict(zip(parts, row, strict=True)) for row in zip(*parts.values(), strict=True)]


def _rows(content: Content) -> list[Row]:
    return [_means(*b) for b in _old(content)] or [_medians(**b) for b in _new(content)]


def _means(about: list[str], measured: list[str]) -> Row:
    """Read a benchmark of the older tables in the form of the report."""
    kind, _, value = about[0].partition("@")
    figures = [number(c) for c in measured]
    done, _, lost = (number(c) for c in about[4:7])
    strategy: dict[str, Any] = {"type_": kind}
    strategy |= {"streams" if kind == "concurrent" else "rate": number(value)} if value else {}
    metrics: dict[str, Any] = {
        "request_totals": {"successful": done, "errored": lost},
        "prompt_token_count": _of(number(about[7])), "output_token_count": _of(number(about[10])),
        "requests_per_second": _of(figures[1]), "output_tokens_per_second": _of(figures[3]),
        "tokens_per_second": _of(figures[4]),
    }  # fmt: skip
    for place, name in enumerate(_OLD):
        mean, median, p99 = figures[5 + 3 * place : 8 + 3 * place]
        cells = {"mean": mean, "median": median, "percentiles": {"p99": p99}}
        metrics[name] = {"successful": cells}
    return run({"metrics": metrics, "config": {"strategy": strategy}}, {})


def _of(mean: float | None) -> dict[str, Any]:
    return {"successful": {"mean": mean}}


def _medians(
    runs: list[str], tokens: list[str], times: list[str], rates: list[str]
) -> Row:  # fmt: skip
    """Read a benchmark of the newer tables, which do not count failed requests."""
    inside, outside = number(runs[6]), number(runs[9])
    typical, long = number(tokens[3]), number(tokens[4])
    count = outside / typical if outside and typical and typical == long else None
    row: Row = {"output_tok_s": number(rates[8])}
    if count:
        row |= {"num_requests": round(count), "output_len": typical,
                "input_len": inside / count if inside else None}  # fmt: skip
    return joined(row, stats("ttft", [None, number(times[3])]),
                  stats("tpot", [None, number(times[5])]), _load(runs[0]))  # fmt: skip


def _load(kind: str) -> Row:
    if kind == "synchronous":
        return served(1)
    if kind in _OPEN:
        return served(None, "trace")
    return asking("concurrency", f"these tables do not say how many requests {kind!r} kept in"
                                 " flight")  # fmt: skip


GUIDELLM_TEXT = Importer(
    "guidellm", "the tables that GuideLLM prints, of a wide terminal: text",
    lambda c: bool(_old(c) or _new(c)), _rows, versions="0.2.1 to 0.8.1",
    gives="lengths, TTFT, TPOT, throughput; up to 0.3 means and the load, later medians, and the"
    " load is asked for",
)  # fmt: skip
