from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from guide_ml.cli.main import app
from guide_ml.ingest.importers import IMPORTERS
from guide_ml.measurements.read import read_files

FILES = Path(__file__).parent / "ingest" / "made_up"
RUN = str(FILES / "vllm_serve.json")
FACTS = ("--hardware", "h100", "--tp", "1", "--framework", "vllm", "--weight-dtype", "bf16")


def guide(*words: str) -> Result:
    return CliRunner().invoke(app, ["ingest", *words])


@pytest.fixture
def out(tmp_path: Path) -> str:
    return str(tmp_path / "mine.parquet")


def test_a_summary_is_printed(out: str) -> None:
    done = guide(RUN, "--out", out, *FACTS)
    assert done.exit_code == 0, done.output
    assert "1 of 1 rows stored in" in done.stdout
    assert "vllm-bench-serve" in done.stdout
    assert len(read_files(Path(out))) == 1


def test_the_same_again_is_no_failure(out: str) -> None:
    guide(RUN, "--out", out, *FACTS)
    done = guide(RUN, "--out", out, *FACTS, "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["read"], told["stored"], told["duplicates"]) == (1, 0, 1)


def test_rows_that_are_all_rejected_end_with_one(out: str) -> None:
    run = str(FILES / "trtllm_report.json")
    done = guide(run, "--out", out, "--concurrency", "16", "--tp", "4")
    assert done.exit_code == 1
    assert "tp is 2.0 in the file, but 4.0 was given" in done.stdout
    assert "rejected, see" in done.stdout
    assert Path(out + ".rejects.csv").exists()
    assert not Path(out).exists()


def test_nothing_read_ends_with_two_and_tells_all_that_is_missing(out: str) -> None:
    done = guide(RUN, "--out", out)
    assert done.exit_code == 2
    for option in ("--hardware", "--num-devices", "--framework", "--weight-dtype"):
        assert option in done.stderr
    assert "Traceback" not in done.output


def test_part_of_the_files_read_is_told_and_ends_with_zero(out: str, tmp_path: Path) -> None:
    done = guide(RUN, str(tmp_path / "none.json"), "--out", out, *FACTS)
    assert done.exit_code == 0
    assert "none.json cannot be read: No such file" in done.stderr


def test_a_wrong_option_is_one_sentence(out: str) -> None:
    done = guide(RUN, "--out", out, "--hardware", "h1000")
    assert done.exit_code == 2
    assert done.stderr.startswith("guide: unknown hardware 'h1000'; did you mean h100")
    done = guide(RUN, "--out", out + ".xlsx", *FACTS)
    assert (done.exit_code, done.stderr[:24]) == (2, "guide: --out must end in")


def test_a_file_of_facts_serves_all_files_and_options_win(out: str, tmp_path: Path) -> None:
    facts = tmp_path / "machine.toml"
    facts.write_text('hardware = "h200"\ntp = 1\nframework = "vllm"\nweight_dtype = "fp8"\n')
    done = guide(RUN, "--out", out, "--facts", str(facts), "--weight-dtype", "bf16")
    assert done.exit_code == 0, done.output
    row = read_files(Path(out)).iloc[0]
    assert (row["hardware"], row["weight_dtype"]) == ("nvidia-h200-sxm-141gb", "bf16")


def test_a_dry_run_says_so_and_writes_nothing(out: str) -> None:
    done = guide(RUN, "--out", out, *FACTS, "--dry-run")
    assert "1 of 1 rows would be stored" in done.stdout
    assert not Path(out).exists()


def test_rows_kept_but_not_trained_on_are_named(out: str) -> None:
    done = guide(str(FILES / "sglang_serving.jsonl"), "--out", out, "--hardware", "h100")
    assert "left out of training" in done.stdout
    assert "mode is not predicted" in done.stdout


def test_help_names_statuses_and_tools() -> None:
    done = guide("--help")
    assert done.exit_code == 0
    words = done.stdout.replace("│", " ").split()
    assert {"llama-bench,", "trtllm-bench,", "LLMPerf,"} <= set(words)
    assert len(IMPORTERS) == 13
