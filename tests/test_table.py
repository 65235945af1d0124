from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml import catalogue
from guide_ml.describe.descriptors import Hardware
from guide_ml.errors import InvalidInput
from guide_ml.table.read import DESCRIPTORS, NUMBERS, TEXTS, Definitions, read

ROW: dict[str, Any] = {
    "hardware": "h100", "model": "meta-llama/Llama-2-7b-hf", "framework": "vllm",
    "mode": "closed", "concurrency": 8.0, "input_len": 512.0, "output_len": 128.0,
}  # fmt: skip


def table(*changes: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([ROW | change for change in changes])


def errors(*changes: dict[str, Any]) -> list[str]:
    return list(read(table(*changes)).errors)


def test_a_good_row_has_no_error_and_its_names_are_looked_up() -> None:
    raw = read(table({}))
    assert (raw.n, list(raw.errors)) == (1, [""])
    assert raw.codes["hardware"].objects()[0] is catalogue.hardware("nvidia-h100-sxm-80gb")
    assert raw.numbers["concurrency"].tolist() == [8.0]


def test_every_descriptor_is_a_text_or_a_number() -> None:
    assert set(TEXTS) | set(NUMBERS) == set(DESCRIPTORS)
    assert not set(TEXTS) & set(NUMBERS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hardware": "h1000"}, "unknown hardware 'h1000'; did you mean"),
        ({"model": "llama-9"}, "unknown model 'llama-9'"),
        ({"framework": "vlm"}, "unknown framework 'vlm'; did you mean vllm?"),
        ({"backend": "cudaa"}, "backend must be one of cuda,"),
        ({"mode": "open"}, "mode must be one of static, prefill, decode, closed, offline"),
        ({"weight_dtype": "int3"}, "unknown dtype 'int3'"),
        ({"kv_dtype": "q6_k"}, "kv_dtype must be one of fp16"),
        ({"ttft_stat": "p95"}, "ttft_stat must be one of mean, median, p99; got 'p95'"),
        ({"concurrency": 0.0}, "concurrency must be a number from 0.5 to 1e+06; got 0"),
        ({"concurrency": -4.0}, "concurrency must be a number from 0.5 to 1e+06; got -4"),
        ({"concurrency": np.inf}, "concurrency must be a number from 0.5 to 1e+06; got inf"),
        ({"batch_size": 2e6}, "batch_size must be a number from 1 to 1e+06; got 2e+06"),
        ({"tp": 2.5}, "tp must be a whole number from 1 to 100000; got 2.5"),
        ({"num_devices": 0}, "num_devices must be a whole number from 1 to 100000; got 0"),
        ({"input_len": 1e9}, "input_len must be a number from 0 to 2e+07; got 1e+09"),
        ({"input_len": "long"}, "input_len must be a number; got 'long'"),
        ({"tp": True}, "tp must be a number; got"),
        ({"hardware": ""}, "hardware must be given; the cell is blank"),
        ({"model": None}, "model must be given; the cell is blank"),
        ({"hardware": 7}, "unknown hardware '7'"),
        ({"hardware": ["h100"]}, "unknown hardware "),
    ],
)  # fmt: skip
def test_a_bad_cell_costs_its_own_row_alone(change: dict[str, Any], reason: str) -> None:
    good, bad, last = errors({}, change, {})
    assert (good, last) == ("", "")
    assert bad.startswith(reason)


def test_a_bad_row_changes_no_number_of_another() -> None:
    alone = read(table({"tp": 2.0}))
    beside = read(table({"tp": 2.0}, {"tp": 2.5, "hardware": "none", "concurrency": -1.0}))
    for name, column in alone.numbers.items():
        np.testing.assert_array_equal(column, beside.numbers[name][:1])
    assert np.isnan(beside.numbers["tp"][1])


def test_the_first_thing_wrong_with_a_row_is_told() -> None:
    assert errors({"tp": 2.5, "input_len": -1.0})[0].startswith("tp must be")


@pytest.mark.parametrize("blank", [None, np.nan, pd.NA, "", "  "])
@pytest.mark.parametrize("name", ["framework_version", "weight_dtype", "mode", "ttft_stat"])
def test_a_blank_text_is_not_given(name: str, blank: Any) -> None:
    raw = read(table({name: blank}, {}))
    assert list(raw.errors) == ["", ""]
    assert raw.codes[name].index[0] == -1


@pytest.mark.parametrize("blank", [None, np.nan, pd.NA, "", " ", "nan", "None"])
def test_a_blank_number_is_not_given(blank: Any) -> None:
    raw = read(table({"tp": blank}, {"tp": 2}))
    assert list(raw.errors) == ["", ""]
    np.testing.assert_array_equal(raw.numbers["tp"], [np.nan, 2.0])


def test_a_column_that_is_missing_is_blank_in_every_row() -> None:
    raw = read(table({}, {}))
    assert np.isnan(raw.numbers["tp"]).all()
    assert raw.codes["kv_dtype"].index.tolist() == [-1, -1]


@pytest.mark.parametrize("column", ["hardware", "model"])
def test_without_hardware_or_model_there_is_no_table(column: str) -> None:
    with pytest.raises(InvalidInput, match=f"needs the columns hardware and model; {column} is"):
        read(table({}).drop(columns=column))


def test_a_misspelt_column_is_offered() -> None:
    with pytest.raises(InvalidInput, match="is 'hardwares' meant as hardware"):
        read(table({}).rename(columns={"hardware": "hardwares"}))


def test_numbers_may_be_text_and_text_may_be_categories() -> None:
    text = table({"tp": "2"}, {"tp": " 4 "}).astype({"hardware": "category"})
    raw = read(text)
    assert list(raw.errors) == ["", ""]
    assert raw.numbers["tp"].tolist() == [2.0, 4.0]


@pytest.mark.parametrize("dtype", ["Int64", "float32", "int64[pyarrow]", "string"])
def test_a_column_of_any_number_type_reads_the_same(dtype: str) -> None:
    cells = pd.Series(["1", "2"] if dtype == "string" else [1, 2], dtype=dtype)
    raw = read(table({}, {}).assign(tp=cells))
    assert list(raw.errors) == ["", ""]
    assert raw.numbers["tp"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        ([True, False], "a truth value"),
        (pd.to_datetime(["2025-01-01", "2025-01-02"]), "a date or time"),
        ([1 + 2j, 2 + 0j], "a complex one"),
    ],
)
def test_a_column_that_holds_no_numbers_is_refused_in_every_row(cells: Any, what: str) -> None:
    raw = read(table({}, {}).assign(tp=cells))
    assert list(raw.errors) == [f"tp must be a number; got {what}"] * 2


def test_an_index_with_duplicates_or_gaps_changes_nothing() -> None:
    good = table({"tp": 1}, {"tp": 2.5}, {"tp": 4})
    odd = good.set_axis([7, 7, -1])
    plain, found = read(good), read(odd)
    assert list(plain.errors) == list(found.errors)
    np.testing.assert_array_equal(plain.numbers["tp"], found.numbers["tp"])
    np.testing.assert_array_equal(
        plain.codes["hardware"].objects(), found.codes["hardware"].objects()
    )


def test_a_table_without_rows_reads_as_one() -> None:
    raw = read(table({}).iloc[:0])
    assert (raw.n, len(raw.errors), len(raw.numbers["tp"])) == (0, 0, 0)


def test_the_table_is_left_as_it_was() -> None:
    given = table({"tp": "2", "mode": " Closed"})
    before = given.copy(deep=True)
    read(given)
    pd.testing.assert_frame_equal(given, before)


def test_names_are_told_apart_by_value_not_by_row() -> None:
    raw = read(table({}, {"hardware": "nvidia-l4-24gb"}, {}))
    assert raw.codes["hardware"].index.tolist() == [0, 1, 0]
    assert raw.codes["hardware"].numbers(lambda h: h.memory_gb)[[0, 2]].tolist() == [80.0, 80.0]


def test_a_number_of_a_blank_cell_is_the_one_asked_for() -> None:
    codes = read(table({"spec_method": "mtp"}, {"spec_method": None})).codes["spec_method"]
    assert codes.numbers(lambda s: 3.0, blank=-5.0).tolist() == [3.0, -5.0]
    assert list(codes.objects()) == ["mtp", None]


@pytest.mark.parametrize(
    ("given", "means"),
    [("none(inferred)", "none"), ("mtp(inferred)", "mtp"), ("no", "none"), ("MTP", "mtp")],
)
def test_inferred_speculation_counts_as_what_was_inferred(given: str, means: str) -> None:
    assert read(table({"spec_method": given})).codes["spec_method"].objects()[0] == means


@pytest.mark.parametrize(("given", "means"), [
    ("eagle3-3-1-4", "eagle3"), ("EAGLE", "eagle"), ("deepseek_mtp", "mtp"), ("NEXTN", "mtp"),
    ("draft_model", "draft"), ("prompt_lookup", "ngram"), ("yes", "draft"), ("dflash", "dflash"),
    ("medusa", "medusa"),
])  # fmt: skip
def test_engines_names_for_one_way_to_draft_are_one_way(given: str, means: str) -> None:
    assert read(table({"spec_method": given})).codes["spec_method"].objects()[0] == means


@pytest.mark.parametrize(
    ("given", "meant"), [("nonee", "none"), ("mpt", "mtp"), ("eagel3", "eagle3")]
)
def test_a_misspelt_speculation_is_an_error_that_names_the_nearest(given: str, meant: str) -> None:
    raw = read(table({"spec_method": given}, {}))
    assert raw.errors[1] == ""
    assert f"got '{given}'; did you mean {meant}?" in raw.errors[0]
    assert "spec_method must be none or tell how tokens are drafted (mtp, " in raw.errors[0]


def test_the_median_is_also_the_fiftieth_percentile() -> None:
    assert read(table({"ttft_stat": "p50"})).codes["ttft_stat"].objects()[0] == "median"


def test_an_automatic_kv_cache_has_sixteen_bits() -> None:
    assert read(table({"kv_dtype": "auto"})).codes["kv_dtype"].objects()[0].bits == 16


def test_definitions_come_before_the_catalogue() -> None:
    own = Hardware(hardware="h100", memory_gb=1, mem_bw_gbs=1, fp16_tflops=1)
    raw = read(table({}, {"hardware": "nvidia-l4-24gb"}), Definitions(hardware={"h100": own}))
    assert raw.codes["hardware"].objects()[0] is own
    assert raw.codes["hardware"].objects()[1].memory_gb == 24
