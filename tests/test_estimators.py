"""Every kind of booster fits a few rows, repeats with its seed and survives saving."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadArtefact
from guide_ml.trees.boosters import KINDS, SUFFIX, fit_member, hyper_parameters, load_member

PARAMS: dict[str, dict[str, Any]] = {
    "lightgbm": {"objective": "l1", "num_leaves": 7, "min_child_samples": 3, "rounds": 60,
                 "bagging_fraction": 0.8},
    "extra": {"objective": "l1", "num_leaves": 7, "min_child_samples": 3, "rounds": 120,
              "bagging_fraction": 0.8},
    "extra2": {"objective": "l1", "num_leaves": 7, "min_child_samples": 3, "rounds": 120,
               "bagging_fraction": 0.8},
    "xgboost": {"max_depth": 3, "eta": 0.2, "subsample": 0.8, "rounds": 60},
}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    return x, np.where(x[:, 0] > 0, 1.0, -1.0) + 0.3 * x[:, 1], np.ones(300)


def fitted(kind, rows, seed=1):
    x, y, weight = rows
    return fit_member(kind, "tpot_ms", x, y, weight, seed, 1, PARAMS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_booster_learns_better_than_the_median(kind, rows):
    x, y, _ = rows
    error = np.abs(fitted(kind, rows).predict(x) - y).mean()
    assert error < 0.5 * np.abs(y - np.median(y)).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_repeats(kind, rows):
    x = rows[0]
    assert np.array_equal(fitted(kind, rows).predict(x), fitted(kind, rows).predict(x))


@pytest.mark.parametrize("kind", KINDS)
def test_booster_survives_saving(kind, rows, tmp_path):
    member, path = fitted(kind, rows), tmp_path / f"it{SUFFIX[kind]}"
    member.save(path)
    assert np.array_equal(load_member(kind, path).predict(rows[0]), member.predict(rows[0]))


def test_second_draw_differs_from_the_first(rows):
    first, second = (fitted(kind, rows).predict(rows[0]) for kind in ("extra", "extra2"))
    assert not np.array_equal(first, second)
    assert np.array_equal(second, fitted("extra", rows, seed=2).predict(rows[0]))


def test_weights_are_raised_to_their_power(rows):
    x, y, _ = rows
    weight = np.where(x[:, 0] > 0, 16.0, 1.0)
    halved = fit_member("extra", "tpot_ms", x, y, weight, 1, 1,
                        PARAMS["extra"] | {"weight_power": 0.5})  # fmt: skip
    same = fit_member("extra", "tpot_ms", x, y, np.sqrt(weight), 1, 1, PARAMS["extra"])
    full = fit_member("extra", "tpot_ms", x, y, weight, 1, 1, PARAMS["extra"])
    assert np.array_equal(halved.predict(x), same.predict(x))
    assert not np.array_equal(halved.predict(x), full.predict(x))


def test_missing_values_are_allowed(rows):
    x = rows[0].copy()
    x[::2, 2] = np.nan
    assert np.isfinite(fitted("lightgbm", (x, *rows[1:])).predict(x)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_garbage_is_refused(kind, tmp_path):
    path = tmp_path / "it"
    path.write_text("not a booster")
    with pytest.raises(BadArtefact, match=f"native {kind} file"):
        load_member(kind, path)


def test_unknown_kind_and_missing_file_are_refused(tmp_path):
    kinds = "of kind lightgbm, extra, extra2, xgboost; got 'catboost'"
    with pytest.raises(BadArtefact, match=kinds):
        load_member("catboost", tmp_path / "it")
    with pytest.raises(BadArtefact, match="not beside it"):
        load_member("lightgbm", tmp_path / "it")


def test_kept_hyper_parameters_cover_every_target():
    named = {key.split("/")[0] for key in hyper_parameters()}
    assert named == set(NAMES)
    assert {key.split("/")[1] for key in hyper_parameters()} <= set(KINDS)
