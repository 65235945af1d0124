from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from guide_ml.errors import BadData, InvalidInput
from guide_ml.ingest import store
from guide_ml.ingest.rows import COLUMNS, typed
from guide_ml.measurements.read import read_files

ROW: dict[str, Any] = {
    "source": "here", "source_ref": "a#1:1", "hardware": "nvidia-l4-24gb", "model": "m",
    "framework": "vllm", "mode": "closed", "tp": 1.0, "ttft_ms": 10.0, "power_w": 70.0,
}  # fmt: skip


def rows(*changes: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([ROW | c for c in changes], dtype=object)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_rows_are_added_at_the_end_and_read_back(tmp_path: Path, name: str) -> None:
    out = tmp_path / "new" / name
    assert len(store.read_stored(out)) == 0
    store.append(store.read_stored(out), rows({}, {"ttft_ms": 11.0}), out)
    store.append(store.read_stored(out), rows({"ttft_ms": 12.0}), out)
    table = store.read_stored(out)
    assert table["ttft_ms"].tolist() == [10, 11, 12]
    assert table["power_w"].tolist() == [70, 70, 70]
    assert list(table.columns) == list(COLUMNS)
    assert read_files(out)["hardware"].tolist() == ["nvidia-l4-24gb"] * 3


def test_columns_that_others_put_there_stay(tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    store.write(rows({}).assign(room="B"), out)
    store.append(store.read_stored(out), rows({}), out)
    assert store.read_stored(out)["room"].tolist()[0] == "B"
    assert len(store.read_stored(out)) == 2


def test_a_write_that_fails_leaves_the_old_table_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.parquet"
    store.write(typed(rows({})), out)

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InvalidInput, match="cannot be written: disk full"):
        store.append(store.read_stored(out), rows({}), out)
    assert len(store.read_stored(out)) == 1
    assert [f.name for f in tmp_path.iterdir()] == ["a.parquet"]


def test_what_is_no_table_of_measurements_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,age\nx,1\n", "utf-8")
    with pytest.raises(BadData, match="must have the columns"):
        store.read_stored(tmp_path / "a.csv")
    (tmp_path / "b.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadData, match="cannot be read"):
        store.read_stored(tmp_path / "b.parquet")
    with pytest.raises(InvalidInput, match=r"must end in .parquet or .csv; got 'a.json'"):
        store.require_kind(tmp_path / "a.json")


def test_rejects_are_added_once(tmp_path: Path) -> None:
    out = tmp_path / "a.rejects.csv"
    bad = rows({}).assign(check="units", reason="seconds")
    store.add_rejects(bad, out)
    store.add_rejects(bad, out)
    store.add_rejects(bad.assign(source_ref="b#1:1", kv_dtype="fp8"), out)
    told = pd.read_csv(out)
    assert told["source_ref"].tolist() == ["a#1:1", "b#1:1"]
    assert told["reason"].tolist() == ["seconds"] * 2


def test_a_rejects_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("", "utf-8")
    with pytest.raises(BadData, match=r"r\.csv is no file of rejected rows"):
        store.add_rejects(rows({}).assign(check="units", reason="seconds"), tmp_path / "r.csv")


def test_the_shipped_measurements_are_known() -> None:
    assert len(store.shipped()) > 23_000
