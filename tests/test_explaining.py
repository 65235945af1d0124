"""Explanations add up to the prediction, name what is there, and read like sentences."""

from __future__ import annotations

import builtins
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.answers.explanation import PARTS, TITLES
from guide_ml.api import predict, predict_table
from guide_ml.catalogue import model
from guide_ml.errors import InvalidInput
from guide_ml.estimators.predictor import default_predictor
from guide_ml.explaining import picture
from guide_ml.explaining.moved import contributions
from guide_ml.explaining.words import GROUPS, group_of
from guide_ml.physics.inputs import INPUTS
from guide_ml.trees.boosters import BLIND

SERVER: dict[str, Any] = {
    "hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
    "concurrency": 32, "input_len": 1024, "output_len": 256,
}  # fmt: skip
BATCH = SERVER | {"concurrency": None, "batch_size": 8}
CASES: tuple[dict[str, Any], ...] = (
    SERVER, BATCH, SERVER | {"mode": "offline", "concurrency": None},
    {"hardware": "rtx-4090", "model": "qwen2.5-7b-instruct", "framework": "llama.cpp",
     "mode": "decode", "output_len": 64},
    {"hardware": "mi300x", "model": "mistralai/Mixtral-8x7B-v0.1", "mode": "prefill",
     "input_len": 4096, "num_devices": 2},
    SERVER | {"framework_version": "0.8.0"},
)  # fmt: skip
IDS = ("closed", "static", "offline", "decode", "prefill", "unmeasured release")


@pytest.fixture(scope="module")
def explained():
    return predict(**SERVER).explain()


@pytest.mark.parametrize("asked", CASES, ids=IDS)
def test_parts_sum_to_what_was_predicted(asked):
    found = predict(**asked)
    why = found.explain()
    assert why.parts
    for name, parts in why.parts.items():
        assert set(parts) == set(PARTS)
        expected = (1000.0 / why.predicted["output_tok_s"] if name == "time_per_token_ms"
                    else getattr(found, name))  # fmt: skip
        assert math.isclose(sum(parts.values()), expected, rel_tol=1e-9)


@pytest.mark.parametrize("asked", CASES, ids=IDS)
def test_contributions_multiply_to_what_the_estimators_say_of_physics(asked):
    why = predict(**asked).explain()
    for name, moves in why.moved.items():
        said = math.prod(1.0 + m.percent / 100.0 for m in moves) * why.physics[name]
        # Heavier loads may lower a latency, a floor may raise it; throughput follows from
        # latencies, and so do the parts of a static batch.
        follows = name == "output_tok_s" or ("batch_size" in asked and name != "batch_latency_s")
        assert why.predicted[name] <= said * (1 + 1e-5) or follows
        assert why.predicted[name] > 0.5 * said


def test_a_release_that_was_never_measured_gets_half_of_the_correction():
    measured, new = predict(**SERVER).explain(), predict(**CASES[-1]).explain()
    assert (measured.trust, new.trust) == (1.0, 0.5)
    assert "No run of this release" in " ".join(new.text().split())
    assert "No run of this release" not in " ".join(measured.text().split())


@pytest.mark.parametrize(
    ("name", "share"),
    [("mistralai/Mixtral-8x7B-v0.1", 0.25), ("meta-llama/Llama-3.1-8B-Instruct", 1.0)],
    ids=["experts", "dense"],
)
def test_a_mixture_of_experts_that_was_never_measured_gets_a_quarter_of_the_correction(name, share):
    measured = model(name)
    of_its_own = replace(measured, model="own", num_layers=measured.num_layers + 7)
    asked = SERVER | {"num_devices": 2}
    assert predict(**asked | {"model": measured}).explain().trust == 1.0
    assert predict(**asked | {"model": of_its_own}).explain().trust == share


def test_contributions_and_mean_sum_to_what_a_booster_predicts():
    fitted = default_predictor().fitted
    rng = np.random.default_rng(0)
    for name in ("tpot_ms", f"tpot_ms{BLIND}"):
        x = rng.normal(size=(5, len(fitted.inputs[name]))).astype(np.float32)
        for member in fitted.members[name].values():
            found = contributions(member, x)
            assert np.allclose(found.sum(axis=1), member.predict(x), atol=1e-5)
            assert (np.abs(found[:, :-1]) > 1e-4).sum() > 20  # inputs matter, not the mean alone


def test_an_estimator_of_another_kind_puts_all_into_the_mean():
    class Flat:
        def predict(self, x: Any) -> Any:
            return np.full(len(x), 0.3)

        def save(self, path: Any) -> None:
            raise NotImplementedError

    found = contributions(Flat(), np.zeros((2, 3), dtype=np.float32))
    assert found.tolist() == [[0, 0, 0, 0.3]] * 2


def test_every_input_has_a_group_and_every_group_an_input():
    assert {group_of(name) for name in INPUTS} == set(GROUPS)
    for name, group in {"tp": "layout", "hw_release_year": "device", "spec": "engine",
                        "log_m_hidden_size": "model", "one_compute": "bottleneck",
                        "compute": "precision", "log_batch": "load"}.items():  # fmt: skip
        assert group_of(name) == group


def test_a_group_of_an_unmeasured_device_is_never_the_device_itself():
    card = {"hardware": "my-card", "memory_gb": 96, "mem_bw_gbs": 1800, "fp16_tflops": 460}
    why = predict(**SERVER | {"hardware": card}).explain()
    device = [m for m in why.moved["tpot_ms"] if m.group == "device"]
    assert all("my-card" in m.words for m in device)
    assert math.isclose(sum(why.parts["tpot_ms"].values()), why.predicted["tpot_ms"])


def test_variants_are_what_the_table_predicts(explained):
    changes = [dict(v.given) for v in explained.variants]
    base = {k: v for k, v in SERVER.items() if v is not None}
    table = predict_table(pd.DataFrame([base | c for c in changes]), level=None)
    for i, variant in enumerate(explained.variants):
        for name, value in variant.values.items():
            assert math.isclose(table[name].iloc[i], value, rel_tol=1e-9)
            change = 100.0 * (value / explained.predicted[name] - 1.0)
            assert math.isclose(variant.percent[name], change, abs_tol=1e-9)


def test_variants_are_more_load_more_devices_and_narrower_weights(explained):
    given = [set(v.given) for v in explained.variants]
    assert {"concurrency"} in given
    assert {"tp", "num_devices"} in given
    assert {"weight_dtype"} in given


def test_what_is_impossible_is_no_variant():
    heads = predict(**SERVER | {"hardware": "l4", "weight_dtype": "awq-int4", "concurrency": 1})
    words = [v.change for v in heads.explain().variants]
    assert not [w for w in words if "awq" in w or "fp8" in w]
    cramped = predict(**BATCH | {"hardware": "l4", "weight_dtype": "fp8"})
    assert all(v.values["batch_latency_s"] > 0 for v in cramped.explain().variants)


def test_engines_that_split_by_layer_get_one_stage_more():
    why = predict(**CASES[3]).explain()
    assert [v.given["pp"] for v in why.variants if "pp" in v.given] == [2]


def test_what_bounds_decode_of_a_small_batch_is_memory():
    why = predict(hardware="a100-80gb", model="meta-llama/Llama-2-13b-hf", framework="vllm",
                  batch_size=1, input_len=128, output_len=128).explain()  # fmt: skip
    assert why.bounds["decode"] in ("weight_reads", "launch")
    long = SERVER | {"mode": "prefill", "concurrency": None, "input_len": 16384}
    assert predict(**long).explain().bounds == {"prefill": "compute"}


def test_efficiency_is_the_floor_over_the_prediction(explained):
    found = predict(**SERVER)
    assert found.tpot_ms is not None
    assert found.floors["tpot_ms"] is not None
    assert math.isclose(explained.efficiency["tpot_ms"], found.floors["tpot_ms"] / found.tpot_ms)
    assert all(0 < v <= 1 for v in explained.efficiency.values())


def test_the_text_tells_every_part_in_words(explained):
    text = explained.text()
    for heading in ("Where the time goes", "What bounds it", "How efficient it is",
                    "What measurements say beyond physics", "What would change it"):  # fmt: skip
        assert heading in text
    assert TITLES["ttft_ms"] in text
    assert "GB/s" in text
    assert "twice the concurrency (64)" in text
    assert "nan" not in text.lower().split()
    assert "your own measurements" not in text


def words(text):
    """Everything but rules: a table that is narrower says the same in another order."""
    return sorted(word for word in text.split() if set(word) != {"-"})


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_keeps_to_its_width(explained, width):
    lines = explained.text(width).splitlines()
    assert max(map(len, lines)) <= width
    assert words(explained.text(width)) == words(explained.text())


def test_an_explanation_is_plain_values(explained):
    plain = json.loads(json.dumps(explained.to_dict()))
    assert plain["parts"]["ttft_ms"] == explained.parts["ttft_ms"]
    assert plain["variants"][0]["change"] == explained.variants[0].change


def test_only_predictions_that_were_asked_for_are_explained():
    with pytest.raises(InvalidInput, match="must come from"):
        replace(predict(**SERVER), explainer=None).explain()


@pytest.mark.parametrize("kind", [".png", ".svg"])
def test_a_picture_is_written(explained, tmp_path, kind):
    pytest.importorskip("matplotlib")
    path = picture.draw(explained, tmp_path / f"why{kind}", picture.title(predict(**SERVER)))
    start = path.read_bytes()[:200]
    assert start.startswith(b"\x89PNG") or b"<svg" in start or b"<?xml" in start
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_picture_of_a_wrong_kind_or_place_is_refused(explained, tmp_path):
    with pytest.raises(InvalidInput, match="must be a file ending in"):
        picture.draw(explained, tmp_path / "why.txt")
    with pytest.raises(InvalidInput, match="folder of a picture must exist"):
        picture.draw(explained, tmp_path / "none" / "why.png")


def test_a_picture_without_matplotlib_says_what_to_install(explained, tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InvalidInput, match=r"pip install 'guide-ml\[plot\]'"):
        picture.draw(explained, tmp_path / "why.png")
