"""Trees as arrays: the same trees, the same bits, and no file that leads a walk astray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from guide_ml.errors import BadArtefact
from guide_ml.estimators import artefacts
from guide_ml.trees import compiled
from guide_ml.trees.arrays import arrays_of
from guide_ml.trees.boosters import Lazy, LightGbm
from guide_ml.trees.files import of_lightgbm
from guide_ml.trees.packed import archive, pack, unpack

INPUTS = 5


def booster(rounds: int = 20, **params: Any) -> lgb.Booster:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, INPUTS)).astype(np.float32)
    y = x[:, 0] * x[:, 1] + np.abs(x[:, 2])
    x[rng.random(x.shape) < 0.2] = np.nan
    told = {"verbose": -1, "num_threads": 1, "min_child_samples": 2} | params
    return lgb.train(told, lgb.Dataset(x, y, params={"verbose": -1}), rounds)


def asked(n: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(n, INPUTS)).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = np.nan
    x[0, :3] = [np.inf, -np.inf, 0.0]
    return x


@pytest.mark.parametrize("params", [{}, {"extra_trees": True}, {"num_leaves": 300},
                                    {"min_child_samples": 1000}])  # fmt: skip
def test_the_same_bits_as_the_library(params):
    own = booster(**params)
    packed = unpack(pack(of_lightgbm(own)).bytes(), INPUTS)
    for n in (1, 2, 70):
        expected = compiled.ask(own)(asked(n)).tolist()
        assert packed.predict(asked(n)).tolist() == expected
        forest = compiled.flatten(packed)
        assert forest is not None
        assert forest.predict(asked(n), few=0).tolist() == expected


def test_the_same_trees_and_bytes_again():
    trees = of_lightgbm(booster())
    data = pack(trees).bytes()
    assert pack(trees).bytes() == data
    for one, other in zip(unpack(data, INPUTS).trees().trees, trees.trees, strict=True):
        for name, values in vars(one).items():
            assert np.array_equal(values, getattr(other, name)), name


def broken(**changed: Any) -> bytes:
    packed = pack(of_lightgbm(booster(rounds=3)))
    parts: dict[str, Any] = {
        "nodes": packed.nodes, "splits": packed.splits, "values": packed.values,
        "inputs": np.asarray(INPUTS, dtype="<i4"),
    }  # fmt: skip
    for name, change in changed.items():
        parts[name] = change(parts[name].copy())
    return archive(**{k: v for k, v in parts.items() if v is not None})


def setting(name: str, place: int, value: float) -> Any:
    def change(nodes: Any) -> Any:
        nodes[name][place] = value
        return nodes

    return change


@pytest.mark.parametrize("data", [
    b"", b"\x80\x04]\x94.", broken()[:-40],
    broken(nodes=setting("left", 0, 0)), broken(nodes=setting("right", 3, 1)),
    broken(nodes=setting("left", 5, 30000)), broken(nodes=setting("left", 0, -31000)),
    broken(nodes=setting("feature", 0, 2 * INPUTS)), broken(nodes=setting("feature", 0, -1)),
    broken(nodes=setting("threshold", 0, np.nan)), broken(nodes=lambda x: x[:-1]),
    broken(values=lambda x: x[:-1]), broken(values=lambda x: x * np.nan),
    broken(values=lambda x: x.astype(np.float32)), broken(values=lambda x: x.astype(object)),
    broken(splits=lambda x: x * 0), broken(splits=lambda x: -x), broken(splits=lambda x: x[:0]),
    broken(splits=lambda x: x[None]), broken(values=lambda x: None),
    broken(inputs=lambda x: x + 1), broken(inputs=lambda x: np.asarray([x])),
])  # fmt: skip
def test_a_broken_file_is_refused(data):
    with pytest.raises(ValueError, match="must"):
        unpack(data, INPUTS)


def test_a_booster_predicts_by_its_arrays_and_says_which_are_broken():
    member = LightGbm(booster())
    arrays = arrays_of(member)
    assert arrays is not None
    lazy = Lazy("extra", "x.txt", lambda: pytest.fail("its text is not needed"), INPUTS,
                lambda: arrays)  # fmt: skip
    assert lazy.predict(asked(9)).tolist() == member.predict(asked(9)).tolist()
    bad = Lazy("extra", "x.txt", b"", INPUTS, lambda: arrays[:-40])
    with pytest.raises(BadArtefact, match=r"x\.txt"):
        bad.predict(asked(1))


def test_the_shipped_arrays_are_those_of_the_boosters(tmp_path: Path, monkeypatch):
    shipped = artefacts.load()
    few = {"output_tok_s": shipped.members["output_tok_s"]}
    bare = artefacts.Fitted(shipped.physics, shipped.inputs, few, shipped.devices)
    artefacts.save(bare, tmp_path / "set")
    monkeypatch.setattr(artefacts, "default_folder", lambda: tmp_path / "set")
    (own,) = artefacts.load().members["output_tok_s"].values()
    assert isinstance(own, Lazy)
    assert own.arrays is not None
    rng = np.random.default_rng(2)
    x = rng.normal(size=(5, own.inputs)).astype(np.float32)
    assert own.predict(x).tolist() == own.member.predict(x).tolist()
    (tmp_path / "set" / "output_tok_s.extra.txt.npz").write_bytes(own.arrays()[:-1])
    (again,) = artefacts.load().members["output_tok_s"].values()
    with pytest.raises(BadArtefact, match="missing or changed"):
        again.predict(x)
