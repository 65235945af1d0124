from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from guide_ml.api import COLUMNS, predict, predict_table
from guide_ml.describe.descriptors import Hardware
from guide_ml.errors import GuideError, InvalidInput

GOOD: dict[str, Any] = {
    "hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm", "batch_size": 8,
    "input_len": 512, "output_len": 128,
}  # fmt: skip
BIG = GOOD | {"model": "meta-llama/Llama-3.1-70B-Instruct"}


def frame(*rows: dict[str, Any], **kwargs: Any) -> pd.DataFrame:
    return pd.DataFrame(list(rows), **kwargs)


def test_the_result_has_its_columns_on_the_same_index() -> None:
    table = frame(GOOD, GOOD, GOOD, index=["a", "b", "a"])
    found = predict_table(table)
    assert tuple(found.columns) == COLUMNS
    assert found.index.equals(table.index)
    assert found["memory_fits"].dtype == bool
    assert found["memory_fits"].all()
    assert (found["error"] == "").all()


def test_an_empty_table_gives_an_empty_result_with_the_same_columns() -> None:
    for table in (pd.DataFrame(), frame(GOOD).iloc[:0]):
        found = predict_table(table)
        assert len(found) == 0
        assert tuple(found.columns) == COLUMNS
        assert (found.dtypes == predict_table(frame(GOOD)).dtypes).all()


def test_the_input_is_left_as_it_was() -> None:
    table = frame(GOOD, BIG | {"batch_size": None}, GOOD | {"mode": "x"})
    before = table.copy(deep=True)
    predict_table(table, errors="report")
    pd.testing.assert_frame_equal(table, before)


def test_blank_cells_and_absent_columns_mean_the_same() -> None:
    absent = predict_table(frame(GOOD))
    blank = predict_table(frame(GOOD | {"tp": np.nan, "weight_dtype": "", "mode": None}))
    pd.testing.assert_frame_equal(absent, blank)


def test_lengths_may_be_left_out_of_a_table() -> None:
    table = frame(GOOD).drop(columns=["input_len", "output_len"])
    assert predict_table(table)["batch_latency_s"].gt(0).all()


def test_further_columns_are_left_alone() -> None:
    table = frame(GOOD | {"price": "two", "label": object()})
    pd.testing.assert_frame_equal(predict_table(table), predict_table(frame(GOOD)))


def test_numbers_as_text_are_read_as_csv_files_have_them() -> None:
    text = {k: str(v) for k, v in GOOD.items()}
    pd.testing.assert_frame_equal(predict_table(frame(text)), predict_table(frame(GOOD)))


def test_a_bad_row_is_named_with_its_reason_and_the_count() -> None:
    table = frame(GOOD, GOOD | {"input_len": -5}, GOOD | {"mode": "open"}, index=["x", "y", "y"])
    with pytest.raises(InvalidInput, match=r"row 'y': input_len .* got -5 \(2 of 3 rows are bad"):
        predict_table(table)


def test_a_bad_row_that_is_reported_costs_no_other_row_anything() -> None:
    bad: list[dict[str, Any]] = [
        {"hardware": "h1000"}, {"tp": 8, "num_devices": 1}, {"concurrency": 2}, {"input_len": -1},
        {"batch_size": "many"}, {"batch_size": True}, {"model": None}, {"hardware": ["h100"]},
        {"mode": "disagg"}, {"batch_size": 10**400}, {"request_rate_rps": 3.0},
    ]  # fmt: skip
    table = frame(*[GOOD | change for change in bad], GOOD)
    found = predict_table(table, errors="report")
    assert (found["error"].iloc[:-1] != "").all()
    assert found.iloc[:-1, :4].isna().all(axis=None)
    assert not found["memory_fits"].iloc[:-1].any()
    alone = predict_table(frame(GOOD))
    assert found[alone.columns].iloc[-1].tolist()[2:] == alone.iloc[0].tolist()[2:]
    assert found["error"].iloc[-1] == ""


def test_a_row_that_does_not_fit_is_no_bad_row() -> None:
    found = predict_table(frame(GOOD, BIG), errors="raise")
    assert found["memory_fits"].tolist() == [True, False]
    assert found.iloc[1, :4].isna().all()
    assert re.search(r"GB short .*num_devices=\d+ with tp=\d+", found["error"].iloc[1])


@pytest.mark.parametrize("table", [None, [GOOD], GOOD, "table.csv", np.zeros((2, 2))])
def test_what_is_no_table_is_refused(table: Any) -> None:
    with pytest.raises(InvalidInput, match="a table must be a pandas DataFrame"):
        predict_table(table)


@pytest.mark.parametrize("errors", ["ignore", None, 1, ["raise"]])
def test_another_way_to_treat_errors_is_refused(errors: Any) -> None:
    with pytest.raises(InvalidInput, match="errors must be 'raise' or 'report'"):
        predict_table(frame(GOOD), errors=errors)


def test_a_needed_column_that_is_missing_concerns_all_rows() -> None:
    with pytest.raises(InvalidInput, match="is 'Model' meant as model"):
        predict_table(frame(GOOD).rename(columns={"model": "Model"}), errors="report")


def test_a_column_that_comes_twice_is_refused() -> None:
    table = pd.concat([frame(GOOD), frame({"batch_size": 4})], axis=1)
    with pytest.raises(InvalidInput, match="each column once; batch_size comes more often"):
        predict_table(table)


def test_a_table_may_name_hardware_and_models_of_ones_own() -> None:
    fields = {"memory_gb": 80, "mem_bw_gbs": 3350, "fp16_tflops": 989}
    mine = Hardware(hardware="mine", **fields)  # type: ignore[arg-type]
    table = frame(GOOD | {"hardware": "mine", "model": "my llama"})
    models = {"my llama": GOOD["model"]}
    by_object = predict_table(table, hardware=[mine], models=models)
    by_name = predict_table(table, hardware={"mine": {"hardware": "x", **fields}}, models=models)
    pd.testing.assert_frame_equal(by_object, by_name)
    with pytest.raises(GuideError, match="unknown hardware 'mine'"):
        predict_table(table, models=models)


def test_an_arrow_table_gives_an_arrow_table() -> None:
    found = predict_table(pa.Table.from_pandas(frame(GOOD)))
    assert isinstance(found, pa.Table)
    assert found.to_pandas().equals(predict_table(frame(GOOD)))


CRAMPED = [
    {"model": "meta-llama/Llama-3.1-405B", "num_devices": 8},
    {"model": "deepseek-ai/DeepSeek-R1", "num_devices": 4, "tp": 1},
    {"hardware": "l4", "model": "Qwen/Qwen2.5-72B"},
    {"hardware": "rtx-4090", "model": "Qwen/Qwen2.5-72B", "framework": "llama.cpp"},
    {"hardware": "l4", "input_len": 500_000},
    {"hardware": "t4", "model": "Qwen/Qwen3-32B", "num_devices": 2},
]


@pytest.mark.parametrize("change", CRAMPED)
def test_what_is_said_to_fit_does(change: dict[str, Any]) -> None:
    reason = predict_table(frame(GOOD | change))["error"].iloc[0]
    layout = re.search(r"num_devices=(\d+) with (tp|pp)=(\d+)", reason)
    narrower = re.search(r"weight_dtype='(\S+)'", reason)
    assert layout or narrower
    if layout:
        devices, kind, size = layout.groups()
        plain = {k: v for k, v in (GOOD | change).items() if k not in ("tp", "pp")}
        assert predict(**plain | {"num_devices": int(devices), kind: int(size)}).memory.fits
    if narrower:
        assert predict(**GOOD | change, weight_dtype=narrower[1]).memory.fits


def test_fewer_devices_than_advised_would_not_do() -> None:
    reason = predict_table(frame(BIG | {"hardware": "l4"}))["error"].iloc[0]
    found = re.search(r"num_devices=(\d+) with tp", reason)
    assert found
    half = int(found[1]) // 2
    assert not predict_table(frame(BIG | {"hardware": "l4", "num_devices": half, "tp": half}))[
        "memory_fits"
    ].any()


def test_where_nothing_would_fit_it_is_said() -> None:
    reason = predict_table(
        frame(GOOD | {"hardware": "nvidia-a16-vgpu-2gb", "model": "moonshotai/Kimi-K2-Instruct"})
    )["error"].iloc[0]
    assert reason.endswith("neither up to 64 devices nor smaller weights alone would do")
