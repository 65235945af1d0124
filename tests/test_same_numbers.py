"""One deployment, a table of them, and tables in several threads: the same bits."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest

import guide_ml
from guide_ml.describe.targets import NAMES
from guide_ml.errors import GuideError
from guide_ml.estimators.predictor import threads
from guide_ml.measurements.read import prepare, read_files
from guide_ml.table.read import DESCRIPTORS

ROWS = 150


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    used = prepare(read_files()).table[list(DESCRIPTORS)]
    rng = np.random.default_rng(7)
    out = used.iloc[rng.integers(0, len(used), 5000)].reset_index(drop=True)
    for name in ("input_len", "output_len"):
        out[name] = (out[name] * rng.uniform(0.5, 2.0, len(out))).clip(lower=1).round()
    return out


@pytest.fixture(scope="module")
def found(table: pd.DataFrame) -> pd.DataFrame:
    return guide_ml.predict_table(table, errors="report", level=None)


def given(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if pd.notna(v) and v != ""}


def test_one_by_one_gives_the_bits_of_the_table(table, found):
    compared = 0
    for row, expected in zip(table.to_dict("records")[:ROWS], found.to_dict("records"),
                             strict=False):  # fmt: skip
        try:
            one = guide_ml.predict(**given(row), level=None)
        except GuideError:
            continue  # a length that a table may leave out, or no room
        for name in NAMES:
            value = getattr(one, name)
            assert np.isnan(expected[name]) if value is None else value == expected[name]
            compared += value is not None
    assert compared > ROWS


def test_intervals_and_domain_are_those_of_the_table(table):
    some = table.iloc[:ROWS]
    judged = guide_ml.predict_table(some, errors="report")
    compared = 0
    for row, expected in zip(some.to_dict("records"), judged.to_dict("records"), strict=True):
        try:
            one = guide_ml.predict(**given(row))
        except GuideError:
            continue
        assert one.in_domain == expected["in_domain"]
        for name in NAMES:
            for end, found in (("low", one.low), ("high", one.high)):
                value, told = found[name], expected[f"{name}_{end}"]
                assert np.isnan(told) if value is None else value == told
                compared += value is not None
    assert compared > 2 * ROWS


def test_parts_of_a_table_give_its_bits(table, found):
    sizes = (1, 63, 64, 65, 127, 200)
    starts = np.cumsum([0, *sizes])
    parts = [guide_ml.predict_table(table.iloc[a : a + n], errors="report", level=None)
             for a, n in zip(starts, sizes, strict=False)]  # fmt: skip
    pd.testing.assert_frame_equal(pd.concat(parts), found.iloc[: sum(sizes)], check_exact=True)


def test_threads_share_a_predictor(table, found):
    shares = [table.iloc[i::4] for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(
            lambda t: guide_ml.predict_table(t, errors="report", level=None), shares * 2))
    for k in range(2):
        together = pd.concat(parts[4 * k : 4 * k + 4]).loc[table.index]
        pd.testing.assert_frame_equal(together, found, check_exact=True)


def test_the_number_of_threads_changes_nothing(table, found, monkeypatch):
    for told, count in (("1", 1), ("3", 3), ("none", os.cpu_count())):
        monkeypatch.setenv("GUIDE_ML_THREADS", told)
        assert threads() == count
    monkeypatch.setenv("GUIDE_ML_THREADS", "1")
    again = guide_ml.predict_table(table, errors="report", level=None)
    pd.testing.assert_frame_equal(again, found, check_exact=True)
