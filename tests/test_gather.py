"""Own measurements join the project's, once, and what cannot be learned from is said."""

from __future__ import annotations

import pandas as pd
import pytest

from guide_ml.errors import BadData
from guide_ml.measurements.read import default_folder, prepare, read_files
from guide_ml.tracking.gather import gather


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


def test_a_target_without_values_is_named_with_what_to_do(few, tmp_path):
    table = pd.read_parquet(few)
    table[table["mode"] == "closed"].to_parquet(tmp_path / "served.parquet")
    with pytest.raises(BadData, match=r"batch_latency_s has 0.*leave out --no-base"):
        gather(tmp_path / "served.parquet", base=False)
    assert gather(tmp_path / "served.parquet", base_path=few).own == 0  # all copies


def test_data_without_a_usable_row_says_why(few, tmp_path):
    pd.read_parquet(few).assign(flags="doubtful").to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(BadData, match="flagged by its source's page"):
        gather(tmp_path / "bad.parquet", base=False)


def test_a_wheel_has_no_data_of_the_project(tmp_path, few, monkeypatch):
    monkeypatch.setattr("guide_ml.tracking.gather.default_folder", lambda: tmp_path / "none")
    with pytest.raises(BadData, match=r"come with a checkout.*--no-base"):
        gather(few)
    assert default_folder().exists()
