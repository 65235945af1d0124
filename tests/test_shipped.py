"""The shipped trained set is what training gives today."""

from __future__ import annotations

import time

import pytest

from guide_ml.estimators.predictor import Predictor
from guide_ml.measurements.read import prepare, read_files
from guide_ml.training import train as training


def test_shipped_set_was_made_of_the_shipped_measurements():
    assert Predictor.load().card["data_sha256"] == prepare(read_files()).sha256


@pytest.mark.slow
def test_training_again_gives_the_shipped_files_in_ten_minutes(tmp_path):
    start = time.perf_counter()
    card = training.train(out=tmp_path / "again", held_out=False)
    assert time.perf_counter() - start < 600
    shipped = Predictor.load().card["files"]
    # Without held-out errors: the boosters and the physics, not the intervals.
    assert card["files"] == {name: shipped[name] for name in card["files"]}
