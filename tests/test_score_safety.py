"""Scoring loses nothing of a user's, mixes no two jobs, and survives a kill at its very end."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from guide_ml.errors import InvalidInput
from guide_ml.estimators.artefacts import default_folder
from guide_ml.scoring import Options, open_source, score
from guide_ml.scoring.batch import Counts
from guide_ml.scoring.job import write_only
from guide_ml.scoring.parts import Parts
from guide_ml.system import folders
from guide_ml.system.locks import claimed

ROW = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
       "batch_size": 8, "input_len": 512, "output_len": 128}  # fmt: skip
ONE = {"input": "a", "trained set": "b"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    pd.DataFrame([ROW, ROW]).to_csv(path, index=False)
    return path


def test_a_folder_of_the_user_is_replaced_only_when_asked(source, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.tex").write_text("years of work")
    with pytest.raises(InvalidInput, match=r"thesis\.tex.*--overwrite"):
        score(source, f"{precious}/")
    assert (precious / "thesis.tex").read_text() == "years of work"
    score(source, f"{precious}/", overwrite=True)
    assert not (precious / "thesis.tex").exists()
    score(source, f"{precious}/")  # its own output
    assert len(pd.read_parquet(precious)) == 2
    assert open_source(str(precious)).total == 2
    (precious / "thesis.tex").write_text("moved in later")
    with pytest.raises(InvalidInput, match=r"thesis\.tex.*--overwrite"):
        score(source, f"{precious}/")
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "precious"]


def test_what_is_read_is_not_written_over(source, tmp_path):
    before = source.read_bytes()
    with pytest.raises(InvalidInput, match="is read and must not be written over"):
        score(source, source)
    with pytest.raises(InvalidInput, match="holds what is read"):
        score(source, f"{tmp_path}/", overwrite=True)
    folder = tmp_path / "rows"
    folder.mkdir()
    pd.DataFrame([ROW]).to_parquet(folder / "a.parquet")
    for out in (f"{folder}/", f"{folder}/out.parquet"):
        with pytest.raises(InvalidInput, match=r"holds what is read|must not lie in the folder"):
            score(folder, out, overwrite=True)
    grid = tmp_path / "grid.toml"
    grid.write_text('[grid]\nhardware = "h100"\nmodel = "llama-3.1-8b-instruct"\n')
    with pytest.raises(InvalidInput, match="is read and must not be written over"):
        write_only(open_source(str(grid)), str(grid), "csv")
    assert source.read_bytes() == before
    assert os.listdir(folder) == ["a.parquet"]


def test_a_target_has_one_writer(source, tmp_path):
    from threading import Thread

    told = []

    def other() -> None:
        for work in (lambda: score(source, tmp_path / "out.csv"),
                     lambda: write_only(open_source(str(source)), str(tmp_path / "out.csv"))):
            try:
                work()
            except InvalidInput as error:
                told.append(str(error))

    with claimed(tmp_path / "out.csv"):
        thread = Thread(target=other)
        thread.start()
        thread.join()
    assert len(told) == 2
    assert all(f"is being written by process {os.getpid()}" in text for text in told)
    assert not (tmp_path / "out.csv").exists()


def scored(tmp_path: Path, folder: bool, parts: int = 2) -> tuple[Parts, Counts]:
    """Make an output of parts, all but moved."""
    out = tmp_path / ("out" if folder else "out.csv")
    job = Parts(out, "parquet" if folder else "csv", folder)
    counts = Counts(parts, parts, 0, 0, Counter({"why": 1}))
    assert job.start(ONE, resume=False) == []
    for k in range(parts):
        job.write(k, [pa.table({"a": [k]})], Counts(1, 1))
    return job, counts


STEPS = ("_make", "_write_job", "into place", "_remove", "job file")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("folder", "parts"), [(False, 1), (False, 2), (True, 1), (True, 2)])
def test_a_kill_at_any_step_of_the_end_can_be_resumed(tmp_path, monkeypatch, step, folder, parts):
    job, counts = scored(tmp_path, folder, parts)

    class Killed(BaseException):
        """Stands for a kill: nothing is cleaned up."""

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if step == "into place":
            patch.setattr(folders, "put", killed)
            real = os.replace
            patch.setattr(os, "replace", lambda a, b: killed() if b == job.out else real(a, b))
        elif step == "job file":
            real_unlink = Path.unlink
            patch.setattr(Path, "unlink", lambda p, **k: killed() if p.name == "job.json"
                          else real_unlink(p, **k))  # fmt: skip
        else:
            patch.setattr(Parts, step, killed)
        with pytest.raises(Killed):
            job.finish(parts, counts)
    again = Parts(job.out, job.kind, folder)
    with again.held():
        done = again.start(ONE, resume=True)
        assert sum(c.rows for c in done) == parts
        again.finish(len(done), counts)
    assert pd.read_csv(again.out).a.tolist() == list(range(parts)) if not folder else (
        pd.read_parquet(again.out).a.tolist() == list(range(parts)))  # fmt: skip
    assert os.listdir(tmp_path) == [again.out.name]


def test_a_kill_between_two_renames_leaves_no_folder_missing(tmp_path, monkeypatch):
    """On systems that cannot exchange two folders in one step."""
    first, counts = scored(tmp_path, True)
    first.finish(2, counts)
    job, counts = scored(tmp_path, True, 1)
    monkeypatch.setattr(folders, "exchange", lambda *_: False)
    real, calls = os.replace, []

    def second_fails(a: Path, b: Path) -> None:
        if b == job.out:
            raise KeyboardInterrupt
        calls.append(b)
        real(a, b)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", second_fails)
        with pytest.raises(KeyboardInterrupt):
            job.finish(1, counts)
    assert not job.out.exists()
    assert calls[-1].name == "old"
    fresh = Parts(job.out, "parquet", True)
    with fresh.held():
        fresh.start({"input": "another"}, resume=False)
    assert pd.read_parquet(job.out).a.tolist() == [0, 1]  # the old one, whole


@pytest.mark.parametrize("changed", ["input", "trained set"])
def test_parts_of_another_job_are_refused_by_name(tmp_path, changed):
    scored(tmp_path, False)
    job = Parts(tmp_path / "out.csv", "csv", False)
    with pytest.raises(InvalidInput, match=rf"job \({changed}: not the same\).*leave --resume out"):
        job.start(ONE | {changed: "c"}, resume=True)
    assert job.start(ONE, resume=False) == []


def test_a_folder_in_the_place_of_the_parts_is_not_taken_away(tmp_path):
    (tmp_path / ".out.csv.parts").mkdir()
    (tmp_path / ".out.csv.parts" / "mine").write_text("of a user")
    with pytest.raises(InvalidInput, match="is in the way"):
        Parts(tmp_path / "out.csv", "csv", False).start(ONE, resume=False)


def test_a_job_hangs_on_contents_not_on_names_and_dates(source, tmp_path):
    first = open_source(str(source)).fingerprint()
    text, stamp = source.read_text(), source.stat()
    source.write_text(text.replace("512", "513"))
    os.utime(source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert open_source(str(source)).fingerprint() != first
    shutil.copy(source, tmp_path / "other.csv")
    assert open_source(str(tmp_path / "other.csv")).fingerprint() == (
        open_source(str(source)).fingerprint()
    )
    sets = [Options().loaded().identity(), Options(predictor=default_folder()).loaded().identity()]
    assert sets[0] == sets[1]
    card = json.loads((default_folder() / "card.json").read_text())
    assert card["artefact_sha256"] not in json.dumps(sets)  # hashes of hashes
    assert Options(cost=True).loaded().identity()["options"] != sets[0]["options"]


def test_a_set_is_read_once_a_job(source, tmp_path, monkeypatch):
    from guide_ml.estimators import artefacts

    calls, real = list[object](), artefacts.load

    def load(folder: Path | None = None) -> artefacts.Fitted:
        calls.append(folder)
        return real(folder)

    monkeypatch.setattr(artefacts, "load", load)
    monkeypatch.setattr("guide_ml.scoring.job.BATCH", 1)
    score(source, tmp_path / "out.csv", Options(predictor=default_folder()))
    assert len(calls) == 1


@pytest.mark.parametrize("out", ["/dev/full", "no/such/out.csv", "folder"])
def test_what_the_disk_does_not_take_ends_in_a_sentence(source, tmp_path, out, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").touch()
    with pytest.raises(InvalidInput, match=r"cannot be written|must lie in a folder|--overwrite"):
        score(source, out)
    with pytest.raises(InvalidInput, match=r"cannot be written|is a folder|must be a file"):
        write_only(open_source(str(source)), out, "csv")
    assert sorted(os.listdir(tmp_path)) == ["folder", "in.csv"]
