"""Whatever a folder holds, loading ends in a set or in one sentence; a loaded set stays one."""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest
import xgboost as xgb

import guide_ml
from guide_ml.errors import BadArtefact, InvalidInput
from guide_ml.estimators import artefacts, contents
from guide_ml.estimators.predictor import Predictor, default_predictor
from guide_ml.physics.stored import coefficients
from guide_ml.trees import lightgbm_text, ubjson, xgboost_model
from guide_ml.trees.boosters import read_member
from guide_ml.trust import stored
from guide_ml.trust.intervals import INPUTS
from tests import broken_sets

DEFAULT = artefacts.default_folder()
SPREAD = (DEFAULT / "spread.lightgbm.txt").read_bytes()
ROWS = np.random.default_rng(0).normal(size=(40, len(INPUTS))).astype(np.float32) * 100
ASKED: dict[str, Any] = {
    "model": "llama-3.1-8b-instruct", "framework": "vllm", "concurrency": 8, "input_len": 512,
    "output_len": 128,
}  # fmt: skip


def refused(data: bytes, match: str) -> None:
    with pytest.raises(BadArtefact, match=match) as told:
        read_member("lightgbm", "it.txt", data, len(INPUTS))
    assert "\n" not in str(told.value)


def one_line(error: BadArtefact) -> int:
    assert "\n" not in str(error)
    return 1


def line(data: bytes, name: bytes, change: str) -> bytes:
    """Change the first number of the first line of a name: `change` is formatted with it."""
    at = data.index(b"\n" + name + b"=") + len(name) + 2
    end = min(data.index(b"\n", at), data.index(b" ", at))
    return data[:at] + change.format(data[at:end].decode()).encode() + data[end:]


@pytest.mark.parametrize(("name", "change", "match"), [
    (b"split_feature", "999", "split_feature must be one of"),
    (b"split_feature", "-1", "split_feature must be one of"),
    (b"left_child", "0", "later split or a leaf"),  # to itself, without end
    (b"left_child", "30000", "later split or a leaf"),
    (b"left_child", "-40", "later split or a leaf"),
    (b"left_child", "-1 -1", "a number for each split"),
    (b"left_child", "x", "must hold numbers"),
    (b"leaf_value", "nan", "finite numbers"),
    (b"leaf_value", "1e999", "finite numbers"),
    (b"leaf_value", "5e8", "add up to 100 at most"),
    (b"threshold", "nan", "finite numbers"),
    (b"decision_type", "1", "splits on numbers"),
    (b"leaf_count", "0", "1 or more"),
    (b"num_leaves", "999999", "4096 leaves"),
    (b"num_leaves", "0", "num_leaves of a tree"),
    (b"num_class", "3", "one output"),
    (b"num_tree_per_iteration", "2", "one output"),
    (b"max_feature_idx", "5", "must name each of the 6 inputs"),
])  # fmt: skip
def test_a_number_that_would_lead_the_library_astray_is_refused(name, change, match):
    whole = SPREAD.replace(b"\n", b" \n", 1) if b"num_leaves" in name else SPREAD
    data = line(whole.replace(b"num_class=1\n", b"num_class=1 \n"), name, change)
    refused(data.replace(b" \n", b"\n"), match)


@pytest.mark.parametrize(("old", "new", "match"), [
    (b"objective=quantile", b"objective=poisson", "objective=poisson"),
    (b"objective=quantile", b"objective=regression sqrt", "regression sqrt"),
    (b"\nTree=1\n", b"\naverage_output\nTree=1\n", "lines once"),
    (b"num_cat=0", b"num_cat=2", "num_cat of a tree"),
    (b"is_linear=0", b"is_linear=1", "is_linear of a tree"),
    (b"\nend of trees\n", b"\n", "say where they end"),
    (b"label_index=0\n", b"label_index=0\nlabel_index=0\n", "label_index=0"),
    (b"shrinkage=1\n", b"shrinkage=1\nshrinkage=1\n", "each of its lines once"),
    (b"leaf_count=", b"leaf_number=", "a line 'leaf_number'"),
])  # fmt: skip
def test_a_line_that_would_mean_something_else_is_refused(old, new, match):
    assert old in SPREAD
    refused(SPREAD.replace(old, new, 1), match)


def test_trees_that_share_a_leaf_or_leave_one_out_are_refused():
    leaves = np.asarray([3])
    lightgbm_text.walk(np.asarray([1, -1]), np.asarray([-3, -2]), leaves)
    for left, right in (([1, -1], [-3, -1]), ([-1, -2], [-3, -1]), ([1, -1], [1, -2])):
        with pytest.raises(ValueError, match="below one split"):
            lightgbm_text.walk(np.asarray(left), np.asarray(right), leaves)


def test_a_tree_of_too_many_levels_is_refused():
    n = lightgbm_text.DEEPEST + 2
    left = np.append(np.arange(1, n), -1)
    right = ~np.arange(1, n + 1)
    with pytest.raises(ValueError, match="levels deep"):
        lightgbm_text.walk(left, right, np.asarray([n + 1]))


def test_where_trees_begin_is_never_believed():
    data = SPREAD.replace(b"\n\nTree=0", b"\ntree_sizes=1 2 99999999\n\nTree=0", 1)
    member = read_member("lightgbm", "it.txt", data, len(INPUTS))
    assert np.array_equal(member.predict(ROWS), read_member("lightgbm", "a", SPREAD).predict(ROWS))


@pytest.mark.parametrize("way", broken_sets.BOOSTER_WAYS)
def test_texts_changed_at_random_are_refused_or_predict_numbers(way):
    rng, sound = random.Random(way), 0
    for _ in range(25):
        data = broken_sets.broken_text(SPREAD, rng, way)
        try:
            member = read_member("lightgbm", "it.txt", data, len(INPUTS))
        except BadArtefact as error:
            one_line(error)
            continue
        assert np.isfinite(member.predict(ROWS)).all()
        sound += 1
    assert sound < 25


@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
def test_what_the_libraries_write_passes(kind, tmp_path):
    x = ROWS[:, :4].copy()
    y = np.where(x[:, 0] > 0, 1.0, -1.0) + 0.001 * x[:, 1]
    x[::3, 1] = np.nan
    if kind == "lightgbm":
        for params in ({}, {"extra_trees": True}, {"num_leaves": 2, "min_child_samples": 1000}):
            data = lgb.Dataset(x, y, params={"verbose": -1, "min_data_in_bin": 1})
            booster = lgb.train({"verbose": -1, "min_child_samples": 2} | params, data, 20)
            text = booster.model_to_string()
            sizes = next(x for x in text.splitlines() if x.startswith("tree_sizes="))
            assert lightgbm_text.checked(text.encode(), 4) == text.replace(sizes + "\n", "")
    else:
        xgb.train({"max_depth": 3}, xgb.DMatrix(x, y), 20).save_model(tmp_path / "it.ubj")
        data = (tmp_path / "it.ubj").read_bytes()
        assert xgboost_model.checked(data, 4) == data
        with pytest.raises(ValueError, match="the 5 inputs"):
            xgboost_model.checked(data, 5)


def test_xgboost_files_changed_at_random_are_refused_or_predict_numbers(tmp_path):
    x = ROWS[:, :4].copy()
    booster = xgb.train({"max_depth": 3}, xgb.DMatrix(x, x[:, 0] > 0), 4)
    booster.save_model(tmp_path / "it.ubj")
    data, rng, refusals = (tmp_path / "it.ubj").read_bytes(), random.Random(1), 0
    for _ in range(150):
        try:
            member = read_member("xgboost", "it", broken_sets.broken_bytes(data, rng), 4)
        except BadArtefact:
            refusals += 1
            continue
        assert np.isfinite(member.predict(x)).all()
    assert refusals > 20


def test_a_file_that_lies_about_its_length_takes_no_memory():
    for data in (b"[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff", b"[$T#L\x00\x00\x00\xff\xff\xff\xff\xff",
                 b"SL\x7f\xff\xff\xff\xff\xff\xff\xff", b"[" * 5000, b""):  # fmt: skip
        with pytest.raises(ValueError, match=r"shorter|nested|how long|marker"):
            ubjson.read(data)


def test_cards_changed_at_random_are_taken_or_refused_in_one_sentence():
    text, rng, refusals = (DEFAULT / "card.json").read_text("utf-8"), random.Random(2), 0
    for _ in range(120):
        data = broken_sets.broken_card(text, rng)
        try:
            contents._card(Path("card.json"), contents._object(Path("card.json"), data))
        except BadArtefact as error:
            refusals += one_line(error)
    assert refusals > 15


@pytest.mark.parametrize(("name", "read"), [
    ("physics.json", lambda found: coefficients(found, "physics.json")),
    ("intervals.json", lambda found: stored.quantiles(found, "intervals.json")),
])  # fmt: skip
def test_numbers_changed_at_random_are_taken_or_refused_in_one_sentence(name, read):
    text, rng, refusals = (DEFAULT / name).read_text("utf-8"), random.Random(3), 0
    for _ in range(20):
        try:
            read(json.loads(broken_sets.broken_card(text, rng)))
        except BadArtefact as error:
            refusals += one_line(error)
    assert refusals > 5


def test_tables_changed_at_random_are_taken_or_refused_in_one_sentence():
    rng, refusals = random.Random(4), 0
    cases, rows = ((DEFAULT / f"{n}.parquet").read_bytes() for n in ("cases", "measured"))
    count = len(stored.reference(cases, "cases").cases["rows"])
    for _ in range(12):
        for read in (lambda: stored.reference(broken_sets.broken_bytes(cases, rng), "cases"),
                     lambda: stored.measured(broken_sets.broken_bytes(rows, rng), "rows", count)):
            try:
                read()
            except BadArtefact as error:
                refusals += one_line(error)
    assert refusals > 3


def test_rows_of_cases_that_are_not_there_are_refused():
    rows = (DEFAULT / "measured.parquet").read_bytes()
    with pytest.raises(BadArtefact, match="one of the 5 cases"):
        stored.measured(rows, "measured.parquet", 5)


@pytest.fixture
def copy(tmp_path):
    return broken_sets.small_copy(DEFAULT, tmp_path / "set")


def test_a_folder_that_goes_or_changes_later_changes_nothing(copy):
    before = Predictor.load(copy)
    for path in copy.iterdir():
        path.write_bytes(b"other")
    shutil.rmtree(copy)
    for hardware in ("h100", "google-tpu-v5p"):  # measured, and one for the blind estimators
        here = guide_ml.predict(hardware=hardware, **ASKED, predictor=before)
        there = guide_ml.predict(hardware=hardware, **ASKED)
        assert here.tpot_ms == there.tpot_ms
        assert here.low == there.low
        assert [e.measured for e in here.evidence] == [e.measured for e in there.evidence]


def test_a_member_that_is_not_listed_is_not_read(copy):
    card = json.loads((copy / "card.json").read_text())
    del card["files"]["ttft_ms.extra.txt"]
    (copy / "card.json").write_text(json.dumps(card))
    with pytest.raises(BadArtefact, match=r"must list ttft_ms\.extra\.txt with its hash"):
        artefacts.load(copy)


def test_a_card_of_other_files_is_refused(copy):
    card = json.loads((copy / "card.json").read_text())
    (copy / "card.json").write_text(json.dumps(card | {"artefact_sha256": "0" * 64}))
    with pytest.raises(BadArtefact, match="artefact_sha256 must be the hash"):
        artefacts.load(copy)


def test_a_pipe_in_place_of_a_file_does_not_hang(copy):
    (copy / "physics.json").unlink()
    os.mkfifo(copy / "physics.json")
    with pytest.raises(BadArtefact, match="missing or changed"):
        artefacts.load(copy)


def test_the_boosters_of_a_named_set_are_checked_at_once(copy):
    name = "batch_latency_s.blind.extra.txt"  # few ever ask it
    data = (copy / name).read_bytes()
    broken_sets.put(copy, name, data.replace(b"num_cat=0", b"num_cat=1", 1))
    with pytest.raises(BadArtefact, match="num_cat"):
        artefacts.load(copy)


def test_numbers_without_end_are_a_reason_not_an_answer():
    fitted = default_predictor().fitted
    wild = replace(fitted.physics, constants=dict.fromkeys(fitted.physics.constants, -800.0))
    predictor = Predictor(replace(fitted, physics=wild))
    with pytest.raises(InvalidInput, match="no finite number"):
        guide_ml.predict(hardware="h100", **ASKED, predictor=predictor)
