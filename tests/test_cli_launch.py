"""``guide launch``."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from guide_ml.cli.main import app

yaml = pytest.importorskip("yaml")
ASKED = ["launch", "--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework", "vllm",
         "--num-devices", "2", "--tp", "1", "--concurrency", "16", "--input-len", "1024",
         "--output-len", "256"]  # fmt: skip


def run(*more: str):
    return CliRunner().invoke(app, [*ASKED, *more])


def test_it_prints_a_command_with_its_notes():
    found = run("--port", "9000")
    assert found.exit_code == 0
    assert "# flags are those of vLLM" in found.stdout
    assert "vllm serve meta-llama/Llama-3.1-8B-Instruct" in found.stdout
    assert "--port 9001" in found.stdout  # the second replica


def test_files_are_written_whole(tmp_path):
    path = tmp_path / "llm.yaml"
    found = run("--format", "kubernetes", "--out", str(path))
    assert (found.exit_code, found.stdout) == (0, "")
    kinds = [document["kind"] for document in yaml.safe_load_all(path.read_text("utf-8"))]
    assert kinds == ["Deployment", "Service"]
    assert [p.name for p in tmp_path.iterdir()] == ["llm.yaml"]


def test_json_holds_the_words_of_the_command():
    facts = json.loads(run("--json", "--format", "compose").stdout)
    assert facts["argv"][:2] == ["vllm", "serve"]
    assert facts["replicas"] == 2
    assert "balancer" in yaml.safe_load(facts["compose"])["services"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--weight-dtype", "q4_k_m"], "vLLM reads no GGUF any more"),
        (["--max-request-tokens", "99"], "must hold the mean request of 1280"),
        (["--framework", "exllamav2"], "a start is written for"),
        (["--out", "/nowhere/at/all.yaml"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_ends_in_one_sentence(more, says):
    found = run(*more)
    assert found.exit_code == 2
    assert says in found.stderr
    assert "Traceback" not in found.stderr


def test_the_longest_request_is_the_user_s():
    assert "--max-model-len 5376" in run().stdout  # four times the mean
    long = run("--max-request-tokens", "16000")
    assert "--max-model-len 16000" in long.stdout
    assert "are refused" not in long.stdout


def test_help_shows_examples():
    assert "Examples" in CliRunner().invoke(app, ["launch", "--help"]).stdout
