"""Own measurements join the project's, once, and what cannot be learned from is said."""

from __future__ import annotations

import pandas as pd
import pytest

from guide_ml.errors import BadData
from guide_ml.measurements.derive import modes
from guide_ml.measurements.read import default_folder, prepare, read_files
from guide_ml.tracking import first
from guide_ml.tracking.gather import gather
from guide_ml.training.dataset import sparse


@pytest.fixture
def parts(few, tmp_path):
    """The small data split into the project's half and one's own."""
    table = pd.read_parquet(few)
    odd = table.index % 2 == 1
    table[~odd].to_parquet(tmp_path / "base.parquet")
    own = table[odd].assign(source="my-lab")
    own.to_parquet(tmp_path / "own.parquet")
    return tmp_path


def test_own_rows_join_the_projects(parts):
    both = gather(parts / "own.parquet", base_path=parts / "base.parquet")
    alone = gather(parts / "own.parquet", base=False)
    assert both.own == alone.own == both.by_source["my-lab"]
    assert alone.project == 0
    assert both.project > 100
    assert both.own + both.project == len(both.measured.table) == sum(both.by_source.values())
    assert "own" not in both.measured.table


def test_the_same_rows_again_bring_nothing(parts, few):
    copies = gather(few, base_path=few)
    once = gather(few, base=False)
    assert copies.own == 0
    assert copies.copies == len(pd.read_parquet(few))
    assert copies.measured.sha256 == prepare(read_files(few)).sha256
    twice = pd.concat([pd.read_parquet(few)] * 2)
    twice.to_parquet(parts / "twice.parquet")
    assert gather(parts / "twice.parquet", base=False).own == once.own


def test_a_servers_file_is_enough_and_a_file_too_small_for_any_target_is_not(few, tmp_path):
    table = pd.read_parquet(few)
    served = table[table["mode"] == "closed"]
    served.to_parquet(tmp_path / "served.parquet")
    alone = gather(tmp_path / "served.parquet", base=False)
    assert sparse(alone.data.values.target) == {"batch_latency_s": 0}
    assert gather(tmp_path / "served.parquet", base_path=few).own == 0  # all copies
    served.head(9).to_parquet(tmp_path / "short.parquet")
    with pytest.raises(BadData, match=r"batch_latency_s has 0.*leave out --no-base"):
        gather(tmp_path / "short.parquet", base=False)


def test_a_table_without_mode_is_read_as_calibrate_reads_it(few, tmp_path):
    table = pd.read_parquet(few)
    served = table[table["mode"] == "closed"].assign(source=None, source_ref=None)
    served.drop(columns="mode").to_csv(tmp_path / "lab.csv", index=False)
    found = prepare(read_files(tmp_path / "lab.csv")).table
    assert len(found) > 100
    assert set(found["mode"]) == {"closed"}
    assert set(found["source"]) == {"lab"}
    stated = pd.DataFrame({"mode": [" Offline", "", None], "concurrency": [None, 4, None]})
    assert modes(stated).tolist() == ["offline", "closed", "static"]


def test_data_without_a_usable_row_says_why(few, tmp_path):
    pd.read_parquet(few).assign(flags="doubtful").to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(BadData, match="flagged by its source's page"):
        gather(tmp_path / "bad.parquet", base=False)


def test_a_broken_installation_says_that_the_projects_data_is_missing(tmp_path, few, monkeypatch):
    monkeypatch.setattr("guide_ml.tracking.gather.default_folder", lambda: tmp_path / "none")
    with pytest.raises(BadData, match=r"there is no such folder.*--no-base"):
        gather(few)
    assert default_folder().exists()


def test_no_set_becomes_champion_unjudged_where_the_shipped_one_is_missing(tmp_path, monkeypatch):
    first.check()
    monkeypatch.setattr(first, "default_folder", lambda: tmp_path / "none")
    with pytest.raises(BadData, match=r"is missing: install guide-ml anew, or give --no-shipped"):
        first.check()
