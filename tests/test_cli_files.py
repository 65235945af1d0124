"""What commands refuse to write, and how they end where the disk says no."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from guide_ml.cli.main import app, main
from guide_ml.errors import BadData, InvalidInput
from guide_ml.estimators import artefacts
from guide_ml.explaining.picture import plain
from guide_ml.measurements.read import default_folder
from guide_ml.training.train import train

ROOT = Path(__file__).parents[1]
LOAD = ("--hardware", "h100", "--model", "llama-3.1-8b-instruct", "--framework", "vllm",
        "--batch-size", "8", "--input-len", "512", "--output-len", "128")  # fmt: skip
SEARCH = ("search", "--model", "llama-3.1-8b-instruct", "--input-len", "512", "--output-len", "128",
          "--users", "8", "--hardware", "l4", "--framework", "vllm")  # fmt: skip


def guide(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    return folder


def test_a_trained_set_replaces_only_a_trained_set(precious):
    done = guide("train", "--out", str(precious))
    assert done.exit_code == 2
    assert "thesis.tex" in done.stderr
    assert "--overwrite" in done.stderr
    fitted = replace(artefacts.load(), members={}, knowledge=None)  # small
    with pytest.raises(InvalidInput, match=r"thesis\.tex.*--overwrite"):
        artefacts.save(fitted, precious)
    assert os.listdir(precious) == ["thesis.tex"]
    artefacts.save(fitted, precious, overwrite=True)
    artefacts.save(fitted, precious)
    (precious / "thesis.tex").write_text("moved in later")
    with pytest.raises(InvalidInput, match=r"thesis\.tex.*--overwrite"):
        artefacts.save(fitted, precious)
    assert os.listdir(precious.parent) == ["precious"]


def test_a_set_is_not_trained_into_its_own_measurements():
    with pytest.raises(InvalidInput, match="must lie outside of what is read"):
        train(out=default_folder() / "set")


@pytest.mark.parametrize("seed", ["-1", "3000000000"])
@pytest.mark.parametrize("words", [SEARCH, ("train",), ("evaluate",), ("retrain",)])
def test_a_seed_that_is_none_ends_in_a_sentence(words, seed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = guide(*words, "--seed", seed)
    assert done.exit_code == 2
    assert "seed must be a whole number from 0" in done.stderr
    assert not os.listdir(tmp_path)


def test_training_on_one_target_ends_in_a_sentence(tmp_path):
    table = pd.read_parquet(default_folder() / "sglang-cookbook.parquet")
    others = ["batch_latency_s", "tpot_ms", "output_tok_s"]
    table = table.assign(**{c: float("nan") for c in others if c in table})
    table.to_parquet(tmp_path / "ttft.parquet")
    with pytest.raises(BadData, match="each target needs at least 30 measured values: batch_lat"):
        train(tmp_path / "ttft.parquet", tmp_path / "set")
    assert os.listdir(tmp_path) == ["ttft.parquet"]


@pytest.mark.parametrize("words", [
    ("launch", *LOAD, "--out"), ("predict", *LOAD, "--plot"), (*SEARCH, "--csv"),
    (*SEARCH, "--plot"), (*SEARCH, "--storage"),
])  # fmt: skip
def test_a_folder_in_the_place_of_a_file_ends_in_a_sentence(words, tmp_path):
    pytest.importorskip("matplotlib")
    target = tmp_path / "out.png"
    target.mkdir()
    done = guide(*words, str(target))
    assert done.exit_code == 2, done.output
    assert "is a folder; a file is needed" in done.stderr
    assert os.listdir(tmp_path) == ["out.png"]


def test_one_file_is_not_written_twice_nor_over_what_is_read(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("hardware,usd_h\n")
    done = guide(*SEARCH, "--prices", str(own), "--csv", str(own))
    assert done.exit_code == 2
    assert "is read and must not be written over" in done.stderr
    done = guide(*SEARCH, "--storage", str(tmp_path / "a"), "--csv", str(tmp_path / "a"))
    assert "is to be written twice" in done.stderr
    for words in (("calibrate", str(own), "--out", str(own)),
                  ("ingest", str(own), "--out", str(own)),
                  ("ingest", "x.json", "--out", str(own), "--rejects", str(own))):  # fmt: skip
        done = guide(*words)
        assert done.exit_code == 2
        assert "must not be written over" in done.stderr or "written twice" in done.stderr
    assert own.read_text() == "hardware,usd_h\n"


def test_standard_output_that_is_full_ends_in_a_sentence(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "guide_ml", "list", "frameworks"],
                              cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True,
                              env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("guide: standard output cannot be written: No space left")
    assert len(done.stderr.splitlines()) == 1


def test_dollar_signs_in_names_are_drawn_as_they_are(tmp_path):
    figures = pytest.importorskip("matplotlib.figure")
    figure = figures.Figure()
    figure.suptitle(plain(r"a $\broken{ model$ at $5"))
    figure.savefig(tmp_path / "x.svg")  # mathematics that cannot be read would raise here
    figure.suptitle(r"a $\broken{ model$")
    with pytest.raises(ValueError, match="broken"):
        figure.savefig(tmp_path / "y.svg")


@pytest.mark.parametrize("name", ["train", "score"])
def test_help_names_what_replaces_a_folder(name):
    assert "--overwrite" in guide(name, "--help").stdout


def test_a_mistake_tells_no_password(monkeypatch, capsys):
    def broken(*_: object) -> None:
        raise RuntimeError("no answer at https://me:se@cret@host/api")

    monkeypatch.setattr("guide_ml.cli.show._find", broken)
    monkeypatch.setattr(sys, "argv", ["guide", "show", "h100"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "https://me:***@host/api" in told
    assert "cret" not in told.replace("***", "").split("RuntimeError")[-1]
