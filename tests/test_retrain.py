"""One real retraining of small data: what it logs, registers, and serves."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml import Predictor, predict_table
from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadData, BadStore, InvalidInput
from guide_ml.registry import store
from guide_ml.registry.versions import CHAMPION, Registry
from guide_ml.tracking.model import EXAMPLE
from guide_ml.tracking.monitor import Watch, monitor
from guide_ml.tracking.past import contender
from guide_ml.tracking.plan import EXPERIMENT, Plan
from guide_ml.tracking.retrain import retrain
from guide_ml.training import held_out
from guide_ml.trees.boosters import hyper_parameters
from tests.tracked import copied

SMALL = Plan(base=False, shipped=False, trials=1, rounds=25, folds=2, jobs=1, pictures=False)


@pytest.fixture(scope="module")
def first(few, template, tmp_path_factory):
    """The first retraining of a store: its plan and result."""
    uri = copied(template, tmp_path_factory.mktemp("tracked"))
    plan = replace(SMALL, data=few, tracking_uri=uri)
    return plan, retrain(plan)


@pytest.fixture(scope="module")
def client(first):
    return store.client(first[0].tracking_uri)


def run_files(client, run_id, folder):
    return {f.path for f in client.list_artifacts(run_id, folder)}


def test_the_first_set_is_champion_and_says_so(first):
    _, result = first
    assert (result.verdict, result.version, result.champion) == ("first", "1", "1")
    assert result.judged.reason == "there is no champion yet"
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["verdict"] == "first"
    assert {e["split"] for e in plain["errors"]} == set(held_out.SPLITS)
    assert held_out.SPLITS == ("random", "deployment", "model", "hardware", "source")


def test_a_run_logs_data_parameters_versions_and_every_error_beside_baselines(first, client):
    _, result = first
    run = client.get_run(result.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["folds"] == "2"
    assert int(run.data.params["tpot_ms/extra/rounds"]) <= 25
    assert len(run.data.tags["guide.data"]) == 64
    assert {"version.lightgbm", "version.python", "mlflow.source.git.commit"} <= set(run.data.tags)
    used = client.get_run(result.run_id).inputs.dataset_inputs[0].dataset
    assert used.digest == run.data.tags["guide.data"][:36]
    sources = {k: v for k, v in run.data.metrics.items() if k.startswith("rows/source/")}
    assert sum(sources.values()) == run.data.metrics["rows/own"] == int(run.data.tags["guide.rows"])
    for name in NAMES:
        for method in ("guide-ml", "calibrated_physics", "nearest_neighbour", "linear"):
            assert run.data.metrics[f"deployment/{name}/{method}/median_ape"] > 0
    assert 0.5 < run.data.metrics["deployment/coverage_90"] <= 1
    assert {"tables/errors.csv", "tables/errors_by_source.csv", "tables/importance.csv",
            "tables/calibration.csv"} <= run_files(client, result.run_id, "tables")  # fmt: skip
    assert {"card.json", "verdict.json", "data.json"} <= run_files(client, result.run_id, "")


def test_each_trial_is_a_nested_run_with_its_score(first, client):
    _, result = first
    number = client.get_experiment_by_name(EXPERIMENT).experiment_id
    nested = client.search_runs([number], f"tags.`mlflow.parentRunId` = '{result.run_id}'")
    assert len(nested) == 2 * len(hyper_parameters())  # one trial and the one in force
    in_force = [r for r in nested if r.data.tags["mlflow.runName"].endswith(" 0")]
    assert {r.data.metrics["score"] for r in in_force} == {1.0}
    assert all("deployment/median_ape" in r.data.metrics for r in in_force)
    assert {r.data.tags["guide.target"] for r in nested} == set(NAMES)


def test_the_registered_model_predicts_what_the_table_predicts_to_the_last_bit(
    first, few, monkeypatch
):
    plan, _ = first
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    predictor = Predictor.from_mlflow("models:/guide@champion", plan.tracking_uri)
    with store.fluent(plan.tracking_uri) as module:
        model = module.pyfunc.load_model("models:/guide@champion")
        asked = pd.read_parquet(few)[["hardware", "model", "framework", "mode", "batch_size",
                                      "concurrency", "input_len", "output_len"]]  # fmt: skip
        asked = asked.astype(dict.fromkeys(asked.columns[4:], float))
        for table in (EXAMPLE, asked):
            ours = predict_table(table, errors="report", predictor=predictor)
            pd.testing.assert_frame_equal(model.predict(table), ours, check_exact=True)
        narrow = model.predict(EXAMPLE, params={"level": 0.5})
        fast = model.predict(EXAMPLE, params={"level": 0.0})
    wide = predict_table(EXAMPLE, predictor=predictor)
    assert (narrow["tpot_ms_high"] < wide["tpot_ms_high"]).all()
    assert list(fast.columns) == list(wide.columns)
    assert fast["tpot_ms_low"].isna().all()
    assert fast["tpot_ms"].equals(wide["tpot_ms"])


def test_the_registered_model_is_code_and_native_files(first):
    plan, _ = first
    with store.fluent(plan.tracking_uri) as module:
        folder = Path(module.artifacts.download_artifacts("models:/guide/1"))
        info = module.models.get_model_info("models:/guide/1")
    files = {p.name for p in folder.rglob("*") if p.is_file()}
    assert not {f for f in files if f.endswith((".pkl", ".pickle"))}
    assert {"served.py", "card.json", "input_example.json", "MLmodel"} <= files
    needed = [c.name for c in info.signature.inputs if c.required]
    assert needed == ["hardware", "model"]
    assert "python_model.pkl" not in (folder / "MLmodel").read_text()


@pytest.mark.slow
def test_the_same_data_and_seed_again_is_no_better_and_is_rejected(first, few):
    plan, before = first
    again = retrain(replace(plan, trials=0, seed=plan.seed))
    assert again.verdict == "rejected"
    assert again.champion == before.champion
    table = again.judged.table
    assert set(table["set"]) == {"shared"}
    assert Registry(plan.tracking_uri).get(CHAMPION).version == "1"
    # The reason for which a rejected version became champion stays with it.
    forced = Registry(plan.tracking_uri).promote(again.version, "a test")
    assert forced.forced == "a test"
    assert Registry(plan.tracking_uri).rollback().version == "1"


def test_a_contender_comes_back_as_it_went_in(first):
    plan, result = first
    registry = Registry(plan.tracking_uri)
    back = contender(registry, registry.get("1"))
    run = store.client(plan.tracking_uri).get_run(result.run_id)
    assert len(back.measured.table) == run.data.metrics["rows/own"]
    assert back.measured.sha256 == back.fitted.card["data_sha256"]
    assert set(back.held["split"]) == set(held_out.SPLITS)
    for split in ("random", "deployment"):
        assert np.isfinite(back.split(split)["error"]).all()


def test_a_registered_set_is_loaded_wherever_a_folder_is(first, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", first[0].tracking_uri)
    asked = EXAMPLE.iloc[:1]
    by_uri = predict_table(asked, predictor="models:/guide/1")
    assert by_uri.equals(predict_table(asked, predictor=Predictor.from_mlflow()))
    assert not by_uri["tpot_ms"].equals(predict_table(asked)["tpot_ms"])


def test_a_store_that_fails_midway_says_so_and_the_next_run_closes_the_record(first, monkeypatch):
    from mlflow.exceptions import MlflowException

    plan, _ = first

    def fail(*_):
        raise MlflowException("no space left")

    monkeypatch.setattr("guide_ml.tracking.log.RunLog.data", fail)
    with pytest.raises(BadStore, match=r"failed midway; the champion is what it was.*no space"):
        retrain(plan)
    assert Registry(plan.tracking_uri).get(CHAMPION).version == "1"


def test_monitoring_of_known_rows_is_fine_and_logged(first, few):
    plan, _ = first
    found = monitor(Watch(few, tracking_uri=plan.tracking_uri))
    assert found.verdict == "fine"
    assert found.drift["psi"].max() == 0
    assert found.known > 300
    assert "were trained on" in found.reason
    run = store.client(plan.tracking_uri).get_run(found.run_id)
    assert run.data.tags["guide.verdict"] == "fine"
    assert run.data.metrics["tpot_ms/median_ape"] > 0


def test_monitoring_tells_a_slow_machine_from_a_wild_one(first, few, tmp_path):
    plan, _ = first
    table = pd.read_parquet(few)
    times = [c for c in table.columns if c.endswith(("_ms", "_s")) and c != "output_tok_s"]
    rng = np.random.default_rng(0)
    factors: dict[str, Any] = {"slow": 4.0, "wild": np.exp(np.abs(rng.normal(0, 2.5, len(table))))}
    verdicts = {}
    for name, factor in factors.items():
        changed = table.copy()
        for column in times:
            changed[column] = changed[column] * factor
        changed["output_tok_s"] = changed["output_tok_s"] / factor
        changed.to_parquet(tmp_path / f"{name}.parquet")
        watch = Watch(tmp_path / f"{name}.parquet", tracking_uri=plan.tracking_uri)
        verdicts[name] = monitor(watch).verdict
    assert verdicts == {"slow": "calibrate", "wild": "retrain"}


@pytest.mark.parametrize(
    ("change", "message"),
    [({"trials": -1}, "trials must be 0 or more; got -1"),
     ({"folds": 1}, "folds must be 2 or more"), ({"jobs": 0}, "jobs must be 1 or more")],
)  # fmt: skip
def test_absurd_plans_are_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        retrain(replace(SMALL, **change))


def test_data_that_cannot_be_learned_from_leaves_no_run_behind(template, tmp_path):
    uri = copied(template, tmp_path)
    with pytest.raises(BadData, match="nothing to learn from"):
        retrain(replace(SMALL, tracking_uri=uri))
    shutil.copy(template, tmp_path / "x.parquet")
    with pytest.raises(BadData, match="cannot be read"):
        retrain(replace(SMALL, tracking_uri=uri, data=tmp_path / "x.parquet"))
    assert store.client(uri).get_experiment_by_name(EXPERIMENT) is None
