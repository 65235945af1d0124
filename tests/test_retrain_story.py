"""Longer stories of retraining: the shipped set as champion, more data, the full record."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from guide_ml import Predictor
from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadStore
from guide_ml.estimators import artefacts
from guide_ml.measurements.read import prepare, read_files
from guide_ml.registry import store
from guide_ml.registry.versions import CHAMPION, Registry
from guide_ml.tracking.first import held_out_of
from guide_ml.tracking.held_table import ESTIMATORS
from guide_ml.tracking.plan import Plan
from guide_ml.tracking.retrain import retrain
from guide_ml.training.dataset import build

pytestmark = pytest.mark.slow
SMALL = Plan(base=False, shipped=False, trials=0, rounds=25, folds=2, jobs=1, pictures=False)


def test_the_shipped_set_is_the_first_champion_where_there_is_none(few, new_store):
    """A challenger of few own rows knows those better and all others worse: it is rejected."""
    result = retrain(replace(SMALL, data=few, tracking_uri=new_store, shipped=True))
    assert (result.version, result.champion, result.verdict) == ("2", "1", "rejected")
    assert "worse beyond noise" in result.judged.reason
    assert {"shared", "dropped deployment"} <= set(result.judged.table["set"])
    registry = Registry(new_store)
    assert registry.get(CHAMPION).verdict == "first"
    shipped = Predictor.from_mlflow(tracking_uri=new_store)
    assert shipped.card["files"] == artefacts.load().card["files"]
    assert registry.get(CHAMPION).rows == str(shipped.card["rows"])


def test_what_the_shipped_set_held_out_is_found_again_and_is_as_wrong_as_its_card_says():
    fitted, measured = artefacts.load(), prepare(read_files())
    held = held_out_of(fitted, measured, build(measured))
    part = held[(held["split"] == "deployment") & (held["statistic"] == 0)]
    for name in NAMES:
        mine = part[part["target"] == name]
        ape = 100 * np.abs(np.expm1(mine[ESTIMATORS] - mine["log_measured"]))
        said = fitted.card["held_out_percent"]["deployment"][name]["median_ape"]
        assert np.nanmedian(ape) == pytest.approx(said, abs=0.1)


def test_more_measurements_of_known_deployments_make_a_better_challenger(
    few, new_store, tmp_path
):
    """A champion that learned little from half of the rows, and one from all of them."""
    table = pd.read_parquet(few)
    own = table.index % 2 == 0
    table[own].assign(source="own").to_parquet(tmp_path / "own.parquet", index=False)
    table[~own].to_parquet(tmp_path / "base.parquet", index=False)
    plan = replace(SMALL, tracking_uri=new_store, folds=5)
    first = retrain(replace(plan, data=tmp_path / "base.parquet", rounds=1))
    assert first.verdict == "first"
    second = retrain(replace(plan, data=tmp_path / "own.parquet", base=True, rounds=80,
                             base_path=tmp_path / "base.parquet"))  # fmt: skip
    judged = second.judged.table
    assert (second.verdict, second.champion) == ("promoted", "2"), judged.to_string()
    assert {"shared", "new row", "new deployment"} == set(judged["set"])
    assert "better" in set(judged.loc[judged["set"] == "new row", "finding"])
    registry = Registry(new_store)
    assert registry.get(CHAMPION).followed == "1"
    assert registry.rollback().version == "1"


def test_the_full_record_has_pictures_and_a_learning_curve(few, new_store):
    pytest.importorskip("matplotlib")
    result = retrain(replace(SMALL, data=few, tracking_uri=new_store, rounds=10, curve=True,
                             pictures=True))  # fmt: skip
    client = store.client(new_store)
    drawn = {f.path: f.file_size for f in client.list_artifacts(result.run_id, "pictures")}
    names = ("predicted_measured", "calibration", "importance", "learning_curve", "error_by_source",
             "error_by_hardware", "error_by_framework", "error_by_mode")  # fmt: skip
    assert set(drawn) == {f"pictures/{name}.png" for name in names}
    assert min(drawn.values()) > 5000
    with store.fluent(new_store) as module:
        path = module.artifacts.download_artifacts(
            run_id=result.run_id, artifact_path="tables/learning_curve.csv"
        )
    curve = pd.read_csv(path)
    assert curve["share"].max() == 1.0
    assert set(curve["split"]) <= {"random", "deployment", "model", "hardware"}
    assert curve.groupby(["split", "target"])["rows"].nunique().max() == 1  # the same test rows


def test_a_champion_whose_run_was_deleted_is_replaced_for_a_reason_only(few, new_store):
    first = retrain(replace(SMALL, data=few, tracking_uri=new_store))
    with store.fluent(new_store):
        repository = store.client(new_store)
        root = repository.get_run(first.run_id).info.artifact_uri
    import shutil
    from urllib.parse import urlparse

    shutil.rmtree(urlparse(root).path + "/comparison")
    second = retrain(replace(SMALL, data=few, tracking_uri=new_store))
    assert second.verdict == "rejected"
    assert "cannot be compared with" in second.judged.reason
    third = retrain(replace(SMALL, data=few, tracking_uri=new_store, force="its record is lost"))
    assert (third.verdict, third.champion) == ("forced", third.version)
    assert Registry(new_store).get(CHAMPION).forced == "its record is lost"
    with pytest.raises(BadStore):
        Registry(new_store).get("99")
