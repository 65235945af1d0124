from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.describe.descriptors import MODES, STATS
from guide_ml.describe.targets import NAMES, TARGETS
from guide_ml.errors import BadData
from guide_ml.features.floors import floors
from guide_ml.measurements.read import (
    KEPT,
    Measurements,
    Values,
    default_folder,
    prepare,
    read_files,
    values,
)  # fmt: skip

FILES = sorted(default_folder().glob("*.parquet"))
FURTHER = {"measured_on", "peak_mem_gb", "power_w"}  # not used yet
#: Settings that no source tells.
UNSTATED = {"enforce_eager", "block_size", "draft_model", "lora_rank", "loras"}
SERVED: dict[str, Any] = {
    "source": "here", "source_ref": "run 1", "hardware": "nvidia-h100-sxm-80gb",
    "model": "meta-llama/Llama-2-7b-hf", "framework": "vllm", "mode": "closed",
    "concurrency": 8.0, "input_len": 512.0, "output_len": 128.0, "ttft_ms": 60.0, "tpot_ms": 12.0,
    "output_tok_s": 640.0,
}  # fmt: skip
BATCH: dict[str, Any] = {
    k: v for k, v in SERVED.items() if k not in ("concurrency", "ttft_ms", "tpot_ms")
} | {"mode": "static", "batch_size": 8.0}


def raw(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows).reindex(columns=list(KEPT))


def prepared(*changes: dict[str, Any]) -> Measurements:
    return prepare(raw(*(SERVED | change for change in changes)))


def reasons(found: Measurements) -> dict[str, int]:
    return dict(zip(found.left_out["reason"], found.left_out["rows"], strict=True))


@pytest.fixture(scope="module")
def shipped() -> Measurements:
    return prepare(read_files())


# The reader


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"flags": "kv-overflow"}, "flagged by its source's page"),
        ({"mode": "open"}, "mode is not predicted (open, disaggregated)"),
        ({"mode": "disagg"}, "mode is not predicted (open, disaggregated)"),
        ({"spec_method": "unknown"}, "speculative decoding unknown"),
        ({"ttft_ms": 0.0}, "ttft_ms out of range"),
        ({"tpot_ms": 1e7}, "tpot_ms out of range"),
        ({"output_tok_s": -1.0}, "output_tok_s out of range"),
        ({"ttft_p99_ms": np.inf}, "ttft_p99_ms out of range"),
        (dict.fromkeys(NAMES, np.nan), "no target was measured"),
        ({"hardware": "abacus"}, "unknown hardware"),
        ({"model": "parrot"}, "unknown model"),
        (
            {"framework": "tensorrt-llm", "backend": "rocm"},
            "tensorrt-llm runs on cuda; got backend 'rocm'",
        ),
        ({"tp": 4.0, "num_devices": 2.0}, "tp * pp * dp must not exceed num_devices; got 4 on 2"),
        ({"concurrency": np.nan}, "mode closed needs concurrency; got none"),
        ({"tpot_ms": 0.5}, "faster than the hardware allows"),  # 13 GB of weights in 0.5 ms
        ({"ttft_ms": 2.0}, "faster than the hardware allows"),  # 7 TFLOP in 2 ms
        ({"output_tok_s": 5e5}, "faster than the hardware allows"),
    ],
)  # fmt: skip
def test_a_row_of_no_use_is_left_out_with_its_reason_and_counted(
    change: dict[str, Any], reason: str
) -> None:
    found = prepared({"weight_dtype": "fp16"}, {"weight_dtype": "fp16"} | change)
    assert reasons(found) == {reason: 1}
    assert len(found.table) == len(found.load.held) == len(found.resolved.errors) == 1


def test_what_is_used_and_what_is_left_out_make_the_whole() -> None:
    found = prepared({}, {"flags": "origin"}, {"flags": "gpus"}, {"mode": "open"}, {})
    assert reasons(found) == {
        "flagged by its source's page": 2, "mode is not predicted (open, disaggregated)": 1,
    }  # fmt: skip
    assert len(found.table) == 2


def test_reasons_are_counted_by_source() -> None:
    found = prepared({"flags": "x"}, {"flags": "x", "source": "there"}, {})
    assert found.left_out.to_dict("list") == {
        "source": ["here", "there"], "reason": ["flagged by its source's page"] * 2, "rows": [1, 1],
    }  # fmt: skip


def test_a_table_of_good_rows_leaves_nothing_out() -> None:
    found = prepared({}, {})
    assert list(found.left_out.columns) == ["source", "reason", "rows"]
    assert len(found.left_out) == 0


def test_rows_keep_their_order_and_get_a_new_index() -> None:
    found = prepared({"ttft_ms": 61.0}, {"flags": "x"}, {"ttft_ms": 63.0})
    assert found.table["ttft_ms"].tolist() == [61.0, 63.0]
    assert found.table.index.tolist() == [0, 1]


def test_targets_are_derived_before_a_row_is_judged() -> None:
    found = prepare(raw(BATCH))
    # 8 requests of 128 tokens at 640 a second
    assert found.table["batch_latency_s"].tolist() == [pytest.approx(8 * 128 / 640)]


def test_speculation_that_was_inferred_is_used() -> None:
    assert len(prepared({"spec_method": "none(inferred)"}).table) == 1


def test_a_csv_and_a_parquet_file_read_the_same(tmp_path: Path) -> None:
    table = raw(SERVED, SERVED | {"tp": 2.0, "num_devices": 2.0})
    table.to_csv(tmp_path / "one.csv", index=False)
    table.to_parquet(tmp_path / "one.parquet")
    one, two = (prepare(read_files(tmp_path / f"one.{kind}")) for kind in ("csv", "parquet"))
    assert one.sha256 == two.sha256
    assert len(one.table) == 2


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        raw(SERVED | {"source": name}).to_parquet(tmp_path / f"{name}.parquet")
    (tmp_path / "notes.txt").write_text("not a table", "utf-8")
    assert read_files(tmp_path)["source"].tolist() == ["a", "b"]


def test_a_row_without_a_source_is_named_after_its_file(tmp_path: Path) -> None:
    raw(SERVED | {"source": None}).to_csv(tmp_path / "lab.csv", index=False)
    assert read_files(tmp_path / "lab.csv")["source"].tolist() == ["lab"]


def test_further_columns_are_dropped_and_absent_ones_are_blank(tmp_path: Path) -> None:
    pd.DataFrame([SERVED | {"weather": "fine"}]).to_csv(tmp_path / "lab.csv", index=False)
    table = read_files(tmp_path / "lab.csv")
    assert list(table.columns) == list(KEPT)
    assert table["tp"].isna().all()


def test_no_file_or_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no measurements at"):
        read_files(tmp_path / "none.parquet")
    with pytest.raises(BadData, match="no measurements at"):
        read_files(tmp_path)


def test_a_file_that_is_no_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(BadData, match=r"bad\.parquet cannot be read as a table"):
        read_files(tmp_path)


def test_a_file_without_a_needed_column_is_told(tmp_path: Path) -> None:
    raw(SERVED).drop(columns=["mode", "model"]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(BadData, match=r"a\.parquet must have the columns model; all are told in"):
        read_files(tmp_path)


# The digest


def test_the_digest_is_of_the_rows_in_use() -> None:
    once, again = prepared({}, {"tp": 1.0}), prepared({}, {"flags": "x"}, {"tp": 1.0})
    assert once.sha256 == again.sha256
    assert len(once.sha256) == 64


def test_the_digest_tells_another_value_and_another_order() -> None:
    found = [
        prepared({}, {"tp": 1.0}), prepared({"tp": 1.0}, {}), prepared({}, {"tp": 2.0}),
        prepared({"ttft_ms": 60.001}, {"tp": 1.0}), prepared({}),
    ]  # fmt: skip
    assert len({m.sha256 for m in found}) == len(found)


# Values in long form


def listed(found: Measurements) -> Counter[tuple[str, str, float]]:
    v = values(found)
    return Counter(
        (NAMES[t], STATS[int(s)], float(x))
        for t, s, x in zip(v.target, v.statistic, v.value, strict=True)
    )


def test_statistics_of_one_run_are_values_of_their_own() -> None:
    found = prepared({
        "ttft_stat": "mean", "ttft_median_ms": 50.0, "ttft_p99_ms": 200.0, "tpot_p99_ms": 30.0,
    })  # fmt: skip
    assert listed(found) == Counter({
        ("ttft_ms", "mean", 60.0): 1, ("ttft_ms", "median", 50.0): 1,
        ("ttft_ms", "p99", 200.0): 1, ("tpot_ms", "mean", 12.0): 1,
        ("tpot_ms", "p99", 30.0): 1, ("output_tok_s", "mean", 640.0): 1,
    })  # fmt: skip


def test_a_median_that_stands_in_two_columns_is_listed_once() -> None:
    found = prepared({"ttft_stat": "median", "ttft_median_ms": 60.0, "tpot_ms": np.nan})
    assert listed(found) == Counter({
        ("ttft_ms", "median", 60.0): 1, ("output_tok_s", "mean", 640.0): 1,
    })  # fmt: skip


def test_a_static_batch_is_listed_by_its_latency_not_by_its_rate_too() -> None:
    found = prepare(raw(BATCH))
    assert found.table["output_tok_s"].tolist() == [640.0]
    assert {name for name, _, _ in listed(found)} == {"batch_latency_s"}


def test_a_figure_that_the_mode_does_not_predict_is_not_listed() -> None:
    offline = {"mode": "offline", "concurrency": np.nan, "num_devices": 1.0}
    assert listed(prepared(offline)) == Counter({("output_tok_s", "mean", 640.0): 1})


def test_values_name_their_row() -> None:
    found = prepared({"ttft_ms": 61.0}, {"ttft_ms": 62.0})
    v = values(found)
    ttft = v.target == NAMES.index("ttft_ms")
    assert dict(zip(v.row[ttft], v.value[ttft], strict=True)) == {0: 61.0, 1: 62.0}


# What is shipped


def test_every_shipped_source_has_its_page() -> None:
    pages = {p.stem for p in (default_folder().parent / "sources").glob("*.md")} - {"README"}
    assert pages == {f.stem for f in FILES}
    assert len(FILES) >= 56


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_shipped_row_says_where_it_comes_from(path: Path) -> None:
    table = pd.read_parquet(path)
    assert set(table.columns) | UNSTATED == set(KEPT) | FURTHER
    assert table["source"].unique().tolist() == [path.stem]
    assert table["source_ref"].fillna("").str.strip().str.len().min() > 0
    assert table["mode"].isin([*MODES, "open", "disagg"]).all()
    assert not table.duplicated().any()


def test_most_shipped_rows_are_used_and_the_rest_is_accounted_for(shipped: Measurements) -> None:
    left = int(shipped.left_out["rows"].sum())
    assert len(shipped.table) + left == sum(len(pd.read_parquet(f)) for f in FILES)
    assert len(shipped.table) > 22_900
    assert (shipped.resolved.errors == "").all()


def test_no_shipped_row_is_left_out_for_a_name_but_a_few(shipped: Measurements) -> None:
    unknown = shipped.left_out["reason"].str.startswith("unknown")
    assert int(shipped.left_out.loc[unknown, "rows"].sum()) <= 25


def test_no_shipped_value_is_beyond_what_its_hardware_allows(shipped: Measurements) -> None:
    bound, v = floors(shipped.load), values(shipped)
    for index, target in enumerate(TARGETS):
        means = (v.target == index) & (v.statistic == 0)
        limit = bound[target.name][v.row[means]]
        beyond = v.value[means] < limit if target.is_time else v.value[means] > limit
        assert means.any()
        assert not beyond.any(), target.name


def test_no_mean_comes_nearer_to_its_floor_than_predictions_may(shipped: Measurements) -> None:
    bound, v = floors(shipped.load), values(shipped)
    for index, target in enumerate(TARGETS):
        means = (v.target == index) & (v.statistic == 0)
        ratio = v.value[means] / bound[target.name][v.row[means]]
        nearest = ratio.min() if target.is_time else ratio.max()
        assert (nearest >= target.attained) == target.is_time
        assert 0.9 < target.attained / nearest < 1.15  # and the bound is not idle


def test_shipped_values_are_positive_and_none_is_listed_twice(shipped: Measurements) -> None:
    v: Values = values(shipped)
    assert np.isfinite(v.value).all()
    assert (v.value > 0).all()
    keys = list(zip(v.row, v.target, v.statistic, strict=True))
    assert len(keys) == len(set(keys))
    assert set(np.unique(v.target)) == set(range(len(TARGETS)))


def test_the_shipped_rows_have_the_same_digest_each_time(shipped: Measurements) -> None:
    assert prepare(read_files()).sha256 == shipped.sha256


def test_the_index_of_sources_counts_their_rows() -> None:
    text = (default_folder().parent / "sources" / "README.md").read_text("utf-8")
    told = {name: int(rows.replace(",", ""))
            for name, rows in re.findall(r"^\| ([\w-]+) \| ([\d,]+) \|", text, re.MULTILINE)}
    assert told == {f.stem: len(pd.read_parquet(f)) for f in FILES}
