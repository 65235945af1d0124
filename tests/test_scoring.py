"""Tables from file to file: every format, bad rows, broken files, and going on after a kill."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

import guide_ml
from guide_ml.describe.targets import NAMES
from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.scoring import Options, open_source, score
from guide_ml.scoring import job as jobs
from guide_ml.scoring.parts import Parts

ROWS = 300


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Deployments in an order of their own, with columns that are none of ours."""
    models = ("llama-3.1-8b-instruct", "Qwen/Qwen2.5-7B-Instruct", "mistralai/Mixtral-8x7B-v0.1")
    rows = [
        {"note": f'row {k}, "{k % 7}"' if k % 5 else "", "hardware": ("h100", "a100-80gb")[k % 2],
         "model": models[k % 3], "framework": "vllm", "num_devices": 2,
         "concurrency": 2 ** (k % 6), "input_len": 100 + k, "output_len": 64, "weight": k / 8}
        for k in range(ROWS)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def expected(table: pd.DataFrame) -> pd.DataFrame:
    return guide_ml.predict_table(table, errors="report", level=None)


def written(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True)
    elif path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".arrow":
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        with pa.ipc.new_file(str(path), arrow.schema) as writer:
            writer.write_table(arrow, max_chunksize=100)
    else:
        path.mkdir()
        for k in range(3):
            table.iloc[100 * k : 100 * k + 100].to_parquet(path / f"{k}.parquet", index=False)
    return path


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return csv.read_csv(path).to_pandas()
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text("utf-8").splitlines()])
    if path.suffix == ".arrow":
        return pa.ipc.open_file(str(path)).read_all().to_pandas()
    return pd.read_parquet(path)


@pytest.mark.parametrize("to", ["out.csv", "out.jsonl", "out.parquet", "out.arrow", "out"])
@pytest.mark.parametrize("given", ["in.csv", "in.jsonl", "in.parquet", "in.arrow", "in"])
def test_every_format_into_every_format(table, expected, tmp_path, given, to):
    place = tmp_path / to
    end = "" if place.suffix else "/"
    done = score(written(table, tmp_path / given), f"{place}{end}")
    found = read(place)
    assert (done.counts.rows, done.counts.predicted) == (ROWS, expected["memory_fits"].sum())
    assert found.columns.tolist()[: table.shape[1]] == table.columns.tolist()
    assert found["note"].fillna("").tolist() == table["note"].tolist()
    for name in ("input_len", "weight"):
        assert pd.to_numeric(found[name]).tolist() == table[name].tolist()
    for name in NAMES:
        assert found[name].astype(float).fillna(-1).tolist() == expected[name].fillna(-1).tolist()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("given", ["in.csv", "in.parquet"])
def test_small_batches_and_many_parts_change_nothing(table, expected, tmp_path, given, monkeypatch):
    monkeypatch.setattr(jobs, "BATCH", 37)
    monkeypatch.setattr(jobs, "PART", 2)
    for to in ("out.csv", "out.parquet", "out.arrow", "out.jsonl"):
        score(written(table, tmp_path / given), tmp_path / to)
        found = read(tmp_path / to)
        assert found["tpot_ms"].astype(float).tolist() == expected["tpot_ms"].tolist()


def test_packed_csv(table, expected, tmp_path):
    table.to_csv(tmp_path / "in.csv.gz", index=False)
    score(tmp_path / "in.csv.gz", tmp_path / "out.parquet")
    assert read(tmp_path / "out.parquet")["ttft_ms"].tolist() == expected["ttft_ms"].tolist()


def test_a_bad_row_costs_that_row(table, expected, tmp_path):
    rows = table.astype(object)
    rows.loc[3, "hardware"] = "h1000"
    rows.loc[7, "input_len"] = "many"
    rows.loc[9, "model"] = ""
    rows.to_csv(tmp_path / "in.csv", index=False)
    done = score(tmp_path / "in.csv", tmp_path / "out.csv")
    found = read(tmp_path / "out.csv")
    assert done.counts.bad == 3
    assert sum(done.counts.reasons.values()) == 3
    assert "h100" in found["error"][3]
    assert "input_len must be a number; got 'many'" in found["error"][7]
    assert "the cell is blank" in found["error"][9]
    rest = found.index.difference([3, 7, 9])
    assert found["tpot_ms"][rest].tolist() == expected["tpot_ms"][rest].tolist()
    assert found["tpot_ms"][[3, 7, 9]].isna().all()


def test_max_errors_stops_and_says_why(table, tmp_path):
    rows = table.assign(hardware=["h1000"] * 5 + ["h100"] * (ROWS - 5))
    source = written(rows, tmp_path / "in.parquet")
    assert score(source, tmp_path / "out.parquet", max_errors=5).counts.bad == 5
    with pytest.raises(InvalidInput, match="at most 4 rows may be bad; 5 of the first 300 are"):
        score(source, tmp_path / "other.parquet", max_errors=4)
    assert not (tmp_path / "other.parquet").exists()


def test_what_does_not_fit_is_not_bad(tmp_path):
    rows = pd.DataFrame({"hardware": ["l4"], "model": ["meta-llama/Llama-3.1-70B-Instruct"],
                         "batch_size": [8]})  # fmt: skip
    done = score(written(rows, tmp_path / "in.csv"), tmp_path / "out.csv", max_errors=0)
    assert (done.counts.unfit, done.counts.bad) == (1, 0)


def test_a_column_of_a_prediction_keeps_its_name(table, tmp_path):
    rows = table.assign(ttft_ms=1.0)
    score(written(rows, tmp_path / "in.csv"), tmp_path / "out.csv")
    found = read(tmp_path / "out.csv")
    assert (found["ttft_ms"] == 1.0).all()
    assert (found["predicted_ttft_ms"] > 1.0).all()


def test_chosen_columns_intervals_and_cost(table, tmp_path):
    options = Options(level=0.8, cost=True, columns=("tpot_ms", "tpot_ms_high", "price_usd_h",
                                                     "usd_per_million_output_tok"))  # fmt: skip
    score(written(table.head(20), tmp_path / "in.csv"), tmp_path / "out.csv", options)
    found = read(tmp_path / "out.csv")
    assert found.columns.tolist()[table.shape[1] :] == list(options.columns)
    assert (found["tpot_ms_high"] > found["tpot_ms"]).all()
    assert (found["price_usd_h"] > 0).all()
    assert (found["usd_per_million_output_tok"] > 0).all()
    with pytest.raises(UnknownName, match="did you mean tpot_ms"):
        Options(columns=("tpot",))


def test_rates_bring_the_time_of_a_request_along_in_every_batch(table, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "BATCH", 2)
    rows = table.head(4).assign(request_rate_rps=[None, None, 2.0, 900.0])
    rows.loc[2:, "concurrency"] = None
    score(written(rows, tmp_path / "in.csv"), tmp_path / "out.csv")
    found = read(tmp_path / "out.csv")
    assert found.columns.tolist()[-5:] == [
        "e2e_ms", "memory_fits", "kv_budget_gb", "kv_tokens", "error"]  # fmt: skip
    assert found["e2e_ms"].notna().tolist() == [False, False, True, False]
    assert found["e2e_ms"][2] > found["ttft_ms"][2]
    assert found["error"][3].startswith("overloaded")


def test_cost_is_the_price_over_the_tokens(table, tmp_path):
    options = Options(cost=True)
    score(written(table.head(3), tmp_path / "in.csv"), tmp_path / "out.csv", options)
    found = read(tmp_path / "out.csv")
    per_hour = found["output_tok_s"] * 3600 / 1e6
    assert (found["usd_per_million_output_tok"] * per_hour).tolist() == pytest.approx(
        found["price_usd_h"].tolist()
    )


@pytest.mark.parametrize(("name", "content", "where"), [
    ("in.csv", b"hardware,model,batch_size\nh100,llama-3.1-8b,1\nh100,llama-3.1-8b\n",
     "Row #2: Expected 3 columns, got 2"),
    ("in.csv", b"", "holds no rows"),
    ("in.csv", b"hardware,model,mode\n", "holds no rows"),
    ("in.csv", b"hardware,model,mode\r\n\r\n", "holds no rows"),
    ("in.csv", b"hardware;model;mode\nh100;x;static\n", "is divided by semicolons"),
    ("in.csv", b"GPU,Model\nh100,x\n", "are missing; is 'GPU' meant as hardware"),
    ("in.csv", b"hardware,model,model\n", "model comes more often"),
    ("in.csv", b"hardware,mode\nh100,static\n", "model is missing"),
    ("in.jsonl", b'{"hardware": "h100", "model": "x"}\n\n{"hardware": "h1', "line 3 must be a"),
    ("in.jsonl", b"[1, 2]\n", "line 1 must be a JSON object"),
    ("in.parquet", b"PAR1 and then nothing", "in.parquet must be a readable parquet file"),
    ("in.arrow", b"ARROW1\0\0nothing", "in.arrow is truncated or malformed after row 0"),
    ("in.txt", b"hardware", "must end in one of .csv"),
])  # fmt: skip
def test_a_broken_file_says_where(tmp_path, name, content, where):
    (tmp_path / name).write_bytes(content)
    if where == "holds no rows":
        assert where in score(tmp_path / name, tmp_path / "out.csv").notes[0]
        return
    with pytest.raises(InvalidInput, match=where):
        score(tmp_path / name, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_truncated_parquet_file_says_which(table, tmp_path):
    path = written(table, tmp_path / "in.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InvalidInput, match=r"in\.parquet must be a readable parquet file"):
        open_source(str(path))


def test_a_damaged_page_says_after_which_row(table, tmp_path):
    path = tmp_path / "in.parquet"
    table.to_parquet(path, index=False, row_group_size=100, compression="zstd")
    content = bytearray(path.read_bytes())
    middle = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content[middle : middle + 40] = b"\xff" * 40
    path.write_bytes(bytes(content))
    with pytest.raises(InvalidInput, match="truncated or malformed after row"):
        score(path, tmp_path / "out.csv")


def test_a_misspelt_column_is_told(table, tmp_path):
    rows = table.rename(columns={"concurrency": "concurency"}).assign(batch_size=1)
    notes = score(written(rows, tmp_path / "in.csv"), tmp_path / "out.csv").notes
    assert notes == ["column 'concurency' is no descriptor and is left as it is;"
                     " is concurrency meant?"]  # fmt: skip


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "guide_ml", *arguments], capture_output=True,
                          check=False, **more)  # type: ignore[call-overload]


def test_pipes(table, expected):
    lines = table.to_json(orient="records", lines=True).encode()
    done = run("score", "-", "-", "--columns", "tpot_ms", input=lines)
    assert done.returncode == 0, done.stderr
    found = csv.read_csv(io.BytesIO(done.stdout)).to_pandas()
    assert found["tpot_ms"].tolist() == expected["tpot_ms"].tolist()
    assert b"300" in done.stderr


SLOW = """
import sys, time
from guide_ml.scoring import batch, job
job.BATCH, job.PART = 20, 1
inner, seen = job.score_batch, open(sys.argv[3], "a")
def slow(table, options):
    time.sleep(float(sys.argv[4]))
    seen.write(f"{table['input_len'][0]}\\n"); seen.flush()
    return inner(table, options)
job.score_batch = slow
print(job.score(sys.argv[1], sys.argv[2], resume=True).resumed)
"""


@pytest.mark.parametrize("to", ["out.csv", pytest.param("out.parquet", marks=pytest.mark.slow)])
def test_a_killed_run_goes_on(table, expected, tmp_path, to):
    """Kill -9 in the middle: nothing is lost, doubled or scored twice but what was under way."""
    source, out, seen = written(table, tmp_path / "in.csv"), tmp_path / to, tmp_path / "seen"
    command = [sys.executable, "-c", SLOW, str(source), str(out), str(seen)]
    victim = subprocess.Popen([*command, "0.15"], stdout=subprocess.DEVNULL)
    while len(list((tmp_path / f".{to}.parts").glob("part-*.json"))) < 4:
        assert victim.poll() is None
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    kept = len(list((tmp_path / f".{to}.parts").glob("part-*.json")))
    assert not out.exists()
    again = subprocess.run([*command, "0"], capture_output=True, check=True)
    assert int(again.stdout) == 20 * kept
    assert read(out)["tpot_ms"].astype(float).tolist() == expected["tpot_ms"].tolist()
    starts = [int(x) for x in seen.read_text().split()]
    assert set(starts) == set(range(100, 100 + ROWS, 20))
    assert len(starts) - len(set(starts)) <= 3  # what was on its way: read, predicted, unwritten
    assert not (tmp_path / f".{to}.parts").exists()


def test_parts_of_another_input_are_not_taken(table, tmp_path):
    source, out = written(table, tmp_path / "in.csv"), tmp_path / "out.csv"
    parts = Parts(out, "csv", False)
    parts.start({"input": "of something else"}, resume=False)
    with pytest.raises(InvalidInput, match="leave --resume out"):
        score(source, out, resume=True)
    assert score(source, out).counts.rows == ROWS


def test_streams_cannot_be_resumed(tmp_path, monkeypatch):
    pipe = io.BufferedReader(io.BytesIO(b"hardware,model\n"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe))
    with pytest.raises(InvalidInput, match="--resume needs a file as input"):
        score("-", tmp_path / "out.csv", resume=True)
    with pytest.raises(InvalidInput, match="--resume needs a file as output"):
        score(open_source("-", "csv"), "-", resume=True)


def test_nothing_of_a_run_is_left_when_it_ends(table, tmp_path):
    score(written(table, tmp_path / "in.csv"), tmp_path / "out.csv")
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "out.csv"]
