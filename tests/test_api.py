from __future__ import annotations

import contextlib
import dataclasses
import inspect
import json
import math
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import guide_ml
from guide_ml.api import predict, predict_table
from guide_ml.describe.descriptors import Framework, Hardware
from guide_ml.errors import BadArtefact, DoesNotFit, GuideError, InvalidInput, UnknownName
from guide_ml.simulation.names import OPEN_COLUMNS, POOL_COLUMNS
from guide_ml.table.read import DESCRIPTORS

H100, LLAMA = "nvidia-h100-sxm-80gb", "meta-llama/Llama-3.1-8B-Instruct"
PLACE: dict[str, Any] = {"hardware": H100, "model": LLAMA, "framework": "vllm"}
LENGTHS: dict[str, Any] = {"input_len": 1024, "output_len": 256}
BATCH = PLACE | LENGTHS | {"batch_size": 8}
SERVER = PLACE | LENGTHS | {"concurrency": 16}
METRICS = ("batch_latency_s", "ttft_ms", "tpot_ms", "output_tok_s")


def test_a_batch_has_a_latency_and_is_static() -> None:
    found = predict(**BATCH)
    assert found.workload.mode == "static"
    assert found.batch_latency_s is not None
    assert found.batch_latency_s > 0


def test_a_server_has_ttft_tpot_and_throughput_but_no_batch_latency() -> None:
    found = predict(**SERVER)
    assert found.workload.mode == "closed"
    assert found.batch_latency_s is None
    assert min(found.ttft_ms or 0, found.tpot_ms or 0, found.output_tok_s or 0) > 0


@pytest.mark.parametrize(
    ("mode", "asked", "metric"),
    [("prefill", {"input_len": 512}, "ttft_ms"), ("decode", {"output_len": 64}, "tpot_ms"),
     ("offline", LENGTHS, "output_tok_s")],
)  # fmt: skip
def test_a_phase_alone_needs_only_its_own_length(
    mode: str, asked: dict[str, Any], metric: str
) -> None:
    found = predict(**PLACE, mode=mode, **asked)
    assert getattr(found, metric) > 0
    assert found.batch_latency_s is None


def test_derived_metrics_follow_from_the_predicted_ones() -> None:
    found = predict(**SERVER, num_devices=2)
    assert found.ttft_ms is not None
    assert found.tpot_ms is not None
    assert found.output_tok_s is not None
    assert found.request_latency_s == (found.ttft_ms + 255 * found.tpot_ms) / 1000
    assert found.tok_s_per_user == 1000 / found.tpot_ms
    assert found.tok_s_per_device == found.output_tok_s / 2


def test_metrics_derived_from_what_the_mode_lacks_are_none() -> None:
    found = predict(**PLACE, mode="prefill", input_len=512)
    assert found.request_latency_s is None
    assert found.tok_s_per_user is None
    assert found.tok_s_per_device is None


@pytest.mark.parametrize("asked", [BATCH, SERVER, PLACE | LENGTHS | {"mode": "offline"}])
def test_no_prediction_beats_physics(asked: dict[str, Any]) -> None:
    found = predict(**asked)
    for name in METRICS:
        value, floor = getattr(found, name), found.floors[name]
        assert (value is None) == (floor is None)
        if value is not None and floor is not None:
            within = value <= floor if name == "output_tok_s" else value >= floor
            assert within or math.isclose(value, floor, rel_tol=1e-9)


@pytest.mark.parametrize("asked", [BATCH, SERVER, PLACE | LENGTHS | {"mode": "offline"}])
def test_the_parts_of_the_memory_add_up_to_the_device(asked: dict[str, Any]) -> None:
    m = predict(**asked).memory
    parts = (m.weights_gb, m.kv_cache_gb, m.activations_gb, m.reserved_gb, m.free_gb)
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(m.total_gb)
    assert m.total_gb == pytest.approx(84.93)  # 79.1 GiB: what a program finds
    assert m.fits


def test_a_batch_beyond_the_largest_leaves_no_room_for_one_sequence_more() -> None:
    largest = predict(**SERVER).memory.largest_batch
    crowded = predict(**SERVER | {"concurrency": 4 * largest}).memory
    assert crowded.largest_batch < 4 * largest
    assert crowded.free_gb < crowded.kv_cache_gb / crowded.largest_batch


def test_devices_that_are_not_given_a_layout_share_each_layer() -> None:
    found = predict(**BATCH, num_devices=4)
    assert (found.deployment.tp, found.deployment.dp) == (4, 1)
    assert found.assumed["tp"].startswith("4")


def test_what_was_given_is_not_assumed_and_the_rest_is_told() -> None:
    bare = predict(**{k: v for k, v in BATCH.items() if k != "framework"}).assumed
    assert {"framework", "framework_version", "backend", "weight_dtype", "kv_dtype",
            "spec_method", "mode"} <= set(bare)  # fmt: skip
    full = predict(**BATCH, framework_version="0.6.1", backend="cuda", weight_dtype="fp8",
                   kv_dtype="fp8", spec_method="none", mode="static", tp=1)  # fmt: skip
    assert dict(full.assumed) == {}


def test_an_undatable_version_is_said_to_be_taken_as_the_newest() -> None:
    assumed = predict(**BATCH, framework_version="my fork").assumed
    assert "'my fork' has no known date" in assumed["framework_version"]


def test_llama_cpp_is_assumed_to_serve_four_bit_files() -> None:
    found = predict(**BATCH | {"framework": "llama.cpp"})
    assert found.deployment.weight_dtype == "q4_k_m"
    assert "q4_k_m" in found.assumed["weight_dtype"]


def test_a_prediction_becomes_json_with_the_words_of_a_table() -> None:
    found = predict(**SERVER)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert set(METRICS) < set(told)
    assert told["memory"]["fits"] is True
    assert set(told["deployment"]) == set(DESCRIPTORS) - {"request_rate_rps"}
    assert told["deployment"]["hardware"] == H100
    assert told["assumed"] == found.assumed


def test_a_prediction_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        predict(**BATCH).ttft_ms = 1.0  # type: ignore[misc]


def test_every_descriptor_is_an_argument_by_keyword_only() -> None:
    parameters = inspect.signature(predict).parameters
    assert set(parameters) == {
        *DESCRIPTORS, *OPEN_COLUMNS, *POOL_COLUMNS,
        "level", "predictor", "profile", "accept_unknown",
    }  # fmt: skip
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


def test_numpy_numbers_are_numbers() -> None:
    asked = BATCH | {"batch_size": np.int64(8), "input_len": np.float32(1024)}
    assert predict(**asked).to_dict() == predict(**BATCH).to_dict()


def test_a_warm_prediction_takes_milliseconds() -> None:
    predict(**SERVER)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        predict(**SERVER)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05  # 5 ms on an idle machine


def test_hardware_of_ones_own_counts_with_its_own_figures() -> None:
    slow = Hardware(hardware=H100, memory_gb=80, mem_bw_gbs=300, fp16_tflops=90)
    own, known = predict(**SERVER | {"hardware": slow}), predict(**SERVER)
    assert own.floors["tpot_ms"] > known.floors["tpot_ms"]  # type: ignore[operator]


def test_a_framework_object_brings_version_backend_and_date() -> None:
    engine = Framework(framework="vllm", version="0.6.1", backend="cuda", release_year=2024.7)
    found = predict(**BATCH | {"framework": engine})
    assert found.deployment.framework == engine
    assert not {"framework", "framework_version", "backend"} & set(found.assumed)
    with pytest.raises(InvalidInput, match=r"not both; got '0\.7' and '0\.6\.1'"):
        predict(**BATCH | {"framework": engine}, framework_version="0.7")


@pytest.mark.parametrize("asked", [BATCH, SERVER, PLACE | {"mode": "prefill", "input_len": 300}])
def test_one_prediction_equals_a_tables_to_the_last_bit(asked: dict[str, Any]) -> None:
    others = [BATCH, SERVER, asked, PLACE | LENGTHS | {"mode": "offline"}] * 3
    row = predict_table(pd.DataFrame(others)).iloc[2]
    found = predict(**asked)
    for name in METRICS:
        value = getattr(found, name)
        assert (value is None and math.isnan(row[name])) or value == row[name]


def test_an_offline_engine_split_by_layer_uses_no_more_devices_than_there_are() -> None:
    found = predict(**PLACE | LENGTHS | {"model": "meta-llama/Llama-3.1-405B"}, mode="offline",
                    num_devices=16, pp=16).deployment  # fmt: skip
    assert found.tp * found.pp * found.dp == 16


BAD: list[tuple[dict[str, Any], type[GuideError], str]] = [
    ({"hardware": "nvidia-h100-smx"}, UnknownName, "did you mean h100, nvidia-h100-sxm"),
    ({"model": "meta-llama/Llama-3.1-8"}, UnknownName, "did you mean"),
    ({"framework": "vlm"}, UnknownName, "did you mean vllm"),
    ({"weight_dtype": "fp7"}, InvalidInput, "unknown dtype 'fp7'"),
    ({"kv_dtype": "q4_k_m"}, InvalidInput, "kv_dtype must be one of"),
    ({"concurrency": 4}, InvalidInput, "batch_size .* or concurrency .*, not both"),
    ({"batch_size": None}, InvalidInput, "give mode, or batch_size"),
    ({"mode": "closed", "batch_size": None}, InvalidInput, "closed needs concurrency"),
    ({"tp": 8}, InvalidInput, r"must not exceed num_devices; got 8 on 1"),
    ({"tp": 2, "pp": 4, "num_devices": 4}, InvalidInput, "got 8 on 4"),
    ({"tp": 1.5}, InvalidInput, "tp must be a whole number"),
    ({"num_devices": 0}, InvalidInput, "num_devices must be a whole number from 1"),
    ({"input_len": -1}, InvalidInput, "input_len must be a number from 0 .*; got -1"),
    ({"input_len": 0}, InvalidInput, "input_len must be 1 or more; got 0"),
    ({"output_len": 0}, InvalidInput, "output_len must be 1 or more; got 0"),
    ({"input_len": 1e12}, InvalidInput, r"input_len must be .* to 2e\+07; got 1e\+12"),
    ({"input_len": 10**400}, InvalidInput, "input_len must be a finite number"),
    ({"batch_size": math.nan}, InvalidInput, "batch_size must be a finite number; got nan"),
    ({"batch_size": math.inf}, InvalidInput, "batch_size must be a finite number; got inf"),
    ({"input_len": "512"}, InvalidInput, r"input_len must be a number; got '512' \(str\)"),
    ({"batch_size": True}, InvalidInput, r"batch_size must be a number; got True \(bool\)"),
    ({"batch_size": [1, 2]}, InvalidInput, r"batch_size must be a number; got \[1, 2\] \(list\)"),
    ({"framework_version": 0.6}, InvalidInput, r"framework_version must be text; got 0.6"),
    ({"hardware": 7}, InvalidInput, r"hardware must be a name.*; got 7 \(int\)"),
    ({"model": None}, InvalidInput, "model must be a name"),
    ({"framework": ["vllm"]}, InvalidInput, "framework must be a name or a Framework"),
    ({"hardware": " "}, InvalidInput, "hardware must be a name"),
    ({"input_len": None}, InvalidInput, "input_len must be given"),
    ({"output_len": None}, InvalidInput, "output_len must be given"),
    ({"request_rate_rps": 2.0}, InvalidInput, r"open load.*mode closed.*static, prefill"),
    ({"mode": "open"}, InvalidInput, "mode open takes requests at a rate: give request_rate_rps"),
    ({"mode": "disagg"}, InvalidInput, "takes request_rate_rps or concurrency; got batch_size"),
    ({"mode": "fast"}, InvalidInput, "mode must be one of"),
    ({"ttft_stat": "p42"}, InvalidInput, "ttft_stat must be one of mean, median, p99"),
    ({"hardware": "apple-m4-max-40c"}, InvalidInput, "vllm does not run on this hardware"),
    ({"predictor": 3}, InvalidInput, "predictor must be a Predictor or the folder of one"),
    ({"predictor": "/no/such/folder"}, BadArtefact, "/no/such/folder"),
]


@pytest.mark.parametrize(("change", "kind", "words"), BAD)
def test_bad_input_gets_one_clear_sentence(
    change: dict[str, Any], kind: type[GuideError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        predict(**BATCH | change)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, guide_ml.GuideError)


JUNK: tuple[Any, ...] = (
    None, "", "abc", "8", 0, -1, 3, 0.5, 10**400, math.nan, math.inf, True, [], {}, b"x", 1j,
    np.int64(4), np.bool_(True), pd.NA, object(), "\0", "/", (1,),
)  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(DESCRIPTORS), st.sampled_from(JUNK), min_size=1, max_size=3))
def test_whatever_comes_is_predicted_or_refused(change: dict[str, Any]) -> None:
    with contextlib.suppress(GuideError):
        predict(**BATCH | change)
    try:
        table = pd.DataFrame([BATCH | change])
    except OverflowError:  # pandas before 3 looks at each object as a number first
        table = pd.DataFrame([BATCH | change], dtype=object)
    assert len(predict_table(table, errors="report")) == 1


def test_a_model_that_does_not_fit_is_not_predicted() -> None:
    with pytest.raises(DoesNotFit, match=r"each device of 80 GB is \d+\.\d GB short"):
        predict(**BATCH | {"model": "meta-llama/Llama-3.1-70B-Instruct"})


def test_requests_of_a_static_batch_end_with_it() -> None:
    found = predict(hardware="h100", model="llama-3.1-8b-instruct", framework="vllm", batch_size=8,
                    input_len=512, output_len=128)  # fmt: skip
    assert found.request_latency_s == found.batch_latency_s
