"""Written commands against the engines' own argument parsers; ``make test-slow`` brings them."""

from __future__ import annotations

import itertools
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from guide_ml import catalogue
from guide_ml.describe.descriptors import Deployment, Framework, Workload
from guide_ml.describe.settings import Settings
from guide_ml.errors import InvalidInput
from guide_ml.launch import Launch
from guide_ml.launch.engines import engine

HERE = Path(__file__).parent
PYTHON = HERE.parent / "build" / "engines" / "bin" / "python"
DENSE, MOE = "meta-llama/Llama-3.1-8B-Instruct", "deepseek-ai/DeepSeek-R1"
LOAD = Workload(mode="closed", input_len=1000, output_len=300, concurrency=64)

LAYOUTS: list[dict[str, Any]] = [
    {}, {"tp": 2}, {"pp": 2}, {"tp": 4, "pp": 2}, {"dp": 2},
    {"model": MOE, "tp": 8, "ep": 8}, {"model": MOE, "dp": 8, "ep": 8},
    {"model": MOE, "tp": 2, "dp": 4, "ep": 8}, {"model": MOE, "tp": 8, "spec_method": "mtp"},
]  # fmt: skip
WEIGHTS = ("fp32", "fp16", "bf16", "fp8", "mxfp8", "mxfp4", "nvfp4", "awq-int4", "gptq-int4",
           "int8", "w8a16", "int4", "int4-fp8", "nf4")  # fmt: skip
KINDS: list[dict[str, Any]] = [
    *({"weight_dtype": w, "model": "Qwen/Qwen2.5-32B-Instruct"} for w in WEIGHTS),
    *({"kv_dtype": k} for k in ("fp8", "int8", "nvfp4")),
    *({"spec_method": s} for s in ("ngram", "draft", "eagle3")),
    {"settings": Settings(memory_share=0.8, max_num_batched_tokens=4096, max_num_seqs=32)},
    {"settings": Settings(enforce_eager=1, block_size=32, max_model_len=4096)},
    {"planned": Settings(max_num_batched_tokens=8192, max_num_seqs=1024)},
]  # fmt: skip


@cache
def starts(slug: str) -> tuple[Launch, ...]:
    """Write every start of an engine that its tables allow."""
    found = []
    for fields, load in itertools.product([*LAYOUTS, *KINDS], [LOAD, None]):
        sizes = [fields.get(k, 1) for k in ("tp", "pp", "dp")]
        asked = {"model": DENSE} | fields | {"num_devices": sizes[0] * sizes[1] * sizes[2]}
        deployment = Deployment(
            hardware=catalogue.hardware("b200"),
            framework=Framework(framework=slug, backend="cuda", release_year=2026.8),
            **asked | {"model": catalogue.model(str(asked["model"]))},
        )
        try:
            found.append(deployment.launch(load, draft="org/draft"))
        except InvalidInput:
            continue  # what the engine cannot do
    return tuple(found)


@cache
def parsed(slug: str) -> list[dict[str, Any]]:
    commands = [list(s.arguments) for s in starts(slug)]
    commands.append([*commands[0], "--no-such-flag", "1"])
    done = subprocess.run([str(PYTHON), str(HERE / "engines" / "parse.py"), slug],
                          input=json.dumps(commands), capture_output=True, text=True,
                          timeout=900, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    assert "error" in found.pop(), "the parser takes anything"
    return found


@pytest.mark.parametrize("slug", ["vllm", "sglang"])
def test_there_are_forty_commands_of_an_engine(slug):
    assert len(starts(slug)) >= 40
    assert {flag.split("=")[0] for flag, f in engine(slug).flags.items() if f.exists("")} <= {
        word for start in starts(slug) for word in start.arguments
    }


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="`make test-slow` installs the engines' parsers")
@pytest.mark.parametrize("slug", ["vllm", "sglang"])
def test_the_engine_s_own_parser_takes_every_command(slug):
    refused = {" ".join(start.argv): found["error"]
               for start, found in zip(starts(slug), parsed(slug), strict=True)
               if "error" in found}  # fmt: skip
    assert not refused


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="`make test-slow` installs the engines' parsers")
@pytest.mark.parametrize(("slug", "names"), [
    ("vllm", {"--tensor-parallel-size": "tensor_parallel_size", "--max-model-len": "max_model_len",
              "--max-num-seqs": "max_num_seqs", "--gpu-memory-utilization":
              "gpu_memory_utilization", "--data-parallel-size": "data_parallel_size",
              "--max-num-batched-tokens": "max_num_batched_tokens"}),
    ("sglang", {"--tensor-parallel-size": "tp_size", "--context-length": "context_length",
                "--max-running-requests": "max_running_requests", "--attn-dp-size":
                "attn_dp_size", "--chunked-prefill-size": "chunked_prefill_size",
                "--mem-fraction-static": "mem_fraction_static"}),
])  # fmt: skip
def test_the_engine_reads_the_numbers_that_were_written(slug, names):
    compared = 0
    for start, found in zip(starts(slug), parsed(slug), strict=True):
        words = start.arguments
        for flag, name in names.items():
            if flag in words:
                assert found[name] == float(words[words.index(flag) + 1]), (flag, words)
                compared += 1
    assert compared > 50
