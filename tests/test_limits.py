"""What engines limit by themselves: by device, release and backend, and what a user states."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from guide_ml import catalogue
from guide_ml.describe.backends import BACKENDS
from guide_ml.features.load import build
from guide_ml.table.assume import Resolved

Deploy = Callable[..., Resolved]
RULES = list(csv.DictReader(io.StringIO(
    files("guide_ml.catalogue").joinpath("limits.csv").read_text("utf-8"))))  # fmt: skip


def asked(rule: dict[str, str]) -> tuple[str, str, float, float, str]:
    """Write down when a rule holds, blanks as what fits all."""
    return (rule["framework"], rule["backend"], float(rule["since"] or -math.inf),
            float(rule["below_gb"] or math.inf), rule["device"])  # fmt: skip


def covers(first: dict[str, str], later: dict[str, str]) -> bool:
    """Tell whether an earlier rule leaves a later one nothing to hold for."""
    a, b = asked(first), asked(later)
    return (a[0] == b[0] and a[1] in ("", b[1]) and a[2] <= b[2] and a[3] >= b[3]
            and a[4] in b[4])  # fmt: skip


def test_every_rule_states_its_source_and_limits_something() -> None:
    for rule in RULES:
        assert len(rule["source"].strip()) > 10, rule
        assert rule["framework"] in catalogue.framework_blocks()
        assert rule["backend"] in ("", *BACKENDS)
        told = [rule[name] for name in ("max_num_seqs", "pass_tokens") if rule[name]]
        assert told
        assert all(float(x) >= 1 and float(x) % 1 == 0 for x in told)


def test_rules_are_in_order_and_none_hides_a_later_one() -> None:
    engines = [rule["framework"] for rule in RULES]
    assert engines == sorted(engines, key=engines.index)  # an engine's rules are together
    hidden = [(a["source"], b["source"]) for i, a in enumerate(RULES) for b in RULES[i + 1 :]
              if covers(a, b)]  # fmt: skip
    assert hidden == []


@pytest.mark.parametrize(("row", "sequences", "tokens"), [
    ({"hardware": "nvidia-a100-sxm-80gb"}, 256, 2048),
    ({"hardware": "nvidia-a100-pcie-40gb"}, 256, 2048),
    ({"hardware": "nvidia-h100-sxm-80gb"}, 1024, 8192),
    ({"hardware": "nvidia-l40s-48gb"}, 256, 2048),
    ({"hardware": "nvidia-b200-sxm-180gb"}, 1024, 16_384),
    ({"hardware": "amd-mi300x-192gb"}, 1024, 16_384),
    ({"hardware": "nvidia-gb10-128gb"}, 1024, 2048),
    ({"hardware": "nvidia-h100-sxm-80gb", "framework_version": "0.6.1"}, 256, 8192),
    ({"hardware": "nvidia-h100-sxm-80gb", "framework": "sglang"}, 2048, 8192),
    ({"hardware": "nvidia-l4-24gb", "framework": "sglang"}, 2048, 4096),
    ({"hardware": "nvidia-h200-sxm-141gb", "framework": "lmdeploy"}, 1024, 8192),
    ({"hardware": "nvidia-l40s-48gb", "framework": "lmdeploy"}, 128, 8192),
    ({"hardware": "nvidia-h100-sxm-80gb", "framework": "tensorrt-llm"}, math.inf, 8192),
    ({"hardware": "nvidia-h100-sxm-80gb", "framework": "llama.cpp"}, math.inf, 512),
])  # fmt: skip
def test_an_engines_own_limits_follow_device_and_release(
    deploy: Deploy, row: dict[str, Any], sequences: float, tokens: float
) -> None:
    found = deploy(row)
    assert list(found.errors) == [""]
    assert found.columns["max_seqs"].tolist() == [sequences]
    assert found.columns["pass_tokens"].tolist() == [tokens]


def test_what_is_stated_goes_before_the_engines_own(deploy: Deploy) -> None:
    own = {"max_num_seqs": 7, "max_num_batched_tokens": 333}
    c = deploy(own, {}, {"max_num_seqs": 7}).columns
    assert c["max_seqs"].tolist() == [7, 256, 7]
    assert c["pass_tokens"].tolist() == [333, 2048, 2048]


def test_no_more_sequences_run_together_than_the_limit(deploy: Deploy) -> None:
    loads: list[dict[str, Any]] = [
        {"concurrency": 64}, {"batch_size": 64}, {"mode": "offline", "num_requests": 64},
        {"concurrency": 64, "num_devices": 2, "tp": 1},  # for each of two replicas
    ]  # fmt: skip
    few = build(deploy(*(load | {"max_num_seqs": 8} for load in loads)).columns)
    assert few.held.tolist() == [8, 8, 8, 8]
    free = build(deploy(*loads).columns)
    assert free.held.tolist() == [64, 64, 64, 32]


def test_a_pass_takes_no_more_tokens_than_the_limit(deploy: Deploy) -> None:
    row = {"concurrency": 64, "input_len": 500}
    load = build(deploy(row | {"max_num_batched_tokens": 1000}, row).columns)
    assert load.together == pytest.approx([2, 2048 / 500])
    assert load.one.chunks.tolist() == [1, 1]
    long = build(deploy({"concurrency": 1, "input_len": 4000, "max_num_batched_tokens": 1000},
                        {"concurrency": 1, "input_len": 4000}).columns)  # fmt: skip
    assert long.one.chunks == pytest.approx([4, 4000 / 2048])
    # Each pass reads the weights anew.
    assert long.one.weights_s[0] / long.one.weights_s[1] == pytest.approx(4 * 2048 / 4000)


def test_stating_the_engines_own_limits_changes_nothing(deploy: Deploy) -> None:
    stated = deploy({"max_num_seqs": 256, "max_num_batched_tokens": 2048}, {})
    for name, column in stated.columns.items():
        np.testing.assert_array_equal(column[0], column[1], err_msg=name)
