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
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
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


def test_formats_are_listed_for_people_and_for_programs() -> None:
    done = guide("--formats")
    assert done.exit_code == 0
    assert "GuideLLM: benchmarks.csv" in done.stdout
    told = json.loads(guide("--formats", "--json").stdout)
    assert [f["file"] for f in told] == [i.reads for i in IMPORTERS]
    assert set(told[0]) == {"tool", "file", "versions", "gives"}


def test_what_is_printed_may_be_piped_in(out: str) -> None:
    pasted = (FILES / "vllm_printed.txt").read_text("utf-8")
    facts = ["--out", out, *FACTS]
    done = CliRunner().invoke(app, ["ingest", "-", *facts], input=pasted)
    assert done.exit_code == 0, done.output
    stored = read_files(Path(out))
    assert stored["mode"].tolist() == ["closed", "open"]
    assert stored["source_ref"].str.startswith("standard-input#").all()
    assert CliRunner().invoke(app, ["ingest", "-", *facts], input="").exit_code == 2


def test_a_dry_run_shows_each_row_beside_what_the_file_says(out: str) -> None:
    done = guide(str(FILES / "llama_collected.csv"), "--out", out, "--dry-run")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert f"model {LLAMA} Llama-3.1-8B-Instruct-UD-Q4_K_XL" in lines
    assert "weight_dtype q4_k_xl Q4_K_XL" in lines
    told = json.loads(guide(RUN, "--out", out, *FACTS, "--dry-run", "--json").stdout)
    row = told["rows"][0]
    assert (row["weight_dtype"], row["said"].get("weight_dtype")) == ("bf16", None)  # given
    assert row["said"]["ttft_ms"] == row["ttft_ms"] == 120


def test_without_files_or_a_table_the_sentence_says_what_to_give(out: str) -> None:
    for words, lacks in (((), "FILE"), ((RUN,), "--out")):
        done = guide(*words)
        assert done.exit_code == 2
        assert f"{lacks} must be given" in done.output
