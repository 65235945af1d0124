"""Training is repeatable, tells what it was made of, and beats what needs no training."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadData, GuideError
from guide_ml.estimators import artefacts
from guide_ml.estimators.predictor import Predictor
from guide_ml.features.floors import floors
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import default_folder, prepare, read_files
from guide_ml.physics.inputs import INPUTS
from guide_ml.training import train as training
from guide_ml.training.crossval import out_of_fold, scores
from guide_ml.training.dataset import build
from guide_ml.trees.boosters import BLIND

SOURCES = ("llamacpp-dgx-spark", "sglang-cookbook", "gpt-fast-readme", "ninehills-yi6b",
           "dstack-benchmarks")  # fmt: skip


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A folder of small sources that together have every target, and some offline rows."""
    folder = tmp_path_factory.mktemp("few")
    for source in SOURCES:
        table = pd.read_parquet(default_folder() / f"{source}.parquet")
        table.to_parquet(folder / f"{source}.parquet", index=False)
    docs = pd.read_parquet(default_folder() / "rocm-vllm-dev-docker.parquet")
    docs.head(60).to_parquet(folder / "rocm.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def card(few, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "set"
    return out, training.train(few, out, seed=3, held_out=False)


def test_same_data_and_seed_give_the_same_files(few, card, tmp_path):
    again = training.train(few, tmp_path / "again", seed=3, held_out=False)
    assert again["artefact_sha256"] == card[1]["artefact_sha256"]


def test_another_seed_gives_other_boosters(few, card, tmp_path):
    other = training.train(few, tmp_path / "other", seed=4, held_out=False)
    assert other["artefact_sha256"] != card[1]["artefact_sha256"]


def test_card_says_what_the_set_was_made_of(card):
    folder, written = card
    read = json.loads((folder / "card.json").read_text())
    assert read == written
    assert read["seed"] == 3
    assert set(read["targets"]) == {*NAMES, *(name + BLIND for name in NAMES)}
    assert set(SOURCES) <= set(read["rows_by_source"])
    assert sum(read["rows_by_source"].values()) == read["rows"]
    weights = read["weight_percent_by_source"]
    assert set(weights) == set(read["rows_by_source"])
    for name in NAMES:
        assert sum(w.get(name, 0.0) for w in weights.values()) == pytest.approx(100.0, abs=0.1)
    assert {"lightgbm", "xgboost", "python"} <= set(read["versions"])
    assert len(read["data_sha256"]) == 64


HEADS = {"heads_per_device", "kv_heads_per_device"}
SHAPE = {"log_width_per_device", "log_expert_width", "kv_layer_share", "window_share"}


@pytest.mark.parametrize(("name", "hidden"), [
    ("tpot_ms", HEADS | SHAPE), ("tpot_ms/blind", HEADS | SHAPE), ("output_tok_s", HEADS),
    ("batch_latency_s", HEADS | SHAPE), ("batch_latency_s/blind", HEADS | SHAPE),
])  # fmt: skip
def test_these_estimators_know_the_model_by_what_physics_makes_of_it(card, name, hidden):
    given = set(card[1]["targets"][name]["inputs"])
    own = {n for n in INPUTS if n.startswith(("m_", "log_m_"))}
    assert len(own) > 10
    assert set(INPUTS) >= hidden
    assert not given & (own | hidden)
    assert {"step_weights", "step_launch", "log_step", "log_estimate"} <= given


def test_what_was_trained_predicts_the_rows_it_saw(few, card):
    used = prepare(read_files(few))
    found = Predictor.load(card[0]).predict(used.resolved)
    decode = used.table["mode"].to_numpy() == "decode"
    truth = used.table["tpot_ms"].to_numpy(float)[decode]
    assert np.median(evaluation.errors(found.values["tpot_ms"][decode], truth)) < 25


@pytest.mark.slow
def test_held_out_rows_are_predicted_better_than_by_the_floor_times_a_constant(few):
    used = prepare(read_files(few))
    data = build(used)
    ours, _ = out_of_fold(used, data, "random", jobs=1)
    limit = floors(data.sample.load)
    bound = np.choose(data.values.target, [np.log(limit[n]) for n in NAMES])
    plain = bound.copy()
    for target in range(len(NAMES)):
        mine = data.values.target == target
        plain[mine] += np.median((data.sample.log_value - bound)[mine])
    a, b = scores(data, ours), scores(data, plain)
    assert np.isfinite(ours).all()
    assert (a["median_ape"] < b["median_ape"]).sum() >= 3
    assert a["median_ape"].mean() < 0.7 * b["median_ape"].mean()


def test_training_without_data_says_so(tmp_path):
    with pytest.raises(BadData, match="no measurements at"):
        training.train(tmp_path / "none", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_set_is_replaced_whole_or_not_at_all(few, card, tmp_path, monkeypatch):
    folder = tmp_path / "set"
    training.train(few, folder, seed=3, held_out=False)
    before = (folder / "card.json").read_text()
    fitted = artefacts.load(folder)

    def fail(*_args, **_kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("guide_ml.estimators.artefacts.json.dumps", fail)
    with pytest.raises(GuideError, match="disk full"):
        artefacts.save(fitted, folder)
    assert (folder / "card.json").read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["set"]
