"""llama-benchy's JSON, CSV and Markdown: a client, so the engine is asked for.

A test at a depth computes depth and prompt together, unless prefixes are cached; then it hits the
depth, computed in a run before. ``e2e_ttft`` is what a user waits; ``est_ppt`` has the network
taken out. Rates of a request are after its first token.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number, pick
from guide_ml.ingest.llama_text import cells_of
from guide_ml.ingest.names import model_of
from guide_ml.ingest.precision import precision
from guide_ml.ingest.rows import FAULT, Importer, Row, flagged, joined, served, stats
from guide_ml.units import MS_PER_S

__all__ = ["LLAMA_BENCHY"]

_TEST = re.compile(r"(ctx_)?(pp|tg)(\d*)(?: @ d(\d+))?(?: \(c(\d+)\))?")
_OURS = {"ttfr (ms)", "est_ppt (ms)", "e2e_ttft (ms)"}


def _reports(content: Content) -> list[dict[str, Any]]:
    return [
        o for o in content.objects if "latency_mode" in o and isinstance(o.get("benchmarks"), list)
    ]


def _recognises(content: Content) -> bool:
    return bool(_reports(content) or _lines(content))


def _rows(content: Content) -> list[Row]:
    found = [_run(b, o) for o in _reports(content) for b in o["benchmarks"]]
    return found or _tests(_lines(content))


def _run(found: dict[str, Any], report: dict[str, Any]) -> Row:
    speeds = pick(found, "tg_req_throughput", "values") or [
        pick(found, "tg_req_throughput", "mean")
    ]
    times = [MS_PER_S / s for s in map(number, speeds) if s]
    return _row(
        report.get("model"), number(found.get("concurrency")), number(found.get("context_size")),
        number(found.get("prompt_size")), number(found.get("response_size")),
        number(pick(found, "e2e_ttft", "mean")), sum(times) / len(times) if times else None,
        bool(found.get("is_context_prefill_phase")), report.get("prefix_caching_enabled") is True,
    ) | {"measured_on": str(report.get("timestamp") or "")[:10] or None}  # fmt: skip


def _row(
    model: object, users: float | None, depth: float | None, prompt: float | None,
    answer: float | None, ttft_ms: float | None, tpot_ms: float | None, alone: bool, cached: bool,
) -> Row:  # fmt: skip
    """Lay out one test: users who send at once and wait for all."""
    depth, prompt = depth or 0.0, prompt or 0.0
    whole = depth if alone else depth + prompt
    row = joined(
        served(users or 1.0), model_of(model), precision(model=model),
        {"num_requests": users if users and users > 1 else None, "input_len": whole or None,
         "output_len": answer or None},
        stats("ttft", [ttft_ms]), stats("tpot", [tpot_ms]),
    )  # fmt: skip
    if cached and depth and not alone:
        row = joined(row, {"prefix_hit_rate": depth / whole}, flagged("prefix-cached"))
    if not {"ttft_ms", "tpot_ms"} & row.keys():
        row[FAULT] = "the test has neither a time to the first token nor a speed"
    return row


def _lines(content: Content) -> list[dict[str, str]]:
    """Lines of the CSV or of Markdown tables, under the names of Markdown."""
    if content.records and {"test_name", "e2e_ttft_mean", "t_s_req_mean"} <= set(
        content.records[0]
    ):
        return [
            {
                "model": r.get("model", ""),
                "test": r.get("test_name", ""),
                "t/s": r.get("t_s_mean", ""),
                "t/s (req)": r.get("t_s_req_mean", ""),
                "e2e_ttft (ms)": r.get("e2e_ttft_mean", ""),
            }
            for r in content.table
        ]
    found: list[dict[str, str]] = []
    heading: list[str] = []
    for line in content.text.splitlines():
        cells = cells_of(line)
        if "test" in cells and _OURS & set(cells):
            heading = cells
        elif heading and len(cells) == len(heading):
            found.append(dict(zip(heading, cells, strict=True)))
    return found


def _tests(lines: list[dict[str, str]]) -> list[Row]:
    """Put the prompt's and the answer's line of each test together."""
    tests: dict[tuple[str, ...], dict[str, Any]] = {}
    for line in lines:
        match = _TEST.fullmatch(line["test"])
        if match is None:
            continue
        key: tuple[str, ...] = (line["model"], match[1] or "", match[4] or "", match[5] or "")
        test = (
            tests.setdefault(key, {})
            if match[2] == "tg"
            else tests.setdefault((*key, match[3]), {})
        )
        test |= {match[2]: line, match[2] + "_len": number(match[3])}
    out = []
    for name, test in tests.items():
        if "pp" not in test:
            continue
        answers = tests.get(name[:4], {})
        out.append(_test(name, test, answers, any(k[1] for k in tests)))
    return out


def _test(key: tuple[str, ...], test: dict[str, Any], answers: dict[str, Any], cached: bool) -> Row:
    line = answers.get("tg", {})
    speed = _mean(line.get("t/s (req)") or line.get("t/s"))
    return _row(
        key[0], number(key[3]), number(key[2]), test.get("pp_len"), answers.get("tg_len"),
        _mean(test["pp"].get("e2e_ttft (ms)")), MS_PER_S / speed if speed else None,
        bool(key[1]), cached,
    )  # fmt: skip


def _mean(cell: str | None) -> float | None:
    return number((cell or "").split("±")[0].strip())


LLAMA_BENCHY = Importer(
    "llama-benchy",
    "llama-benchy: JSON, CSV, Markdown",
    _recognises,
    _rows,
    versions="0.2.2 to 0.4.0",
    gives="model as served, users, lengths, TTFT, TPOT; the engine is asked for",
)
