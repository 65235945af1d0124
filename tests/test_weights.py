"""One laboratory, one voice: what a value counts depends on who measured it, and how often."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guide_ml.describe.targets import NAMES
from guide_ml.measurements.laboratories import LABORATORIES, SAME_RUNS, laboratories
from guide_ml.measurements.read import default_folder
from guide_ml.training.weights import shares, weigh

FILES = {f.stem for f in default_folder().glob("*.parquet")}


def total(lab: list[str], place: list[str]) -> dict[str, float]:
    """Add the weights of one target up by laboratory."""
    labs = np.asarray(lab, dtype=object)
    weight = weigh(labs, np.asarray(place, dtype=object), np.zeros(len(lab), dtype=np.intp))
    return {name: float(weight[labs == name].sum()) for name in sorted(set(lab))}


def test_a_hundred_times_the_values_of_one_deployment_count_three_times() -> None:
    found = total(["big"] * 1000 + ["small"] * 10, ["x"] * 1000 + ["y"] * 10)
    # a sweep counts by the square root of its values, a laboratory by the root of that
    assert found["big"] / found["small"] == pytest.approx(100**0.25)


def test_a_hundred_times_the_deployments_count_ten_times() -> None:
    found = total(["big"] * 100 + ["small"], [f"x{k}" for k in range(100)] + ["y"])
    assert found["big"] / found["small"] == pytest.approx(10.0)


def test_a_sweep_does_not_drown_the_other_deployments_of_its_laboratory() -> None:
    labs = np.asarray(["one"] * 104, dtype=object)
    place = np.asarray(["sweep"] * 100 + ["a", "b", "c", "d"], dtype=object)
    weight = weigh(labs, place, np.zeros(104, dtype=np.intp))
    assert weight[:100].sum() / weight[100] == pytest.approx(10.0)


def test_equal_names_of_deployments_in_two_laboratories_are_two() -> None:
    found = total(["a"] * 4 + ["b"] * 4, ["x"] * 8)
    assert found["a"] == pytest.approx(found["b"])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 3)),
                min_size=1, max_size=40))  # fmt: skip
def test_weights_are_above_zero_and_their_mean_is_one_for_each_target(
    rows: list[tuple[str, str, int]],
) -> None:
    lab, place, target = (np.asarray(x) for x in zip(*rows, strict=True))
    weight = weigh(lab.astype(object), place.astype(object), target)
    assert (weight > 0).all()
    for t in np.unique(target):
        assert weight[target == t].mean() == pytest.approx(1.0)


def test_shares_of_a_target_make_a_hundred_percent() -> None:
    source = np.asarray(["a", "b", "b", "a"], dtype=object)
    target = np.asarray([0, 0, 0, 3])
    found = shares(source, target, np.asarray([1.0, 1.0, 2.0, 5.0]))
    assert found == {"a": {NAMES[0]: 25.0, NAMES[3]: 100.0}, "b": {NAMES[0]: 75.0}}


# Who belongs together


def test_what_belongs_together_is_shipped_and_has_company() -> None:
    assert set(LABORATORIES) <= FILES
    names = list(LABORATORIES.values())
    assert all(names.count(name) > 1 for name in names)
    assert not set(names) & FILES  # the name of a group is no source


def test_sources_that_share_runs_are_one_laboratory() -> None:
    assert SAME_RUNS.items() <= LABORATORIES.items()


@pytest.mark.parametrize("prefix", ["sparecores-", "openvino-llm-igpu", "sglang-cookbook"])
def test_sources_of_one_name_are_one_laboratory(prefix: str) -> None:
    own = [f for f in FILES if f.startswith(prefix)]
    assert len(own) > 1
    assert len(set(laboratories(own))) == 1


def test_a_source_that_is_not_listed_stands_for_itself() -> None:
    assert laboratories(["my-runs", "splitwise-perf-model"]).tolist() == [
        "my-runs", "splitwise-perf-model",
    ]  # fmt: skip
