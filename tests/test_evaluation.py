from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guide_ml.describe.descriptors import MODES
from guide_ml.measurements.evaluation import (
    FEW_GROUPS,
    FOLDS,
    METRICS,
    NEVER,
    SPLITS,
    by,
    errors,
    folds,
    groups,
    summary,
)  # fmt: skip
from guide_ml.measurements.read import KEPT, Measurements, prepare, read_files

ROW: dict[str, Any] = {
    "source": "here", "hardware": "nvidia-h100-sxm-80gb", "model": "meta-llama/Llama-2-7b-hf",
    "framework": "vllm", "mode": "closed", "concurrency": 8.0, "input_len": 512.0,
    "output_len": 128.0, "num_devices": 1.0, "ttft_ms": 60.0,
}  # fmt: skip


def measured(*changes: dict[str, Any]) -> Measurements:
    table = pd.DataFrame([ROW | change for change in changes]).reindex(columns=list(KEPT))
    found = prepare(table)
    assert len(found.table) == len(changes)
    return found


def together(split: str, *changes: dict[str, Any]) -> bool:
    """Tell whether rows must not be split apart."""
    return len(set(groups(measured({}, *changes), split))) == 1


# Groups


def test_a_random_split_tells_all_rows_apart() -> None:
    assert sorted(groups(measured({}, {}, {}), "random")) == ["0", "1", "2"]


def test_a_random_split_keeps_copies_of_one_run_together() -> None:
    copies = [{"source": "aiconfigurator-silicon"}, {"source": "inferencex-dsr1"}]
    other = {"source": "inferencex-dsr1", "concurrency": 64.0}
    first, second, third = groups(measured(*copies, other), "random")
    assert first == second
    assert first != third


@pytest.mark.parametrize(
    "change", [{"concurrency": 64.0}, {"input_len": 100.0}, {"source": "there"}, {"tp": 1.0}]
)
def test_a_deployment_is_one_at_any_load_and_in_any_source(change: dict[str, Any]) -> None:
    assert together("deployment", change)


@pytest.mark.parametrize(
    "change",
    [
        {"hardware": "nvidia-l4-24gb"}, {"model": "meta-llama/Llama-3.1-8B"},
        {"framework": "sglang"}, {"num_devices": 2.0},
    ],
)  # fmt: skip
def test_another_device_model_engine_or_count_is_another_deployment(
    change: dict[str, Any],
) -> None:
    assert not together("deployment", change)


def test_checkpoints_of_one_architecture_are_one_model() -> None:
    assert together("model", {"model": "meta-llama/Llama-2-7b-chat-hf"}, {"framework": "sglang"})
    assert not together("model", {"model": "meta-llama/Llama-3.1-8B"})


def test_a_device_is_itself_however_it_is_spelt() -> None:
    assert together("hardware", {"hardware": "h100"}, {"model": "meta-llama/Llama-3.1-8B"})
    assert not together("hardware", {"hardware": "nvidia-h100-pcie-80gb"})


def test_sources_that_share_runs_are_one_group() -> None:
    pair = [{"source": "aiconfigurator-silicon"}, {"source": "inferencex-dsr1"}]
    assert len(set(groups(measured(*pair), "source"))) == 1
    assert not together("source", {"source": "there"})


def test_sources_of_one_laboratory_are_one_group_but_not_copies_of_runs() -> None:
    pair = [{"source": "llamacpp-dgx-spark"}, {"source": "llamacpp-benches-2026"}]
    assert len(set(groups(measured(*pair), "source"))) == 1
    assert len(set(groups(measured(*pair), "random"))) == 2


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(KeyError, match="vendor"):
        groups(measured({}), "vendor")


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_names_a_group_for_each_row(split: str) -> None:
    assert groups(measured({}, {"source": "there"}), split).shape == (2,)


# Folds


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=60), seed=st.integers(0, 9),
    count=st.integers(2, 12),
)  # fmt: skip
def test_folds_keep_groups_together_and_cover_every_row(
    sizes: list[int], seed: int, count: int
) -> None:
    group = np.repeat([f"g{i}" for i in range(len(sizes))], sizes).astype(object)
    group = np.random.default_rng(seed).permutation(group)
    fold = folds(group, seed, count)
    assert fold.shape == group.shape
    assert all(len(set(fold[group == g])) == 1 for g in set(group))
    few = len(sizes) <= (FEW_GROUPS if count >= FOLDS else count)
    assert set(fold) == set(range(len(sizes) if few else count))


def test_few_groups_get_a_fold_each() -> None:
    group = np.asarray(["b", "a", "b", "c"], dtype=object)
    fold = folds(group)
    assert len(set(fold)) == 3
    assert fold[0] == fold[2]


def test_many_groups_are_spread_evenly() -> None:
    group = np.repeat(np.arange(100), np.arange(1, 101)).astype(str).astype(object)
    sizes = np.bincount(folds(group))
    assert len(sizes) == FOLDS
    # 5050 rows in 5 folds; groups come largest first, so the last and smallest fill the gaps
    assert sizes.max() - sizes.min() <= 5


def test_the_same_seed_gives_the_same_folds_and_another_seed_others() -> None:
    group = np.arange(100).astype(str).astype(object)
    assert folds(group, seed=3).tolist() == folds(group, seed=3).tolist()
    assert folds(group, seed=3).tolist() != folds(group, seed=4).tolist()


def test_folds_go_by_names_not_by_the_order_of_rows() -> None:
    group = np.repeat(np.arange(40).astype(str), 3).astype(object)
    order = np.random.default_rng(0).permutation(len(group))
    assert folds(group)[order].tolist() == folds(group[order]).tolist()


# Errors


def test_errors_are_percentages_of_what_was_measured() -> None:
    found = errors(np.asarray([110.0, 50.0, 300.0, 7.0]), np.asarray([100.0, 100.0, 100.0, 7.0]))
    assert found == pytest.approx([10.0, 50.0, 200.0, 0.0])


def test_a_summary_is_median_mean_ninetieth_percentile_and_share_within_a_fifth() -> None:
    found = summary(np.asarray([0.0, 10.0, 20.0, 30.0, 90.0]))
    assert found == {
        "rows": 5.0, "median_ape": 20.0, "mean_ape": 30.0,
        "p90_ape": pytest.approx(66.0),  # 30 + 0.6 * (90 - 30)
        "within_20": pytest.approx(60.0),  # 0, 10 and 20
    }  # fmt: skip


def test_no_errors_sum_up_to_nothing() -> None:
    found = summary(np.asarray([]))
    assert tuple(found) == METRICS
    assert found["rows"] == 0
    assert all(np.isnan(found[name]) for name in METRICS[1:])


def test_errors_sum_up_within_groups_the_worst_first() -> None:
    frame = pd.DataFrame({"who": ["a", "b", "a", None], "ape": [10.0, 50.0, 30.0, 1.0]})
    found = by(frame, ["who"])
    assert found["median_ape"].tolist() == [50.0, 20.0, 1.0]
    assert found["rows"].tolist() == [1.0, 2.0, 1.0]
    assert found["who"].tolist()[:2] == ["b", "a"]


def test_corners_hold_out_their_rows_and_nothing_else():
    used = prepare(read_files())
    for split in ("dense-served", "small"):
        group = groups(used, split)
        fold = folds(group)
        assert set(fold[group == NEVER]) == {-1}
        held = fold >= 0
        assert 200 < held.sum() < 0.5 * len(held)
        columns = used.resolved.columns
        if split == "small":
            assert columns["m_params_total_b"][held].max() < 4 <= columns["m_params_total_b"][
                ~held
            ].min()
        else:
            assert set(columns["mode"][held]) == {float(MODES.index("closed"))}
            assert not columns["m_num_experts"][held].any()
    assert len(set(groups(used, "framework"))) > 10
