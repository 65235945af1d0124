"""What ``vllm bench serve`` and ``sglang.bench_serving`` print at their end, as people paste it.

A text may hold several such blocks, with log lines around, commented out, or inside a JSON string.
What stands before a block since the last one tells the load where the block does not: older
clients print it there. SGLang's block names its backend, vLLM's does not.
"""

from __future__ import annotations

import re
from typing import Any

from guide_ml.ingest.content import Content, number
from guide_ml.ingest.rows import FAULT, REPEAT, Importer, Row
from guide_ml.ingest.sglang import offline_run
from guide_ml.ingest.sglang import run as sglang_run
from guide_ml.ingest.vllm import run as vllm_run

__all__ = ["PRINTED"]

_BLOCK = re.compile(
    r"=+ ?(Serving|Offline Throughput) Benchmark Result ?=+[ \t|]*\r?\n"
    r"(.*?)(?:\n[^\n=]*={30,}|\n[^\n]*(?==+ ?(?:Serving|Offline Throughput) Benchmark)|\Z)",
    re.S,
)
_LABELS = {
    "successful requests": "completed", "failed requests": "failed", "backend": "backend",
    "benchmark duration (s)": "duration", "total input tokens": "total_input_tokens",
    "total generated tokens": "total_output_tokens",
    "output token throughput (tok/s)": "output_throughput",
    "total token throughput (tok/s)": "total_token_throughput",
    "total throughput (tok/s)": "total_token_throughput",
    "maximum request concurrency": "max_concurrency", "max request concurrency": "max_concurrency",
    "request rate configured (rps)": "request_rate", "traffic request rate": "request_rate",
    "avg decoded tokens per iter": "avg_decoded_tokens_per_iter",
    "acceptance length": "spec_decode_acceptance_length", "accept length": "accept_length",
    "cache hit rate": "cache_hit_rate",
}  # fmt: skip
#: A label with its value, whatever a log writes before it on its line.
_LINE = re.compile(rf"(?<!peak )\b({'|'.join(map(re.escape, _LABELS))}):[ \t]+(\S+)", re.I)
_STATISTIC = re.compile(
    r"\b(mean|median|p99) (ttft|tpot|e2e latency|e2el) \(ms\):[ \t]+(\S+)", re.I
)
_KEYS = {"e2e latency": "e2e_latency"}
#: Lines of clients so new that they print the load in the block wherever there is one.
_NEW = ("failed requests:", "peak concurrent requests:")
_ARGUMENT = re.compile(
    r"\b(model|dataset_name|max_concurrency|request_rate|num_prompts)=(?:'([^']*)'|([\w.]+))"
)
_OPTION = re.compile(
    r"--(model|dataset-name|max-concurrency|request-rate|num-prompts)[ =]+[\"']?([^\s\"'\\]+)"
)
_BEFORE = re.compile(
    r"^[^\w\n]*(Traffic request rate|Max(?:imum)? request concurrency):[ \t]*(\S+)",
    re.M,
)


def _texts(content: Content) -> list[str]:
    """Return the file's text, or the texts that its objects hold."""
    held = [v for o in content.objects for v in o.values() if isinstance(v, str) and "\n" in v]
    return held if content.text.lstrip()[:1] in ("{", "[") else [content.text]


def _blocks(content: Content) -> list[tuple[str, str, str]]:
    """Kind of each block, what stands before it since the last, and what it holds."""
    found = []
    for text in _texts(content):
        last = 0
        for block in _BLOCK.finditer(text):
            found.append((block[1], text[last : block.start()], block[2]))
            last = block.end()
    return found


def _recognises(content: Content) -> bool:
    return "Benchmark Result" in content.text and bool(_blocks(content))


def _rows(content: Content) -> list[Row]:
    return [_row(*block) for block in _blocks(content)]


def _row(kind: str, before: str, block: str) -> Row:
    found = _before(before) | _inside(block)
    if kind.startswith("Offline"):
        return offline_run(
            {
                "backend": found.get("backend"),
                "successful_requests": found.get("completed"),
                "total_input_tokens": found.get("total_input_tokens"),
                "total_output_tokens": found.get("total_output_tokens"),
                "output_throughput": found.get("output_throughput"),
                "model_path": found.get("model_id"),
                "total_throughput": found.get("total_token_throughput"),
            }
        )
    if "total_output_tokens" not in found:
        return {FAULT: "no generated tokens were counted: a run of embeddings, or one without a"
                       " tokenizer"}  # fmt: skip
    loaded = {"max_concurrency", "request_rate"} & found.keys()
    sglang = "backend" in found
    row = _sglang(found) if sglang else vllm_run(found)
    row.pop(REPEAT, None)  # a block does not say all of its settings
    if not loaded and not any(line in block.lower() for line in _NEW):
        row = {k: v for k, v in row.items() if k not in ("mode", "concurrency")}
    return row


def _sglang(found: dict[str, Any]) -> Row:
    found["total_throughput"] = found.pop("total_token_throughput", None)
    return sglang_run(found | {"model_path": found.get("model_id")})


def _inside(block: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for label, value in _LINE.findall(block):
        key = _LABELS[label.lower()]
        found[key] = value if key == "backend" else _value(value.rstrip("%"))
    for statistic, name, value in _STATISTIC.findall(block):
        key = _KEYS.get(name.lower(), name.lower())
        found[f"{statistic.lower()}_{key}_ms"] = number(value)
    return found


def _before(text: str) -> dict[str, Any]:
    """Find settings that the client printed, or was called with, before its block."""
    found: dict[str, Any] = {}
    for name, value in _OPTION.findall(text):
        found[name.replace("-", "_")] = _value(value)
    for name, quoted, bare in _ARGUMENT.findall(text):
        found[name] = quoted or _value(bare)
    for label, value in _BEFORE.findall(text):
        found[_LABELS[label.lower()]] = _value(value)
    if "model" in found:
        found["model_id"] = found.pop("model")
    return found


def _value(text: str) -> object:
    """Read a number, or nothing for what was not set."""
    if text.lower() in ("none", "not"):
        return None
    figure = number(text)
    return text if figure is None else figure


PRINTED = Importer(
    "vllm-bench-serve", "what vllm bench serve and sglang.bench_serving print: text", _recognises,
    _rows, versions="vLLM 0.7 to 0.13, fields of SGLang 0.5.23",
    gives="lengths, TTFT, TPOT, throughput; the load where it was printed",
)  # fmt: skip
