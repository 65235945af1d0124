"""What each kind of file says, on small files in the tools' own form; the values are made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guide_ml.errors import BadData
from guide_ml.ingest.content import Content, load
from guide_ml.ingest.importers import formats, read, recognise
from guide_ml.ingest.rows import ASKS, FAULT, LAYERS, SAID, UNLIKE

FILES = Path(__file__).parent / "made_up"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"


def rows(name: str) -> list[dict[str, Any]]:
    return of(load(FILES / name))


def of(content: Content) -> list[dict[str, Any]]:
    return [
        {k: v for k, v in r.items() if v is not None} for r in read(recognise(content), content)
    ]


def text(words: str) -> list[dict[str, Any]]:
    return of(Content(Path("f"), words.encode()))


def changed(name: str, **changes: Any) -> dict[str, Any]:
    found = load(FILES / name).objects[0] | changes
    return text(json.dumps(found))[0]


#: Files of a server's run: 16 users, 1024 tokens in, 256 out.
SERVED = (
    "vllm_printed.txt", "sglang_printed.txt", "guidellm.yaml", "guidellm.csv", "guidellm_0.3.csv",
    "aiperf_0.1.json", "aiperf_failed.csv", "aiperf_aggregate.json", "aiperf_aggregate.csv",
    "aiperf_sweep.json", "aiperf_sweep.csv", "trtllm_printed.txt", "evalscope_summary.json",
    "evalscope_0.17.json", "genai_bench.json", "vllm_multi_turn.json", "lmdeploy_printed.txt",
    "lmdeploy_generation.txt", "lmdeploy_printed_0.6.txt", "lmdeploy_throughput.csv",
    "lmdeploy_generation.csv", "guidellm_printed_0.3.txt", "aiperf_printed.txt",
)  # fmt: skip
#: Percentiles of single steps tell no TPOT.
NO_TPOT = ("lmdeploy_printed_0.6.txt", "lmdeploy_throughput.csv", "lmdeploy_generation.csv")
NO_LOAD = ("aiperf_failed.csv", "aiperf_aggregate.json", "aiperf_aggregate.csv")


@pytest.mark.parametrize("name", SERVED)
def test_a_servers_run_is_read_alike_from_every_tool(name: str) -> None:
    row = rows(name)[0]
    assert row["input_len"] == pytest.approx(1024, rel=1e-4)
    assert row["output_len"] == pytest.approx(256, rel=1e-4)
    assert row["ttft_ms"] == pytest.approx(120, rel=1e-5)
    assert row.get("tpot_ms", 9) == pytest.approx(9, rel=1e-5)
    assert ("tpot_ms" in row) == (name not in NO_TPOT)
    assert row["output_tok_s"] == pytest.approx(1696.07, rel=1e-4)
    assert row.get("num_requests", 160) == 160
    load_of = {k: row.get(k) for k in ("mode", "concurrency")}
    wanted = (None, None) if name in NO_LOAD else ("closed", 16)
    assert (load_of["mode"], load_of["concurrency"]) == wanted


ONE = (
    "ktransformers_printed.txt", "ktransformers_server.txt", "ollama_verbose.txt",
    "ollama_answer.json", "lm_studio_answer.json", "lm_studio_stats.txt", "mlx_generate.txt",
    "llama_timings.txt",
)  # fmt: skip


@pytest.mark.parametrize("name", ONE)
def test_one_request_to_a_local_engine_is_a_batch_of_one(name: str) -> None:
    (row,) = rows(name)
    assert (row["mode"], row["batch_size"], row["input_len"], row["output_len"]) == (
        "static", 1, 1024, 256)  # fmt: skip
    assert row["ttft_ms"] == pytest.approx(120, rel=1e-4)
    assert row["tpot_ms"] == pytest.approx(9, rel=1e-4)


def test_lines_that_two_engines_print_ask_which_it_was() -> None:
    words = (FILES / "ktransformers_printed.txt").read_text().replace("ktransformers", "x")
    assert "which was" in text(words)[0][ASKS]["framework"]
    (row,) = rows("ktransformers_printed.txt")
    assert (row["framework"], row["flags"]) == ("ktransformers", "partial-offload")


def test_printed_tables_of_aiperf_count_failures_and_are_refused_where_figures_are_cut() -> None:
    whole = (FILES / "aiperf_printed.txt").read_text()
    (row,) = rows("aiperf_printed.txt")
    assert (row["model"], row["ttft_median_ms"]) == (MODEL, 104)
    errors = "NVIDIA AIPerf | Error Summary\n┃ Code ┃ Message ┃ Count ┃\n│ 500 │ no │ 40 │\n"
    assert text(errors + whole)[0][FAULT] == "20% of the requests failed"
    assert "narrow" in text(whole.replace("2,415.00", "2,41…"))[0][FAULT]
    (row,) = text(whole.replace("--concurrency 16", "--prompt-prefix-pool-size 4"))
    assert ("mode" in row, row["flags"]) == (False, "prefix-cached")


def test_newer_tables_of_guidellm_have_medians_and_the_load_of_one_request_alone() -> None:
    alone, many = rows("guidellm_printed.txt")
    assert (alone["mode"], alone["concurrency"], alone["num_requests"]) == ("closed", 1, 10)
    assert (alone["ttft_ms"], alone["ttft_stat"], alone["tpot_ms"]) == (120, "median", 9)
    assert (alone["input_len"], alone["output_len"], alone["output_tok_s"]) == (1024, 256, 106)
    assert "failed_requests" not in alone  # what failed has no tokens to be counted
    assert "mode" not in many
    assert "concurrent" in many[ASKS]["concurrency"]


def test_tables_of_guidellm_that_a_narrow_terminal_broke_are_refused() -> None:
    whole = (FILES / "guidellm_printed_0.3.txt").read_text()
    lines = [part for li in whole.splitlines() for part in (li[:80], li[80:])]
    with pytest.raises(BadData, match="narrow terminal"):
        text("\n".join(lines))


@pytest.mark.parametrize(
    "name", ["sglang_one_batch_printed.txt", "sglang_one_batch_server_printed.txt"]
)
def test_a_printed_batch_is_that_after_the_warm_up(name: str) -> None:
    (row,) = rows(name)
    assert (row["batch_size"], row["input_len"], row["output_len"]) == (16, 1024, 256)
    assert row["batch_latency_s"] == pytest.approx(2.415, rel=3e-3)
    assert (row["mode"], row["framework"]) == ("static", "sglang")
    assert row.get("tpot_ms", 9) == 9


# What is printed


def test_printed_blocks_take_their_load_from_themselves_or_from_before() -> None:
    closed, paced = rows("vllm_printed.txt")
    assert (closed["mode"], closed["concurrency"], closed["failed_requests"]) == ("closed", 16, 0)
    assert (paced["mode"], paced["request_rate_rps"]) == ("open", 4)
    assert closed["model"] == paced["model"] == MODEL
    assert "framework" not in closed  # the client's protocol is no engine
    (sglang,) = rows("sglang_printed.txt")
    assert (sglang["framework"], sglang["e2e_ms"], sglang["accept_len"]) == ("sglang", 2415, 2.9)
    assert "spec_method" in sglang[ASKS]


def test_an_old_block_without_its_load_asks_for_it() -> None:
    whole = (FILES / "vllm_printed.txt").read_text("utf-8")
    old = "\n".join(line for line in whole.splitlines() if "oncurrency" not in line
                    and "rate" not in line and "Failed" not in line)  # fmt: skip
    assert "mode" not in text(old)[0]


def test_blocks_in_comments_and_inside_json_are_found() -> None:
    whole = (FILES / "vllm_printed.txt").read_text("utf-8")
    commented = "\n".join("# " + line for line in whole.splitlines())
    held = json.dumps({"success": True, "raw_output": whole})
    for words in (commented, held):
        assert [r["mode"] for r in text(words)] == ["closed", "open"]
        assert text(words)[0]["ttft_p99_ms"] == 260


def test_trtllm_bench_prints_all_but_the_device() -> None:
    (row,) = rows("trtllm_printed.txt")
    assert (row["framework_version"], row["num_devices"], row["tp"]) == ("1.2", 2, 2)
    assert (row["weight_dtype"], row["kv_dtype"], row["e2e_p99_ms"]) == ("fp8", "fp8", 2600)
    assert row["total_tok_s"] == pytest.approx(8480.33)


def test_trtllm_bench_of_all_requests_at_once_is_a_queue() -> None:
    few = (FILES / "trtllm_printed.txt").read_text("utf-8").replace(", concurrency=16", "")
    assert "mode" not in text(few)[0]  # 15.8 of 160 in flight: a cap held the others back
    whole = few.replace("15.8000", "120.0000")
    assert text(whole)[0]["mode"] == "offline"
    assert "mode" not in text(whole.replace("5.7000E+13", "4.0"))[0]


# Repeats, conversations, drafts


def test_a_sweeps_repeats_share_a_key_and_other_settings_do_not() -> None:
    found = rows("vllm_sweep.json")
    assert len({r["repeat"] for r in found}) == 1
    runs = load(FILES / "vllm_sweep.json").objects
    other = text(json.dumps([o | {"max_num_seqs": i} for i, o in enumerate(runs)]))
    assert len({r["repeat"] for r in other}) == 4


def test_conversations_are_flagged_and_accepted_tokens_ask_how_they_were_drafted() -> None:
    (row,) = rows("vllm_multi_turn.json")
    assert row["flags"] == "multi-turn"
    assert row["accept_len"] == 3.1
    assert "spec_method" in row[ASKS]
    known = changed("vllm_multi_turn.json", spec_method="eagle3")
    assert (known["spec_method"], ASKS in known) == ("eagle3", False)
    plain = changed("vllm_multi_turn.json", spec_decode_acceptance_length=1.0)
    assert ASKS not in plain


def test_agentic_runs_have_hits_failures_and_a_flag() -> None:
    (row,) = rows("inferencex_agentic.json")
    assert (row["prefix_hit_rate"], row["failed_requests"], row["flags"]) == (0.97, 4, "multi-turn")
    assert (row["num_devices"], row["weight_dtype"], row["input_len"]) == (4, "mxfp4", 90000)


@pytest.mark.parametrize(
    ("data", "flag"),
    [("datasets", {"format": "multi_turn"}), ("datasets", {"prompts": {"prefix": {"length": 64}}}),
     ("datasets", {"format": "single"})],
)  # fmt: skip
def test_aiperfs_conversations_and_shared_prefixes_are_flagged(data: str, flag: dict) -> None:
    config = {"models": {"items": [{"name": MODEL}]}, data: [flag],
              "phases": [{"type": "concurrency", "concurrency": 16}]}  # fmt: skip
    row = changed("aiperf.json", input_config=config)
    kind = str(flag.get("format"))
    wanted = {"multi_turn": "multi-turn", "single": None}.get(kind, "prefix-cached")
    assert row.get("flags") == wanted


def test_guidellms_turns_and_prefixes_are_flagged() -> None:
    report = load(FILES / "guidellm.json").objects[0]
    spec = {"spec": {"data": [{"turns": 3, "prefix_buckets": [{"prefix_tokens": 9}]}]}}
    assert text(json.dumps(report | {"config": spec}))[0]["flags"] == "multi-turn;prefix-cached"
    assert "flags" not in text(json.dumps(report))[0]


@pytest.mark.parametrize("data", ["generated-shared-prefix", "mooncake"])
def test_sglangs_shared_prefixes_are_flagged(data: str) -> None:
    assert changed("sglang_serving.jsonl", dataset_name=data)["flags"] == "prefix-cached"


# Loads and failures


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("vllm_serve.json", {"max_concurrency": 500}),
        ("sglang_serving.jsonl", {"max_concurrency": 500}),
        ("evalscope_summary.json", {"Concurrency": 500}),
        ("aiperf_0.1.json", {"input_config": {"loadgen": {"concurrency": 500}}}),
    ],
)  # fmt: skip
def test_a_cap_that_was_never_reached_is_a_burst(name: str, fields: dict[str, Any]) -> None:
    row = changed(name, **fields)
    assert (row["mode"], row["num_requests"]) == ("offline", 160)
    assert "concurrency" not in row


def test_a_rate_under_a_cap_is_flagged() -> None:
    row = changed("vllm_serve.json", request_rate=4.0)
    assert (row["mode"], row["flags"]) == ("open", "rate-under-a-cap")


@pytest.mark.parametrize(
    ("name", "fields", "lost"),
    [
        ("vllm_serve.json", {"failed": None, "num_prompts": 170}, 10),
        ("vllm_serve.json", {"failed": 3}, 3),
        ("sglang_serving.jsonl", {"errors": ["", "refused", ""] * 10}, 10),
        ("evalscope_summary.json", {}, 2), ("inference_perf.json", {}, 2),
    ],
)  # fmt: skip
def test_failed_requests_are_counted_wherever_they_stand(
    name: str, fields: dict[str, Any], lost: int
) -> None:
    row = changed(name, **fields)
    assert row["failed_requests"] == lost
    assert (FAULT in row) == (lost > 0.05 * (160 + lost))


def test_guidellm_counts_failures_in_old_reports_too() -> None:
    report = load(FILES / "guidellm.json").objects[0]
    first = report["benchmarks"][0]
    first["metrics"].pop("request_totals", None)
    first["request_totals"] = {"successful": 160, "errored": 40, "incomplete": 0, "total": 200}
    row = text(json.dumps(report))[0]
    assert row[FAULT] == "20% of the requests failed"
    assert rows("guidellm.csv")[0]["failed_requests"] == 2


def test_guidellms_double_counted_tokens_are_left_out() -> None:
    (row,) = rows("guidellm_0.3.csv")
    assert "total_tok_s" not in row  # nine times the generated ones, where lengths allow five
    assert rows("guidellm.csv")[0]["total_tok_s"] == pytest.approx(8480.33, rel=1e-4)


def test_aiperfs_error_adjusted_rows_are_passed_over() -> None:
    (row,) = rows("aiperf_failed.csv")
    assert (row["e2e_ms"], row["output_tok_s"], row["failed_requests"]) == (2415, 1696.07, 4)


# Other clients


def test_llama_benchy_computes_a_depth_unless_it_is_cached() -> None:
    one, four, deep = rows("llama_benchy.json")
    assert (one["mode"], one["concurrency"], one["input_len"]) == ("closed", 1, 512)
    assert (four["concurrency"], four["num_requests"]) == (4, 4)
    assert four["tpot_ms"] == pytest.approx(12.5, rel=1e-3)  # of a request, not of all four
    assert (deep["input_len"], deep["ttft_ms"]) == (2560, 210)
    assert "framework" not in one
    before, cached = rows("llama_benchy_cached.json")
    assert (before["input_len"], "flags" in before) == (2048, False)
    assert (cached["input_len"], cached["flags"]) == (2560, "prefix-cached")
    assert cached["prefix_hit_rate"] == pytest.approx(0.8)


def test_llama_benchys_tables_say_the_same() -> None:
    whole = rows("llama_benchy.json")
    for row, other in zip(rows("llama_benchy.md"), whole, strict=True):
        for column in ("mode", "concurrency", "input_len", "output_len", "ttft_ms"):
            assert row[column] == pytest.approx(other[column]) if column != "mode" else True
        assert row["tpot_ms"] == pytest.approx(other["tpot_ms"], rel=1e-3)
    assert rows("llama_benchy.csv")[0]["tpot_ms"] == 10


def test_inference_perfs_time_a_chunk_is_no_time_a_token() -> None:
    (row,) = rows("inference_perf.json")
    assert row["tpot_ms"] == pytest.approx(9)  # the file says 4.5, one a chunk of the stream
    assert (row["mode"], row["request_rate_rps"]) == ("open", 4)


def test_llmd_reports_count_devices_of_all_workers() -> None:
    (pair,), (copies,) = rows("llmd_0.1.yaml"), rows("llmd_0.2.yaml")
    assert (pair["mode"], pair["num_devices"], pair["framework"]) == ("disagg", 6, "vllm")
    assert (copies["num_devices"], copies["tp"], copies["dp"]) == (4, 2, 2)
    assert (copies["mode"], copies["flags"]) == ("open", "prefix-cached")
    assert copies["hardware"] == "nvidia-h100-sxm-80gb"
    assert "hardware" not in pair  # an H100 with 80 GB is one of two
    assert pair["ttft_ms"] == copies["ttft_ms"] == 120  # milliseconds there, seconds here


def test_evalscopes_acceptance_tells_nothing() -> None:
    assert "accept_len" not in rows("evalscope_summary.json")[0]


def test_genai_bench_states_its_unit() -> None:
    with_ms = changed("genai_bench.json", _time_unit="ms")
    assert with_ms["ttft_ms"] == pytest.approx(0.12)
    assert "known are s, ms" in changed("genai_bench.json", _time_unit="h")[FAULT]


def test_mlperf_says_the_load_and_only_the_answers_length() -> None:
    (row,) = rows("mlperf_log_summary.txt")
    assert (row["mode"], row["request_rate_rps"], row["output_len"]) == ("open", 6.7, 256)
    assert (row["ttft_ms"], row["tpot_p99_ms"]) == (120, 10.4)
    assert "input_len" not in row
    whole = (FILES / "mlperf_log_summary.txt").read_text("utf-8")
    assert "INVALID" in text(whole.replace(": VALID", ": INVALID"))[0][FAULT]
    assert text(whole.replace("Server", "Offline"))[0]["mode"] == "offline"


def test_sglangs_batches_alone_and_at_a_server() -> None:
    alone, served = rows("sglang_one_batch.jsonl")
    assert (alone["batch_size"], alone["batch_latency_s"], alone["ttft_ms"]) == (8, 0.84, 200)
    assert (alone["tpot_ms"], alone["tpot_stat"]) == (10, "median")
    assert served["output_tok_s"] == pytest.approx(8 * 65 / 0.86)
    assert "ttft_ms" not in served  # that of the last request
    assert ASKS not in served  # acc_length -1 is none


def test_batched_bench_shared_prompts_are_flagged() -> None:
    one, eight = rows("llama_batched_bench.md")
    assert (one["batch_size"], one["batch_latency_s"], "flags" in one) == (1, 1.33, False)
    assert (eight["tpot_ms"], eight["output_tok_s"]) == (15, pytest.approx(8 * 128 / 2.32))
    assert rows("llama_batched_bench.jsonl")[0]["flags"] == "prefix-cached"
    sweep = rows("llama_sweep_bench.md")
    assert [(r["mode"], r["context_depth"]) for r in sweep] == [
        ("prefill", 0), ("decode", 0), ("prefill", 512), ("decode", 512)]  # fmt: skip
    assert "framework" not in sweep[0]


def test_mlx_benchmarks_speeds_are_of_the_whole_batch() -> None:
    (row,) = rows("mlx_benchmark.txt")
    assert (row["batch_size"], row["ttft_ms"], row["tpot_ms"], row["peak_mem_gb"]) == (
        4, 500, 25, 18.1)  # fmt: skip


def test_ollamas_parts_may_not_exceed_the_whole() -> None:
    whole = (FILES / "ollama_verbose.txt").read_text("utf-8")
    assert "which is right cannot be told" in text(whole.replace("2.585s", "1.9s"))[0][FAULT]


# Devices and types of llama.cpp


def test_devices_of_the_log_belong_to_the_table_below_them() -> None:
    pp, tg, remote, odd = rows("llama_bench_two_gpus.md")
    assert pp[UNLIKE] == tg[UNLIKE] == ["NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 3060"]
    assert {"hardware", "num_devices"} <= pp[ASKS].keys()
    assert "num_devices" in remote[ASKS]
    assert "num_devices" not in remote
    assert (odd["hardware"], odd["num_devices"]) == ("amd-strix-halo-128gb", 1)
    assert "10.59" in odd[ASKS]["weight_dtype"]  # bits a weight, where q8_0 has 8.5
    assert remote[SAID]["model"] == "llama 8B"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gpu_info": "A, B", "devices": "CUDA1"}, {"num_devices": 1}),
        ({"gpu_info": "Tesla T4, GeForce GT 710", "tensor_split": "1.00/0.00"},
         {"num_devices": 1, "hardware": "nvidia-t4-16gb"}),
        ({"gpu_info": "GeForce GT 710, Tesla T4", "split_mode": "none", "main_gpu": 1},
         {"num_devices": 1, "hardware": "nvidia-t4-16gb"}),
        ({"backends": "CUDA,RPC"}, {"num_devices": None}),
        ({"backends": "BLAS"}, {"num_devices": 1, "backend": "cpu"}),
        ({"tensor_buft_overrides": "exps=CPU"}, {LAYERS: 0}),
        ({"no_kv_offload": True}, {"flags": "partial-offload"}),
    ],
)  # fmt: skip
def test_only_devices_that_were_used_count(
    change: dict[str, Any], expected: dict[str, Any]
) -> None:
    row = changed("llama_bench.jsonl", **change)
    assert {k: row.get(k) for k in expected} == expected


def test_rows_that_people_collect_have_their_type_in_the_name() -> None:
    pp, tg = rows("llama_collected.csv")
    assert (pp["model"], pp["weight_dtype"], pp["backend"]) == (MODEL, "q4_k_xl", "vulkan")
    assert (pp["context_depth"], tg["context_depth"], tg["mode"]) == (4096, 4096, "decode")


# InferenceX


@pytest.mark.parametrize(
    ("sizes", "devices"),
    [({"tp": 4, "pp": 2}, 8), ({"tp": 4, "pcp_size": 2}, 8), ({"tp": 2, "pp": 2, "pcp_size": 2}, 8),
     ({"tp": 4, "num_gpus": 16}, 16), ({"tp": 8, "dp_attention": "true"}, 8)],
)  # fmt: skip
def test_inferencex_devices_are_the_product_of_its_sizes(
    sizes: dict[str, Any], devices: int
) -> None:
    assert changed("inferencex_agg.json", **sizes)["num_devices"] == devices


def test_inferencex_pairs_count_workers_where_no_count_stands() -> None:
    sides = {"disagg": True, "prefill_tp": 2, "prefill_num_workers": 3, "decode_tp": 8}
    row = changed("inferencex_agg.json", **sides)
    assert (row["mode"], row["num_devices"]) == ("disagg", 14)


def test_inferencex_full_lengths_are_told_by_the_times() -> None:
    found = load(FILES / "inferencex_agg.json").objects[0]
    whole = found["mean_ttft"] + 1023 * found["mean_tpot"]
    assert changed("inferencex_agg.json", mean_e2el=whole)["output_len"] == 1024
    odd = changed("inferencex_agg.json", mean_e2el=0.5 * whole)
    assert "output_len" not in odd  # neither: asked for


# SGLang's servers


def test_sglangs_pair_of_servers_is_disaggregated_with_both_ones_devices() -> None:
    one = {"model_path": MODEL, "tp_size": 2, "pp_size": 1, "dp_size": 1}
    info = {"prefill": [one], "decode": [one | {"tp_size": 4, "version": "0.5.6"}]}
    row = changed("sglang_serving.jsonl", server_info=info)
    assert (row["mode"], row["num_devices"], row["framework_version"]) == ("disagg", 6, "0.5.6")
    assert "tp" not in row
    alone = changed("sglang_serving.jsonl", server_info=one | {"disaggregation_mode": "decode"})
    assert (alone["mode"], "num_devices" in alone) == ("disagg", False)


# Files of which others should be given


@pytest.mark.parametrize(
    ("words", "give"),
    [
        ('{"metadata": {"x_request_id": "1"}, "metrics": {}}', "profile_export_aiperf.json"),
        ("   NVIDIA AIPerf | LLM Metrics\n", "profile_export_aiperf.json"),
        ("Server Throughput Statistics (All Requests)\n", "benchmarks.json, .yaml or .csv"),
        ('{"parallel": 4, "number": 16, "log_every_n_query": 100}', "benchmark_summary.json"),
        (
            '[{"inter_token_latency_s": 0.1, "ttft_s": 1, "number_output_tokens": 2}]',
            "_summary.json",
        ),
        ("# TYPE vllm:generation_tokens_total counter\n", "vllm bench serve"),
        ('{"load_summary": {}, "successes": {"queue_len": {"mean": 0}}}', "lifecycle_metrics.json"),
        ("prompt_tokens,generation_tokens,ttft,generation_time\n1,2,3,4\n", "data/README.md"),
        ('{"error": "Failed"}', "a run that succeeded"),
        ("| model | size | test | t/s |\n|---|---|---|---|\n", "to its end"),
    ],
)  # fmt: skip
def test_a_file_of_a_known_tool_is_told_which_to_give(words: str, give: str) -> None:
    with pytest.raises(BadData, match=r"; give ") as told:
        text(words)
    assert give in str(told.value)


def test_every_importer_states_its_files_versions_and_what_they_give() -> None:
    assert all(all(f.values()) for f in formats())
    assert len({f["file"] for f in formats()}) == len(formats())


# What else vLLM and llama.cpp print


def test_vllms_offline_benchmarks_print_what_they_saved() -> None:
    asked = (
        "Namespace(input_len=1024, output_len=128, batch_size=8, quantization='fp8',"
        f" model='{MODEL}', tensor_parallel_size=2)\n"
    )
    (row,) = text(asked + "Avg latency: 1.234 seconds\n10% percentile latency: 1.2 seconds\n")
    assert (row["mode"], row["batch_latency_s"], row["batch_size"]) == ("static", 1.234, 8)
    assert (row["input_len"], row["tp"], row["weight_dtype"]) == (1024, 2, "fp8")
    speed = "Throughput: 4.00 requests/s, 3072.00 total tokens/s, 1024.00 output tokens/s\n"
    totals = "Total num prompt tokens:  512000\nTotal num output tokens:  256000\n"
    (row,) = text(speed + totals)
    assert (row["mode"], row["output_tok_s"], row["num_requests"]) == ("offline", 1024, 1000)
    assert (row["input_len"], row["output_len"]) == (512, 256)
    assert text(speed)[0]["tokens_per_request"] == 768


def test_vllms_multi_turn_script_prints_a_table() -> None:
    (row,) = text(
        "requests_per_sec = 0.800\n"
        "             count   mean   std   min   25%   50%   75%   90%   99%   max\n"
        "ttft_ms      160.0  120.0  10.0  90.0  99.0 104.0 130.0 150.0 260.0 300.0\n"
        "tpot_ms      160.0    9.0   0.1   8.0   8.8   8.9   9.1   9.4  10.4  11.0\n"
        "latency_ms   160.0 2415.0  10.0 2300. 2400. 2410. 2450. 2500. 2600. 2700.0\n"
        "input_num_tokens  160.0 1024.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0\n"
        "output_num_tokens 160.0 256.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0\n"
    )
    assert (row["ttft_ms"], row["ttft_median_ms"], row["ttft_p99_ms"]) == (120, 104, 260)
    assert (row["flags"], row["output_tok_s"]) == ("multi-turn", pytest.approx(0.8 * 256))
    assert "mode" not in row  # the clients are asked for


def test_llama_cpps_times_count_runs_or_tokens() -> None:
    prompt = "llama_perf_context_print: prompt eval time = 120.00 ms / 512 tokens ( 0.23 ms)\n"
    (row,) = text(prompt + "llama_perf_context_print: eval time = 1270.00 ms / 127 runs ( 10 ms)\n")
    assert (row["output_len"], row["tpot_ms"], row["ttft_ms"]) == (128, 10, 120)
    (row,) = text(prompt + "       eval time = 1280.00 ms / 128 tokens\n")
    assert (row["output_len"], row["tpot_ms"]) == (128, 10)
    times = {"prompt_n": 512, "prompt_ms": 120.0, "predicted_n": 128, "predicted_ms": 1280.0}
    (row,) = text(json.dumps({"model": "a.gguf", "timings": times | {"cache_n": 64}}))
    assert (row["tpot_ms"], row["flags"]) == (10, "prefix-cached")


def test_options_of_a_fork_ask_for_the_engine() -> None:
    found = text(_with_column((FILES / "llama_bench.md").read_text("utf-8")))
    assert found
    assert all(r.get("framework") != "llama.cpp" for r in found)


def _with_column(table: str) -> str:
    """Add the column ``fmoe`` in front of the test's."""
    out = []
    for line in table.splitlines():
        cells = line.strip().strip("|").split("|")
        if line.startswith("|") and len(cells) > 2:
            new = " fmoe " if "test" in line else "---" if set(line) <= set("|-: ") else " 1 "
            out.append("|" + "|".join([*cells[:-2], new, *cells[-2:]]) + "|")
        else:
            out.append(line)
    return "\n".join(out)


def test_the_documentation_lists_what_the_command_prints() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ingest.md").read_text("utf-8")
    for f in formats():
        assert f"| {f['tool']} | {f['file']} | {f['versions']} | {f['gives']} |" in page


# Precisions


@pytest.mark.parametrize(
    "method", ["fbgemm_fp8", "hqq", "eetq", "quanto", "compressed-tensors", "MIXED_PRECISION",
               "NVFP4_AWQ", "modelopt", "quark", "bitsandbytes"]
)  # fmt: skip
def test_a_stated_quantisation_that_is_not_known_asks(method: str) -> None:
    server = {"model_path": MODEL, "tp_size": 1, "quantization": method, "dtype": "bfloat16"}
    engine = {"model": MODEL, "version": "1.2", "dtype": "bfloat16", "quantization": method}
    config = load(FILES / "optimum_benchmark.json").objects[0]["config"]
    backend = config["backend"] | {"quantization_config": {"quant_method": method}}
    found = (
        changed("sglang_serving.jsonl", server_info=server),
        changed("trtllm_report.json", engine=engine),
        changed("optimum_benchmark.json", config=config | {"backend": backend}),
    )
    for row in found:
        assert "weight_dtype" not in row
        assert "none that is known" in row[ASKS]["weight_dtype"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nvidia/Llama-3.1-8B-Instruct-NVFP4", "nvfp4"),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", "fp8"),
        ("amd/Llama-3.1-8B-Instruct-MXFP4", "mxfp4"),
        ("x/Llama-3.1-8B-Instruct-AWQ-INT4", "awq-int4"),
        ("x/Llama-3.1-8B-Instruct-GPTQ-Int4", "gptq-int4"), (MODEL, None),
        ("mlx-community/Llama-3.1-8B-Instruct-4bit", None),
        ("x/Llama-3.1-8B-Instruct-GPTQ-Int8", None),
    ],
)  # fmt: skip
def test_ends_of_a_known_models_name_tell_its_precision(name: str, expected: str | None) -> None:
    row = changed("vllm_serve.json", model_id=name)
    assert row["model"].endswith("Llama-3.1-8B-Instruct")
    assert row.get("weight_dtype") == expected
    vague = expected is None and name != MODEL
    assert ("weight_dtype" in row.get(ASKS, {})) == vague


def test_a_name_that_contradicts_the_stated_precision_asks_which_it_is() -> None:
    engine = {"model": f"{MODEL}-FP8", "version": "1.2", "dtype": "bfloat16"}
    row = changed("trtllm_report.json", engine=engine | {"quantization": "NVFP4"})
    assert "which is it?" in row[ASKS]["weight_dtype"]
    same = changed("trtllm_report.json", engine=engine | {"quantization": "FP8"})
    assert same["weight_dtype"] == "fp8"


def test_checkpoints_that_are_published_quantised_are_no_16_bits() -> None:
    engine = {"model": "openai/gpt-oss-20b", "version": "1.2", "dtype": "bfloat16"}
    row = changed("trtllm_report.json", engine=engine)
    assert "published quantised" in row[ASKS]["weight_dtype"]


@pytest.mark.parametrize(
    "path", ["/models/models--meta-llama--Llama-3.1-8B-Instruct/snapshots/abc/",
             "/data/meta-llama/Llama-3.1-8B-Instruct", "Llama-3.1-8B-Instruct"]
)  # fmt: skip
def test_paths_name_their_model(path: str) -> None:
    assert changed("vllm_serve.json", model_id=path)["model"].endswith("Llama-3.1-8B-Instruct")


def test_a_sweeps_csv_and_a_printed_summary_are_read() -> None:
    one = load(FILES / "vllm_sweep.json").objects[1]
    (row,) = text(
        ",".join(one) + "\n" + ",".join("" if v is None else str(v) for v in one.values())
    )
    assert (row["mode"], row["concurrency"], row["ttft_ms"]) == ("closed", 16, 120)
    summary = load(FILES / "evalscope_0.17.json").objects[0]
    lines = [f"| {k:<40} | {v} |" for k, v in {"Key": "Value", **summary}.items()]
    (row,) = text("Benchmarking summary:\n+-----+-----+\n" + "\n".join(lines))
    assert (row["concurrency"], row["ttft_ms"], row["tpot_ms"]) == (16, 120, 9)


def test_several_nodes_that_are_no_pair_are_one_deployment() -> None:
    row = changed("inferencex_agg.json", is_multinode=True, tp=16)
    assert (row["mode"], row["num_devices"]) == ("closed", 16)


@pytest.mark.parametrize(
    ("name", "fields", "kv"),
    [
        ("llama_bench.jsonl", {"type_k": "q8_0", "type_v": "q8_0"}, "q8_0"),
        ("llama_bench.jsonl", {"type_k": "q8_0", "type_v": "q4_0"}, None),
        ("llama_bench.jsonl", {"type_k": "q5_1", "type_v": "q5_1"}, "q5_1"),
        ("sglang_serving.jsonl", {"server_info": {"kv_cache_dtype": "fp8_e5m2"}}, "fp8"),
        ("sglang_serving.jsonl", {"server_info": {"kv_cache_dtype": "fp4_e2m1"}}, None),
    ],
)  # fmt: skip
def test_a_cache_of_another_precision_is_told_or_asked(
    name: str, fields: dict[str, Any], kv: str | None
) -> None:
    row = changed(name, **fields)
    assert row.get("kv_dtype") == kv
    assert ("kv_dtype" in row.get(ASKS, {})) == (kv is None)


def test_pictures_and_sound_are_flagged_and_whole_answers_have_no_first_token() -> None:
    assert changed("vllm_serve.json", rtfx=12.5)["flags"] == "multimodal"
    assert changed("sglang_serving.jsonl", total_input_vision_tokens=99)["flags"] == "multimodal"
    whole = {"Stream Requests": 0, "Non-Stream Requests": 160}
    row = changed("evalscope_summary.json", **whole)
    assert (row["e2e_ms"], "ttft_ms" in row, "tpot_ms" in row) == (2415, False, False)
