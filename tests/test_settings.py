"""Settings of engines and machines: cores, drafts, prefix cache; values by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guide_ml.cli.main import app
from guide_ml.describe.settings import RANGES, Settings
from guide_ml.errors import InvalidInput
from guide_ml.features.load import build
from guide_ml.physics.design import Coefficients, drivers
from guide_ml.physics.knobs import KNOBS
from guide_ml.physics.model import Estimate, estimate
from guide_ml.predictions.assumed import assumptions
from guide_ml.table.assume import Resolved, resolve
from guide_ml.table.read import DESCRIPTORS, read
from guide_ml.table.settings import CORE_GBS, SECOND_THREAD
from tests.conftest import USUAL

Deploy = Callable[..., Resolved]
START = {k.name: k.start for k in KNOBS}
#: 96 cores of two threads, 460.8 GB/s.
CPU: dict[str, Any] = {
    "hardware": "amd-epyc-9654", "framework": "llama.cpp", "backend": "cpu",
    "weight_dtype": "q4_k_m", "mode": "decode",
}  # fmt: skip
CORES, THERE_GBS = 96, 460.8


def guessed(found: Resolved) -> Estimate:
    rows = drivers(found.columns, found.names, np.zeros(len(found.errors)))
    return estimate(build(found.columns), Coefficients().knobs(rows))


def same(found: Resolved, one: int = 0, other: int = 1) -> None:
    """Check that two rows are one deployment to the bit."""
    for name, column in found.columns.items():
        np.testing.assert_array_equal(column[one], column[other], err_msg=name)
    for name, texts in found.names.items():
        assert texts[one] == texts[other], name


# Cores


def test_half_of_the_cores_reach_half_of_the_arithmetic(deploy: Deploy) -> None:
    found = deploy(CPU, CPU | {"threads": CORES // 2}, CPU | {"vcpus": CORES})  # two a core
    assert found.columns["cores_share"] == pytest.approx([1, 0.5, 0.5])
    compute = guessed(found).step.compute_s
    assert compute[1:] == pytest.approx(2 * compute[0])


def test_few_cores_draw_what_each_can_and_many_what_the_socket_has(deploy: Deploy) -> None:
    found = deploy(*(CPU | {"threads": n} for n in (2, 8, 48)), CPU)
    drawn = np.asarray([2, 8, 48, CORES]) * CORE_GBS
    reach = (drawn**-3.0 + THERE_GBS**-3.0) ** (-1 / 3) / THERE_GBS
    assert found.columns["core_reach"] == pytest.approx(reach)
    assert found.columns["core_reach"][0] == pytest.approx(2 * CORE_GBS / THERE_GBS, rel=1e-3)
    weights = guessed(found).step.weights_s
    assert weights * reach == pytest.approx(weights[3] * reach[3])


def test_more_threads_than_cores_do_not_exceed_the_socket(deploy: Deploy) -> None:
    found = deploy(*(CPU | {"threads": n} for n in (CORES, 2 * CORES, 4 * CORES)))
    # A second thread adds a little to a core's arithmetic, a third nothing at all.
    most = 1 + SECOND_THREAD
    assert found.columns["cores_share"] == pytest.approx([1, most, most])
    assert (found.columns["core_reach"] < 1).all()
    assert found.columns["cores_used"] == pytest.approx([CORES, most * CORES, most * CORES])


def test_all_cores_are_used_where_nothing_is_said(deploy: Deploy) -> None:
    same(deploy(CPU | {"threads": CORES, "vcpus": 2 * CORES}, CPU))


def test_an_accelerators_host_threads_change_nothing(deploy: Deploy) -> None:
    same(deploy({"threads": 4, "vcpus": 8}, {}))


# Speculation

DECODE: dict[str, Any] = {"mode": "decode", "batch_size": 4, "spec_method": "mtp"}


def test_two_tokens_a_step_halve_the_time_of_one_but_for_the_drafts(deploy: Deploy) -> None:
    found = deploy(*(DECODE | {"draft_tokens": 3, "accept_len": n} for n in (1, 2, 4)))
    guess = guessed(found)
    drafting = 1 + 3 * np.exp(START["draft"])
    assert guess.pace_s == pytest.approx(guess.step.total_s * drafting / [1, 2, 4])
    assert guess.step.total_s[0] == guess.step.total_s[1] == guess.step.total_s[2]
    assert guess.targets["tpot_ms"] == pytest.approx(1e3 * guess.pace_s)


def test_a_step_checks_its_drafts_and_the_token_after_them(deploy: Deploy) -> None:
    load = build(deploy(*(DECODE | {"draft_tokens": n} for n in (1, 3)), DECODE).columns)
    assert load.checked.tolist() == [2, 4, 3]  # two drafts where nothing is said
    assert load.step.attention_s[1] == pytest.approx(2 * load.step.attention_s[0])


def test_drafts_of_an_engine_that_does_not_speculate_change_nothing(deploy: Deploy) -> None:
    plain = {"mode": "decode", "batch_size": 4}
    found = deploy(plain | {"draft_tokens": 5, "accept_len": 3}, plain)
    guess = guessed(found)
    assert guess.pace_s[0] == guess.pace_s[1]
    assert found.columns["drafted"].tolist() == [0, 0]


# Prefix cache


def test_a_prompt_that_is_found_whole_is_a_prefill_of_one_token(deploy: Deploy) -> None:
    row = {"mode": "prefill", "input_len": 1000}
    load = build(deploy(row | {"prefix_hit_rate": 1}, row | {"prefix_hit_rate": 0.75}, row,
                        {"mode": "prefill", "input_len": 1, "context_depth": 999})
                 .columns)  # fmt: skip
    assert load.new.tolist() == [1, 250, 1000, 1]
    gemm = load.one.gemm_s
    head = gemm[0] - (gemm[1] - gemm[0]) / 249  # the output matrix is for one token of each
    assert gemm[2] - head == pytest.approx(4 * (gemm[1] - head))
    # What is found is attended to: as one new token after 999 that are there.
    assert load.one.gemm_s[0] == load.one.gemm_s[3]
    assert load.one.kv_s[0] == pytest.approx(load.one.kv_s[3], rel=1e-3)
    found = guessed(deploy(row | {"prefix_hit_rate": 1}, row)).targets["ttft_ms"]
    assert found[0] < 0.2 * found[1]


def test_nothing_found_is_what_stands_for_a_blank(deploy: Deploy) -> None:
    same(deploy({"prefix_hit_rate": 0}, {}))


def test_steps_after_a_found_prompt_are_those_after_any(deploy: Deploy) -> None:
    row = {"batch_size": 8}
    load = build(deploy(row | {"prefix_hit_rate": 0.9}, row).columns)
    assert load.step.kv_s[0] == load.step.kv_s[1]
    assert load.held[0] == load.held[1]


# Memory


def test_a_share_of_the_memory_is_what_the_engine_plans_with(deploy: Deploy) -> None:
    memory = build(deploy({"memory_share": 0.5}, {"memory_share": 0.9}).columns).memory
    assert memory["kv_budget_byte"][1] - memory["kv_budget_byte"][0] == pytest.approx(0.4 * 85.06e9)
    assert memory["slots"][0] < memory["slots"][1]


# What is refused, and the ways in


def test_every_number_of_the_settings_is_a_descriptor_and_an_option_of_the_command() -> None:
    names = {*Settings.__dataclass_fields__}
    assert {*RANGES, "host", "draft_model"} == names
    assert names <= set(DESCRIPTORS)
    command = next(c for c in app.registered_commands if (c.name or c.callback.__name__)  # type: ignore[union-attr]
                   == "predict")  # fmt: skip
    assert command.callback is not None
    assert names <= set(command.callback.__annotations__)


def settings(name: str, value: Any) -> Settings:
    """Make settings of which one is given."""
    return Settings(**{name: value})


@pytest.mark.parametrize("name", sorted(RANGES))
def test_a_setting_out_of_its_range_is_refused_in_one_sentence(deploy: Deploy, name: str) -> None:
    low, high, whole = RANGES[name]
    kind = "a whole number" if whole else "a number"
    bad, good = deploy({name: high + 1}, {}).errors
    assert bad == f"{name} must be {kind} from {low:g} to {high:g}; got {high + 1:g}"
    assert good == ""
    with pytest.raises(InvalidInput, match=f"settings: {name} must be {kind} from"):
        settings(name, high + 1)
    assert getattr(settings(name, int(high)), name) == int(high)


# What is told of blanks


def told(row: dict[str, Any]) -> dict[str, str]:
    raw = read(pd.DataFrame([USUAL | {"mode": "static"} | row]))
    return assumptions(raw, resolve(raw))


def test_a_host_that_nobody_described_is_told_where_it_has_work() -> None:
    part = {"framework": "llama.cpp", "gpu_layers": 8}
    assert told(part)["host"] == "a desktop machine of 89.6 GB/s"
    for stated in ({"host": "amd-epyc-9654"}, {"host_bandwidth_gbs": 60}, {"gpu_layers": 32}):
        assert "host" not in told(part | stated)


def test_limits_of_an_engine_are_told_where_the_load_meets_them() -> None:
    crowd = {"mode": "closed", "concurrency": 300}
    assert told(crowd)["max_num_seqs"] == "256, what vllm runs together by itself"
    assert told(crowd)["max_num_batched_tokens"] == "2048, what vllm puts into one pass"
    few = told({"mode": "closed", "concurrency": 3})
    assert not {"max_num_seqs", "max_num_batched_tokens"} & set(few)
    assert "max_num_seqs" not in told(crowd | {"max_num_seqs": 256})
