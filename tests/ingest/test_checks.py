from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from guide_ml.ingest.checks import DUPLICATE, Findings, inspect, keys
from guide_ml.ingest.rows import COLUMNS, FAULT
from guide_ml.table.read import DESCRIPTORS

TIME_S = 0.060 + 127 * 0.012
RUN: dict[str, Any] = {
    "source": "here", "source_ref": "run.json#0123456789ab:1", "hardware": "nvidia-h100-sxm-80gb",
    "model": "meta-llama/Llama-2-7b-hf", "framework": "vllm", "num_devices": 2.0, "tp": 2.0,
    "weight_dtype": "bf16", "mode": "closed", "concurrency": 16.0, "num_requests": 160.0,
    "input_len": 512.0, "output_len": 128.0, "ttft_ms": 60.0, "tpot_ms": 12.0,
    "output_tok_s": 16 * 128 / TIME_S,
}  # fmt: skip
NEXT = RUN | {"source_ref": "run.json#0123456789ab:2"}


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=[*COLUMNS, FAULT])


def found(*rows: dict[str, Any], stored: pd.DataFrame | None = None) -> Findings:
    known = table() if stored is None else stored
    return inspect(table(*rows), known, table())


def test_a_sound_new_row_passes_all_checks() -> None:
    result = found(RUN)
    assert result.check.tolist() == [""]
    assert result.reason.tolist() == [""]
    assert result.unused.tolist() == [""]


@pytest.mark.parametrize(
    ("change", "check", "told"),
    [
        ({FAULT: "25% of the requests failed"}, "as read", "25%"),
        ({"num_requests": 0.0}, "as read", "no request was completed"),
        ({"ttft_ms": None, "tpot_ms": 0.0, "output_tok_s": 0.0}, "as read", "nothing was measured"),
        ({"ttft_ms": 0.06, "output_tok_s": None}, "units", "seconds"),
        ({"tpot_ms": 0.012, "output_tok_s": None}, "units", "seconds"),
        ({"output_tok_s": RUN["output_tok_s"] / 2}, "units", "per device"),
        ({"tpot_ms": 1.0, "output_tok_s": None}, "roofline floor", "hardware allows"),
        ({"concurrency": 64.0, "num_requests": 640.0}, "Little's law", "16 requests in flight"),
        ({"ttft_median_ms": 9.0, "ttft_p99_ms": 8.0}, "consistency", "99th percentile"),
        ({"hardware": "abacus"}, "schema", "unknown hardware"),
        ({"model": "parrot"}, "schema", "unknown model"),
        ({"tp": 4.0}, "schema", "tp . pp . dp must not exceed"),
        ({"concurrency": None}, "schema", "mode closed needs concurrency"),
        ({"ttft_ms": -3.0}, "roofline floor|schema", "below|out of range"),
        ({"ttft_ms": None, "tpot_ms": None, "output_tok_s": None}, "schema", "no target"),
    ],
)
def test_a_bad_row_fails_one_check_with_its_reason(
    change: dict[str, Any], check: str, told: str
) -> None:
    result = found(RUN | change, NEXT)
    assert result.check.str.fullmatch(check).tolist() == [True, False]
    assert result.reason.str.contains(told).tolist() == [True, False]
    assert result.check.iloc[1] == ""  # one bad row costs that row only


def test_open_flagged_and_disaggregated_rows_are_kept_and_named() -> None:
    paced = RUN | {"mode": "open", "concurrency": None, "request_rate_rps": 4.0}
    flagged = NEXT | {"flags": "partial-offload", "tpot_ms": 0.5}
    split = NEXT | {"mode": "disagg", "source_ref": "run.json#0123456789ab:3"}
    result = found(paced, flagged, split)
    assert result.check.tolist() == ["", "", ""]
    assert result.unused.str.startswith(("mode is not predicted", "flagged by")).all()


def test_a_row_that_is_stored_is_a_duplicate_whatever_its_file_is_called() -> None:
    again = RUN | {"source_ref": "copy.json#ffffffffffff:7", "source": "there"}
    assert found(again, stored=table(RUN)).check.tolist() == [DUPLICATE]
    assert found(RUN, again).check.tolist() == ["", DUPLICATE]


def test_a_duplicate_is_told_by_content_not_by_spelling_or_rounding() -> None:
    same = RUN | {"ttft_stat": "mean", "ttft_ms": 60.0 + 1e-9, "weight_dtype": "BF16"}
    assert found(same, stored=table(RUN)).check.tolist() == [DUPLICATE]
    other = NEXT | {"ttft_ms": 60.1}
    assert found(other, stored=table(RUN)).check.tolist() == [""]


def test_measurements_elsewhere_count_as_known() -> None:
    assert inspect(table(RUN), table(), table(RUN)).check.tolist() == [DUPLICATE]


def test_the_same_run_under_other_facts_is_a_contradiction() -> None:
    renamed = RUN | {"num_devices": 4.0, "source_ref": "new-name.json#0123456789ab:1"}
    result = found(renamed, stored=table(RUN))
    assert result.check.tolist() == ["contradiction"]
    assert "remove that row first" in result.reason.iloc[0]


@pytest.mark.parametrize(("factor", "check"), [(1.5, ""), (3.0, "contradiction")])
def test_an_equal_deployment_may_not_be_far_from_all_that_is_known(
    factor: float, check: str
) -> None:
    slower = NEXT | {"tpot_ms": 12 * factor, "output_tok_s": None}
    result = found(slower, stored=table(RUN))
    assert result.check.tolist() == [check]
    assert ("tpot_ms 36 is 3 times the 12" in result.reason.iloc[0]) == bool(check)


def test_another_load_version_or_statistic_is_no_contradiction() -> None:
    slow = {"tpot_ms": 120.0, "output_tok_s": None}
    for change in ({"concurrency": 256.0}, {"framework_version": "0.1"}, {"tpot_stat": "p99"}):
        assert found(NEXT | slow | change, stored=table(RUN)).check.tolist() == [""]


def test_references_of_ones_own_may_repeat() -> None:
    """A page's address, with its part after the mark, stands for all rows of that page."""
    page = {"source_ref": "https://example.org/results#table-2"}
    assert found(RUN | page, RUN | page | {"concurrency": None, "mode": "offline"}).check.tolist(
    ) == ["", ""]  # fmt: skip


def test_flagged_rows_contradict_nothing() -> None:
    doubtful = RUN | {"flags": "origin", "tpot_ms": 100.0}
    assert found(NEXT, stored=table(doubtful)).check.tolist() == [""]


def test_keys_tell_rows_apart_and_blank_from_zero() -> None:
    one, two, three = keys(
        table(RUN, RUN | {"context_depth": 0.0}, RUN | {"context_depth": None}), DESCRIPTORS
    )
    assert one == three != two


def test_no_rows_are_no_findings() -> None:
    assert found().check.tolist() == []


def test_the_order_of_the_rows_does_not_matter() -> None:
    """The second is 3 times the first, but the third lies between."""
    steps = [RUN | {"tpot_ms": t, "output_tok_s": None,
                    "source_ref": f"run.json#0123456789ab:{i}"}
             for i, t in enumerate((12.0, 36.0, 20.0))]  # fmt: skip
    assert found(*steps).check.tolist() == ["", "", ""]
    assert found(*steps[:2]).check.tolist() == ["", "contradiction"]
