"""Files of known tools that hold no run as a whole, and which of the tool's files to give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from guide_ml.ingest.content import Content, pick

__all__ = ["HINTS", "Hint"]


@dataclass(frozen=True)
class Hint:
    """What is said of a file that cannot be read.

    Parameters
    ----------
    tool : str
        Whose it is.
    what : str
        What it holds.
    give : str
        What to give in its place.
    recognises : callable
        Whether a file is of this kind.
    """

    tool: str
    what: str
    give: str
    recognises: Callable[[Content], bool]


def _keys(*keys: str) -> Callable[[Content], bool]:
    return lambda c: any(set(keys) <= o.keys() for o in c.objects[:5])


def _text(*words: str) -> Callable[[Content], bool]:
    return lambda c: all(w in c.text for w in words)


def _head(*columns: str) -> Callable[[Content], bool]:
    return lambda c: bool(c.records) and set(columns) <= set(c.records[0])


def _raw(*starts: bytes) -> Callable[[Content], bool]:
    return lambda c: c.raw.startswith(starts)


_LOG = "a log of single requests, which says nothing of the load as a whole"

HINTS = (
    Hint(
        "vLLM",
        "a run of embeddings, which generate nothing",
        "the result of a model that generates",
        lambda c: any(
            {"model_id", "completed", "total_input_tokens"} <= o.keys()
            and "total_output_tokens" not in o
            for o in c.objects
        ),
    ),
    Hint(
        "vLLM or SGLang",
        "one metric a record, without the load",
        "the JSON of --save-result that lies beside it, without .pytorch in its name",
        lambda c: any(pick(o, "metric", "benchmark_values") is not None for o in c.objects[:2]),
    ),
    Hint(
        "vLLM",
        "times of its start",
        "the result of vllm bench serve, latency or throughput",
        lambda c: any("avg_cold_startup_time" in o for o in c.objects[:2]),
    ),
    Hint(
        "optimum-benchmark",
        "a configuration without figures",
        "benchmark.json of the same run",
        _keys("backend", "scenario", "launcher"),
    ),
    Hint(
        "optimum-benchmark",
        "figures without the configuration",
        "benchmark.json of the same run",
        lambda c: any(
            pick(o, "prefill", "latency") or pick(o, "decode", "latency") for o in c.objects[:1]
        ),
    ),
    Hint(
        "AIPerf",
        _LOG,
        "profile_export_aiperf.json of the same run",
        lambda c: any(
            pick(o, "metadata", "x_request_id") and "metrics" in o for o in c.objects[:5]
        ),
    ),
    Hint(
        "AIPerf",
        "tables of the console without the time of requests",
        "profile_export_aiperf.json of the same run",
        _text("NVIDIA AIPerf |"),
    ),
    Hint(
        "GenAI-Perf",
        "tables of the console without the time of requests",
        "profile_export_genai_perf.json of the same run",
        _text("NVIDIA GenAI-Perf |"),
    ),
    Hint(
        "GenAI-Perf",
        _LOG,
        "profile_export_genai_perf.json of the same run",
        lambda c: any("experiments" in o and "service_kind" in o for o in c.objects[:2]),
    ),
    Hint(
        "GuideLLM",
        "tables of the console that a narrow terminal broke",
        "benchmarks.json, .yaml or .csv of the same run",
        lambda c: "Server Throughput Statistics" in c.text or "Benchmarks Stats:" in c.text,
    ),
    Hint(
        "evalscope",
        "the arguments of a run",
        "benchmark_summary.json beside it",
        _keys("parallel", "number", "in_flight_task_multiplier"),
    ),
    Hint(
        "evalscope",
        "the arguments of a run",
        "benchmark_summary.json beside it",
        _keys("parallel", "log_every_n_query"),
    ),
    Hint(
        "evalscope",
        "the report over several loads, without lengths",
        "the benchmark_summary.json of each load",
        _text("Performance Test Summary Report"),
    ),
    Hint(
        "evalscope", "percentiles alone", "benchmark_summary.json beside it", _keys("Percentiles")
    ),
    Hint(
        "LLMPerf",
        _LOG,
        "*_summary.json beside it",
        _keys("inter_token_latency_s", "ttft_s", "number_output_tokens"),
    ),
    Hint(
        "genai-bench",
        "the settings of an experiment",
        "the JSON of each scenario beside it",
        _keys("cmd", "benchmark_version", "traffic_scenario"),
    ),
    Hint(
        "inference-perf",
        "metrics of the server's Prometheus, whose mean lengths are not those of requests",
        "stage_*_lifecycle_metrics.json of the same run",
        lambda c: any(
            "load_summary" in o and "queue_len" in (o.get("successes") or {}) for o in c.objects
        ),
    ),
    Hint(
        "inference-perf",
        _LOG,
        "stage_*_lifecycle_metrics.json of the same run",
        lambda c: any(
            {"request", "response", "start_time", "end_time"} <= o.keys() for o in c.objects[:5]
        ),
    ),
    Hint(
        "vLLM",
        "counters of its Prometheus endpoint, over all that it served",
        "the result of vllm bench serve --save-result",
        _text("# TYPE vllm:"),
    ),
    Hint(
        "SGLang",
        "counters of its Prometheus endpoint, over all that it served",
        "the result of sglang.bench_serving",
        _text("# TYPE sglang:"),
    ),
    Hint(
        "LMBench (vLLM production stack)",
        _LOG,
        "its summary, as a CSV with the columns of data/README.md",
        _head("prompt_tokens", "generation_tokens", "ttft", "generation_time"),
    ),
    Hint(
        "MLPerf Inference",
        "the detailed log",
        "mlperf_log_summary.txt beside it",
        _text(":::MLLOG"),
    ),
    Hint(
        "llama-bench",
        "the start of a run that ended before its first test",
        "the output of a run to its end",
        lambda c: "t/s |" in c.text and "| model " in c.text,
    ),
    Hint(
        "Locust",
        "figures of a web service, without tokens",
        "the result of a client that counts tokens",
        _head("Type", "Name", "Request Count", "Failure Count"),
    ),
    Hint("llama.cpp", "a script's speeds of answers, without the lengths of their prompts",
         "what llama-bench prints, or an answer of llama-server",
         lambda c: any("spec_flags" in o and "gguf" in o for o in c.objects[:2])),
    Hint("AMD's MAD", "a table of scores without their load",
         "the JSON or the printed block of the benchmark that it ran",
         _head("model", "performance", "metric")),
    Hint("vLLM's performance suite", "a table without the lengths of requests",
         "the JSON of each of its tests",
         lambda c: "| Test name" in c.text and "Tput (req/s)" in c.text),
    Hint("an archive", "compressed", "the file inside",
         _raw(b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh")),
    Hint("a spreadsheet or an archive", "no text", "its table as CSV, or the file inside",
         _raw(b"PK\x03\x04", b"\xd0\xcf\x11\xe0")),
    Hint("a spreadsheet", "a table whose numbers have decimal commas", "it exported with points",
         lambda c: c.decimal_commas),
    Hint("a picture or a document", "no text", "the JSON, the CSV or the printed text of the run",
         _raw(b"\x89PNG", b"\xff\xd8\xff", b"%PDF")),
    Hint("a report for browsers", "a web page", "the JSON or the CSV of the same run",
         lambda c: c.text.lstrip()[:15].lower().startswith(("<!doctype html", "<html"))),
    Hint(
        "a benchmark script",
        "the message that it failed",
        "the result of a run that succeeded",
        lambda c: (
            len(c.objects) == 1
            and set(c.objects[0]) <= {"error", "success", "message"}
            and "error" in c.objects[0]
        ),
    ),
)
"""Looked at in turn where no importer knows a file."""
