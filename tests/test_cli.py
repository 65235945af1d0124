from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import guide_ml
from guide_ml.cli.main import app
from guide_ml.cli.parts import WITHIN, App

PREDICT = ["predict", "--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework",
           "vllm", "--input-len", "512", "--output-len", "128"]  # fmt: skip
CHIP = 'memory_gb = 64\nmem_bw_gbs = 2000\nfp16_tflops = 300\n'

CONFIG = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632, "vocab_size": 32000,
    "num_hidden_layers": 22, "num_attention_heads": 32, "num_key_value_heads": 4,
}  # fmt: skip


def guide(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def read(*words: str) -> Any:
    done = guide(*words)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_predict_prints_a_report() -> None:
    done = guide(*PREDICT, "--batch-size", "8")
    assert done.exit_code == 0
    for part in ("nvidia-h100-sxm-80gb", "batch latency", "weights", "assumed"):
        assert part in done.stdout


def test_predict_prints_json_that_equals_the_calls() -> None:
    called = guide_ml.predict(
        hardware="h100", model="llama-3.1-8b-instruct", framework="vllm", concurrency=16,
        input_len=512, output_len=128, num_devices=4, weight_dtype="fp8", ttft_stat="p99",
    )  # fmt: skip
    told = read(*PREDICT, "--concurrency", "16", "--num-devices", "4", "--weight-dtype", "fp8",
                "--ttft-stat", "p99", "--json")  # fmt: skip
    assert told == json.loads(json.dumps(called.to_dict()))


def test_what_requests_at_a_rate_are_asked_for_can_be_said_as_options() -> None:
    said: dict[str, Any] = {"arrival": "constant", "length_cv": 0.5, "e2e_stat": "p99",
                            "replicas": 2, "router": "round-robin", "duration_s": 60}  # fmt: skip
    called = guide_ml.predict(
        hardware="h100", model="llama-3.1-8b-instruct", framework="vllm", request_rate_rps=8,
        input_len=512, output_len=128, **said,
    )  # fmt: skip
    words = [w for name, value in said.items() for w in (f"--{name.replace('_', '-')}", str(value))]
    told = read(*PREDICT, "--num-devices", "1", "--request-rate-rps", "8", *words, "--json")
    assert told == json.loads(json.dumps(called.to_dict()))


def test_devices_follow_from_the_layout_if_they_are_not_given() -> None:
    told = read(*PREDICT, "--batch-size", "1", "--tp", "2", "--json")
    assert told["deployment"]["num_devices"] == 2
    assert told["assumed"]["num_devices"] == "2, as tp * pp * dp say"


def test_predict_reads_a_device_and_a_model_from_files(tmp_path: Path) -> None:
    chip, config = tmp_path / "chip.toml", tmp_path / "tiny.json"
    chip.write_text(CHIP, "utf-8")
    config.write_text(json.dumps(CONFIG), "utf-8")
    told = read("predict", "--hardware", str(chip), "--model", str(config), "--batch-size", "1",
                "--input-len", "8", "--output-len", "8", "--json")  # fmt: skip
    assert told["deployment"]["hardware"] == "chip"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([*PREDICT, "--batch-size", "1", "--weight-dtype", "fp7"], "unknown dtype 'fp7'"),
        ([*PREDICT, "--batch-size", "1", "--concurrency", "1"], "not both"),
        ([*PREDICT, "--batch-size", "-1"], "batch_size must be a number from 1"),
        ([*PREDICT, "--batch-size", "nan"], "batch_size must be a finite number"),
        ([*PREDICT, "--batch-size", "1", "--request-rate-rps", "2"], "(an open load)"),
        ([*PREDICT, "--request-rate-rps", "2", "--explain"], "requests at a rate"),
        ([*PREDICT, "--mode", "fast"], "mode must be one of"),
        ([*PREDICT], "give mode, or batch_size"),
        ([*PREDICT, "--batch-size", "1", "--predictor", "/none"], "/none"),
        (["predict", "--hardware", "h1000", "--model", "x"], "unknown hardware 'h1000'"),
        (["predict", "--hardware", "none.toml", "--model", "x"], "there is no file 'none.toml'"),
        (["predict", "--hardware", "l4", "--model", "Qwen/Qwen2.5-72B", "--batch-size", "1",
          "--input-len", "9", "--output-len", "9"], "GB short"),
        (["show", "h1000"], "unknown name 'h1000'"),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence_on_stderr_and_status_2(words: list[str], reason: str) -> None:
    done = guide(*words)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("guide: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
    assert not isinstance(done.exception, guide_ml.GuideError)


@pytest.mark.parametrize("words", [["predict"], ["predict", "--hardware"], ["list", "chips"],
                                   ["nothing"], [*PREDICT, "--batch-size", "many"]])  # fmt: skip
def test_a_command_that_is_misspelt_exits_with_2_and_no_traceback(words: list[str]) -> None:
    done = guide(*words)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


@pytest.mark.parametrize("command", [[], ["predict"], ["calibrate"], ["list"], ["show"], ["train"],
                                     ["evaluate"]])  # fmt: skip
def test_every_help_has_examples(command: list[str]) -> None:
    done = guide(*command, "--help")
    assert done.exit_code == 0
    assert "Examples" in done.stdout
    assert f"guide {command[0] if command else 'predict'} " in done.stdout.replace("\n", " ")


def test_the_examples_of_predict_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-chip.toml").write_text(CHIP, "utf-8")
    (tmp_path / "my-model").mkdir()
    (tmp_path / "my-model" / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    monkeypatch.setenv("COLUMNS", "400")
    lines = guide("predict", "--help").stdout.split("Examples", 1)[1].splitlines()
    commands = [line.split()[1:] for line in lines if line.strip().startswith("guide predict")]
    assert len(commands) == 6
    assert [guide(*words).exit_code for words in commands] == [0] * 6


@pytest.mark.parametrize(
    ("kind", "key", "some"),
    [("hardware", "hardware", "nvidia-l4-24gb"), ("models", "model", "openai/gpt-oss-20b"),
     ("frameworks", "framework", "vllm")],
)  # fmt: skip
def test_list_knows_the_catalogue(kind: str, key: str, some: str) -> None:
    assert some in guide("list", kind).stdout
    rows = read("list", kind, "--json")
    assert some in {row[key] for row in rows}
    assert f"{len(rows)} {kind}" in guide("list", kind).stdout


def test_list_keeps_what_holds_a_text_in_slug_alias_or_family() -> None:
    assert {r["hardware"] for r in read("list", "hardware", "dgx-spark", "--json")} == {
        "nvidia-gb10-128gb"
    }
    assert {r["framework"] for r in read("list", "frameworks", "TRTLLM", "--json")} == {
        "tensorrt-llm"
    }
    assert all("h100" in r["hardware"] for r in read("list", "hardware", "H100", "--json"))
    assert read("list", "models", "no such model", "--json") == []


@pytest.mark.parametrize(("slug", "key", "value"), [
    ("h100", "hardware", "nvidia-h100-sxm-80gb"), ("trtllm", "framework", "tensorrt-llm"),
    ("llama-3.1-8b-instruct", "model", "meta-llama/Llama-3.1-8B-Instruct")])  # fmt: skip
def test_show_finds_a_name_of_any_kind(slug: str, key: str, value: str) -> None:
    found = read("show", slug, "--json")
    assert found[key] == value
    assert isinstance(found["aliases"], list)
    assert value in guide("show", slug).stdout


def test_what_show_prints_of_a_device_can_be_predicted_with() -> None:
    device = read("show", "l4", "--json")
    device.pop("aliases")
    found = guide_ml.predict(hardware=device, model="llama-3.1-8b-instruct", batch_size=1,
                             input_len=8, output_len=8)  # fmt: skip
    assert found.deployment.hardware.hardware == "nvidia-l4-24gb"


def test_train_and_evaluate_hand_their_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def train(*given: Any, seed: int, progress: Any, keep: Any = None,
              overwrite: bool = False) -> dict[str, Any]:  # fmt: skip
        seen.append((*given, seed))
        progress(1, 2, "half way")
        return {"median": 0.5}

    def evaluate(*given: Any, splits: Any, seed: int, progress: Any) -> pd.DataFrame:
        return pd.DataFrame([train(*given, splits, seed=seed, progress=progress)])

    monkeypatch.setattr("guide_ml.training.train.train", train)
    monkeypatch.setattr("guide_ml.training.crossval.evaluate", evaluate)
    assert read("train", "--data", "d", "--out", "o", "--seed", "7", "--json") == {"median": 0.5}
    assert "median" in guide("evaluate", "--data", "d", "--split", "model").stdout
    assert seen == [(Path("d"), Path("o"), 7), (Path("d"), ("model",), 0)]


def test_an_unknown_split_is_one_sentence() -> None:
    done = guide("evaluate", "--split", "hardwar")
    assert done.exit_code == 2
    assert "did you mean hardware?" in done.stderr


def test_the_version_is_printed() -> None:
    done = guide("--version")
    assert (done.exit_code, done.stdout) == (0, f"guide-ml {guide_ml.__version__}\n")


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "guide_ml", "show", "h100x"], capture_output=True, text=True,
        cwd=Path(guide_ml.__file__).parents[1], check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("guide: unknown name 'h100x'; did you mean h100")


def test_list_and_show_do_not_wait_for_pandas() -> None:
    code = "import sys; from guide_ml.cli.main import app;"
    code += "app(['show', 'h100'], standalone_mode=False);"
    code += "assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True,
                   cwd=Path(guide_ml.__file__).parents[1])  # fmt: skip


def test_serve_without_its_extra_says_which_package_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from guide_ml.cli import serve

    project = Path(__file__).parents[1] / "pyproject.toml"
    extra = tomllib.loads(project.read_text("utf-8"))["project"]["optional-dependencies"]["web"]
    assert {one.split(">")[0].replace("-", "_") for one in extra} == set(serve.NEEDED)
    monkeypatch.setattr(serve, "find_spec", lambda name: None if name == "fastapi" else name)
    found = CliRunner().invoke(app, ["serve"])
    assert found.exit_code == 2
    assert "guide serve needs fastapi, which the extra web brings" in " ".join(found.output.split())


@pytest.mark.parametrize(
    ("words", "told"),
    [(("--concurrency", "8k"), "'8k'"), (("--concurrency=8k",), "'8k'"),
     (("--num-devices", "1.5"), "'1.5'"), (("--tp", "two"), "'two'")],
)  # fmt: skip
def test_what_is_no_number_is_told_with_what_came(words, told):
    done = guide(*PREDICT, *words)
    assert done.exit_code == 2
    assert told in done.output
    assert words[0].partition("=")[0] in done.output
    assert "parse" not in done.output


@pytest.mark.parametrize(
    ("word", "meant"),
    [("--gpu", "--hardware"), ("--gpus", "--num-devices"), ("--isl", "--input-len"),
     ("--tensor-parallel-size", "--tp")],
)  # fmt: skip
def test_options_that_others_call_otherwise_are_pointed_to(word, meant):
    done = guide(*PREDICT, word, "1")
    assert done.exit_code == 2
    assert word in done.output
    assert meant in done.output


def test_a_command_that_is_an_option_here_is_pointed_to():
    done = guide("explain", *PREDICT[1:])
    assert done.exit_code == 2
    assert done.stderr == ("guide: there is no command 'explain': `guide predict --explain` says"
                           " where the time goes\n")  # fmt: skip
    for told in WITHIN.values():
        named = re.findall(r"`guide (\w+)", told)
        assert named
        assert all(guide(name, "--help").exit_code == 0 for name in named)


def test_a_file_that_is_not_there_is_told_without_numbers_of_errors(tmp_path):
    done = guide("calibrate", str(tmp_path / "none.csv"), "--out", str(tmp_path / "p.json"))
    assert done.exit_code == 2
    assert "none.csv must be a CSV or a Parquet file of measurements; there is none" in done.output
    assert "Errno" not in done.output


def test_a_command_that_is_named_is_the_only_one_that_is_made_ready() -> None:
    made = App(name="some", help="Some commands.")
    made.callback()(lambda: None)
    for name in ("one", "two"):
        made.command(name)(lambda: None)
    for words in (["three"], [], ["--help"]):
        with made.only(words):
            assert [c.name for c in made.registered_commands] == ["one", "two"]
    with made.only(["two"]):
        assert [c.name for c in made.registered_commands] == ["two"]
        assert CliRunner().invoke(made, ["two"]).exit_code == 0
    # One process may run the command line more than once.
    assert [c.name for c in made.registered_commands] == ["one", "two"]
