"""The tables that AIPerf and GenAI-Perf print. The command names model and load, if it is there."""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.aiperf import metrics, named
from guide_ml.ingest.content import Content, number
from guide_ml.ingest.names import model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import FAULT, Importer, Row, failed, flagged, joined, served
from guide_ml.units import MS_PER_S

__all__ = ["AIPERF_TEXT"]

_EDGES = "│┃|"
_CUT = "…"
_HEADINGS = ("Metric", "Statistic")
#: The metric of which every run has one line.
_MAIN = "request_latency"
_OPTIONS = {
    "model": re.compile(r"(?:^|\s)(?:-m|--model(?:-names?)?)[ =]+[\"']?([^\s\"'\\]+)"),
    "concurrency": re.compile(r"--concurrency[ =]+[\"']?(\d+)"),
    "rate": re.compile(r"--request-rate[ =]+[\"']?([\d.]+)"),
}
#: Options of data whose prompts share beginnings, or are turns of conversations.
_SHARED = {"prefix-cached": re.compile(r"--(?:num-|prompt-)*prefix"),
           "multi-turn": re.compile(r"--(?:session|conversation|num-sessions)")}  # fmt: skip
_COMMAND = re.compile(r"(?:aiperf|genai-perf) +profile")


def _tables(text: str) -> list[list[list[str]]]:
    """Read tables with their headings; a name that goes on in the next line is put together."""
    found: list[list[list[str]]] = []
    for line in text.splitlines():
        line = line.strip()
        if line[:1] not in _EDGES or line[-1:] not in _EDGES:
            continue
        cells = [c.strip() for c in re.split(f"[{_EDGES}]", line[1:-1])]
        if cells[0] in (*_HEADINGS, "Code"):
            found.append([cells])
        elif found and len(cells) == len(found[-1][0]):
            if any(cells[1:]) or len(found[-1]) == 1:
                found[-1].append(cells)
            else:
                found[-1][-1][0] += f" {cells[0]}"
    return found


def _runs(content: Content) -> list[dict[str, dict[str, Any]]]:
    """Metrics of each run; tables beside the main one are of a run that stands alone."""
    if not any(f"{name} " in content.text for name in ("AIPerf |", "GenAI-Perf |")):
        return []
    tables = [t for t in _tables(content.text) if t[0][0] in _HEADINGS]
    read = [named([["Metric", *t[0][1:]], *t[1:]]) for t in tables]
    runs = [r for r in read if _MAIN in r]
    if len(runs) == 1:
        return [{k: v for r in reversed(read) for k, v in r.items()} | runs[0]]
    return runs


def _rows(content: Content) -> list[Row]:
    runs = _runs(content)
    told = _told(content.text) if len(runs) == 1 else {}
    return [_row(run, content.text, told) for run in runs]


def _row(run: dict[str, dict[str, Any]], text: str, told: dict[str, str]) -> Row:
    if any(_CUT in str(v) for metric in run.values() for v in metric.values()):
        return {FAULT: "a narrow terminal cut figures of the table off"}
    row = metrics(run)
    done, lost = row.get("num_requests"), _errors(text)
    load: Row = {}
    if "concurrency" in told or "rate" in told:
        took = row.get("e2e_ms", 0.0) / MS_PER_S
        reached = number((run.get("request_throughput") or {}).get("avg"))
        load = served(told.get("concurrency"), told.get("rate"), (done or 0) + lost or None,
                      reached, took)  # fmt: skip
    name = told.get("model")
    shared = flagged(*(flag for flag, option in _SHARED.items() if option.search(text)))
    return joined(row, load, model_of(name), precision(model=name), shared,
                  failed(lost, done) if lost else {})  # fmt: skip


def _errors(text: str) -> float:
    """Count failed requests of the table of errors."""
    tables = [t for t in _tables(text) if t[0][0] == "Code" and t[0][-1] == "Count"]
    return sum(number(line[-1]) or 0.0 for t in tables for line in t[1:])


def _told(text: str) -> dict[str, str]:
    """Options of the command, where one value of each stands in the text."""
    if not _COMMAND.search(text):
        return {}
    values = {k: set(p.findall(text)) for k, p in _OPTIONS.items()}
    if any(len(v) > 1 for v in values.values()):
        return {}
    return {k: v.pop() for k, v in values.items() if v}


AIPERF_TEXT = Importer(
    "aiperf", "the tables that AIPerf and GenAI-Perf print: text", lambda c: bool(_runs(c)), _rows,
    versions="AIPerf 0.13, GenAI-Perf 0.0.4 to 0.0.16",
    gives="lengths, TTFT, TPOT, throughput; model and load where the command stands there",
)  # fmt: skip
