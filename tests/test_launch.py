"""Starts: flags that the engines know, files that parse, refusals that say why."""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guide_ml import api, catalogue
from guide_ml.describe.backends import BACKENDS
from guide_ml.describe.descriptors import Deployment, Framework, Workload
from guide_ml.describe.settings import Settings
from guide_ml.errors import GuideError, InvalidInput
from guide_ml.features.accounts.vllm import SHARE
from guide_ml.launch import ENGINES, Launch
from guide_ml.launch import containers as c
from guide_ml.launch.engines import engine
from guide_ml.launch.yaml_text import to_yaml
from guide_ml.precision.dtypes import DTYPES, KV_DTYPES

LOAD = Workload(mode="closed", input_len=1000, output_len=300, concurrency=64)
DEVICES = {"cuda": "b200", "rocm": "mi355x", "xpu": "intel-max-1550-128gb", "hpu": "gaudi3",
           "vulkan": "rx-7900-xtx", "metal": "apple-m3-ultra-60c",
           "cpu": "intel-xeon-8480plus"}  # fmt: skip
DENSE, MOE = "meta-llama/Llama-3.1-8B-Instruct", "deepseek-ai/DeepSeek-R1"


def deployment(
    framework: str = "vllm", backend: str = "cuda", model: str = DENSE, version: str = "",
    **fields,
) -> Deployment:
    sizes = [fields.get(k, 1) for k in ("tp", "pp", "dp")]
    fields.setdefault("num_devices", sizes[0] * sizes[1] * sizes[2])
    device = catalogue.hardware(DEVICES.get(backend, "h100"))
    return Deployment(
        hardware=device, model=catalogue.model(model),
        framework=Framework(
            framework=framework, backend=backend, release_year=2026, version=version
        ), **fields,
    )  # fmt: skip


def flag_pairs(start: Launch) -> list[tuple[str, str | None]]:
    """Split a command into its flags and their values."""
    words = list(start.argv[len(start.engine.command) :])
    if not words[0].startswith("--"):
        words = words[1:]  # the model, by position
    pairs: list[tuple[str, str | None]] = []
    while words:
        flag = words.pop(0)
        assert flag.startswith("--"), f"{flag} in {start.argv} belongs to no flag"
        follows = bool(words) and not words[0].startswith("--")
        pairs.append((flag, words.pop(0) if follows else None))
    return pairs


def assert_known(start: Launch) -> None:
    """Hold a command against the table of the engine's flags."""
    pairs = flag_pairs(start)
    assert len({flag for flag, _ in pairs}) == len(pairs), f"a flag comes twice: {start.argv}"
    for flag, value in pairs:
        kind = start.engine.flags[flag].value  # KeyError: not in the table
        assert not start.engine.lacking(flag, value, start.version)
        if kind == "":
            assert value is None
        else:
            assert value is not None
            if "|" in kind:
                assert value in kind.split("|")
            if kind == "int":
                assert int(value) >= 0
            if kind == "share":
                assert 0 < float(value) <= 1
            if kind == "json":
                assert json.loads(value)["num_speculative_tokens"] == 3


def every_start() -> list[tuple[str, str, Launch]]:
    """Start everything that the tables allow, on every backend, in several layouts."""
    layouts: list[dict[str, Any]] = [
        {}, {"tp": 2}, {"pp": 2}, {"dp": 2}, {"tp": 2, "dp": 2}, {"tp": 4, "pp": 2},
        {"model": MOE, "tp": 8, "ep": 8}, {"model": MOE, "dp": 8, "ep": 8},
        {"model": MOE, "tp": 2, "dp": 4, "ep": 8},
    ]  # fmt: skip
    kinds: list[dict[str, Any]] = [{"weight_dtype": w} for w in DTYPES]
    kinds += [{"kv_dtype": k} for k in KV_DTYPES]
    kinds += [{"spec_method": s} for s in ("mtp", "ngram", "draft", "eagle3", "mtp(inferred)")]
    out = []
    for slug in ENGINES:
        for backend in engine(slug).backends:
            for fields in [*layouts, *kinds]:
                try:
                    start = deployment(slug, backend, **fields).launch(LOAD, draft="org/draft")
                except InvalidInput:
                    continue
                out.append((slug, backend, start))
    return out


STARTS = every_start()
TOLD = Settings(max_num_batched_tokens=4096, memory_share=0.8, enforce_eager=1, block_size=32)
OLD = [
    *((s, deployment(s, settings=TOLD, weight_dtype=w).launch(LOAD)) for s, w in (
        ("vllm", "bf16"), ("sglang", "bf16"), ("tgi", "bf16"), ("llama.cpp", "q4_k_m"),
        ("tensorrt-llm", "bf16"))),
    ("sglang", deployment("sglang", model=MOE, dp=8, ep=8, weight_dtype="fp8", version="0.5.9")
     .launch(LOAD)),
    ("tensorrt-llm", deployment("tensorrt-llm", settings=TOLD).launch(
        LOAD, max_request_tokens=20_000)),
]  # fmt: skip


def test_there_are_starts_of_every_engine_and_backend():
    seen = {(slug, backend) for slug, backend, _ in STARTS}
    assert seen == {(slug, b) for slug in ENGINES for b in engine(slug).backends}
    assert len(STARTS) > 400


def test_every_flag_is_one_that_the_engine_knows():
    for _, _, start in STARTS:
        assert_known(start)


def test_every_flag_of_the_table_is_used():
    """A flag that no start sets has no place in the table."""
    starts = [*((slug, start) for slug, _, start in STARTS), *OLD]
    used = {(slug, flag) for slug, start in starts for flag, _ in flag_pairs(start)}
    listed = {(slug, flag) for slug in ENGINES for flag in engine(slug).flags if "=" not in flag}
    assert listed == used


@pytest.mark.parametrize("slug", ENGINES)
def test_the_table_of_an_engine_holds_together(slug):
    e = engine(slug)
    assert slug in catalogue.framework_blocks()
    assert set(e.images) <= set(e.backends) <= set(BACKENDS) & set(c.BACKENDS)
    assert "github.com" in e.documented
    assert "@" in e.documented or "pull request" in e.documented
    for table, names in ((e.weights, {*DTYPES, "gguf"}), (e.kv, set(KV_DTYPES))):
        assert set(table) <= names
    for entry in itertools.chain(e.weights.values(), e.kv.values(), e.speculative.values()):
        assert {f for f in entry.get("flags", ()) if f.startswith("--")} <= set(e.flags)
        assert set(entry) <= {"flags", "from", "backends", "before", "older"}
    assert {entry["from"] for entry in e.weights.values()} <= {"model", "converted", "gguf"}


@pytest.mark.parametrize("slug", [s for s in ENGINES if s != "llama.cpp"])
def test_flags_are_of_a_version_no_older_than_the_newest_measured(slug):
    def number(text: str) -> list[int]:
        return [int(part) for part in text.split("rc")[0].split(".")]

    measured = [v for v in catalogue.framework_blocks()[slug]["versions"] if v[0].isdigit()]
    assert number(engine(slug).version) >= max(number(v) for v in measured)


def test_commands_are_quoted_for_a_shell():
    for _, _, start in STARTS:
        if start.replicas == 1:
            assert tuple(shlex.split(start.command.replace("\\\n", ""))) == start.argv


def test_replicas_of_a_host_get_devices_and_ports_of_their_own():
    start = deployment(tp=2, dp=4).launch(LOAD)
    lines = start.command.replace("\\\n", "").splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [
        f"CUDA_VISIBLE_DEVICES={a},{a + 1}" for a in (0, 2, 4, 6)
    ]
    assert [line.split("--port")[1].split()[0] for line in lines[:-1]] == [
        "8000", "8001", "8002", "8003",
    ]  # fmt: skip
    assert lines[-1] == "wait"
    subprocess.run(["bash", "-n"], input=start.command, text=True, check=True)


def test_users_are_shared_out_among_replicas():
    start = deployment(dp=3).launch(replace(LOAD, concurrency=100))
    assert ("--max-num-seqs", "34") in flag_pairs(start)


def test_lengths_follow_the_workload_and_stop_at_the_model():
    pairs = dict(flag_pairs(deployment().launch(LOAD)))
    assert pairs["--max-model-len"] == "5376"  # four times 1,300
    alone = dict(flag_pairs(deployment().launch(replace(LOAD, concurrency=1))))
    assert alone["--max-model-len"] == "1536"  # the plan has room for one such request
    named = dict(flag_pairs(deployment().launch(LOAD, max_request_tokens=8000)))
    assert named["--max-model-len"] == "8000"
    with pytest.raises(InvalidInput, match="are one limit"):
        deployment().launch(LOAD, max_request_tokens=8000, max_model_len=9000)
    assert dict(flag_pairs(deployment().launch(max_model_len=999)))["--max-model-len"] == "999"
    most = catalogue.model(DENSE).max_position
    long = replace(LOAD, input_len=most - 300)
    assert dict(flag_pairs(deployment().launch(long)))["--max-model-len"] == str(most)
    with pytest.raises(InvalidInput, match=f"takes at most {most} tokens"):
        deployment().launch(replace(LOAD, input_len=most))
    with pytest.raises(InvalidInput, match="must hold the mean request of 1300"):
        deployment().launch(LOAD, max_model_len=1299)


def test_what_was_told_and_what_a_prediction_assumed_is_written():
    told = dict(flag_pairs(deployment(settings=TOLD).launch(LOAD)))
    assert (told["--gpu-memory-utilization"], told["--max-num-batched-tokens"]) == ("0.8", "4096")
    assert "--enforce-eager" in told
    found = api.predict(hardware="h100", model=DENSE, framework="vllm", concurrency=16,
                        input_len=1024, output_len=256, level=None)  # fmt: skip
    pairs = dict(flag_pairs(found.deployment.launch(found.workload)))
    assert pairs["--max-num-batched-tokens"] == "8192"
    assert float(pairs["--gpu-memory-utilization"] or "0") == SHARE  # of the account of memory
    assert pairs["--max-num-seqs"] == "16"
    long = deployment(settings=Settings(max_model_len=9000)).launch(LOAD)
    assert ("--max-model-len", "9000") in flag_pairs(long)


def test_tensorrt_llm_cuts_prompts_that_are_longer_than_a_pass():
    short = deployment("tensorrt-llm").launch(LOAD)
    assert "--enable_chunked_prefill" not in short.arguments
    long = deployment("tensorrt-llm").launch(replace(LOAD, input_len=9000))
    assert "--enable_chunked_prefill" in long.arguments


def test_without_a_workload_the_engine_keeps_its_limits():
    assert {flag for flag, _ in flag_pairs(deployment().launch())} == {
        "--dtype", "--host", "--port",
    }  # fmt: skip


def test_llama_cpp_shares_its_context_out_among_slots():
    pairs = dict(flag_pairs(deployment("llama.cpp", pp=2, weight_dtype="q4_k_m").launch(LOAD)))
    assert pairs["--ctx-size"] == str(1536 * 64)
    assert (pairs["--parallel"], pairs["--split-mode"]) == ("64", "layer")
    row = dict(flag_pairs(deployment("llama.cpp", tp=2, weight_dtype="q4_k_m").launch(LOAD)))
    assert row["--split-mode"] == "row"
    assert pairs["--model"] == "models/Llama-3.1-8B-Instruct-q4_k_m.gguf"


def test_expert_parallel_copies_of_the_attention_are_one_server():
    start = deployment("sglang", model=MOE, dp=8, ep=8, weight_dtype="fp8").launch(LOAD)
    pairs = dict(flag_pairs(start))
    assert (start.replicas, start.devices) == (1, 8)
    assert pairs["--tensor-parallel-size"] == pairs["--attn-dp-size"] == "8"
    old = deployment("sglang", model=MOE, dp=8, ep=8, weight_dtype="fp8", version="0.5.9")
    pairs = dict(flag_pairs(old.launch(LOAD)))
    assert pairs["--data-parallel-size"] == "8"
    assert "--enable-dp-attention" in pairs
    assert "--quantization" not in pairs  # published in fp8
    dense = deployment("sglang", dp=8).launch(LOAD)
    assert (dense.replicas, dense.devices) == (8, 1)


def test_weights_that_must_be_converted_are_files_of_the_host():
    start = deployment(weight_dtype="awq-int4").launch(LOAD)
    assert start.argv[2] == "models/Llama-3.1-8B-Instruct-awq-int4"
    assert any("must be a checkpoint" in note for note in start.notes)
    own = deployment(weight_dtype="awq-int4").launch(LOAD, checkpoint="org/model-awq")
    assert own.argv[2] == "org/model-awq"
    assert not any("must be a checkpoint" in note for note in own.notes)
    published = deployment(weight_dtype="fp8").launch(LOAD)
    assert published.argv[2] == "nvidia/Llama-3.1-8B-Instruct-FP8"
    assert "--quantization" not in dict(flag_pairs(published))
    online = deployment(weight_dtype="fp8", model="Qwen/Qwen2.5-32B-Instruct").launch(LOAD)
    assert online.argv[2] == "Qwen/Qwen2.5-32B-Instruct"
    assert ("--quantization", "fp8_per_tensor") in flag_pairs(online)
    ready = deployment(weight_dtype="fp8").launch(LOAD, checkpoint="org/model-fp8")
    assert "--quantization" not in dict(flag_pairs(ready))


@pytest.mark.parametrize(
    ("fields", "options", "says"),
    [
        ({"weight_dtype": "q4_k_m"}, {}, "vLLM 0.33.0 does not start so: vLLM reads no GGUF"),
        ({"weight_dtype": "exl2-4.0bpw"}, {}, "vLLM has no kernels for this format"),
        ({"weight_dtype": "w8a16", "backend": "rocm", "framework": "sglang"}, {},
         "cannot do weight_dtype 'w8a16' on rocm; it can"),
        ({"version": "0.19.0", "kv_dtype": "int8"}, {},
         "vLLM 0.19.0 has no --kv-cache-dtype=int8_per_token_head"),
        ({"model": "BAAI/Aquila-7B"}, {}, "loads this model family up to 0.24.0"),
        ({"framework": "tensorrt-llm", "backend": "rocm"}, {}, "TensorRT-LLM .* runs on cuda"),
        ({"framework": "deepspeed"}, {}, "a start is written for vllm"),
        ({"framework": "tgi", "pp": 2}, {}, "pp must be 1"),
        ({"framework": "tgi", "spec_method": "mtp"}, {}, "cannot do spec_method 'mtp'"),
        ({"framework": "tensorrt-llm", "spec_method": "mtp"}, {}, "it can do none"),
        ({"framework": "tgi", "weight_dtype": "exl2-4.0bpw", "tp": 2}, {}, "exl2 on one device"),
        ({"framework": "llama.cpp", "tp": 2, "pp": 2}, {}, "not both"),
        ({"framework": "llama.cpp", "weight_dtype": "fp8"}, {}, "llama.cpp loads GGUF files"),
        ({"framework": "llama.cpp", "model": MOE, "tp": 2, "ep": 2}, {}, "no expert parallelism"),
        ({"framework": "vllm", "model": MOE, "tp": 8, "ep": 4}, {}, "ep must be 1 or 8"),
        ({"framework": "tensorrt-llm", "model": MOE, "tp": 2, "dp": 4, "ep": 8}, {}, "must be 1"),
        ({"framework": "sglang", "model": MOE, "tp": 8, "ep": 3}, {}, "ep to divide"),
        ({"tp": 2, "ep": 2}, {}, "has no experts"),
        ({"tp": 16}, {}, "one replica takes 16 devices and a host has 8"),
        ({"kv_dtype": "q8_0"}, {}, "vLLM's KV cache is"),
        ({"backend": "rocm", "kv_dtype": "nvfp4"}, {}, "cannot do kv_dtype 'nvfp4' on rocm"),
        ({"spec_method": "eagle"}, {}, "needs draft"),
        ({"spec_method": "yes"}, {}, "cannot do spec_method 'yes'"),
    ],
)  # fmt: skip
def test_what_an_engine_cannot_do_is_refused(fields, options, says):
    with pytest.raises(GuideError, match=says):
        deployment(**fields).launch(LOAD, **options)


def test_a_backend_that_the_device_lacks_is_refused():
    amd = replace(deployment(), hardware=catalogue.hardware("mi300x"))
    with pytest.raises(InvalidInput, match="backend cuda needs a device of nvidia"):
        amd.launch(LOAD)


def with_images() -> list[Launch]:
    return [start for _, _, start in STARTS if start.image]


def test_compose_files_parse_and_hand_over_the_devices():
    seen = 0
    for start in with_images():
        if start.devices * start.replicas > start.host_devices:
            continue
        document = yaml.safe_load(start.compose())
        assert document == c.compose(start)
        servers = [s for name, s in document["services"].items() if name != "balancer"]
        assert len(servers) == start.replicas
        for server in servers:
            assert all(isinstance(word, str) for word in server["command"])
        if start.backend == "cuda":
            held = [s["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"]
                    for s in servers]  # fmt: skip
            assert sorted(itertools.chain(*held)) == sorted(
                str(i) for i in range(start.devices * start.replicas)
            )
        seen += 1
    assert seen > 300


def test_replicas_of_a_compose_file_are_behind_a_balancer():
    start = deployment(dp=2).launch(LOAD)
    document = yaml.safe_load(start.compose())
    content = document["configs"]["balancer"]["content"]
    for name in ("llama-3-1-8b-instruct-0", "llama-3-1-8b-instruct-1"):
        assert f"server {name}:8000;" in content
    ports = {name: s.get("ports") for name, s in document["services"].items()}
    assert ports.pop("balancer") == ["8000:8000"]
    assert set(ports.values()) == {None}


def test_rocm_containers_get_their_device_files():
    service = yaml.safe_load(deployment(backend="rocm", tp=2).launch(LOAD).compose())["services"]
    (only,) = service.values()
    assert only["devices"] == ["/dev/kfd:/dev/kfd", "/dev/dri:/dev/dri"]
    assert only["environment"]["HIP_VISIBLE_DEVICES"] == "0,1"
    assert only["image"].startswith("vllm/vllm-openai-rocm:")


def test_kubernetes_files_parse_and_ask_for_the_devices():
    for start in with_images():
        if start.backend == "vulkan":
            continue
        made, service = yaml.safe_load_all(start.kubernetes())
        assert [made, service] == c.kubernetes(start)
        assert made["spec"]["replicas"] == start.replicas
        pod = made["spec"]["template"]
        assert pod["metadata"]["labels"] == made["spec"]["selector"]["matchLabels"]
        assert service["spec"]["selector"] == pod["metadata"]["labels"]
        (server,) = pod["spec"]["containers"]
        limits = server.get("resources", {}).get("limits", {})
        assert list(limits.values()) == ([] if start.backend == "cpu" else [start.devices])
        mounted = {m["name"] for m in server["volumeMounts"]}
        assert mounted == {v["name"] for v in pod["spec"]["volumes"]}


def test_containers_find_the_weights_of_the_host():
    start = deployment("llama.cpp", weight_dtype="q4_k_m").launch(LOAD)
    (service,) = yaml.safe_load(start.compose())["services"].values()
    assert "/models/Llama-3.1-8B-Instruct-q4_k_m.gguf" in service["command"]
    assert service["volumes"] == ["./models:/models:ro"]


@pytest.mark.parametrize(
    ("path", "volume", "inside"),
    [
        ("/data/llms/own-awq", "/data/llms:/models:ro", "/models/own-awq"),
        ("./own.gguf", "./.:/models:ro", "/models/own.gguf"),
        ("weights/own.gguf", "./weights:/models:ro", "/models/own.gguf"),
    ],
)
def test_containers_find_weights_of_any_folder(path, volume, inside):
    start = deployment("sglang").launch(LOAD, checkpoint=path)
    assert path in start.argv
    (service,) = yaml.safe_load(start.compose())["services"].values()
    assert (service["volumes"], inside in service["command"]) == ([volume], True)


@pytest.mark.parametrize(
    ("fields", "form", "says"),
    [
        ({"framework": "sglang", "backend": "rocm"}, "compose", "no container image of SGLang"),
        ({"framework": "llama.cpp", "backend": "metal"}, "kubernetes", "no container image"),
        ({"framework": "llama.cpp", "backend": "vulkan"}, "kubernetes", "no resource"),
        ({"tp": 8, "dp": 2}, "compose", "a Compose file is for one host"),
    ],
)
def test_files_that_would_not_work_are_refused(fields, form, says):
    start = deployment(**fields).launch(LOAD)
    with pytest.raises(InvalidInput, match=says):
        getattr(start, form)()


def test_compose_does_not_expand_dollars_of_arguments():
    start = deployment().launch(LOAD, checkpoint="org/a$b")
    (service,) = yaml.safe_load(start.compose())["services"].values()
    assert service["command"][0] == "org/a$$b"
    assert "'org/a$b'" in start.command


def test_a_prediction_can_be_started():
    found = api.predict(hardware="h100", model=DENSE, framework="vllm", num_devices=2,
                        concurrency=16, input_len=1024, output_len=256)  # fmt: skip
    start = found.deployment.launch(found.workload)
    assert_known(start)
    assert start.devices * start.replicas == 2


def test_the_same_deployment_gives_the_same_text():
    a, b = (deployment(dp=2).launch(LOAD) for _ in range(2))
    assert (a.command, a.compose(), a.kubernetes()) == (b.command, b.compose(), b.kubernetes())


TEXTS = st.text(st.characters(min_codepoint=1, max_codepoint=0x2FFF, exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text("abc-:# ", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_yaml_text_reads_back_as_it_was(value):
    assert yaml.safe_load(to_yaml(value)) == value
