"""Gathered columns are the rows asked for; names become the same codes as sorting gives."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from guide_ml.table.columns import Gathered, distinct, joined, pick


def test_only_what_is_used_is_gathered():
    columns = {"a": np.arange(5.0), "b": np.arange(5.0) * 2}
    some = Gathered(columns, np.asarray([4, 0]))
    assert list(some) == []
    assert some["b"].tolist() == [8.0, 0.0]
    assert list(some) == ["b"]
    with pytest.raises(KeyError):
        some["c"]


def test_rows_of_rows_and_pickles():
    columns = {"a": np.arange(5.0)}
    some = Gathered(Gathered(columns, np.asarray([4, 2, 0])), np.asarray([2, 1]))
    assert pickle.loads(pickle.dumps(some))["a"].tolist() == [0.0, 2.0]


def test_pairs_of_row_and_step():
    rows, steps = np.asarray([0, 1, 1]), np.asarray([2, 0, 1])
    table = np.arange(6.0).reshape(2, 3)
    assert pick(table, (rows, steps)).tolist() == [2.0, 3.0, 4.0]
    assert pick(table[:, :1], (rows, steps)).tolist() == [0.0, 3.0, 3.0]


@pytest.mark.parametrize("values", [["b", "a", "", "b"], ["x"], [2.0, np.nan, 10.0, 2.0]])
def test_codes_are_those_of_sorting(values):
    array = np.asarray(values, dtype=object if isinstance(values[0], str) else float)
    index, levels = distinct(array)
    expected, inverse = np.unique(array.astype(str), return_inverse=True)
    assert levels == expected.tolist()
    assert index.tolist() == inverse.tolist()


@pytest.mark.parametrize("n", [1, 50])
def test_joined_names_are_those_of_sorting(n):
    rng = np.random.default_rng(0)
    a, b = (rng.choice(["p", "q|r", "q", "r"], n).astype(object) for _ in range(2))
    index, levels = joined(distinct(a), distinct(b))
    text = np.asarray([f"{x}|{y}" for x, y in zip(a, b, strict=True)])
    expected, inverse = np.unique(text, return_inverse=True)
    assert levels == expected.tolist()
    assert index.tolist() == inverse.tolist()
