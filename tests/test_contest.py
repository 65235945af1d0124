"""Champion and challenger meet on values that neither of them was fitted with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.measurements import evaluation
from guide_ml.measurements.read import MEASURED
from guide_ml.tracking.contest import Contender, pairs
from guide_ml.tracking.gather import gather
from guide_ml.tracking.held_table import ESTIMATORS, described, errors_by, keys, metrics


def contender(gathered, level, split_error):
    """A set whose errors are known: `level` for a user's call, `split_error` by split."""
    what = described(gathered.measured, gathered.data)
    held = pd.concat([what.assign(split=split, **{ESTIMATORS: what["log_measured"] + error})
                      for split, error in split_error.items()], ignore_index=True)  # fmt: skip

    class Known(Contender):
        def errors_on(self, other, wanted):
            return np.full(int(wanted.sum()), level)

    unused: Any = None
    return Known(unused, gathered.measured, gathered.data, held)


@pytest.fixture
def two(few, tmp_path):
    """Small data, and the same with a deployment and some rows left out."""
    table = pd.read_parquet(few)
    whole = gather(few, base=False)
    group = evaluation.groups(whole.measured, "deployment")
    names, count = np.unique(group, return_counts=True)
    largest = names[np.argmax(count)]
    part = whole.measured.table.copy()
    keep = (group != largest) & (np.arange(len(part)) % 7 != 0)
    assert len(table) >= len(part)
    part[keep].to_parquet(tmp_path / "part.parquet", index=False)
    return whole, gather(tmp_path / "part.parquet", base=False), str(largest)


def test_each_value_is_compared_in_the_way_that_neither_has_seen_it(two):
    whole, part, largest = two
    champion = contender(part, 1.0, {"random": 2.0, "deployment": 3.0})
    challenger = contender(whole, 4.0, {"random": 5.0, "deployment": 6.0})
    found = pairs(champion, challenger)
    assert len(found) == len(whole.data.values.row)
    assert found["key"].is_unique
    seen = {name: set(map(tuple, p[["champion", "challenger"]].to_numpy().round(6)))
            for name, p in found.groupby("set")}  # fmt: skip
    # shared: both without the deployment; the champion has never seen what only the other has,
    # which holds out the deployment if the champion does not know it, and the row if it does.
    assert seen == {"shared": {(3.0, 6.0)}, "new deployment": {(1.0, 6.0)}, "new row": {(1.0, 5.0)}}
    assert largest in set(found.loc[found["set"] == "new deployment", "deployment"])


def test_values_that_only_the_champion_has_count_too(two):
    whole, part, _ = two
    champion = contender(whole, 1.0, {"random": 2.0, "deployment": 3.0})
    challenger = contender(part, 4.0, {"random": 5.0, "deployment": 6.0})
    found = pairs(champion, challenger)
    seen = {name: set(map(tuple, p[["champion", "challenger"]].to_numpy().round(6)))
            for name, p in found.groupby("set")}  # fmt: skip
    assert seen == {"shared": {(3.0, 6.0)}, "dropped deployment": {(3.0, 4.0)},
                    "dropped row": {(2.0, 4.0)}}  # fmt: skip


def test_values_are_recognised_whatever_their_file_source_or_order(few, tmp_path):
    table = pd.read_parquet(few)
    one = gather(few, base=False)
    other = table.sample(frac=1, random_state=0).assign(source="renamed", source_ref="x")
    other.to_csv(tmp_path / "other.csv", index=False)
    two = gather(tmp_path / "other.csv", base=False)
    first, second = keys(one.measured, one.data), keys(two.measured, two.data)
    assert len(set(first)) == len(first)
    assert set(first) == set(second)


def test_another_figure_is_another_value(few, tmp_path):
    table = pd.read_parquet(few)
    one = gather(few, base=False)
    for column in MEASURED:
        table[column] = table[column] * 1.001
    table.to_parquet(tmp_path / "other.parquet")
    two = gather(tmp_path / "other.parquet", base=False)
    assert not set(keys(one.measured, one.data)) & set(keys(two.measured, two.data))


def test_errors_are_summed_up_for_means_only(few):
    gathered = gather(few, base=False)
    held = contender(gathered, 0.0, {"deployment": np.log(1.5)}).held
    for name in ("calibrated physics", "floor x constant", "nearest neighbour", "linear"):
        held[name] = held["log_measured"]
    found = metrics(held)
    ours = found[found["method"] == ESTIMATORS]
    assert ours["median_ape"].tolist() == pytest.approx([50.0] * len(ours))
    assert ours["rows"].sum() == (held["statistic"] == 0).sum()
    by = errors_by(held, "mode")
    assert by["rows"].sum() == ours["rows"].sum()
    assert by["median_ape"].tolist() == pytest.approx([50.0] * len(by))
