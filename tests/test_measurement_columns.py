"""Settings and figures that rows carry: read, checked, kept; a bad cell costs its row only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.measurements.columns import FIGURES, SETTINGS, TEXTS, faults, numbers
from guide_ml.measurements.read import KEPT, default_folder, prepare, read_files
from guide_ml.table.read import DESCRIPTORS

FILES = sorted(default_folder().glob("*.parquet"))
ROW: dict[str, Any] = {
    "source": "here", "source_ref": "run 1", "hardware": "nvidia-h100-sxm-80gb",
    "model": "meta-llama/Llama-2-7b-hf", "framework": "vllm", "mode": "closed",
    "concurrency": 8.0, "input_len": 512.0, "output_len": 128.0, "ttft_ms": 60.0,
}  # fmt: skip


def read(tmp_path: Path, *changes: dict[str, Any]) -> pd.DataFrame:
    pd.DataFrame([ROW | c for c in changes]).to_csv(tmp_path / "lab.csv", index=False)
    return read_files(tmp_path / "lab.csv")


def reasons(table: pd.DataFrame) -> dict[str, int]:
    left = prepare(table).left_out
    return dict(zip(left["reason"], left["rows"], strict=True))


def test_settings_and_figures_are_kept_as_they_are(tmp_path: Path) -> None:
    told = {"threads": 16, "arrival": "gamma (burstiness=0.7)", "task": "gsm8k", "ubatch": 512,
            "flash_attention": 1, "ttft_p95_ms": 80.5, "achieved_rps": 1.25,
            "doubts": "host-inferred", "power_cap_w": 230}  # fmt: skip
    found = prepare(read(tmp_path, told)).table
    assert len(found) == 1
    assert {k: found[k].iloc[0] for k in told} == told


def test_a_row_with_a_doubt_is_used_and_one_with_a_flag_is_not(tmp_path: Path) -> None:
    table = read(tmp_path, {"doubts": "host-inferred"}, {"flags": "host-unknown"})
    assert prepare(table).table["doubts"].tolist() == ["host-inferred"]
    assert reasons(table) == {"flagged by its source's page": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"draft_steps": 0}, "draft_steps out of range"),
        ({"host_sockets": 1.5}, "host_sockets must be a whole number"),
        ({"flash_attention": 2}, "flash_attention out of range"),
        ({"power_cap_w": -1}, "power_cap_w out of range"),
        ({"ttft_p95_ms": 0}, "ttft_p95_ms out of range"),
        ({"achieved_rps": 1e9}, "achieved_rps out of range"),
        ({"failed_requests": -1}, "failed_requests out of range"),
        ({"arrival": "when they like"}, "unknown arrival"),
        ({"arrival": "gamma (burstiness=)"}, "unknown arrival"),
    ],
)
def test_a_cell_that_cannot_be_meant_costs_its_row_only(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    assert reasons(read(tmp_path, {}, change)) == {reason: 1}


def test_every_setting_and_figure_has_a_lowest_and_a_highest() -> None:
    outside = {**{k: high * 2 + 1 for k, (_, high, _) in SETTINGS.items()},
               **{k: high * 2 for k, (_, high) in FIGURES.items()}}  # fmt: skip
    for name, value in outside.items():
        table = pd.DataFrame([dict.fromkeys((*SETTINGS, *FIGURES), np.nan) | {name: value}])
        table["arrival"] = None
        told = [reason for rows, reason in faults(table) if rows.any()]
        assert (told == [f"{name} out of range"]) == (name not in DESCRIPTORS), name


def test_what_is_no_number_is_named_in_the_row(tmp_path: Path) -> None:
    table = read(tmp_path, {"ubatch": "large"}, {"ubatch": 512})
    assert table["flags"].fillna("").tolist() == ["ubatch is no number", ""]
    assert table["ubatch"].isna().tolist() == [True, False]


def test_a_blank_or_absent_column_is_no_fault() -> None:
    found, broken = numbers(pd.DataFrame({"threads": ["", " ", "8", None]}))
    assert found["threads"].tolist()[2] == 8.0
    assert broken.tolist() == [""] * 4
    assert found["ubatch"].isna().all()


def test_no_column_is_listed_twice() -> None:
    assert len(set(KEPT)) == len(KEPT)
    assert not set(SETTINGS) & set(FIGURES)
    assert not set(TEXTS) & {*SETTINGS, *FIGURES}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_shipped_settings_are_within_their_ranges(path: Path) -> None:
    table = read_files(path)
    assert not table["flags"].fillna("").str.contains("is no number").any()
    told = {reason: int(rows.sum()) for rows, reason in faults(table) if rows.any()}
    assert told == {}
    for name, (low, high, whole) in SETTINGS.items():  # those that table.read checks, too
        value = table[name].dropna()
        assert value.between(low, high).all(), name
        assert not whole or (value % 1 == 0).all(), name


def test_what_was_split_between_gpu_and_host_is_whole() -> None:
    table = read_files()
    split = table[table["gpu_layers"].notna() & table["flags"].fillna("").eq("")]
    assert len(split) > 3_000
    own = split["hardware"].str.startswith(("nvidia", "amd", "intel-arc"))
    assert own.all()
    assert (split["experts_on_cpu"].fillna(0) >= 0).all()
