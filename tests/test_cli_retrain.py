"""Commands of retraining: what they hand on, what they print, how they exit."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from guide_ml.cli.main import app
from guide_ml.estimators import artefacts
from guide_ml.registry.versions import Registry
from guide_ml.tracking import monitor as monitoring
from guide_ml.tracking import retrain as retraining
from guide_ml.tracking.gate import COLUMNS, Verdict
from guide_ml.tracking.plan import EXPERIMENT, Plan, Result


def guide(*words):
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture
def registry(new_store, tmp_path):
    found = Registry(new_store)
    for verdict in ("first", "rejected"):
        number = found.register(str(tmp_path), "", None, {"guide.verdict": verdict})
    found.crown("1")
    assert number == "2"
    return found


@pytest.fixture
def asked(monkeypatch):
    """Plans that reach the retraining, which answers at once."""
    plans = []
    row = ["shared", "tpot_ms", "row", 9, 9, 10.0, 8.0, -0.2, -0.3, -0.1, "better"]
    judged = Verdict(True, "better on tpot_ms", pd.DataFrame([row], columns=list(COLUMNS)))
    errors = pd.DataFrame([{"split": "deployment", "target": "tpot_ms", "method": "guide-ml",
                            "rows": 9.0, "median_ape": 8.0, "p90_ape": 20.0}])  # fmt: skip

    def answer(plan, progress):
        plans.append(plan)
        progress(1, 2, "working")
        return Result("2", "2", "abc", "promoted", judged, errors, {"fitting": 1.0})

    monkeypatch.setattr(retraining, "retrain", answer)
    return plans


def test_options_of_retrain_reach_the_plan(asked, tmp_path):
    done = guide("retrain", "--data", "m.parquet", "--no-base", "--trials", 3, "--rounds", 50,
                 "--folds", 4, "--no-shipped", "--learning-curve", "--no-pictures", "--jobs", 1,
                 "--seed", 7, "--experiment", "e", "--tracking-uri", "sqlite:///x.db",
                 "--force", "why")  # fmt: skip
    assert done.exit_code == 0, done.output
    (plan,) = asked
    assert (str(plan.data), plan.base, plan.trials, plan.rounds) == ("m.parquet", False, 3, 50)
    assert (plan.folds, plan.shipped, plan.curve, plan.pictures) == (4, False, True, False)
    assert (plan.jobs, plan.seed, plan.experiment, plan.force) == (1, 7, "e", "why")
    assert plan.tracking_uri == "sqlite:///x.db"


def test_defaults_of_the_command_are_those_of_the_plan(asked):
    assert guide("retrain").exit_code == 0
    assert asked == [Plan()]
    assert Plan().experiment == EXPERIMENT


def test_retrain_prints_errors_and_verdict_as_tables_or_json(asked):
    text = guide("retrain").output
    for word in ("challenger against champion", "better", "-30.0 to -10.0", "promoted"):
        assert word in text
    found = json.loads(guide("retrain", "--json").stdout)
    assert found["verdict"] == "promoted"
    assert found["comparisons"][0]["finding"] == "better"


def test_tables_of_retraining_break_no_word(asked, registry, new_store, monkeypatch):
    for words in (["retrain"], ["models", "list", "--tracking-uri", new_store]):
        known = set(told(words, "2000", monkeypatch))
        for columns in ("60", "80", "120"):
            assert set(told(words, columns, monkeypatch)) <= known


def told(words, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    done = guide(*words)
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.split("Left out")[0].splitlines()
             if set(line) - {"-", " "}]  # fmt: skip
    assert all(len(line) <= int(columns) for line in lines)
    return " ".join(lines).split()


@pytest.mark.parametrize(("verdict", "code"), [("fine", 0), ("calibrate", 10), ("retrain", 20)])
def test_monitor_exits_as_schedulers_read_it(verdict, code, monkeypatch):
    report = SimpleNamespace(to_dict=lambda: {
        "verdict": verdict, "reason": "so", "run_id": "", "targets": [], "groups": [], "drift": [],
    })  # fmt: skip
    monkeypatch.setattr(monitoring, "monitor", lambda watch: report)
    assert guide("monitor", "--data", "x.parquet").exit_code == code
    assert guide("monitor", "--data", "x.parquet", "--json").exit_code == code


def test_monitor_refuses_an_absurd_level_with_status_2():
    done = guide("monitor", "--data", "x.parquet", "--level", 90)
    assert done.exit_code == 2
    assert "level must be between 0 and 1; got 90" in done.output


def test_models_are_listed_promoted_and_rolled_back(registry):
    uri = ("--tracking-uri", registry.uri)
    listed = json.loads(guide("models", "list", "--json", *uri).stdout)
    assert [(v["version"], v["champion"]) for v in listed] == [("2", False), ("1", True)]
    refused = guide("models", "promote", 2, *uri)
    assert refused.exit_code == 2
    assert "must have passed the gate" in refused.output
    assert "Traceback" not in refused.output
    assert guide("models", "promote", 2, "--force", "known better", *uri).exit_code == 0
    assert "known better" in guide("models", "list", *uri).output
    assert json.loads(guide("models", "rollback", "--json", *uri).stdout)["version"] == "1"
    assert guide("models", "rollback", *uri).exit_code == 2


def test_use_writes_a_version_to_a_folder_that_predict_takes(registry, tmp_path, monkeypatch):
    shipped = artefacts.default_folder()
    monkeypatch.setattr("guide_ml.registry.versions.download", lambda *_: shipped)
    done = guide("models", "use", "champion", "--out", tmp_path / "set", "--json",
                 "--tracking-uri", registry.uri)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["version"] == "1"
    ours = artefacts.load(tmp_path / "set").card["files"]
    assert ours == artefacts.load().card["files"]  # hash by hash


def test_commands_that_read_a_store_make_none(tmp_path):
    uri = f"sqlite:///{tmp_path}/absent.db"
    for words in (("list",), ("promote", 1), ("rollback",), ("use", "champion")):
        done = guide("models", *words, "--tracking-uri", uri)
        assert done.exit_code == 2
        assert "guide retrain" in done.output
    assert list(tmp_path.iterdir()) == []


def test_monitor_looks_at_the_data_before_it_asks_for_a_champion(tmp_path):
    uri = ("--tracking-uri", f"sqlite:///{tmp_path}/absent.db")
    done = guide("monitor", "--data", tmp_path / "absent.csv", *uri)
    assert (done.exit_code, "no measurements at" in done.output) == (2, True)
    (tmp_path / "bad.csv").write_text("hardware,model,framework,mode\nh100,x,vllm,static\n")
    done = guide("monitor", "--data", tmp_path / "bad.csv", *uri)
    assert (done.exit_code, "no target was measured: 1" in done.output) == (2, True)
    assert not (tmp_path / "absent.db").exists()


def test_what_could_not_be_compared_is_blank_in_tables_and_null_in_json(asked, monkeypatch):
    row = ["shared", "ttft_ms", "row", 2, 2, 10.0, 8.0, *[float("nan")] * 3, "too few"]
    judged = Verdict(False, "nowhere better", pd.DataFrame([row], columns=list(COLUMNS)))
    errors = pd.DataFrame([{"split": "model", "median_ape": float("nan")}])
    result = Result("1", "1", "abc", "rejected", judged, errors, {})
    monkeypatch.setattr(retraining, "retrain", lambda plan, progress: result)
    text = guide("retrain").output
    assert "too few" in text
    assert "nan" not in text
    found = json.loads(guide("retrain", "--json").stdout, parse_constant=pytest.fail)
    assert found["comparisons"][0]["change"] is None
    assert found["errors"][0]["median_ape"] is None


def test_targets_without_measured_values_are_told(asked, monkeypatch):
    result = retraining.retrain(Plan(), lambda *step: None)
    monkeypatch.setattr(retraining, "retrain",
                        lambda plan, progress: replace(result, sparse={"batch_latency_s": 0}))
    done = guide("retrain", "--json", "--no-pictures")
    assert "batch_latency_s has 0 measured values: it leans on calibrated" in done.output
    assert json.loads(done.stdout)["sparse"] == {"batch_latency_s": 0}
