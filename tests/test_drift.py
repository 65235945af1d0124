"""Drift is nothing for the same rows, and grows as new rows move away."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guide_ml.tracking.drift import drift, psi


def test_numbers_by_hand():
    old = pd.Series(np.arange(1000.0))
    # All new rows fall into the upper half: shares 0.2 in five bins, 0.0005 in the others.
    new = pd.Series(np.arange(500.0, 1000.0))
    expected = 5 * (0.2 - 0.1) * np.log(0.2 / 0.1) + 5 * (0.0005 - 0.1) * np.log(0.0005 / 0.1)
    assert abs(psi(old, new) - expected) < 0.02


def test_same_rows_in_another_order_do_not_drift():
    old = pd.Series(np.random.default_rng(0).lognormal(size=500))
    assert psi(old, old.sample(frac=1, random_state=1)) == 0


def test_unknown_words_and_blanks_count():
    old = pd.Series(["a"] * 90 + [None] * 10)
    assert psi(old, pd.Series(["b"] * 100)) > 5
    assert psi(old, pd.Series(["a"] * 50 + [None] * 50)) > 0.5


def test_tables_are_compared_by_the_columns_that_both_have():
    old = pd.DataFrame({"hardware": ["x", "y"] * 50, "batch_size": [1.0, 8.0] * 50})
    new = pd.DataFrame({"hardware": ["x", "y"] * 5, "batch_size": [64] * 10, "other": 1})
    found = drift(old, new)
    assert found["descriptor"].tolist() == ["batch_size", "hardware"]
    assert found["finding"].tolist() == ["large", "none"]


def test_few_rows_of_the_training_data_do_not_drift_beyond_chance():
    rng = np.random.default_rng(0)
    old = pd.DataFrame({"model": rng.integers(0, 60, 2000).astype(str),
                        "input_len": rng.lognormal(6, 1, 2000)})  # fmt: skip
    few = drift(old, old.sample(25, random_state=1))
    assert few["psi"].max() > 0.25  # by the usual bounds that would be large
    assert set(few["finding"]) == {"none"}
    moved = drift(old, old.sample(25, random_state=1).assign(input_len=1e6))
    assert moved.set_index("descriptor")["finding"].to_dict() == {
        "input_len": "large", "model": "none"}  # fmt: skip
