from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from guide_ml.describe.descriptors import Hardware
from guide_ml.measurements.plausible import implausible
from guide_ml.measurements.read import prepare, read_files
from guide_ml.table.read import Definitions

SERVED: dict[str, Any] = {
    "hardware": "nvidia-h100-sxm-80gb", "model": "meta-llama/Llama-2-7b-hf", "framework": "vllm",
    "num_devices": 4, "tp": 4, "mode": "closed", "concurrency": 16.0, "num_requests": 160.0,
    "input_len": 512.0, "output_len": 128.0, "ttft_ms": 60.0, "tpot_ms": 12.0,
    "output_tok_s": 16 * 128 / (0.060 + 127 * 0.012),
}  # fmt: skip
BATCH: dict[str, Any] = {
    "hardware": "nvidia-h100-sxm-80gb", "model": "meta-llama/Llama-2-7b-hf", "framework": "vllm",
    "num_devices": 2, "mode": "static", "batch_size": 8.0, "input_len": 512.0, "output_len": 128.0,
    "batch_latency_s": 1.6, "output_tok_s": 640.0, "ttft_ms": 80.0, "tpot_ms": 12.0,
}  # fmt: skip


def reason(row: dict[str, Any]) -> str:
    return str(implausible(pd.DataFrame([row])).iloc[0])


def test_a_run_and_a_batch_that_agree_with_themselves_are_fine() -> None:
    assert reason(SERVED) == ""
    assert reason(BATCH) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ttft_ms": 0.06}, "ttft_ms 0.06 is below .* it looks like seconds .60 ms."),
        ({"tpot_ms": 0.012}, "tpot_ms 0.012 is below .* it looks like seconds .12 ms."),
        ({"ttft_median_ms": 90.0, "ttft_p99_ms": 30.0}, "ttft_median_ms 90 exceeds ttft_p99_ms 30"),
        ({"e2e_ms": 20.0}, "ttft_ms 60 exceeds e2e_ms 20"),
        ({"total_tok_s": 200.0}, "output_tok_s .* exceeds total_tok_s 200"),
        ({"output_tok_s": SERVED["output_tok_s"] / 4}, "4 requests in flight, .*per device"),
        ({"output_tok_s": SERVED["output_tok_s"] / 16}, "1 requests in flight, .*per user"),
        ({"output_tok_s": SERVED["output_tok_s"] * 5}, "80 requests in flight.* all tokens"),
        ({"output_tok_s": SERVED["output_tok_s"] / 128}, "looks like requests a second"),
        ({"ttft_ms": 60e3, "tpot_ms": 12e3}, "tpot_ms 1.2e.04 .*looks like microseconds"),
        ({"ttft_ms": 2.4, "tpot_ms": 3.5}, "Little's law|below"),
        ({"concurrency": 64.0, "num_requests": 640.0}, "16 requests in flight, .*says 64"),
        ({"output_tok_s": 1e7}, "output_tok_s 1e.07 is above"),
    ],
)  # fmt: skip
def test_a_mix_up_of_a_server_run_is_named(change: dict[str, Any], told: str) -> None:
    assert pd.Series([reason(SERVED | change)]).str.contains(told).all(), reason(SERVED | change)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"batch_latency_s": 1600.0}, "batch_latency_s 1.6e.03 is .* looks like milliseconds"),
        ({"output_tok_s": 320.0}, "output_tok_s 320 contradicts .* 640; .*per device"),
        ({"output_tok_s": 80.0}, "output_tok_s 80 contradicts .* 640; .*per user"),
        ({"ttft_ms": 1080.0}, "batch_latency_s 1.6 contradicts TTFT"),
    ],
)
def test_a_mix_up_of_a_fixed_batch_is_named(change: dict[str, Any], told: str) -> None:
    assert pd.Series([reason(BATCH | change)]).str.contains(told).all(), reason(BATCH | change)


def test_the_mode_follows_from_the_load_where_it_is_blank() -> None:
    for row in (SERVED, BATCH):
        blank = {k: v for k, v in row.items() if k != "mode"}
        assert reason(blank) == ""
        assert reason(blank | {"output_tok_s": row["output_tok_s"] / row["num_devices"]})


def test_a_short_run_may_end_on_an_emptying_server() -> None:
    tail = SERVED | {"output_tok_s": SERVED["output_tok_s"] * 0.5}
    assert reason(tail)
    assert reason(tail | {"num_requests": 16.0}) == ""


def test_what_cannot_be_judged_is_left_to_other_checks() -> None:
    assert reason({"hardware": "abacus", "model": "parrot", "ttft_ms": 1e-3}) == ""
    bare = {k: SERVED[k] for k in ("hardware", "model", "concurrency", "ttft_ms")}
    assert reason(bare) == ""
    assert "per device" in reason(
        SERVED | {"hardware": "abacus", "output_tok_s": SERVED["output_tok_s"] / 4}
    )


def test_hardware_of_ones_own_is_judged_by_its_figures() -> None:
    slow = Hardware(hardware="abacus", memory_gb=80, mem_bw_gbs=10, fp16_tflops=1)
    known = Definitions(hardware={"abacus": slow})
    table = pd.DataFrame([SERVED | {"hardware": "abacus"}])
    assert implausible(table, known).str.contains("least that the hardware allows").all()
    assert implausible(table).tolist() == [""]


def test_the_index_is_kept_and_rows_do_not_touch_each_other() -> None:
    table = pd.DataFrame([SERVED, SERVED | {"ttft_ms": 0.06}, BATCH], index=["a", "b", "a"])
    found = implausible(table)
    assert found.index.tolist() == ["a", "b", "a"]
    assert [bool(r) for r in found] == [False, True, False]
    assert len(implausible(table.iloc[:0])) == 0


def test_no_accepted_measurement_of_the_shipped_set_is_doubted() -> None:
    """The limits hold over every row that trains: 53,000 of 52 sources."""
    found = implausible(prepare(read_files()).table)
    assert found[found != ""].tolist() == []


def test_what_the_sources_pages_flag_as_too_fast_or_against_littles_law_is_found() -> None:
    table = read_files()
    flagged = table["flags"].fillna("").str.contains("e2e-inconsistent")
    assert (implausible(table[flagged]) != "").mean() > 0.9
