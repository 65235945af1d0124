"""Each importer on a file of its tool's newest shape; the values in the files are made up."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from guide_ml.describe.descriptors import STATS
from guide_ml.errors import BadData
from guide_ml.ingest.content import Content, load
from guide_ml.ingest.importers import IMPORTERS, recognise
from guide_ml.ingest.rows import (
    ASKS,
    BITS,
    COLUMNS,
    FAULT,
    LAYERS,
    PARAMETERS,
    REPEAT,
    SAID,
    TOKENS,
    UNLIKE,
)

FILES = Path(__file__).parent / "made_up"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
#: What a row may have beside its columns.
BESIDE = (ASKS, BITS, FAULT, LAYERS, PARAMETERS, REPEAT, SAID, TOKENS, UNLIKE)
#: The tool and version of each file's shape, and where its fields were read.
SHAPES = {
    "vllm_serve.json": "vllm 0.33.0, vllm/benchmarks/serve.py",
    "vllm_serve_appended.json": "vllm 0.33.0, vllm/benchmarks/serve.py (--append-result)",
    "vllm_latency.json": "vllm 0.33.0, vllm/benchmarks/latency.py",
    "vllm_throughput.json": "vllm 0.33.0, vllm/benchmarks/throughput.py",
    "sglang_serving.jsonl": "sglang 0.5.23, sglang/benchmark/serving.py, srt/entrypoints",
    "guidellm.json": "guidellm 0.8.1, computed from made-up requests by its own metric classes",
    "aiperf.json": "aiperf 0.13.0, exporters/metrics_json_exporter.py, config/phases.py",
    "aiperf.csv": "aiperf 0.13.0, exporters/metrics_csv_exporter.py",
    "genai_perf.json": "genai-perf 0.0.16, export_data/json_exporter.py, config/input",
    "genai_perf.csv": "genai-perf 0.0.16, export_data/csv_exporter.py",
    "trtllm_report.json": "TensorRT-LLM 02499765, tensorrt_llm/bench/dataclasses/reporting.py",
    "llama_bench.json": "llama.cpp 0104b151, tools/llama-bench/llama-bench.cpp",
    "llama_bench.jsonl": "llama.cpp 0104b151, tools/llama-bench/llama-bench.cpp",
    "llama_bench.csv": "llama.cpp 0104b151, tools/llama-bench/llama-bench.cpp",
    "llama_bench.sql": "llama.cpp 0104b151, tools/llama-bench/llama-bench.cpp",
    "llama_bench.md": "llama.cpp 0104b151, tools/llama-bench/llama-bench.cpp",
    "optimum_benchmark.json": "optimum-benchmark 0.6.0, benchmark/report.py, trackers/latency.py",
    "llmperf_summary.json": "llmperf 004d3afb, token_benchmark_ray.py, common_metrics.py",
    "inferencex_agg.json": "InferenceX 77f3e680, utils/process_result.py",
    "inferencex_agentic.json": "InferenceX, an agentic agg_*.json of 2026-09",
    "vllm_printed.txt": "vllm 0.33.0, vllm/benchmarks/serve.py, what it prints",
    "vllm_sweep.json": "vllm 0.25.1, vllm bench sweep serve, summary.json",
    "vllm_multi_turn.json": "vllm 0.25.1, a multi-turn result",
    "vllm_offline_printed.txt": "vllm 0.33.0, vllm/benchmarks/latency.py, what it prints",
    "vllm_multi_turn_printed.txt": "vllm 0.33.0, benchmarks/multi_turn, what it prints",
    "llama_timings.txt": "llama.cpp 0104b151, what llama-cli prints at its end",
    "sglang_printed.txt": "sglang 0.5.23, sglang/benchmark/serving.py, what it prints",
    "sglang_one_batch.jsonl": "sglang 0.5.23, benchmark/one_batch.py, one_batch_server.py",
    "sglang_offline.jsonl": "sglang 0.5.23, benchmark/offline_throughput.py",
    "sglang_one_batch_printed.txt": "sglang 0.5.23, benchmark/one_batch.py, what it prints",
    "sglang_one_batch_server_printed.txt": "sglang 0.5.23, benchmark/one_batch_server.py, printed",
    "lmdeploy_printed_0.6.txt": "lmdeploy 01143d5a, benchmark/profile_throughput.py, printed",
    "lmdeploy_generation.txt": "lmdeploy 01143d5a, benchmark/profile_generation.py, printed",
    "lmdeploy_throughput.csv": "lmdeploy 01143d5a, benchmark/profile_throughput.py, --csv",
    "lmdeploy_generation.csv": "lmdeploy 01143d5a, benchmark/profile_generation.py, --csv",
    "lmdeploy_printed.txt": "lmdeploy 0c6b1883, lmdeploy/profiler.py, what it prints",
    "ktransformers_printed.txt": "ktransformers 0.2, util/utils.py, what local_chat prints",
    "ktransformers_server.txt": "ktransformers 0.2, server/backend/base.py, a line of its log",
    "guidellm.yaml": "guidellm 0.8.1, --output-path benchmarks.yaml",
    "guidellm.csv": "guidellm 0.8.1, --output-path benchmarks.csv, three rows of headings",
    "guidellm_printed_0.3.txt": "guidellm 0.3.1, benchmark/output.py, its console",
    "guidellm_printed.txt": "guidellm 0.5.2, benchmark/outputs/console.py, what it prints",
    "guidellm_0.3.csv": "guidellm 0.3.1, benchmarks.csv, one row of headings",
    "aiperf_0.1.json": "aiperf 0.1, profile_export_aiperf.json",
    "aiperf_failed.csv": "aiperf 0.13.0, profile_export_aiperf.csv of a run with failures",
    "aiperf_aggregate.json": "aiperf 0.13.0, profile_export_aiperf_aggregate.json",
    "aiperf_aggregate.csv": "aiperf 0.13.0, profile_export_aiperf_aggregate.csv",
    "aiperf_printed.txt": "aiperf 0.13.0, exporters/console_metrics_exporter.py, what it prints",
    "aiperf_sweep.json": "aiperf 0.13.0, profile_export_aiperf_sweep.json",
    "aiperf_sweep.csv": "aiperf 0.13.0, profile_export_aiperf_sweep.csv",
    "trtllm_printed.txt": "TensorRT-LLM 1.2, trtllm-bench throughput, what it prints",
    "llama_benchy.json": "llama-benchy 0.4.0, results.py",
    "llama_benchy_cached.json": "llama-benchy 0.4.0, results.py, --enable-prefix-caching",
    "llama_benchy.md": "llama-benchy 0.4.0, results.py",
    "llama_benchy.csv": "llama-benchy 0.4.0, results.py",
    "llama_batched_bench.md": "llama.cpp 0104b151, tools/batched-bench",
    "llama_batched_bench.jsonl": "llama.cpp 0104b151, tools/batched-bench, --output-format jsonl",
    "llama_sweep_bench.md": "ik_llama.cpp, examples/sweep-bench",
    "llama_collected.csv": "llama-bench's rows as people collect them over depths",
    "llama_bench_two_gpus.md": "llama.cpp 0104b151, what its backends print of devices",
    "llmperf_table.json": "one line a concurrency, made of LLMPerf's summaries",
    "inference_perf.json": "inference-perf 0.3, stage_0_lifecycle_metrics.json",
    "llmd_0.1.yaml": "llm-d-benchmark, report schema 0.1",
    "llmd_0.2.yaml": "llm-d-benchmark, report schema 0.2",
    "evalscope_summary.json": "evalscope 1.14.1, perf/utils/perf_constants.py",
    "evalscope_0.17.json": "evalscope 0.17, benchmark_summary.json",
    "genai_bench.json": "genai-bench 0.0.5, metrics/aggregated_metrics_collector.py",
    "mlperf_log_summary.txt": "MLPerf Inference 5, loadgen's summary of a token model",
    "ollama_verbose.txt": "ollama 0.13, ollama run --verbose",
    "ollama_answer.json": "ollama 0.13, /api/generate",
    "lm_studio_answer.json": "LM Studio 0.3.6, /api/v0/chat/completions",
    "lm_studio_stats.txt": "LM Studio, lms chat --stats",
    "mlx_generate.txt": "mlx-lm 0.32.2, generate.py",
    "mlx_benchmark.txt": "mlx-lm 0.32.2, benchmark.py",
}


#: A field that is taken out of a file.
GONE = "gone"
#: A file that says nothing of its size: names alone tell its type.
NO_SIZE = {"model_size": GONE, "model_n_params": GONE}


def rows(name: str) -> list[dict[str, Any]]:
    content = load(FILES / name)
    return [{k: v for k, v in r.items() if v is not None} for r in recognise(content).rows(content)]


def changed(name: str, **changes: Any) -> dict[str, Any]:
    """Read the first object of a JSON file with some fields changed."""
    found = {k: v for k, v in (load(FILES / name).objects[0] | changes).items() if v != GONE}
    content = Content(Path(name), json.dumps(found).encode())
    return {k: v for k, v in recognise(content).rows(content)[0].items() if v is not None}


def served(row: dict[str, Any]) -> None:
    """The run that the serving files tell: 16 users, 1024 tokens in, 256 out."""
    assert row["input_len"] == pytest.approx(1024)
    assert row["output_len"] == pytest.approx(256)
    assert row["ttft_ms"] == pytest.approx(120)
    assert row["tpot_ms"] == pytest.approx(9)
    assert row["output_tok_s"] == pytest.approx(1696.07, rel=1e-4)
    assert row["num_requests"] == 160


# All of them


def test_every_file_says_whose_shape_it_has_and_every_importer_has_a_file() -> None:
    there = {f.name for f in FILES.iterdir()} - {"README.md"}
    assert there == set(SHAPES)
    tools = {recognise(load(FILES / name)).reads for name in there}
    assert {i.reads for i in IMPORTERS} - tools == {"the columns of data/README.md: CSV or Parquet"}


@pytest.mark.parametrize("name", SHAPES)
def test_exactly_one_importer_knows_a_file_whatever_it_is_called(name: str) -> None:
    content = Content(Path("results"), (FILES / name).read_bytes())
    assert len([i for i in IMPORTERS if i.recognises(content)]) == 1


@pytest.mark.parametrize("name", SHAPES)
def test_rows_have_canonical_columns_and_positive_figures(name: str) -> None:
    found = rows(name)
    assert found
    for row in found:
        assert set(row) <= {*COLUMNS, *BESIDE}
        figures = [v for k, v in row.items() if re.search(r"_(ms|s|len)$", k)]
        assert all(isinstance(v, int | float) and v > 0 for v in figures)
        assert {row.get(s, "mean") for s in ("ttft_stat", "tpot_stat")} <= set(STATS)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[1, 2]", "a,b\n1,2\n", "| a | b |\n", "plain", '{"model_id": 1}',
             "\0\1\2", "{broken", '{"benchmarks": [1, null, {"metrics": null}]}'],
)  # fmt: skip
def test_what_nobody_knows_is_told_with_what_can_be_read(text: str) -> None:
    with pytest.raises(BadData, match=r"of no known format; .*llama-bench"):
        recognise(Content(Path("f"), text.encode()))


# vLLM


def test_vllm_serve_gives_mean_median_and_p99() -> None:
    (row,) = rows("vllm_serve.json")
    served(row)
    assert (row["mode"], row["concurrency"]) == ("closed", 16)
    assert "framework" not in row  # the client's protocol is no engine
    assert (row["ttft_stat"], row["ttft_median_ms"], row["ttft_p99_ms"]) == ("mean", 104, 260)
    assert (row["tpot_stat"], row["tpot_median_ms"], row["tpot_p99_ms"]) == ("mean", 8.9, 10.4)
    assert (row["model"], row["measured_on"]) == (MODEL, "2026-09-01")


def test_vllm_serve_without_a_mean_keeps_the_median_and_says_so() -> None:
    row = changed("vllm_serve.json", mean_ttft_ms=None)
    assert (row["ttft_ms"], row["ttft_stat"]) == (104, "median")


def test_vllm_serve_tells_open_offline_and_failing_runs() -> None:
    paced, burst, failing = rows("vllm_serve_appended.json")
    assert (paced["mode"], paced["request_rate_rps"]) == ("open", 4)
    assert "concurrency" not in paced
    assert burst["mode"] == "offline"
    assert failing[FAULT] == "25% of the requests failed"
    assert (failing["tp"], failing["framework_version"]) == (2, "0.33.0")  # --metadata


def test_vllm_ramp_up_is_an_open_load() -> None:
    ramp = {"ramp_up_strategy": "linear", "ramp_up_start_rps": 1, "ramp_up_end_rps": 9}
    assert changed("vllm_serve.json", **ramp)["mode"] == "open"


def test_vllm_latency_is_a_static_batch_in_seconds() -> None:
    (row,) = rows("vllm_latency.json")
    assert (row["mode"], row["batch_latency_s"], row["framework"]) == ("static", 1.21, "vllm")


def test_vllm_throughput_counts_prompt_tokens_too() -> None:
    (row,) = rows("vllm_throughput.json")
    assert (row["mode"], row["total_tok_s"], row[TOKENS]) == ("offline", 19200, 768)
    assert "output_tok_s" not in row


# SGLang


def test_sglang_reads_lengths_from_totals_and_the_layout_from_the_server() -> None:
    closed, paced, trace = rows("sglang_serving.jsonl")
    served(closed)
    assert closed["concurrency"] == 16  # asked for, not the 15.8 reached
    assert (closed["num_devices"], closed["tp"], closed["weight_dtype"]) == (2, 2, "fp8")
    assert (closed["framework_version"], closed["e2e_ms"]) == ("0.5.23", 2415)
    assert (paced["mode"], paced["request_rate_rps"], trace["mode"]) == ("open", 2, "open")


def test_sglang_attention_ranks_are_taken_from_the_tensor_parallel_ones() -> None:
    info = {"tp_size": 8, "dp_size": 8, "pp_size": 1, "ep_size": 8, "enable_dp_attention": True}
    row = changed("sglang_serving.jsonl", server_info=info)
    assert (row["num_devices"], row["tp"], row["dp"], row["ep"]) == (8, 1, 8, 8)


def test_sglang_replicas_multiply_the_devices() -> None:
    row = changed("sglang_serving.jsonl", server_info={"tp_size": 2, "dp_size": 4})
    assert (row["num_devices"], row["tp"], row["dp"]) == (8, 2, 4)


def test_sglangs_client_against_another_engine_takes_nothing_from_the_server() -> None:
    row = changed("sglang_serving.jsonl", backend="vllm")
    assert row["framework"] == "vllm"
    assert "num_devices" not in row


# AIPerf and GenAI-Perf


@pytest.mark.parametrize("name", ["aiperf.json", "genai_perf.json"])
def test_aiperf_json_says_load_and_model(name: str) -> None:
    (row,) = rows(name)
    served(row)
    assert (row["mode"], row["concurrency"], row["model"]) == ("closed", 16, MODEL)
    assert row["ttft_median_ms"] == pytest.approx(116.4)
    assert row["e2e_p99_ms"] == pytest.approx(3622.5)


@pytest.mark.parametrize("name", ["aiperf.csv", "genai_perf.csv"])
def test_aiperf_csv_says_the_same_but_neither_load_nor_model(name: str) -> None:
    (row,) = rows(name)
    served(row)
    assert row["ttft_p99_ms"] == pytest.approx(180)
    assert not {"mode", "concurrency", "model"} & row.keys()


def test_aiperf_names_the_gpu_of_its_telemetry() -> None:
    assert rows("aiperf.json")[0]["hardware"] == "nvidia-h100-sxm-80gb"


def test_aiperf_units_are_read_not_assumed() -> None:
    seconds = {"unit": "s", "avg": 0.12, "p50": 0.1}
    row = changed("aiperf.json", time_to_first_token=seconds)
    assert (row["ttft_ms"], row["ttft_median_ms"]) == (120, 100)
    odd = changed("aiperf.json", time_to_first_token={"unit": "weeks", "avg": 1})
    assert "weeks" in odd[FAULT]


def test_aiperf_rates_are_open_loads_and_cut_runs_are_faults() -> None:
    phases = [{"name": "profiling", "type": "poisson", "rate": 3.0, "concurrency": 64}]
    config = {"models": {"items": [{"name": MODEL}]}, "phases": phases}
    row = changed("aiperf.json", input_config=config)
    assert (row["mode"], row["request_rate_rps"]) == ("open", 3)
    stimulus = {"perf_analyzer": {"stimulus": {"request_rate": 5}}}
    assert changed("genai_perf.json", input_config=stimulus)["mode"] == "open"
    assert changed("aiperf.json", is_complete=False)[FAULT] == "the run was cut short"


# TensorRT-LLM


def test_trtllm_bench_says_all_but_the_concurrency() -> None:
    (row,) = rows("trtllm_report.json")
    served(row)
    assert (row["num_devices"], row["tp"], row["weight_dtype"], row["kv_dtype"]) == (
        2, 2, "fp8", "fp8")  # fmt: skip
    assert row["hardware"] == "nvidia-h100-sxm-80gb"
    assert "ep" not in row  # -1: none was set
    assert not {"mode", "concurrency"} & row.keys()
    assert row["tpot_p99_ms"] == pytest.approx(14.4)


def test_trtllm_bench_without_streaming_has_no_ttft() -> None:
    row = changed("trtllm_report.json", streaming_metrics=None, machine=None)
    assert not {"ttft_ms", "tpot_ms", "hardware"} & row.keys()


# llama-bench

LLAMA = ["llama_bench.json", "llama_bench.jsonl", "llama_bench.csv", "llama_bench.sql"]


@pytest.mark.parametrize("name", [*LLAMA, "llama_bench.md"])
def test_llama_bench_tells_prefill_decode_and_both_at_a_depth(name: str) -> None:
    pp, tg, deep_pp, deep_tg, pg, cpu = rows(name)
    assert [r["mode"] for r in (pp, tg, deep_pp, deep_tg, pg)] == [
        "prefill", "decode", "prefill", "decode", "static"]  # fmt: skip
    assert (pp["input_len"], pp["ttft_ms"], pp["context_depth"]) == (512, pytest.approx(55), 0)
    assert (tg["output_len"], tg["tpot_ms"]) == (128, pytest.approx(900 / 128, rel=1e-4))
    assert deep_pp["context_depth"] == deep_tg["context_depth"] == 4096
    assert "input_len" not in deep_tg  # the depth is no prompt
    assert pg["batch_latency_s"] == pytest.approx(0.96, rel=1e-4)
    assert pg["output_tok_s"] == pytest.approx(128 / 0.96, rel=1e-4)  # not the 640 of both
    assert cpu[LAYERS] == 12
    assert {r["framework_version"] for r in (pp, pg)} == {"b9100"}
    assert {r["weight_dtype"] for r in (pp, pg)} == {"q4_k_m"}


@pytest.mark.parametrize("name", LLAMA)
def test_llama_bench_names_model_and_device(name: str) -> None:
    row = rows(name)[0]
    assert row["model"].endswith("Llama-3.1-8B-Instruct")
    assert (row["hardware"], row["num_devices"], row["kv_dtype"]) == (
        "nvidia-rtx-4090-24gb", 1, "fp16")  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gpu_info": "Tesla T4, Tesla T4"}, {"num_devices": 2, "pp": 2}),
        ({"gpu_info": "Tesla T4, Tesla T4", "split_mode": "row"}, {"num_devices": 2, "tp": 2}),
        ({"gpu_info": "Tesla T4, Tesla T4", "split_mode": "none"}, {"num_devices": 1}),
        ({"gpu_info": "Tesla T4, Tesla T4", "devices": "CUDA1"}, {"num_devices": 1}),
        ({"n_cpu_moe": 8}, {LAYERS: 0}),
        (NO_SIZE | {"model_type": "gpt-oss 20B MXFP4 MoE", "model_filename": "x.gguf"},
         {"weight_dtype": "mxfp4"}),
        (NO_SIZE | {"model_type": "gpt-oss 120B MXFP4 MoE",
          "model_filename": "gpt-oss-120b-F16-00001-of-00002.gguf"}, {"weight_dtype": "mxfp4-f16"}),
        (NO_SIZE | {"model_type": "gpt-oss 20B MXFP4 MoE",
                    "model_filename": "gpt-oss-20b-mxfp4.gguf"}, {"weight_dtype": "mxfp4"}),
        (NO_SIZE | {"model_type": "llama 8B Q8_0", "model_filename": "x.gguf"},
         {"weight_dtype": "q8_0"}),
        (NO_SIZE | {"model_type": "llama 8B IQ4_XS - 4.25 bpw", "model_filename": "x.gguf"},
         {"weight_dtype": "iq4_xs"}),
        ({"backends": "Metal,BLAS"}, {"backend": "metal"}),
    ],
)  # fmt: skip
def test_llama_bench_odd_cases(change: dict[str, Any], expected: dict[str, Any]) -> None:
    row = changed("llama_bench.jsonl", **change)
    assert {k: row.get(k) for k in expected} == expected


def test_llama_bench_all_layers_on_the_device_is_minus_one_or_more_than_there_are() -> None:
    assert LAYERS not in changed("llama_bench.jsonl", n_gpu_layers=-1)


# optimum-benchmark, LLMPerf, InferenceX, GuideLLM


def test_optimum_benchmark_times_are_of_the_whole_batch_in_seconds() -> None:
    (row,) = rows("optimum_benchmark.json")
    assert (row["mode"], row["batch_size"], row["input_len"], row["output_len"]) == (
        "static", 4, 512, 65)  # fmt: skip
    assert (row["batch_latency_s"], row["ttft_ms"]) == (3.4, 600)
    assert row["tpot_ms"] == pytest.approx(2800 / 64)  # the first token is prefill's
    assert (row["framework"], row["framework_version"]) == ("hf-transformers", "4.57.1")
    assert (row["hardware"], row["num_devices"], row["weight_dtype"]) == (
        "nvidia-a10g-24gb", 1, "bf16")  # fmt: skip


def test_optimum_benchmark_of_another_task_is_a_fault() -> None:
    report = {"load_model": {}, "forward": {"latency": {"unit": "s", "mean": 0.1}}}
    assert "text generation" in changed("optimum_benchmark.json", report=report)[FAULT]


def test_llmperf_inter_token_latency_includes_the_first_token_and_is_not_taken() -> None:
    (row,) = rows("llmperf_summary.json")
    served(row)
    found = load(FILES / "llmperf_summary.json").objects[0]
    assert found["results_inter_token_latency_s_mean"] * 1000 > row["tpot_ms"] * 1.04
    assert (row["concurrency"], row["ttft_median_ms"]) == (16, pytest.approx(116.4))


def test_inferencex_lengths_are_nine_tenths_and_rates_of_a_gpu() -> None:
    (row,) = rows("inferencex_agg.json")
    assert row["input_len"] == row["output_len"] == pytest.approx(0.9 * 1024)
    assert (row["num_devices"], row["tp"], row["ep"], row["dp"]) == (8, 8, 8, 1)
    assert (row["ttft_ms"], row["tpot_ms"]) == (400, 20)
    assert row["output_tok_s"] * row["e2e_ms"] / 1e3 / row["output_len"] == pytest.approx(16)
    assert (row["hardware"], row["weight_dtype"]) == ("nvidia-h200-sxm-141gb", "fp8")


def test_inferencex_disaggregated_runs_and_attention_ranks() -> None:
    split = {"disagg": True, "is_multinode": True, "num_prefill_gpu": 8, "num_decode_gpu": 16}
    row = changed("inferencex_agg.json", **split, output_tput_per_gpu=100.0)
    assert (row["mode"], row["num_devices"], row["output_tok_s"]) == ("disagg", 24, 1600)
    row = changed("inferencex_agg.json", dp_attention="true")
    assert (row["num_devices"], row["tp"], row["dp"]) == (8, 1, 8)


def test_inferencex_four_bits_are_the_vendors() -> None:
    found = [changed("inferencex_agg.json", precision="fp4", hw=hw) for hw in ("b200", "mi355x")]
    assert [r["weight_dtype"] for r in found] == ["nvfp4", "mxfp4"]


def test_guidellm_takes_the_time_after_the_first_token() -> None:
    found = load(FILES / "guidellm.json").objects[0]["benchmarks"][0]["metrics"]
    with_first = found["time_per_output_token_ms"]["successful"]["mean"]
    served_row = rows("guidellm.json")[0]
    served(served_row)
    assert with_first > served_row["tpot_ms"] * 1.04
    assert (served_row["mode"], served_row["concurrency"]) == ("closed", 16)
    assert served_row["e2e_ms"] == pytest.approx(2415)  # seconds there
    assert served_row["model"] == MODEL


def test_guidellm_without_inter_token_latency_takes_the_first_token_out() -> None:
    report = load(FILES / "guidellm.json").objects[0]
    report["benchmarks"][0]["metrics"]["inter_token_latency_ms"] = None
    content = Content(Path("f"), json.dumps(report).encode())
    assert recognise(content).rows(content)[0]["tpot_ms"] == pytest.approx(9, rel=0.01)


def test_guidellm_strategies() -> None:
    modes = [(r["mode"], r.get("concurrency"), r.get("request_rate_rps"))
             for r in rows("guidellm.json")]  # fmt: skip
    assert modes == [("closed", 16, None), ("closed", 1, None), ("offline", None, None),
                     ("open", None, 2.5)]  # fmt: skip


RATED = {"request_rate": 50.0, "max_concurrency": 4, "completed": 200, "num_prompts": 200,
         "mean_e2e_latency_ms": 400.0, "mean_e2el_ms": 400.0}  # fmt: skip


@pytest.mark.parametrize("file", ["vllm_serve.json", "sglang_serving.jsonl"])
@pytest.mark.parametrize(("reached", "mode"), [(9.8, "closed"), (46.0, "open")])
def test_a_cap_that_held_a_rate_back_is_the_load(file: str, reached: float, mode: str) -> None:
    row = changed(file, **RATED, request_throughput=reached, duration=200 / reached)
    assert row["mode"] == mode
    if mode == "closed":
        assert row["concurrency"] == 4
        assert "request_rate_rps" not in row
    else:
        assert "rate-under-a-cap" in row["flags"]


def test_a_rate_that_nothing_held_back_stays_open_in_a_short_run() -> None:
    row = changed("vllm_serve.json", **RATED | {"completed": 20, "num_prompts": 20},
                  request_throughput=25.0)  # fmt: skip
    assert row["mode"] == "open"  # 20 / 50 s of arrivals, and 0.4 s of the last request


def test_sglang_tokens_that_never_came_reject_the_row() -> None:
    sound = changed("sglang_serving.jsonl", total_output_tokens_retokenized=None)
    told = per_request_total(sound)
    fault = changed("sglang_serving.jsonl", total_output_tokens_retokenized=told / 12)["fault"]
    assert "never came" in fault
    assert "fault" not in changed("sglang_serving.jsonl",
                                  total_output_tokens_retokenized=told * 0.97)  # fmt: skip


def per_request_total(row: dict[str, Any]) -> float:
    return float(row["output_len"] * row["num_requests"])


def test_guidellm_leaves_tpot_out_where_only_the_changed_field_tells_it() -> None:
    report = load(FILES / "guidellm.json").objects[0]
    for name in ("inter_token_latency_ms", "request_latency"):
        report["benchmarks"][0]["metrics"][name] = None
    content = Content(Path("f"), json.dumps(report).encode())
    assert "tpot_ms" not in recognise(content).rows(content)[0]
