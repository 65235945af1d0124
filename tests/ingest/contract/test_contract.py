"""Files written by the tools themselves against a server of known times on loopback.

A release that changes its file is noticed here: raise its pin in `CLIENTS`, run
``pytest -m slow tests/ingest/contract``, and put its version into the importer's ``versions``.
Environments are made anew, or kept in the folder that GUIDE_CONTRACT_VENVS names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from guide_ml.ingest import ingest

HERE = Path(__file__).parent
FACTS = {"hardware": "h100", "num_devices": 1, "framework": "vllm", "weight_dtype": "bf16"}
#: What ``mock_server.py`` takes for the first token and each further one: long, so that a busy
#: machine adds little.
FIRST_MS, NEXT_MS = 200.0, 30.0
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
TOKENS = 16
pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Client:
    """A pinned client, how it is run, and the files of one run under two users.

    ``{url}``, ``{python}`` and ``{bin}`` are filled in; it runs in a folder that has a tokenizer
    in ``mock/tok``. ``facts`` are those that its files lack. ``beside`` is what the client needs
    where it is installed without what it states, which would serve models: further pins.
    """

    pin: str
    command: str
    files: tuple[str, ...]
    facts: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def _needed_by_sglang() -> list[str]:
    """Return what SGLang's modules import, as the tests of its parser have it, without vLLM."""
    lines = (HERE.parents[1] / "engines" / "requirements.txt").read_text("utf-8").splitlines()
    return [
        line
        for line in lines
        if line and line[0] != "#" and not line.startswith(("vllm", "sglang"))
    ]


CLIENTS = {
    "llama-benchy": Client(
        "llama-benchy==0.4.0",
        f"{{bin}}/llama-benchy --base-url {{url}}/v1 --model {MODEL} --tokenizer mock/tok"
        f" --book-url {{url}}/book --pp 64 --tg {TOKENS} --concurrency 2 --runs 2 --no-warmup"
        " --skip-coherence --format json --save-result run.json",
        ("run.json",),
    ),
    "aiperf": Client(
        "aiperf==0.13.0",
        f"{{bin}}/aiperf profile --model {MODEL} --tokenizer mock/tok --url {{url}} --ui none"
        f" --endpoint-type completions --streaming --concurrency 2 --request-count 8 --isl 64"
        f" --osl {TOKENS} --output-artifact-dir out",
        ("out/profile_export_aiperf.json", "out/profile_export_aiperf.csv"),
    ),
    "guidellm": Client(
        "guidellm==0.8.1",
        f"{{bin}}/guidellm run --backend kind=openai_http,target={{url}},model={MODEL},"
        "request_format=/v1/completions --profile kind=concurrent,streams=2"
        " --constraint kind=max_requests,count=8 --tokenizer kind=hf_auto,model=mock/tok"
        f" --data kind=synthetic_text,prompt_tokens=64,output_tokens={TOKENS}"
        " --output kind=json,path=out/benchmarks.json --output kind=csv,path=out/benchmarks.csv"
        " --output kind=yaml,path=out/benchmarks.yaml --disable-console",
        ("out/benchmarks.json", "out/benchmarks.csv", "out/benchmarks.yaml"),
    ),
    "evalscope": Client(
        "evalscope[perf]==1.14.1",
        f"{{bin}}/evalscope perf --model {MODEL} --url {{url}}/v1/completions --api openai"
        " --dataset random --tokenizer-path mock/tok --min-prompt-length 64"
        f" --max-prompt-length 64 --prefix-length 0 --max-tokens {TOKENS} --min-tokens {TOKENS}"
        " --number 8 --parallel 2 --outputs-dir out --no-timestamp",
        ("out/Llama-3.1-8B-Instruct/parallel_2_number_8/benchmark_summary.json",),
        ("model",),
    ),
    "sglang": Client(
        "sglang==0.5.23",
        f"{{python}} -m sglang.benchmark.serving --backend sglang-oai --base-url {{url}}"
        f" --model {MODEL} --tokenizer mock/tok --dataset-name random-ids --random-input-len 64"
        f" --random-output-len {TOKENS} --random-range-ratio 1 --num-prompts 8"
        " --max-concurrency 2 --warmup-requests 0 --output-file run.jsonl",
        ("run.jsonl",),
        ("model", "sglang"),
        (*_needed_by_sglang(), "torch==2.15.0", "torchvision", "loguru", "datasets"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    words = [sys.executable, str(HERE / "mock_server.py")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.kill()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("GUIDE_CONTRACT_VENVS")
    return Path(kept) if kept else tmp_path_factory.mktemp("clients")


def _installed(name: str, client: Client, folder: Path) -> Path:
    """Make the client's environment, unless it is there; without a network there is none."""
    home = folder / name
    python = home / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    install = [*uv, "pip", "install", "-q", "-p", str(python)]
    alone = [[*install, "--no-deps", client.pin], [*install, *client.beside]]
    for words in ([*uv, "venv", "-q", "--allow-existing", str(home)],
                  *(alone if client.beside else [[*install, client.pin]])):  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{client.pin} cannot be installed here: {done.stderr.strip()[-200:]}")
    return python


@pytest.mark.parametrize("name", CLIENTS)
def test_what_a_client_writes_is_read_with_the_servers_times(
    name: str, url: str, folder: Path, tmp_path: Path
) -> None:
    client = CLIENTS[name]
    python = _installed(name, client, folder)
    quiet: dict[str, Any] = {"cwd": tmp_path, "capture_output": True, "text": True}
    made = subprocess.run([python, HERE / "make_tokenizer.py", "mock/tok"], check=False, **quiet)
    assert made.returncode == 0, made.stderr
    words = client.command.format(url=url, python=python, bin=python.parent).split()
    done = subprocess.run(words, check=False, timeout=1800, **quiet)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for file in client.files:
        facts = FACTS | ({"model": MODEL, "concurrency": 2} if file.endswith(".csv") else {})
        facts |= {"model": MODEL} if "model" in client.facts else {}
        facts |= {"framework": "sglang"} if "sglang" in client.facts else {}
        found = ingest([tmp_path / file], tmp_path / f"{Path(file).name}.csv", facts=facts)
        assert found.count("stored") == 1, (file, found.files, found.rejects)
        (row,) = found.rows
        assert (row["mode"], row["concurrency"], row["output_len"]) == ("closed", 2, TOKENS), file
        assert row["ttft_ms"] == pytest.approx(FIRST_MS, rel=0.5), file
        assert row["tpot_ms"] == pytest.approx(NEXT_MS, rel=0.1), file
