"""What users get shows itself in prompts and notebooks, and survives being sent elsewhere."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest

import guide_ml
from guide_ml.errors import BadArtefact
from guide_ml.estimators.predictor import default_predictor

CHAT: dict[str, Any] = {"hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
                        "concurrency": 16, "input_len": 1024, "output_len": 256}  # fmt: skip
ASK: dict[str, Any] = {
    "model": "llama-3.1-8b-instruct", "workload": {"input_len": 512, "output_len": 128},
    "slo": {"tpot_ms": 50}, "constraints": {"hardware": ("l4", "h100"), "frameworks": ("vllm",)},
}  # fmt: skip
RESULTS = ("prediction", "batch", "explanation", "memory", "found", "nothing", "plan", "profile",
           "sweep", "hardware", "model", "deployment", "workload")  # fmt: skip
SHOWN = RESULTS[: RESULTS.index("sweep")]
#: Longest text that a prompt should throw at a reader.
LINES = 60


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    prediction = guide_ml.predict(**CHAT)
    found = guide_ml.search(load={"users": 16}, **ASK)
    runs = pd.DataFrame([CHAT | {"concurrency": c, "tpot_ms": 10.0 + c / 8} for c in (4, 16, 32)])
    return {
        "prediction": prediction,
        "batch": guide_ml.predict(hardware="l40s", model="qwen2.5-7b-instruct", batch_size=8,
                                  input_len=512, output_len=64, level=None),
        "explanation": prediction.explain(), "memory": prediction.memory, "found": found,
        "nothing": guide_ml.search(load={"users": 16}, **(ASK | {"slo": {"ttft_ms": 1}})),
        "plan": found.best, "profile": guide_ml.calibrate(runs),
        "sweep": guide_ml.sweep(over="users", values=(4, 64), load={"users": 4}, **ASK),
        "hardware": prediction.deployment.hardware, "model": prediction.deployment.model,
        "deployment": prediction.deployment, "workload": prediction.workload,
    }  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("columns", ["80", "120"])
def test_a_prompt_shows_few_lines_that_fit(
    results: dict[str, Any], name: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    told = repr(results[name])
    assert told == str(results[name])
    assert len(told.splitlines()) <= LINES
    if name in (*SHOWN, "sweep"):
        assert max(map(len, told.splitlines())) <= int(columns)
    else:
        assert len(told) < 400


@pytest.mark.parametrize("name", RESULTS)
def test_no_note_of_the_catalogue_is_in_a_prompt(results: dict[str, Any], name: str) -> None:
    told = repr(results[name])
    for thing in (results["hardware"], results["model"]):
        assert thing.source not in told


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_gets_html_and_a_summary_tells_more(results: dict[str, Any], name: str) -> None:
    found = results[name]
    assert found._repr_html_().startswith("<div>")
    assert len(found.summary(200)) >= len(found.summary(200).strip()) > 0
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) is not None


def test_a_summary_is_what_the_command_prints(results: dict[str, Any]) -> None:
    told = results["prediction"].summary(80)
    for part in ("deployment", "speed", "how sure", "measured nearby", "memory of a device",
                 "assumed, as it was not given"):  # fmt: skip
        assert part in told.splitlines()


def test_a_sweep_is_a_data_frame_whose_parts_are_plain(results: dict[str, Any]) -> None:
    swept = results["sweep"]
    assert issubclass(type(swept), pd.DataFrame)
    assert type(swept[["users", "usd_h"]]) is pd.DataFrame
    assert type(swept.groupby("hardware").usd_h.sum().to_frame()) is pd.DataFrame
    assert swept.usd_h.is_monotonic_increasing
    assert json.loads(json.dumps(swept.rows(), allow_nan=False))[0]["users"] == 4
    assert "<table>" in swept._repr_html_()
    assert "USD/h" in swept.summary()


def test_a_sweep_that_lost_columns_is_shown_as_any_data_frame(results: dict[str, Any]) -> None:
    swept = copy.deepcopy(results["sweep"])
    del swept["why"]
    plain: Any = pd.DataFrame(swept)
    assert (repr(swept), swept._repr_html_()) == (repr(plain), plain._repr_html_())
    assert swept.summary() == repr(plain)


def test_markup_in_names_is_shown_and_not_run() -> None:
    hostile = "<script>alert('x')</script> & [bold]"
    model = replace(guide_ml.predict(**CHAT).deployment.model, model=hostile)
    found = guide_ml.predict(**(CHAT | {"model": model}))
    page = found._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert hostile in " ".join(repr(found).split())
    plans = guide_ml.search(load={"users": 4}, **(ASK | {"model": model}))
    assert "<script" not in plans._repr_html_()
    assert "<script" not in found.explain()._repr_html_()


def same(name: str, one: Any, other: Any) -> None:
    """Check that a copy says what the original says."""
    assert type(one) is type(other)
    assert repr(one) == repr(other)
    if hasattr(one, "rows"):
        assert one.rows() == other.rows()
    elif hasattr(one, "to_dict"):
        assert one.to_dict() == other.to_dict()
    else:
        assert one == other


@pytest.mark.parametrize("name", RESULTS)
def test_results_survive_pickle_deepcopy_and_joblib(
    results: dict[str, Any], name: str, tmp_path: Path
) -> None:
    given = results[name]
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        same(name, given, pickle.loads(pickle.dumps(given, protocol)))
    same(name, given, copy.deepcopy(given))
    same(name, given, copy.copy(given))
    joblib.dump(given, tmp_path / "it")
    same(name, given, joblib.load(tmp_path / "it"))


def test_a_copy_of_a_prediction_equals_it_and_explains_the_same(results: dict[str, Any]) -> None:
    given = results["prediction"]
    for other in (pickle.loads(pickle.dumps(given)), copy.deepcopy(given), replace(given)):
        assert other == given
        assert other.evidence == given.evidence
        assert other.explain().to_dict() == given.explain().to_dict()
    assert pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(given)))).explain() is not None
    assert len(pickle.dumps(given)) < 50_000  # the trained set does not travel


def test_a_pickled_prediction_of_other_estimators_says_what_to_do() -> None:
    other = guide_ml.Predictor(replace(default_predictor().fitted, card={"artefact_sha256": "f00"}))
    found = guide_ml.predict(**CHAT, predictor=other)
    assert found.explain() is not None
    assert copy.deepcopy(found).explain() is not None  # in the same process nothing is lost
    with pytest.raises(BadArtefact, match=r"call guide_ml\.predict again"):
        pickle.loads(pickle.dumps(found)).explain()


def test_a_pickled_prediction_finds_the_folder_of_its_estimators() -> None:
    from guide_ml.estimators.artefacts import default_folder

    found = guide_ml.predict(**CHAT, predictor=default_folder())
    assert pickle.loads(pickle.dumps(found)).explain().to_dict() == found.explain().to_dict()


def test_predictions_come_back_from_other_processes(results: dict[str, Any]) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(guide_ml.predict, **CHAT).result()
    assert found == results["prediction"]
    assert found.explain().to_dict() == results["explanation"].to_dict()
