"""What odd, but valid, options of the tools write: read right, asked for, or refused; never wrong.

The values are made up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guide_ml.errors import BadData
from guide_ml.ingest.content import Content, load
from guide_ml.ingest.devices import device_of, devices_differ
from guide_ml.ingest.facts import apply
from guide_ml.ingest.importers import read, recognise
from guide_ml.ingest.loads import served
from guide_ml.ingest.precision import gguf_type, precision
from guide_ml.ingest.rows import ASKS, FAULT, LAYERS

FILES = Path(__file__).parent / "made_up"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"


def of(found: object) -> list[dict[str, Any]]:
    words = found if isinstance(found, str) else json.dumps(found)
    content = Content(Path("f"), words.encode())
    return [
        {k: v for k, v in r.items() if v is not None} for r in read(recognise(content), content)
    ]


def base(name: str) -> dict[str, Any]:
    return dict(load(FILES / name).objects[0])


def whole(name: str) -> str:
    return (FILES / name).read_text("utf-8")


# vllm bench and what prints alike


def test_metadata_may_use_the_engines_own_spellings() -> None:
    told = {"tensor_parallel_size": "2", "kv_cache_dtype": "fp8", "gpu": "NVIDIA H100 80GB HBM3"}
    (row,) = of(base("vllm_serve.json") | told)
    assert (row["tp"], row["kv_dtype"], row["hardware"]) == (2, "fp8", "nvidia-h100-sxm-80gb")
    (row,) = of(base("vllm_serve.json") | {"gpu": "2", "num_gpus": "two"})
    assert not {"hardware", "num_devices"} & row.keys()


def test_a_run_without_ttft_is_read_as_far_as_it_goes() -> None:
    found = {k: v for k, v in base("vllm_serve.json").items() if "ttft" not in k}
    (row,) = of(found)
    assert "tpot_ms" in row
    assert "ttft_ms" not in row


def test_arrivals_of_a_trace_are_no_queue() -> None:
    found = base("vllm_serve.json") | {"request_rate": "inf", "max_concurrency": None}
    took = found["mean_ttft_ms"] + 300 * found["mean_tpot_ms"]
    assert of(found | {"duration": took / 1e3})[0]["mode"] == "offline"
    assert of(found | {"duration": took})[0]["mode"] == "open"


def test_tokens_decoded_an_iteration_ask_for_the_method() -> None:
    (row,) = of(base("vllm_serve.json") | {"avg_decoded_tokens_per_iter": 2.4})
    assert row["accept_len"] == 2.4
    assert "spec_method" in row[ASKS]
    (row,) = of(base("vllm_serve.json") | {"avg_decoded_tokens_per_iter": 1.0})
    assert "accept_len" not in row
    block = whole("vllm_printed.txt").replace(
        "--Inter", "\nAvg Decoded Tokens per Iter: 2.4\n--I", 1
    )
    assert of(block)[0]["accept_len"] == 2.4


def test_printed_arguments_of_the_engine_are_read() -> None:
    ran = "\nThroughput: 4.00 requests/s, 2560.00 total tokens/s, 512.00 output tokens/s\n"
    told = ("Namespace(model='Qwen/Qwen3-8B', tensor_parallel_size=2, pipeline_parallel_size=2,"
            " data_parallel_size=2, kv_cache_dtype='fp8', dtype='float16', speculative_config=%s)"
            )  # fmt: skip
    (row,) = of(told % "{'method': 'eagle3', 'num_speculative_tokens': 3}" + ran)
    assert (row["tp"], row["pp"], row["dp"], row["kv_dtype"]) == (2, 2, 2, "fp8")
    assert (row["weight_dtype"], row["spec_method"]) == ("fp16", "eagle3")
    (row,) = of(told % "{'model': 'a/b'}" + ran)
    assert "spec_method" in row[ASKS]
    (row,) = of(told % "None" + ran)
    assert not {"spec_method", ASKS} & row.keys()


def test_embeddings_and_starts_are_told_what_to_give() -> None:
    embeds = {
        k: v for k, v in base("vllm_serve.json").items() if "t_ms" not in k and "out" not in k
    }
    embeds = {k: v for k, v in embeds.items() if not k.endswith("_ms")}
    for found in (embeds, {"avg_cold_startup_time": 40.0},
                  [{"metric": {"name": "mean_ttft_ms", "benchmark_values": [1.0]}}]):  # fmt: skip
        with pytest.raises(BadData, match="give"):
            of(found)
    lines = whole("vllm_printed.txt").splitlines()
    (row, *_) = of("\n".join(line for line in lines if "generated" not in line))
    assert "embeddings" in row[FAULT]


def test_a_block_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    text = whole("vllm_printed.txt")
    assert [r["ttft_ms"] for r in of(text[: text.rindex("P99 ITL")])] == [
        r["ttft_ms"] for r in of(text)]  # fmt: skip
    ends = [line for line in text.splitlines() if set(line) != {"="}]
    assert len(of("\n".join(ends))) == 2


# SGLang


def test_a_cache_report_is_a_hit_rate_and_a_flag() -> None:
    (first, *_) = load(FILES / "sglang_serving.jsonl").objects
    (row,) = of(first | {"cache_report": {"cache_hit_rate_pct": 40.0}})
    assert (row["prefix_hit_rate"], row["flags"]) == (0.4, "prefix-cached")


def test_answers_that_ended_early_are_counted() -> None:
    found = {"run_name": "a", "batch_size": 8, "input_len": 512, "output_len": 16, "latency": 0.5,
             "overall_throughput": 1.0}  # fmt: skip
    assert of(found)[0]["output_len"] == 16  # releases before `last_ttft`
    (row,) = of(found | {"total_output_tokens": 64, "num_early_stopped": 4})
    assert (row["output_len"], row["output_tok_s"]) == (8, 128)


def test_trt_is_an_engine_by_its_short_name() -> None:
    (first, *_) = load(FILES / "sglang_serving.jsonl").objects
    (row,) = of(first | {"backend": "trt"})
    assert row["framework"] == "tensorrt-llm"


def test_replicas_that_share_experts_hold_one_copy() -> None:
    row = {"model": "deepseek-ai/DeepSeek-V3", "weight_dtype": "fp8", "hardware": "h200",
           "num_devices": 8.0, "dp": 8.0}  # fmt: skip
    assert FAULT not in apply(row, {})
    dense = row | {"model": "meta-llama/Llama-3.1-70B-Instruct", "weight_dtype": "fp32"}
    assert "1 of nvidia-h200" in apply(dense, {})[FAULT]


# AIPerf


def test_aiperf_tells_what_the_engine_drafted_and_had_cached() -> None:
    told = {"spec_decode_token_weighted_acceptance_length": {"avg": 2.5, "unit": "ratio"},
            "overall_usage_prompt_cache_read_pct": {"avg": 40.0, "unit": "%"},
            "num_images": {"avg": 1.0, "unit": "images"}}  # fmt: skip
    (row,) = of(base("aiperf.json") | told)
    assert (row["accept_len"], row["prefix_hit_rate"]) == (2.5, 0.4)
    assert "spec_method" in row[ASKS]
    assert set(row["flags"].split(";")) == {"prefix-cached", "multimodal"}
    lines = whole("aiperf.csv").rstrip("\n").splitlines()
    csv = "\n".join([*lines, "Token-Weighted Acceptance Length (ratio),2.5",
                     "Overall Usage Prompt Cache Read % (%),40.0"])  # fmt: skip
    (row,) = of(csv)
    assert (row["accept_len"], row["prefix_hit_rate"]) == (2.5, 0.4)


def test_a_run_of_two_models_is_of_none() -> None:
    names = {"model_names": ["a/b", "c/d"], "perf_analyzer": {"stimulus": {"concurrency": 4}}}
    (row,) = of(base("genai_perf.json") | {"input_config": names})
    assert "several models" in row[FAULT]
    old = {"model": [MODEL], "concurrency": 4}
    (row,) = of(base("genai_perf.json") | {"input_config": old})
    assert (row["model"], row["concurrency"]) == (MODEL, 4)
    talks = {"model_names": [MODEL], "perf_analyzer": {"stimulus": {"session_concurrency": 4}}}
    (row,) = of(base("genai_perf.json") | {"input_config": talks})
    assert (row["mode"], row["flags"]) == ("closed", "multi-turn")


# llama.cpp

HEAD = """ggml_cuda_init: found 2 CUDA devices:
  Device 0: NVIDIA GeForce RTX 4090, compute capability 8.9, VMM: yes
  Device 1: NVIDIA GeForce RTX 3090, compute capability 8.6, VMM: yes
"""
COLUMNS = ("model", "size", "params", "backend", "ngl", "ts", "test", "t/s")


def bench(*rows: tuple[str, ...]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    return HEAD + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def line(shares: str) -> tuple[str, ...]:
    return ("llama 8B Q4_K - Medium", "4.58 GiB", "8.03 B", "CUDA", "99", shares, "tg128", "90 ± 1")


def test_a_split_of_one_share_uses_the_first_device() -> None:
    first, second, both = of(bench(line("1.00"), line("0.00/1.00"), line("1.00/1.00")))
    assert (first["hardware"], first["num_devices"]) == ("nvidia-rtx-4090-24gb", 1)
    assert second["hardware"] == "nvidia-rtx-3090-24gb"
    assert "hardware" in both[ASKS]


def test_a_given_device_is_one_that_the_file_lists() -> None:
    (row,) = of(bench(line("1.00/1.00")))
    facts = {"model": MODEL, "num_devices": 1.0}
    assert FAULT not in apply(row, facts | {"hardware": "nvidia-rtx-3090-24gb"})
    assert "lists" in apply(row, facts | {"hardware": "nvidia-h100-sxm-80gb"})[FAULT]


def test_tables_of_2023_are_read() -> None:
    table = ("| model | backend | ngl | test | t/s |\n| - | - | - | - | - |\n"
             "| LLaMA 7B mostly Q4_0 | CUDA | 99 | pp 512 | 3000.0 ± 1.0 |\n"
             "| LLaMA 7B mostly Q4_0 | CUDA | 99 | tg 128 | 100.0 ± 1.0 |\n")  # fmt: skip
    prefill, decode = of(table)
    assert (prefill["input_len"], decode["tpot_ms"]) == (512, 10)
    assert {prefill["weight_dtype"], decode["weight_dtype"]} == {"q4_0"}


def test_a_batched_bench_with_layers_on_the_cpu_is_flagged() -> None:
    for head, kept in (("n_gpu_layers = 10,", 10), ("n_gpu_layers = -1,", None)):
        table = whole("llama_batched_bench.md").replace("n_gpu_layers = 99,", head)
        (row, *_) = of(table)
        assert row.get(LAYERS) == kept
    lines = [json.loads(x) | {"n_gpu_layers": 10} for x in
             whole("llama_batched_bench.jsonl").splitlines()]  # fmt: skip
    (row, *_) = of("\n".join(map(json.dumps, lines)))
    assert "partial-offload" in apply(row, {"model": MODEL})["flags"]


def test_drafts_of_one_request_are_asked_for_and_counted_by_steps() -> None:
    told = whole("llama_timings.txt")
    assert "accept_len" not in of(told)[0]
    accepted = "draft acceptance rate = 0.8 (  128 accepted /  160 generated)"
    place = told.index("\n", told.index(" eval time", told.index("prompt eval time") + 9))
    (row, *_) = of(told[: place + 1] + accepted + told[place:])
    assert row["accept_len"] == 2  # 256 tokens in 128 steps
    assert "spec_method" in row[ASKS]


def test_a_prompt_that_was_cached_in_part_is_counted_whole() -> None:
    times = {"prompt_n": 24, "prompt_ms": 30.0, "predicted_n": 8, "predicted_ms": 80.0}
    (row,) = of({"timings": times | {"cache_n": 1000}})
    assert (row["input_len"], row["flags"]) == (1024, "prefix-cached")
    assert row["prefix_hit_rate"] == pytest.approx(1000 / 1024)
    (row,) = of({"timings": times | {"prompt_n": 1}})
    assert "cached" in row[FAULT]


# Names


@pytest.mark.parametrize(
    ("name", "model", "weights"),
    [
        ("nvidia/DeepSeek-R1-0528-NVFP4-v2", "deepseek-ai/DeepSeek-R1-0528", "nvfp4"),
        ("Qwen3-8B-Q4_K_M.gguf", "Qwen/Qwen3-8B", "q4_k_m"),
        ("Qwen3-8B-UD-Q4_K_XL", "Qwen/Qwen3-8B", "q4_k_xl"),
    ],
)
def test_served_names_of_checkpoints_tell_model_and_weights(
    name: str, model: str, weights: str
) -> None:
    (row,) = of(base("vllm_serve.json") | {"model_id": name})
    assert (row["model"], row.get("weight_dtype")) == (model, weights)


def test_the_tag_of_an_ollama_model_states_its_weights() -> None:
    (row,) = of(base("ollama_answer.json") | {"model": "llama3.1:8b-instruct-q8_0"})
    assert row["weight_dtype"] == "q8_0"


def test_a_slice_of_a_device_is_not_the_device() -> None:
    name = "NVIDIA A100-SXM4-80GB MIG 3g.40gb"
    assert device_of(name) == {"hardware": "nvidia-a100-3g.40gb"}
    other = name.replace("3g.40gb", "1g.11gb")
    assert device_of(other) == {}
    assert devices_differ(other, "nvidia-a100-sxm-80gb")


def test_a_type_or_an_engine_that_is_not_known_is_not_passed_over() -> None:
    found = base("optimum_benchmark.json")
    backend = found["config"]["backend"]
    (row,) = of(
        found | {"config": found["config"] | {"backend": backend | {"name": "sherpa"}}}
    )
    assert "sherpa" in row[FAULT]
    assert "weight_dtype" in precision(plain="float7")[ASKS]
    assert precision(plain="torch.float8_e4m3fn")["weight_dtype"] == "fp8"
    (row,) = of(base("inferencex_agg.json") | {"framework": "fastest"})
    assert "fastest" in row[FAULT]


def test_drafts_of_lm_studio_ask_for_the_method() -> None:
    found = base("lm_studio_answer.json")
    told = found["stats"] | {"total_draft_tokens_count": 40, "accepted_draft_tokens_count": 30}
    assert "spec_method" in of(found | {"stats": told})[0][ASKS]
    text = whole("lm_studio_stats.txt") + "\n  Accepted Draft Tokens: 30\n"
    assert "spec_method" in of(text)[0][ASKS]


# TensorRT-LLM


def test_drafts_and_device_of_a_trtllm_report_and_its_log() -> None:
    found = base("trtllm_report.json")
    stats = {"mode": "Eagle3", "acceptance_length_percentiles": {"average": 2.5}}
    (row,) = of(found | {"decoding_stats": stats})
    assert (row["spec_method"], row["accept_len"]) == ("eagle3", 2.5)
    head = "= MACHINE DETAILS \n=====\nNVIDIA H100 80GB HBM3, memory 79.10 GB, 2.62 GHz\n\n"
    log = whole("trtllm_printed.txt").replace("=" * 59 + "\n= REQUEST", head + "= REQUEST")
    tail = "= DECODING STATISTICS (MTP)\n=====\n\n[AL] MINIMUM: 1.00\n[AL] AVERAGE: 2.50\n"
    (row,) = of(log + tail)
    assert (row["spec_method"], row["accept_len"]) == ("mtp", 2.5)
    assert row["hardware"] == "nvidia-h100-sxm-80gb"


def test_kinds_of_gguf_that_llama_cpp_names_otherwise() -> None:
    for kind, name in (("qwen3 8B Q2_K - Medium", "q2_k"),
                       ("qwen3 8B TQ1_0 - 1.69 bpw ternary", "tq1_0")):  # fmt: skip
        assert gguf_type("", kind, None)["weight_dtype"] == name


# Loads


def test_minus_one_is_no_cap() -> None:
    assert served(-1, -1) == {"mode": "offline"}
    assert served(-1, 4) == {"mode": "open", "request_rate_rps": 4}


def test_guidellm_with_a_rate_under_a_cap_is_closed_where_the_cap_held() -> None:
    found = base("guidellm.json")
    (run, *_) = found["benchmarks"]
    run["config"]["strategy"] = {"type_": "constant", "rate": 1e4, "max_concurrency": 10240}
    run["config"]["profile"] = {"max_concurrency": None}
    only = found | {"benchmarks": [run]}
    assert of(only)[0]["mode"] == "open"
    run["config"]["profile"] = {"max_concurrency": 16}
    assert {k: of(only)[0][k] for k in ("mode", "concurrency")} == {
        "mode": "closed", "concurrency": 16}  # fmt: skip


def test_guidellm_without_a_cap_keeps_at_most_512_in_flight() -> None:
    found = base("guidellm.json")
    (run, *_) = found["benchmarks"]
    run["config"]["strategy"] = {"type_": "throughput", "max_concurrency": None}
    counts = {"successful": 600, "errored": 0, "incomplete": 0, "total": 600}
    run["metrics"]["request_totals"] = counts
    took = run["metrics"]["request_latency"]["successful"]
    speed = run["metrics"]["output_tokens_per_second"]["successful"]["mean"]
    each = run["metrics"]["output_token_count"]["successful"]["mean"]
    took["mean"] = 470.0 * each / speed
    (row,) = of(found | {"benchmarks": [run]})
    assert (row["mode"], row["concurrency"]) == ("closed", 512)
    took["mean"] = 34.0 * each / speed  # the client could not send faster
    (row,) = of(found | {"benchmarks": [run]})
    assert "mode" not in row
    assert "of 512 requests" in row[ASKS]["concurrency"]
    run["metrics"]["request_totals"] = counts | {"successful": 100, "total": 100}
    assert of(found | {"benchmarks": [run]})[0]["mode"] == "offline"
