"""One odd cell, line or condition costs itself only, whatever it is."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from guide_ml import predict_table
from guide_ml.errors import InvalidInput
from guide_ml.scoring import grid, tables
from guide_ml.scoring.batch import Options, score_batch
from guide_ml.scoring.conditions import parse
from guide_ml.scoring.lines import LONGEST, json_tables
from guide_ml.table.cells import UNREAD

GOOD = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "concurrency": 8, "input_len": 512,
        "output_len": 64}  # fmt: skip
ODD_NUMBERS: tuple[Any, ...] = (
    Decimal("sNaN"), Decimal("NaN"), 10**400, -(10**400), "\ud800", b"\xff", "1_0", "8 8",
    frozenset({1}), [1], {"a": 1}, 1j, True, slice(1), np.zeros(2), object(), pd.Interval(0, 1),
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD_NUMBERS, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("column", ["concurrency", "hardware"])
def test_an_odd_cell_costs_its_row(odd, column):
    table = pd.DataFrame([GOOD] * 3).astype(object)
    table[column] = pd.Series([GOOD[column], None, GOOD[column]], dtype=object)
    table[column].array[1] = odd
    found = predict_table(table, errors="report", level=None)
    assert found["error"].iloc[[0, 2]].tolist() == ["", ""]
    assert found["tpot_ms"].iloc[[0, 2]].notna().all()
    if not (isinstance(odd, Decimal) and odd.is_qnan()):  # not given, as any NaN
        assert found["error"].iloc[1]
        found["error"].iloc[1].encode()  # letters that a file can hold


def test_names_of_several_levels_are_refused():
    table = pd.DataFrame([GOOD])
    table.columns = pd.MultiIndex.from_product([table.columns, ["x"]])
    with pytest.raises(InvalidInput, match=r"plain names; got .* such as \('hardware', 'x'\)"):
        predict_table(table, errors="report")


def lines(*rows: bytes) -> pa.Table:
    return pa.concat_tables(json_tables(io.BytesIO(b"\n".join(rows) + b"\n")),
                            promote_options="permissive")  # fmt: skip


@pytest.mark.parametrize(("odd", "rest"), [
    (b'{"id": 18446744073709551616, %s', True),
    (b'{"note": "\\ud800", %s', True),
    (b'{"\\ud800": 1, %s', True),
    (b'{"note": {"a": [1, {"b": 2}]}, %s', True),
    (b'{"deep": ' + b"[" * 100_000 + b"]" * 100_000 + b", %s", False),
    (b'{"long": "' + b"x" * (LONGEST + 1) + b'", %s', False),
], ids=["64 bits", "half a letter", "half a letter in a name", "nested", "deep",
        "long"])  # fmt: skip
def test_an_odd_line_costs_its_row(odd, rest):
    good = json.dumps(GOOD).encode()
    table = lines(good, odd % good[1:], good)
    assert len(table) == 3
    found, counts = score_batch(table, Options())
    assert (counts.predicted, counts.bad) == ((3, 0) if rest else (2, 1))
    assert found["tpot_ms"][0] == found["tpot_ms"][2]
    assert rest or found["error"][1].as_py() in UNREAD.values()  # what is wrong, not a blank cell


def test_a_number_of_more_than_64_bits_keeps_its_digits():
    table = lines(b'{"id": 18446744073709551617}', b'{"id": 5}')
    assert table["id"].to_pylist() == ["18446744073709551617", "5"]


def test_batches_are_bounded_in_bytes(monkeypatch):
    monkeypatch.setattr(tables, "MOST_BYTES", 10_000)
    wide = pa.table({"a": ["x" * 1000] * 55, "n": range(55)})
    found = list(tables.in_batches(iter([wide, wide]), 1000, skip=5))
    assert max(t.nbytes for t in found) <= 11_000
    assert [n for t in found for n in t["n"].to_pylist()] == [*range(5, 55), *range(55)]
    huge = pa.table({"a": ["x" * 50_000] * 3})
    assert [len(t) for t in tables.in_batches(iter([huge]), 1000)] == [1, 1, 1]


COLUMNS = {"tp": np.asarray([1, 2, 4]), "hardware": np.asarray(["a", "b", "c"], dtype=object)}


@pytest.mark.parametrize("text", [
    "'a' * 1000000000 == hardware", "hardware * 1000000000 == 'a'", "tp in tp", "tp in 'abc'",
    "[1] * 1000000000 == tp", "hardware % tp == 1", "-hardware == 1", "1 / 0 == tp",
    "tp == " + "9" * 5000, "(" * 500 + "tp" + ")" * 500, "not " * 400 + "tp", "tp " + "+ 1" * 3000,
    "tp < " + "1" * 30_000, "tp == [1, 2]", "tp ** 9", "lambda: 1", "hardware < 5", "tp == '\ud800",
    " or ".join(["tp == 1"] * 900), "\0",
])  # fmt: skip
def test_a_condition_without_bound_is_refused_in_one_sentence(text):
    with pytest.raises(InvalidInput) as told:
        parse(text, tuple(COLUMNS))(COLUMNS)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 800


def test_conditions_that_people_write_hold():
    for text, found in {"tp in [1, 4] and hardware != 'c'": [True, False, False],
                        "tp % 2 == 0": [False, True, True], "not tp > 2": [True, True, False],
                        "tp * 9007199254740993 > 1": [True] * 3, "hardware in ['b']":
                        [False, True, False]}.items():  # fmt: skip
        assert parse(text, tuple(COLUMNS))(COLUMNS).tolist() == found


@pytest.mark.parametrize("told", [
    "tp = {from = 1, to = 10, count = 1000000000000}", "tp = {from = 1, to = inf, count = 3}",
    "tp = {from = nan, to = 4, step = 1}", "tp = 99999999999999999999999", "together = 5",
    "together = [5]", "where = 5", "where = [5]", "tp = [[1]]", "tp = true", "tp = 1979-05-27",
    f'weight_dtype = "{"x" * 600}"', "together = [{}]", "tp = {from = 1, to = 9, count = inf}",
    "\n".join(f"{n} = {{from = 1, to = 9000, step = 1}}" for n in ("tp", "pp", "dp", "ep")),
])  # fmt: skip
def test_a_grid_without_bound_is_refused_in_one_sentence(told, tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(f'[[grid]]\nhardware = "h100"\nmodel = "x"\n{told}\n')
    with pytest.raises(InvalidInput) as error:
        grid.read(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 800


def test_a_block_that_is_no_table_or_empty_is_refused(tmp_path):
    for text in ("grid = [1]", "[[grid]]\n", "grid = 3", "a = " + "[" * 5000):
        path = tmp_path / "grid.toml"
        path.write_text(text)
        with pytest.raises(InvalidInput):
            grid.read(path)
