"""Only a whole, unchanged set of this format is loaded, and loading runs no code."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

import guide_ml
from guide_ml.errors import BadArtefact
from guide_ml.estimators import artefacts
from guide_ml.estimators.predictor import Predictor
from guide_ml.trees.boosters import BLIND


@pytest.fixture
def copy(tmp_path):
    """A copy of the shipped set that a test may break."""
    return shutil.copytree(artefacts.default_folder(), tmp_path / "set")


def change_card(folder, **changes):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_shipped_set_is_small_and_native():
    files = list(artefacts.default_folder().iterdir())
    assert sum(f.stat().st_size for f in files) < 30e6
    assert {f.suffix for f in files} <= {".json", ".txt", ".ubj", ".parquet", ".npz"}


def test_shipped_card_names_data_licence_and_held_out_errors():
    card = Predictor.load().card
    assert "CC BY-SA 4.0" in card["licence"]
    assert set(card["held_out_percent"]) >= {"random", "deployment"}
    assert len(card["rows_by_source"]) == 52


def test_folder_without_a_card_is_refused(tmp_path):
    with pytest.raises(BadArtefact, match=r"card\.json; it has none"):
        Predictor.load(tmp_path)


def test_changed_booster_is_refused(copy):
    path = next(copy.glob("ttft_ms.*"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadArtefact, match="missing or changed"):
        artefacts.load(copy)


def test_missing_booster_is_refused(copy):
    next(copy.glob("tpot_ms.*")).unlink()
    with pytest.raises(BadArtefact, match="missing or changed"):
        artefacts.load(copy)


def test_foreign_booster_is_refused_even_with_a_fitting_hash(copy):
    path = copy / "ttft_ms.extra.txt"
    path.write_bytes(b"\x80\x04]\x94.")  # a pickle
    card = json.loads((copy / "card.json").read_text())
    change_card(copy, files=card["files"] | {path.name: artefacts._sha256(path)})
    with pytest.raises(BadArtefact, match="must be a native extra file"):
        artefacts.load(copy)


@pytest.mark.parametrize("format_", [0, 1, 2, 3, 4, 5, 6, 7, 8, "9", None])
def test_other_format_is_refused(copy, format_):
    change_card(copy, format=format_)
    with pytest.raises(BadArtefact, match="must be of format 9"):
        artefacts.load(copy)


def test_card_that_is_no_json_is_refused(copy):
    (copy / "card.json").write_text("{")
    with pytest.raises(BadArtefact, match="readable JSON"):
        artefacts.load(copy)


def test_unknown_inputs_are_refused(copy):
    card = json.loads((copy / "card.json").read_text())
    card["targets"]["ttft_ms"]["inputs"][0] = "moon_phase"
    change_card(copy, targets=card["targets"])
    with pytest.raises(BadArtefact, match="moon_phase"):
        artefacts.load(copy)


def test_path_that_leaves_the_folder_is_refused(copy, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("x")
    change_card(copy, files={"../outside.txt": artefacts._sha256(outside)})
    with pytest.raises(BadArtefact, match="missing or changed"):
        artefacts.load(copy)


def test_a_set_survives_saving_and_loading(copy, tmp_path):
    before = Predictor.load().card
    card = artefacts.save(artefacts.load(copy), tmp_path / "again")
    tables = {name for name in before["files"] if name.endswith(".parquet")}
    for name in tables:  # other versions of Arrow pack them in another way
        first, again = (pd.read_parquet(f / name) for f in (copy, tmp_path / "again"))
        pd.testing.assert_frame_equal(first, again)
    made = {k for k in card["files"] if k.endswith(artefacts.ARRAYS)}
    assert {k: v for k, v in card["files"].items() if k not in tables | made} == {
        k: v for k, v in before["files"].items() if k not in tables | made
    }
    boosters = {k for k in card["files"] if k.endswith(".txt") and k != artefacts.SPREAD
                and BLIND.strip("/") not in k.split(".")}  # fmt: skip
    assert {k.removesuffix(artefacts.ARRAYS) for k in made} == boosters
    artefacts.load(tmp_path / "again")


def test_a_target_that_was_never_measured_is_calibrated_physics(tmp_path):
    shipped = artefacts.load()
    none = {"batch_latency_s", f"batch_latency_s{BLIND}"}
    bare = replace(
        shipped, knowledge=None, devices=shipped.devices | {"batch_latency_s": []},
        members={k: v for k, v in shipped.members.items() if k not in none},
    )  # fmt: skip
    card = artefacts.save(bare, tmp_path / "set")
    assert card["targets"]["batch_latency_s"] == {"inputs": [], "members": []}
    ours = artefacts.load(tmp_path / "set")
    assert ours.members.keys() == shipped.members.keys() - none
    batch: dict[str, Any] = {
        "hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
        "batch_size": 4, "input_len": 512, "output_len": 64,
    }  # fmt: skip
    server = {k: v for k, v in batch.items() if k != "batch_size"} | {"concurrency": 4}
    found: list[Any] = [guide_ml.predict(**asked, predictor=p, level=None)
             for asked in (batch, server) for p in (Predictor(ours), Predictor(shipped))]
    assert found[0].batch_latency_s != found[1].batch_latency_s
    assert found[0].batch_latency_s > 0
    assert found[0].explain()
    assert found[2].tpot_ms == found[3].tpot_ms
    odd = {"inputs": [], "members": [], "devices": ["nvidia-l4-24gb"]}
    change_card(tmp_path / "set", targets=card["targets"] | {"ttft_ms": odd})
    with pytest.raises(BadArtefact, match="must have inputs and members"):
        artefacts.load(tmp_path / "set")
