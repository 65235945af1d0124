from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.measurements.derive import complete

COLUMNS = (
    "mode", "batch_size", "input_len", "output_len", "ttft_ms", "tpot_ms", "batch_latency_s",
    "output_tok_s", "total_tok_s",
)  # fmt: skip


def derived(**row: Any) -> dict[str, Any]:
    table = pd.DataFrame([dict.fromkeys(COLUMNS, np.nan) | row])
    return dict(complete(table).iloc[0])


def test_a_prefills_ttft_is_its_tokens_over_their_rate() -> None:
    # 4 prompts of 500 tokens at 10000 a second
    found = derived(mode="prefill", batch_size=4, input_len=500, total_tok_s=10_000)
    assert found["ttft_ms"] == 200


def test_a_decodes_tpot_is_its_batch_over_its_rate() -> None:
    assert derived(mode="decode", batch_size=4, output_tok_s=200)["tpot_ms"] == 20


def test_a_batchs_latency_is_its_tokens_over_their_rate() -> None:
    found = derived(mode="static", batch_size=8, output_len=100, output_tok_s=400)
    assert found["batch_latency_s"] == 2


def test_a_batchs_latency_is_its_first_token_and_the_further_ones() -> None:
    found = derived(mode="static", batch_size=2, output_len=101, ttft_ms=500, tpot_ms=15)
    assert found["batch_latency_s"] == pytest.approx(0.5 + 100 * 0.015)
    assert found["output_tok_s"] == pytest.approx(2 * 101 / 2.0)


def test_a_rate_goes_before_the_sum_of_steps() -> None:
    row = {"batch_size": 1, "output_len": 101, "ttft_ms": 500, "tpot_ms": 15, "output_tok_s": 101}
    assert derived(mode="static", **row)["batch_latency_s"] == 1


def test_a_batch_that_is_not_stated_is_one_request() -> None:
    assert derived(mode="decode", output_tok_s=50)["tpot_ms"] == 20


def test_what_was_measured_is_never_overwritten() -> None:
    row = {"output_len": 100, "output_tok_s": 100, "batch_latency_s": 7, "ttft_ms": 5, "tpot_ms": 3}
    found = derived(mode="static", batch_size=1, **row)
    assert {k: found[k] for k in row} == row


@pytest.mark.parametrize("mode", ["closed", "offline", "open", "decode", "prefill"])
def test_only_a_static_batch_has_a_latency(mode: str) -> None:
    found = derived(mode=mode, batch_size=8, output_len=100, output_tok_s=400, ttft_ms=1)
    assert np.isnan(found["batch_latency_s"])


@pytest.mark.parametrize("rate", [0.0, -5.0, np.inf, np.nan])
def test_nothing_follows_from_an_impossible_rate(rate: float) -> None:
    assert np.isnan(derived(mode="decode", batch_size=4, output_tok_s=rate)["tpot_ms"])


def test_the_table_is_left_as_it_was() -> None:
    table = pd.DataFrame(
        [dict.fromkeys(COLUMNS, np.nan) | {"mode": "decode", "output_tok_s": 50.0}]
    )
    before = table.copy(deep=True)
    complete(table)
    pd.testing.assert_frame_equal(table, before)
