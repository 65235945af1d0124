"""MLPerf Inference's ``mlperf_log_summary.txt`` of a model that generates tokens; times in ns.

Only the answers' mean length follows from it: tokens over samples.
"""

from __future__ import annotations

import re

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.rows import FAULT, Importer, Row, joined, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["MLPERF"]

_LINE = re.compile(r"^[ *]*([A-Za-z0-9][^:\n]*?)\s*:\s*(\S[^\n]*?)\s*$", re.M)
_NS = MS_PER_S / 1e9


def _recognises(content: Content) -> bool:
    return "MLPerf Results Summary" in content.text


def _rows(content: Content) -> list[Row]:
    cells = {k.lower(): v for k, v in _LINE.findall(content.text)}
    scenario = cells.get("scenario", "")
    samples = _any(cells, "completed samples per second", "samples per second")
    tokens = _any(cells, "completed tokens per second", "tokens per second")
    if not tokens:
        return [{FAULT: "the summary has no tokens a second: its model generates none"}]
    load = {"Server": served(None, cells.get("scheduled samples per second") or "trace"),
            "Offline": served(None), "SingleStream": served(1)}.get(scenario, {})  # fmt: skip
    row = joined(
        load,
        {"output_tok_s": tokens, "output_len": tokens / samples if samples else None},
        _times(cells, "ttft", "mean first token latency (ns)", "first token latency (ns)"),
        _times(cells, "tpot", "mean time to output token (ns)", "time to output token (ns)"),
    )
    if cells.get("result is", "VALID") != "VALID":
        row[FAULT] = f"the result is {cells['result is']}, as the summary says"
    if "AccuracyOnly" in cells.get("mode", ""):
        row[FAULT] = "an accuracy run is not timed"
    return [row]


def _any(cells: dict[str, str], *names: str) -> float | None:
    return next((number(cells[n]) for n in names if n in cells), None)


def _times(cells: dict[str, str], column: str, mean: str, quantile: str) -> Row:
    figures = (cells.get(mean), cells.get(f"50.00 percentile {quantile}"),
               cells.get(f"99.00 percentile {quantile}"))  # fmt: skip
    return stats(column, figures, _NS)


MLPERF = Importer(
    "mlperf", "MLPerf Inference: mlperf_log_summary.txt", _recognises, _rows, versions="5.0",
    gives="scenario, throughput, mean length of answers; model and prompts are asked for",
)  # fmt: skip
