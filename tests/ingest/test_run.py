from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest

from guide_ml.errors import BadData, InvalidInput, UnknownName
from guide_ml.ingest import Summary, ingest, store
from guide_ml.measurements.read import default_folder, prepare, read_files, values

FILES = Path(__file__).parent / "made_up"
FACTS = {"hardware": "h100", "tp": 1, "framework": "vllm", "weight_dtype": "bf16"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "mine.parquet"


def bring(out: Path, *names: str, facts: dict[str, Any] | None = None, **more: Any) -> Summary:
    given = FACTS if facts is None else facts
    return ingest([FILES / n for n in names], out, facts=given, **more)


def counts(found: Summary) -> tuple[int, ...]:
    return tuple(found.count(k) for k in ("read", "stored", "duplicates", "rejected"))


def test_a_run_is_stored_as_training_reads_it(out: Path) -> None:
    assert counts(bring(out, "vllm_serve.json")) == (1, 1, 0, 0)
    measured = prepare(read_files(out))
    row = measured.table.iloc[0]
    assert (row["source"], row["hardware"]) == ("vllm-bench-serve", "nvidia-h100-sxm-80gb")
    assert len(values(measured).value) == 7  # TTFT and TPOT by three statistics, throughput


def test_a_row_says_which_file_and_place_it_is_from(out: Path) -> None:
    bring(out, "llama_bench.jsonl", facts={})
    refs = read_files(out)["source_ref"].tolist()
    assert [r.rpartition(":")[2] for r in refs] == ["1", "2", "3", "4", "5", "6"]
    assert all(r.startswith("llama_bench.jsonl#") for r in refs)


def test_the_source_may_be_named(out: Path) -> None:
    bring(out, "vllm_serve.json", source="our-lab")
    assert read_files(out)["source"].tolist() == ["our-lab"]


def test_running_twice_adds_nothing_twice(out: Path) -> None:
    names = ("vllm_serve.json", "vllm_serve_appended.json")
    first = bring(out, *names)
    before = out.read_bytes()
    again = bring(out, *names)
    assert counts(again) == (4, 0, first.count("stored"), first.count("rejected"))
    assert out.read_bytes() == before
    assert len(pd.read_csv(first.rejects_file)) == first.count("rejected") == 1


def test_a_copy_under_another_name_adds_nothing(out: Path, tmp_path: Path) -> None:
    bring(out, "vllm_serve.json")
    copy = tmp_path / "copy.json"
    copy.write_bytes((FILES / "vllm_serve.json").read_bytes())
    assert counts(ingest([copy], out, facts=FACTS)) == (1, 0, 1, 0)


def test_what_the_project_ships_is_known_already(out: Path) -> None:
    shipped = default_folder() / "llamacpp-dgx-spark.parquet"
    assert counts(ingest([shipped], out)) == (51, 0, 51, 0)
    assert not out.exists()


def test_missing_facts_are_told_all_at_once_and_nothing_is_stored(out: Path) -> None:
    found = bring(out, "trtllm_report.json", "vllm_latency.json", facts={})
    told = [f.error for f in found.files]
    assert "give --concurrency or --mode offline, or put them into trtllm_report" in told[0]
    for name in ("--hardware", "--num-devices (or --tp", "--weight-dtype", "--batch-size",
                 "--input-len", "--output-len"):  # fmt: skip
        assert name in told[1]
    assert "--framework" not in told[1]  # vllm bench latency is vLLM's
    assert counts(found) == (0, 0, 0, 0)
    assert not out.exists()


def test_a_file_that_cannot_be_read_costs_no_other_file_anything(out: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text('{"hello": 1}', "utf-8")
    found = ingest([odd, FILES / "vllm_serve.json", tmp_path / "none.json"], out, facts=FACTS)
    assert [bool(f.error) for f in found.files] == [True, False, True]
    assert counts(found) == (1, 1, 0, 0)


def test_a_side_file_gives_facts_and_options_win_over_it(out: Path, tmp_path: Path) -> None:
    run = tmp_path / "run.json"
    run.write_bytes((FILES / "vllm_serve.json").read_bytes())
    side = tmp_path / "run.json.facts.toml"
    side.write_text('hardware = "h200"\ntp = 1\nframework = "vllm"\nweight_dtype = "fp8"\n')
    found = ingest([run, side], out, facts={"weight_dtype": "bf16"})
    assert len(found.files) == 1  # a side file is no file of results
    table = read_files(out)
    assert (table["hardware"][0], table["weight_dtype"][0]) == ("nvidia-h200-sxm-141gb", "bf16")


def test_bad_rows_go_to_the_rejects_with_their_reasons_and_the_rest_goes_in(
    out: Path, tmp_path: Path
) -> None:
    run = json.loads((FILES / "vllm_serve.json").read_text("utf-8"))
    seconds = run | {k: 2e-4 * v for k, v in run.items() if k.endswith("_ttft_ms")}
    device = run | {"output_throughput": run["output_throughput"] / 2}
    file = tmp_path / "runs.jsonl"
    file.write_text("\n".join(map(json.dumps, (run, seconds, device))), "utf-8")
    facts = FACTS | {"tp": 2}
    rejects = tmp_path / "bad.csv"
    found = ingest([file], out, facts=facts, rejects=rejects)
    assert counts(found) == (3, 1, 0, 2)
    assert found.reasons == {"units": 2}
    table = pd.read_csv(rejects)
    assert table["reason"].str.contains("looks like seconds|per device").all()
    assert table["source_ref"].str.startswith("runs.jsonl#").all()
    assert set(table["file"]) == {str(file)}


def test_rejects_can_be_corrected_and_brought_in_again(out: Path, tmp_path: Path) -> None:
    run = json.loads((FILES / "vllm_serve.json").read_text("utf-8"))
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run | {"mean_ttft_ms": 0.12}), "utf-8")
    rejects = Path(ingest([file], out, facts=FACTS).rejects_file)
    pd.read_csv(rejects).assign(ttft_ms=120.0).to_csv(tmp_path / "fixed.csv", index=False)
    assert counts(ingest([tmp_path / "fixed.csv"], out)) == (1, 1, 0, 0)


def test_a_table_of_ones_own_may_leave_blanks_and_a_bad_cell_costs_its_row(
    out: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.txt"  # by content, not by name
    mine.write_text(
        "hardware,model,framework,mode,concurrency,input_len,output_len,ttft_ms,power_w\n"
        "h100,llama-3.1-8b-instruct,vllm,closed,8,512,128,60,650\n"
        "h100,llama-3.1-8b-instruct,vllm,closed,8,512,128,sixty,\n"
        "h1000,llama-3.1-8b-instruct,vllm,closed,8,512,128,60,\n",
        "utf-8",
    )
    found = ingest([mine], out)
    assert counts(found) == (3, 1, 0, 2)
    assert [r["reason"][:25] for r in found.rejects] == [
        "ttft_ms is no number: 'si", "unknown hardware 'h1000';"]  # fmt: skip
    stored = pd.read_parquet(out)
    assert (stored["source"][0], stored["power_w"][0]) == ("guide-ml", 650)


def test_open_loads_and_partial_offloads_are_kept_but_named(out: Path) -> None:
    found = bring(out, "sglang_serving.jsonl", "llama_bench.json", facts={"hardware": "h100"})
    assert found.files[1].rejected == 6  # that file's GPU is an RTX 4090
    assert found.unused == {"mode is not predicted (open, disaggregated)": 1,
                            "flagged by its source's page": 1}  # fmt: skip
    found = bring(out, "llama_bench.json", facts={})
    assert found.unused == {"flagged by its source's page": 1}


def test_of_a_sweeps_repeats_the_cold_one_goes_and_the_median_stays(out: Path) -> None:
    found = bring(out, "vllm_sweep.json")
    assert counts(found) == (4, 1, 0, 3)
    assert found.reasons == {"as read": 1, "repeat": 2}
    assert any(
        "a cold run: its mean TTFT is 5 times its median" in r["reason"] for r in found.rejects
    )
    (kept,) = read_files(out)["output_tok_s"]
    assert kept == pytest.approx(1696.07, rel=1e-4)
    assert counts(bring(out, "vllm_sweep.json")) == (4, 0, 1, 3)


def test_the_csv_of_a_run_adds_nothing_to_its_json(out: Path) -> None:
    facts = FACTS | {"model": "llama-3.1-8b-instruct", "concurrency": 16}
    found = bring(
        out, "aiperf.json", "aiperf.csv", "genai_perf.csv", facts=facts | {"hardware": "h100"}
    )
    assert [f.stored for f in found.files] == [1, 0, 0]
    assert [f.duplicates for f in found.files] == [0, 1, 1]


def test_a_row_without_its_facts_costs_no_other_row_anything(out: Path, tmp_path: Path) -> None:
    run = json.loads((FILES / "inferencex_agg.json").read_text("utf-8"))
    file = tmp_path / "runs.json"
    file.write_text(json.dumps([run, run | {"precision": "mixed", "conc": 32}]), "utf-8")
    found = ingest([file], out)
    assert counts(found) == (2, 1, 0, 1)
    assert "give --weight-dtype" in found.rejects[0]["reason"]
    assert "'mixed' is none that is known" in found.rejects[0]["reason"]


def test_an_unknown_name_is_told_with_the_nearest(out: Path, tmp_path: Path) -> None:
    run = json.loads((FILES / "vllm_serve.json").read_text("utf-8"))
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run | {"model_id": "Qwen/Qwen9-8B-FP8"}), "utf-8")
    error = ingest([file], out, facts=FACTS | {"weight_dtype": "fp8"}).files[0].error
    assert "give --model" in error
    assert "no model 'Qwen/Qwen9-8B-FP8', as the file names it (nearest: " in error


def test_seconds_called_milliseconds_are_found_in_loads_that_are_only_kept(out: Path) -> None:
    facts = {"hardware": "h100"}
    assert counts(bring(out, "llmd_0.1.yaml", facts=facts)) == (1, 1, 0, 0)
    text = (FILES / "llmd_0.1.yaml").read_text("utf-8")
    wrong = out.parent / "wrong.yaml"
    wrong.write_text(text.replace("mean: 9\n", "mean: 0.009\n").replace("mean: 120", "mean: 0.12")
                     .replace("mean: 2415", "mean: 2.415"), "utf-8")  # fmt: skip
    found = ingest([wrong], out, facts=facts)
    assert found.reasons == {"units": 1}
    assert "looks like seconds" in found.rejects[0]["reason"]


def test_a_dry_run_writes_nothing(out: Path) -> None:
    found = bring(out, "vllm_serve.json", "vllm_serve_appended.json", dry_run=True)
    assert counts(found) == (4, 3, 0, 1)
    assert found.total == 3
    assert not list(out.parent.iterdir())


def test_all_that_is_wrong_with_the_call_is_raised(out: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown hardware 'h1000'"):
        bring(out, "vllm_serve.json", facts={"hardware": "h1000"})
    with pytest.raises(InvalidInput, match=r"must end in .parquet or .csv"):
        bring(tmp_path / "mine.xlsx", "vllm_serve.json")
    out.write_bytes(b"not a table")
    with pytest.raises(BadData, match="cannot be read as a table"):
        bring(out, "vllm_serve.json")


JUNK: tuple[Any, ...] = (None, "x", "", [], {}, -1, 1e300, True, [None], {"a": 1}, "1,5")


def _places(found: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = (found.items() if isinstance(found, dict)
              else enumerate(found[:2]) if isinstance(found, list) else ())  # fmt: skip
    return [path] * bool(path) + [p for k, v in inside for p in _places(v, (*path, k))]


def test_no_file_of_any_shape_stops_the_others(out: Path, tmp_path: Path) -> None:
    """Every importer's files with junk in one place, all in one call."""
    random = Random(0)
    files: list[Path] = []
    for name in sorted({f.name for f in FILES.glob("*.json")} - {"vllm_serve_appended.json"}):
        whole = (FILES / name).read_text("utf-8")
        for path in random.choices(_places(json.loads(whole)), k=40):
            broken = json.loads(whole)
            at = broken
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = random.choice(JUNK)
            files.append(tmp_path / f"{len(files)}-{name}")
            files[-1].write_text(json.dumps(broken), "utf-8")
    found = ingest(files, out, facts=FACTS | {"concurrency": 16})
    assert len(found.files) == len(files)
    assert all(f.error or f.read for f in found.files)
    table = prepare(read_files(out)).table
    assert table["ttft_ms"].dropna().between(1, 1e5).all()


def test_two_at_once_lose_nothing(out: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from guide_ml.ingest import ingest\n"
        f"facts = {FACTS | {'output_len': 128, 'input_len': 640, 'batch_size': 8}!r}\n"
        "ingest([Path(sys.argv[1])], Path(sys.argv[2]), facts=facts)"
    )
    names = ("vllm_latency.json", "vllm_throughput.json")
    both = [subprocess.Popen([sys.executable, "-c", code, FILES / n, out]) for n in names]
    assert [p.wait(60) for p in both] == [0, 0]
    assert sorted(read_files(out)["mode"]) == ["offline", "static"]


def test_real_measurements_pass_the_checks(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipped sources, were they not known: what trains there trains here."""
    empty = store.shipped().iloc[:0]
    monkeypatch.setattr(store, "shipped", lambda: empty)
    files = [default_folder() / f"{n}.parquet" for n in ("ibm-llm-pilot", "dstack-benchmarks")]
    found = ingest(files, out)
    assert found.count("stored") == found.count("read") == 710
    whole = pd.concat([read_files(f) for f in files], ignore_index=True)
    assert len(prepare(read_files(out)).table) == len(prepare(whole).table)
    assert counts(ingest(files, out)) == (710, 0, 710, 0)


def test_thousands_of_rows_take_seconds(out: Path, tmp_path: Path) -> None:
    """A lab's own table, here the largest shipped one as if measured a year later."""
    table = read_files(default_folder() / "lhl-strix-halo.parquet")
    later = table.assign(framework_version="b9999", source_ref="")
    later.to_parquet(tmp_path / "later.parquet")
    start = time.perf_counter()
    found = ingest([tmp_path / "later.parquet"], out)
    assert time.perf_counter() - start < 30  # 3 s on an idle core
    assert found.count("read") == len(table)
    assert found.count("stored") > 0.9 * len(table)
    assert counts(ingest([tmp_path / "later.parquet"], out))[1] == 0
