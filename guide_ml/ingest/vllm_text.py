"""What vLLM's other benchmarks print: ``latency``, ``throughput`` and the multi-turn script.

Arguments that the command printed (``Namespace(...)``) give the model, lengths and batch.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.names import model_of
from guide_ml.ingest.precision import kv_precision, precision
from guide_ml.ingest.rows import TOKENS, Importer, Row, asking, flagged, joined, stats

__all__ = ["MULTI_TURN", "OFFLINE_TEXT"]

_LATENCY = re.compile(r"^[^\w\n]*Avg latency: ([\d.]+) seconds", re.M)
_THROUGHPUT = re.compile(
    r"^[^\w\n]*Throughput: ([\d.]+) requests/s, ([\d.]+) (?:total )?tokens/s"
    r"(?:, ([\d.]+) output tokens/s)?",
    re.M,
)
_TOTALS = re.compile(r"Total num (prompt|output) tokens:\s+(\d+)")
_ARGUMENT = re.compile(
    r"\b(model|input_len|output_len|batch_size|num_prompts|tensor_parallel_size|quantization|dtype"
    r"|pipeline_parallel_size|data_parallel_size|kv_cache_dtype|dataset_name|speculative_model"
    r"|cpu_offload_gb)=(?:'([^']*)'|([\w.]+))"
)
_DRAFTING = re.compile(r"\bspeculative_config=(\{[^}]*\}|'\{[^']*\}')")
_METHOD = re.compile(r"""["']method["']: ?["']([^"']+)["']""")


def _recognises(content: Content) -> bool:
    return bool(_LATENCY.search(content.text) or _THROUGHPUT.search(content.text))


def _rows(content: Content) -> list[Row]:
    found: list[tuple[int, Row]] = []
    for match in _LATENCY.finditer(content.text):
        row: Row = {"mode": "static", "batch_latency_s": number(match[1])}
        asked = _arguments(content.text[: match.start()])
        found.append((match.start(), joined(row, _named(asked), _shape(asked))))
    for match in _THROUGHPUT.finditer(content.text):
        asked = _arguments(content.text[: match.start()])
        after = content.text[match.end() : match.end() + 300]
        found.append((match.start(), joined(_queue(match, after), _named(asked))))
    return [row for _, row in sorted(found, key=lambda f: f[0])]


def _queue(match: re.Match[str], after: str) -> Row:
    """Read a queue: lengths follow from the totals, else their sum a request."""
    requests, total, made = (number(g) for g in match.groups())
    row: Row = {"mode": "offline", "total_tok_s": total, "output_tok_s": made}
    each = total / requests if total and requests else None
    sums = {kind: float(n) for kind, n in _TOTALS.findall(after)}
    if not each or not sums.get("prompt") or not sums.get("output"):
        return row | {TOKENS: each}
    share = sums["prompt"] / (sums["prompt"] + sums["output"])
    count = round((sums["prompt"] + sums["output"]) / each)
    return row | {
        "input_len": share * each,
        "output_len": (1 - share) * each,
        "num_requests": count,
    }


def _arguments(before: str) -> dict[str, Any]:
    """Arguments that were printed last."""
    found: dict[str, Any] = {n: quoted or bare for n, quoted, bare in _ARGUMENT.findall(before)}
    drafting = _DRAFTING.findall(before)
    return found | ({"speculative_config": drafting[-1]} if drafting else {})


def _named(asked: dict[str, Any]) -> Row:
    layout = {k: number(asked.get(v)) for k, v in _LAYOUT.items()}
    plain = asked.get("dtype")
    shared = "prefix" in str(asked.get("dataset_name"))
    return joined(
        {"framework": "vllm"}, layout, model_of(asked.get("model")),
        precision(asked.get("quantization"), plain=plain, model=asked.get("model")),
        kv_precision(asked.get("kv_cache_dtype")), _drafted(asked),
        flagged("prefix-cached" if shared else None,
                "partial-offload" if number(asked.get("cpu_offload_gb")) else None),
    )  # fmt: skip


_LAYOUT = {"tp": "tensor_parallel_size", "pp": "pipeline_parallel_size", "dp": "data_parallel_size"}


def _drafted(asked: dict[str, Any]) -> Row:
    """Read how tokens were drafted; arguments that say that they were ask for the method."""
    config = str(asked.get("speculative_config") or "")
    if method := _METHOD.search(config):
        return {"spec_method": method[1]}
    if config or str(asked.get("speculative_model", "None")) != "None":
        return asking("spec_method", "tokens were drafted, but the arguments do not say how")
    return {}


def _shape(asked: dict[str, Any]) -> Row:
    return {k: number(asked.get(k)) for k in ("batch_size", "input_len", "output_len")}


_SUMMARY = re.compile(r"requests_per_sec = ([\d.]+)")
_LINE = re.compile(
    r"^[^\w\n]*(ttft_ms|tpot_ms|latency_ms|input_num_tokens|output_num_tokens)\s+([\d. ]+)$", re.M
)
_COLUMNS = re.compile(r"^[^\w\n]*(count\s+mean\s.*)$", re.M)


def _turns(content: Content) -> list[Row]:
    heading = _COLUMNS.search(content.text)
    rate = _SUMMARY.search(content.text)
    if heading is None or rate is None:
        return []
    names = heading[1].split()
    cells = {k: dict(zip(names, map(number, v.split()), strict=False))
             for k, v in _LINE.findall(content.text)}  # fmt: skip
    if not {"ttft_ms", "latency_ms"} <= cells.keys():
        return []
    inside, outside = (cells.get(f"{k}_num_tokens", {}).get("mean") for k in ("input", "output"))
    speed = number(rate[1])
    row: Row = {
        "num_requests": cells["ttft_ms"].get("count"),
        "input_len": inside,
        "output_len": outside,
        "output_tok_s": speed * outside if speed and outside else None,
    }
    for column, key in (("ttft", "ttft_ms"), ("tpot", "tpot_ms"), ("e2e", "latency_ms")):
        row |= stats(column, (cells.get(key, {}).get(s) for s in ("mean", "50%", "99%")))
    names_of = set(re.findall(r"(?:--model|-m)[ =]+(\S+)", content.text))
    return [
        joined(row, model_of(names_of.pop()) if len(names_of) == 1 else {}, flagged("multi-turn"))
    ]


OFFLINE_TEXT = Importer(
    "vllm-bench-offline", "what vllm bench latency and throughput print: text", _recognises, _rows,
    versions="fields of 0.33", gives="batch latency, or throughput and lengths of a queue",
)  # fmt: skip
MULTI_TURN = Importer(
    "vllm-multi-turn", "what vLLM's benchmark_serving_multi_turn prints: text",
    lambda c: bool(_turns(c)), _turns, versions="fields of 0.33",
    gives="lengths, TTFT, TPOT, throughput of conversations; the number of clients is asked for",
)  # fmt: skip
