"""Grids hold what their description says, in order, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from guide_ml.errors import GuideError
from guide_ml.scoring import grid, score
from guide_ml.scoring.conditions import parse
from guide_ml.scoring.sources import open_source

SPEC = """
[[grid]]
hardware = ["h100", "l4"]
model = "llama-3.1-8b-instruct"
num_devices = {from = 1, to = 4, times = 2}
input_len = {from = 100, to = 300, step = 100}
where = ["hardware != 'l4' or num_devices == 1"]
[[grid.together]]
concurrency = [1, 8]
output_len = [64, 256]

[[grid]]
hardware = "b200"
model = ["llama-3.1-8b-instruct"]
batch_size = {from = 1, to = 1000, count = 4}
"""


def described(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "grid.toml"
    path.write_text(text, "utf-8")
    return path


def test_products_ranges_lists_side_by_side_and_conditions(tmp_path, monkeypatch):
    path = described(tmp_path, SPEC)
    whole = pd.concat([t.to_pandas() for t in grid.read(path).tables()], ignore_index=True)
    first = whole[whole["hardware"] != "b200"]
    assert len(first) == 3 * 3 * 2 + 1 * 3 * 2
    assert set(zip(first["concurrency"], first["output_len"], strict=True)) == {(1, 64), (8, 256)}
    assert first["concurrency"].tolist()[:4] == [1, 8, 1, 8]  # the last group changes fastest
    assert set(first.loc[first["hardware"] == "l4", "num_devices"]) == {1}
    assert whole.loc[whole["hardware"] == "b200", "batch_size"].tolist() == [1, 10, 100, 1000]
    monkeypatch.setattr(grid, "ROWS", 5)
    parts = pd.concat([t.to_pandas() for t in grid.read(path).tables()], ignore_index=True)
    pd.testing.assert_frame_equal(parts, whole, check_dtype=False)


def test_a_grid_is_scored_without_a_file_between(tmp_path):
    path = described(tmp_path, SPEC)
    done = score(path, tmp_path / "out.parquet")
    assert done.counts.rows == 28
    assert done.counts.bad == 0
    assert pd.read_parquet(tmp_path / "out.parquet")["tpot_ms"].notna().sum() == 28


def test_size_is_known_before(tmp_path):
    plain = described(tmp_path, SPEC.replace("where", "# where"))
    assert open_source(str(plain)).total == 2 * 3 * 3 * 2 + 4


@pytest.mark.parametrize(("text", "what"), [
    ("[grid]\nhardwar = 'h100'", "did you mean hardware"),
    ("[grid]\nhardware = []", "hardware must be a text, a number"),
    ("[grid]\nhardware = ['h100', 1]", "list of one kind"),
    ("[grid]\ntp = {from = 4, to = 1, step = 1}", "a range must rise"),
    ("[grid]\ntp = {from = 1, to = 4}", "must be a range such as"),
    ("[grid]\ntp = {from = 0, to = 4, times = 2}", "above 0"),
    ("[grid]\ntp = {from = 1, to = 1e9, step = 1}", "at most 1,000,000 values"),
    ("[grid]\ntp = [1]\n[[grid.together]]\nbatch_size = [1, 2]\ndp = [1]", "of one length"),
    ("[grid]\ntp = [1]\n[[grid.together]]\ntp = [1]", "tp must be given once"),
    ("[grid]\ntp = [1]\nwhere = 'tpp < 2'", "did you mean tp"),
    ("[grid]\ntp = [1]\nwhere = 'tp.real < 2'", "not 'tp.real'"),
    ("[grid]\ntp = [1]\nwhere = '__import__(\"os\").getcwd()'", "may hold columns"),
    ("[grid]\ntp = [1]\nwhere = 'tp <'", "cannot be read"),
    ("rows = 3", "must hold \\[grid\\]"),
    ("[grid", "readable TOML"),
])  # fmt: skip
def test_what_is_no_grid_is_refused(tmp_path, text, what):
    with pytest.raises(GuideError, match=what):
        grid.read(described(tmp_path, text))


@pytest.mark.parametrize(("text", "kept"), [
    ("a < b", [True, False, False]), ("a == 1 or b == 1", [True, False, True]),
    ("not a < b and b in [2, 1]", [False, True, True]), ("a * 2 - 1 >= 3", [False, True, True]),
    ("1 < a <= 2", [False, True, False]), ("name not in ['x', 'y']", [False, False, True]),
    ("b % 2 == 0 and a // 2 == 1", [False, True, False]), ("True", [True, True, True]),
    ("-a < -2", [False, False, True]),
])  # fmt: skip
def test_conditions(text, kept):
    columns = {"a": np.asarray([1, 2, 3]), "b": np.asarray([2, 2, 1]),
               "name": np.asarray(["x", "y", "z"], dtype=object)}  # fmt: skip
    assert parse(text, tuple(columns))(columns).tolist() == kept


def test_text_compared_with_a_number_is_told():
    columns = {"name": np.asarray(["x"], dtype=object)}
    with pytest.raises(GuideError, match="cannot be worked out"):
        parse("name < 3", ("name",))(columns)
