from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from guide_ml.describe.descriptors import STATS, Hardware
from guide_ml.describe.targets import NAMES, TARGETS
from guide_ml.features.floors import floors
from guide_ml.features.load import Load, build
from guide_ml.physics.design import Coefficients, Drivers, drivers, from_vector, terms
from guide_ml.physics.drivers import GROUPS, by_load, groups, numeric
from guide_ml.physics.fit import Sample, fit, log_estimate
from guide_ml.physics.inputs import INPUTS, MOVED, STATIC, inputs
from guide_ml.physics.knobs import KNOBS
from guide_ml.physics.model import PARTS, either, estimate, quicker
from guide_ml.table.assume import Resolved
from guide_ml.table.read import Definitions

Deploy = Callable[..., Resolved]
START = {k.name: k.start for k in KNOBS}
DEVICES = ("nvidia-h100-sxm-80gb", "nvidia-a100-sxm-80gb", "nvidia-l4-24gb", "amd-mi300x-192gb")
LLAMA_7B, LLAMA_8B = "meta-llama/Llama-2-7b-hf", "meta-llama/Llama-3.1-8B-Instruct"


def moving(found: Resolved, statistic: float = 0.0) -> Drivers:
    return drivers(found.columns, found.names, np.full(len(found.errors), statistic))


def targets(found: Resolved, coefficients: Coefficients | None = None) -> dict[str, Any]:
    knobs = (coefficients or Coefficients()).knobs(moving(found))
    return estimate(build(found.columns), knobs).targets


# Times that overlap


def test_the_first_norm_is_the_sum() -> None:
    assert either(np.asarray(3.0), np.asarray(4.0), 1.0) == pytest.approx(7.0)


def test_the_second_norm_is_the_hypotenuse() -> None:
    assert either(np.asarray(3.0), np.asarray(4.0), 2.0) == pytest.approx(5.0)


def test_the_third_norm_is_the_root_of_the_sum_of_cubes() -> None:
    assert either(np.asarray(3.0), np.asarray(4.0), 3.0) == pytest.approx(91 ** (1 / 3))


def test_a_high_norm_is_the_longer_of_the_two() -> None:
    assert either(np.asarray(3.0), np.asarray(4.0), 200.0) == pytest.approx(4.0)


def test_nothing_beside_a_time_leaves_it_as_it_is() -> None:
    found = either(np.asarray([0.0, 2.0, 0.0]), np.asarray([2.0, 0.0, 0.0]), 3.0)
    assert found == pytest.approx([2.0, 2.0, 0.0])


@given(a=st.floats(1e-9, 1e4), b=st.floats(1e-9, 1e4), sharpness=st.floats(1, 20))
def test_two_times_together_take_between_the_longer_and_the_sum(
    a: float, b: float, sharpness: float
) -> None:
    together = float(either(np.asarray(a), np.asarray(b), sharpness))
    assert max(a, b) * (1 - 1e-9) <= together <= (a + b) * (1 + 1e-9)
    assert together == pytest.approx(float(either(np.asarray(b), np.asarray(a), sharpness)))


# Load never helps

LOADS = st.fixed_dictionaries({
    "hardware": st.sampled_from(DEVICES),
    "model": st.sampled_from([LLAMA_8B, "mistralai/Mixtral-8x7B-v0.1", "google/gemma-2-9b"]),
    "num_devices": st.sampled_from([1, 2, 8]),
    "framework": st.sampled_from(["vllm", "sglang", "hf-transformers"]),
    "weight_dtype": st.sampled_from(["bf16", "fp8", "awq"]),
    # A prompt of a few tokens pays for the output matrix as if it filled the units, and one of a
    # few more pays less, by a tenth of a percent.
    "input_len": st.integers(16, 30_000), "output_len": st.integers(1, 4000),
})  # fmt: skip


def never_lower(
    deploy: Deploy, row: dict[str, Any], name: str, factor: float, target: str
) -> None:
    more = row | {name: max(round(row[name] * factor), row[name] + 1)}
    less, greater = targets(deploy(row, more))[target]
    assert greater >= less * (1 - 1e-9), f"{target} falls from {less} to {greater} with {more}"


@settings(max_examples=60, deadline=None)
@given(
    row=LOADS, batch=st.integers(1, 1000), factor=st.floats(1, 8),
    name=st.sampled_from(["batch_size", "input_len", "output_len"]),
)
def test_more_work_never_lowers_the_latency_of_a_batch(
    deploy: Deploy, row: dict[str, Any], batch: int, factor: float, name: str
) -> None:
    never_lower(deploy, row | {"batch_size": batch}, name, factor, "batch_latency_s")


@settings(max_examples=60, deadline=None)
@given(
    row=LOADS, users=st.integers(1, 1000), factor=st.floats(1, 8),
    name=st.sampled_from(["concurrency", "input_len"]),
)
def test_more_users_and_longer_prompts_never_lower_the_time_to_first_token(
    deploy: Deploy, row: dict[str, Any], users: int, factor: float, name: str
) -> None:
    never_lower(deploy, row | {"concurrency": users}, name, factor, "ttft_ms")


@settings(max_examples=40, deadline=None)
@given(row=LOADS, depth=st.integers(0, 100_000), factor=st.floats(1, 8))
def test_deeper_context_never_lowers_the_time_of_a_step(
    deploy: Deploy, row: dict[str, Any], depth: int, factor: float
) -> None:
    row = row | {"mode": "decode", "input_len": 0, "context_depth": depth}
    never_lower(deploy, row, "context_depth", factor, "tpot_ms")


@settings(max_examples=40, deadline=None)
@given(row=LOADS, load=st.sampled_from([
    {"batch_size": 16}, {"concurrency": 64}, {"mode": "offline"}, {"mode": "decode"},
]))  # fmt: skip
def test_with_efficiencies_below_one_no_estimate_beats_its_floor(
    deploy: Deploy, row: dict[str, Any], load: dict[str, Any]
) -> None:
    found = deploy(row | load)
    guess, bound = targets(found), floors(build(found.columns))
    for target in TARGETS:
        if target.applies(found.columns["mode"])[0]:
            ratio = guess[target.name][0] / bound[target.name][0]
            assert ratio >= 1 if target.is_time else ratio <= 1, target.name


# One pass


def test_parts_of_a_pass_are_bounds_over_efficiencies(deploy: Deploy) -> None:
    found = deploy({"num_devices": 2, "tp": 2})
    load = build(found.columns)
    knobs = Coefficients().knobs(moving(found))
    step = estimate(load, knobs).step
    assert step.weights_s == pytest.approx(load.step.weights_s / np.exp(START["bandwidth"]))
    assert step.kv_s == pytest.approx(load.step.kv_s / np.exp(START["kv_bandwidth"]))
    assert step.attention_s == pytest.approx(load.step.attention_s / np.exp(START["attention"]))
    full = 1 / (1 + np.exp(START["saturation"]))  # one token fills this much of the units
    ways = (load.step.gemm_s / np.exp(START["arithmetic"]) / full,
            load.step.vector_s / np.exp(START["gemv"]))  # fmt: skip
    assert step.compute_s == pytest.approx((ways[0] ** -2.5 + ways[1] ** -2.5) ** (-1 / 2.5))
    assert step.launch_s == pytest.approx(32 * np.exp(START["launch"]))
    sent = load.step.comm_s / np.exp(START["link"]) + 64 * np.exp(START["hop"])
    assert step.communication_s == pytest.approx(sent)


def test_launches_grow_with_the_tokens_of_a_pass_not_with_the_passes_of_a_prompt(
    deploy: Deploy,
) -> None:
    # On an A100, 16,384 tokens are eight passes of 2,048; a step of four sequences has four tokens.
    found = deploy(*({"input_len": n, "batch_size": 4} for n in (512, 1024, 8192, 16_384)))
    guess = estimate(build(found.columns), Coefficients().knobs(moving(found)))
    growth = np.exp(START["growth"])
    rated = 32 * np.exp(START["prefill_launch"])
    expected = rated * np.asarray([1, 2, 4, 4]) ** growth * np.asarray([1, 1, 4, 8])
    assert guess.one.launch_s == pytest.approx(expected)
    assert guess.step.launch_s == pytest.approx(32 * np.exp(START["launch"]) * 4**growth)


def test_a_speculative_step_takes_three_tokens_of_each_sequence_and_yields_some(
    deploy: Deploy,
) -> None:
    found = deploy({"mode": "decode", "batch_size": 4}, {"mode": "decode", "batch_size": 4,
                                                         "spec_method": "mtp"})  # fmt: skip
    load = build(found.columns)
    guess = estimate(load, Coefficients().knobs(moving(found)))
    step = guess.step
    assert load.step.gemm_s[1] == pytest.approx(3 * load.step.gemm_s[0], rel=0.02)  # but the head
    assert step.kv_s[1] == step.kv_s[0]  # the cache is read once
    assert step.overhead_s[1] == step.overhead_s[0]  # as many sequences
    assert step.total_s[1] > step.total_s[0]
    drafting = 1 + 2 * np.exp(START["draft"])  # two drafts, each a share of a step
    assert guess.pace_s == pytest.approx(step.total_s / [1, np.exp(START["accepted"]) / drafting])
    assert guess.targets["tpot_ms"] == pytest.approx(1e3 * guess.pace_s)


def test_three_tokens_of_one_sequence_need_the_experts_that_those_of_three_do(
    deploy: Deploy,
) -> None:
    row = {"mode": "decode", "model": "mistralai/Mixtral-8x7B-v0.1", "num_devices": 2}
    one = row | {"batch_size": 1}
    rows = [one, one | {"spec_method": "mtp"}, row | {"batch_size": 3}]
    plain, drafts, three = build(deploy(*rows).columns).step.scatter
    assert drafts == three > 2 * plain


def test_a_pass_takes_at_most_the_sum_of_its_parts_and_at_least_the_longest(
    deploy: Deploy,
) -> None:
    found = deploy({"batch_size": 32}, {"concurrency": 8, "num_devices": 4}, {"mode": "offline"})
    guess = estimate(build(found.columns), Coefficients().knobs(moving(found)))
    for bounds in (guess.one, guess.whole, guess.step):
        parts = np.stack([getattr(bounds, name) for name in PARTS])
        assert (bounds.total_s <= parts.sum(axis=0) * (1 + 1e-9)).all()
        assert (bounds.total_s >= parts.max(axis=0)).all()


def test_taking_rows_of_an_estimate_takes_them_everywhere(deploy: Deploy) -> None:
    found = deploy({"batch_size": 1}, {"batch_size": 2}, {"concurrency": 3})
    guess = estimate(build(found.columns), Coefficients().knobs(moving(found)))
    part = guess.take(np.asarray([2, 0]))
    assert part.waiting_s.tolist() == guess.waiting_s[[2, 0]].tolist()
    assert part.step.total_s.tolist() == guess.step.total_s[[2, 0]].tolist()
    assert part.targets["ttft_ms"].tolist() == guess.targets["ttft_ms"][[2, 0]].tolist()


def test_a_static_batchs_throughput_is_its_tokens_over_its_latency(deploy: Deploy) -> None:
    guess = targets(deploy({"batch_size": 32, "output_len": 100}))
    assert guess["output_tok_s"] == pytest.approx(3200 / guess["batch_latency_s"])


def test_an_offline_engine_prefills_and_decodes_its_slots_in_turn(deploy: Deploy) -> None:
    found = deploy({"mode": "offline", "num_devices": 2, "tp": 1, "output_len": 100})
    load = build(found.columns)
    guess = estimate(load, Coefficients().knobs(moving(found)))
    passes = load.held / (2048 / 512)  # 4 prompts of 512 tokens fill a pass
    one_round = passes * guess.whole.total_s + 100 * guess.step.total_s
    assert guess.whole.total_s > guess.one.total_s
    assert guess.targets["output_tok_s"] == pytest.approx(2 * load.held * 100 / one_round)


def test_a_queue_that_ends_takes_whole_rounds_and_a_last_one_that_costs_less(
    deploy: Deploy,
) -> None:
    row = {"mode": "offline", "num_devices": 2, "tp": 1, "output_len": 100}
    slots = build(deploy(row).columns).held[0]
    sizes = [4 * slots, 5 * slots, 200 * slots, slots]  # for two replicas
    found = deploy(*(row | {"num_requests": n} for n in sizes), row)
    load = build(found.columns)
    assert load.rounds.tolist() == [2, 2.5, 100, 1, np.inf]
    assert load.held.tolist() == [slots, slots, slots, slots / 2, slots]
    rate = estimate(load, Coefficients().knobs(moving(found))).targets["output_tok_s"]
    whole, half, many, few, endless = rate
    assert whole == pytest.approx(endless) == many  # whole rounds lose nothing
    assert 2 / 2.5 * endless < half < endless  # at worst the half costs a round
    # The slots that a short queue leaves empty are as if there were none.
    assert endless / 2 < few < endless


def test_a_pipeline_that_serves_works_on_a_micro_batch_in_every_stage(deploy: Deploy) -> None:
    row = {"mode": "offline", "num_devices": 4, "tp": 1, "pp": 4, "output_len": 100}
    load = build(deploy(row).columns)
    assert load.stages == 4
    fixed = deploy(row | {"mode": "decode", "batch_size": load.held[0] / 4})
    assert load.step.gemm_s == build(fixed.columns).step.gemm_s
    guess = estimate(load, Coefficients().knobs(moving(deploy(row))))
    one_round = load.held / 4 * guess.whole.total_s / 4 + 100 * guess.step.total_s
    assert guess.targets["output_tok_s"] == pytest.approx(load.held * 100 / one_round)


@pytest.mark.parametrize(
    ("row", "stages"),
    [({"batch_size": 64}, 1), ({"concurrency": 64}, 4), ({"concurrency": 3}, 3),
     ({"mode": "prefill", "batch_size": 8}, 1), ({"concurrency": 64, "pp": 1, "tp": 4}, 1)],
)  # fmt: skip
def test_a_fixed_batch_is_not_cut_and_few_users_do_not_fill_the_stages(
    deploy: Deploy, row: dict[str, Any], stages: float
) -> None:
    found = deploy({"num_devices": 4, "tp": 1, "pp": 4} | row)
    assert build(found.columns).stages == stages


def test_others_prefills_run_in_the_other_stages_meanwhile(deploy: Deploy) -> None:
    row = {"concurrency": 64, "num_devices": 4, "tp": 1, "pp": 4, "output_len": 256}
    found = deploy(row)
    load, knobs = build(found.columns), Coefficients().knobs(moving(found))
    guess = estimate(load, knobs)
    seen = np.exp(START["interference"]) / 4 * 63 * guess.one.total_s / 256
    assert guess.targets["tpot_ms"] == pytest.approx(1e3 * (guess.step.total_s + seen))


def test_a_servers_host_works_on_every_prompt_and_on_those_before_it(deploy: Deploy) -> None:
    loads = [{"concurrency": 9, "input_len": n} for n in (1024, 4096)]
    found = deploy(*loads, {"batch_size": 9, "input_len": 1024})
    load, knobs = build(found.columns), Coefficients().knobs(moving(found))
    guess = estimate(load, knobs)
    own = np.exp(START["host"])
    request = np.exp(START["request"])
    assert guess.handling_s == pytest.approx([request + own, request + 2 * own, request])
    idle = estimate(load, knobs | {"crowd": np.full(3, -50.0)})
    crowd = (guess.targets["ttft_ms"] - idle.targets["ttft_ms"]) / 1e3
    assert crowd == pytest.approx(np.exp(START["crowd"]) * own * 8 * np.asarray([1, 2, 0]))
    assert guess.waiting_s - idle.waiting_s == pytest.approx(crowd)


def test_the_host_prepares_each_sequence_of_a_step_and_no_prefill(deploy: Deploy) -> None:
    found = deploy({"batch_size": 1}, {"batch_size": 64})
    guess = estimate(build(found.columns), Coefficients().knobs(moving(found)))
    alone, many = guess.step.overhead_s
    assert many - alone == pytest.approx(63 * np.exp(START["sequence"]))
    # 64 prompts of 512 tokens are 16 passes of 2,048.
    assert guess.whole.overhead_s == pytest.approx(np.exp(START["step"]) * np.asarray([1, 16]))


def test_a_burst_of_prompts_costs_less_where_they_share_passes(deploy: Deploy) -> None:
    found = deploy({"concurrency": 64, "input_len": 64}, {"concurrency": 64, "input_len": 8192})
    load, knobs = build(found.columns), Coefficients().knobs(moving(found))
    guess = estimate(load, knobs)
    idle = estimate(load, knobs | {"burst": np.full(2, -50.0)})
    assert load.together.tolist() == [32, 1]  # 2,048 tokens a pass
    packed = np.minimum(guess.whole.total_s / load.together, guess.one.total_s)
    assert packed[0] < 0.5 * guess.one.total_s[0]
    assert packed[1] == pytest.approx(guess.one.total_s[1])
    waited = (guess.targets["ttft_ms"] - idle.targets["ttft_ms"]) / 1e3
    # Half of the burst on average, in a tenth of the requests.
    others = load.held - 1
    assert waited == pytest.approx(0.5 * others / 10 * np.sqrt(packed * guess.one.total_s))


def test_prompts_of_many_passes_run_in_several_stages_of_llama_cpp_at_once(
    deploy: Deploy
) -> None:
    row = {"framework": "llama.cpp", "weight_dtype": "q4_k_m", "mode": "prefill", "num_devices": 4}
    found = deploy(*(row | change for change in (
        {"input_len": 512, "pp": 4}, {"input_len": 2048, "pp": 4}, {"input_len": 2048, "tp": 4},
        {"input_len": 2048, "pp": 4, "mode": "decode"},
        {"input_len": 32_768, "pp": 4, "framework": "vllm", "weight_dtype": "fp16"},
    )))  # fmt: skip
    numbers = numeric(found.columns, np.zeros(5))
    assert numbers["piped"].tolist() == [0, 0.75, 0, 0, 0]
    assert numbers["piped_far"].tolist() == [0, 0.75, 0, 0, 0]  # log2 of 4 stages, less 1


def test_few_tokens_are_multiplied_on_the_vector_units_and_many_in_tiles(deploy: Deploy) -> None:
    found = deploy({"mode": "decode"}, {"mode": "prefill", "input_len": 8192})
    load, knobs = build(found.columns), Coefficients().knobs(moving(found))
    guess = estimate(load, knobs)
    by_vector = load.step.vector_s[0] / np.exp(START["gemv"])
    assert guess.step.compute_s[0] == pytest.approx(by_vector, rel=1e-2)
    full = 8192 / (8192 + 4 * np.exp(START["saturation"]))  # four passes of 2,048
    tiled = load.whole.gemm_s[1] / np.exp(START["arithmetic"]) / full
    assert guess.whole.compute_s[1] == pytest.approx(tiled, rel=1e-2)


def test_of_two_ways_the_time_is_below_either_and_nought_stays_nought() -> None:
    a, b = np.asarray([1.0, 1.0, 0.0]), np.asarray([2.0, 1.0, 1.0])
    found = quicker(a, b, 3.0)
    assert found[0] == pytest.approx((1 + 1 / 8) ** (-1 / 3))
    assert found[1] == pytest.approx(2 ** (-1 / 3))
    assert found[2] == pytest.approx(0.0, abs=1e-14)


def test_replicas_serve_in_step(deploy: Deploy) -> None:
    one = targets(deploy({"concurrency": 8}))
    four = targets(deploy({"concurrency": 32, "num_devices": 4, "tp": 1}))
    assert four["output_tok_s"] == pytest.approx(4 * one["output_tok_s"])
    assert four["ttft_ms"] == pytest.approx(one["ttft_ms"])


# Knobs from coefficients


def test_no_coefficients_leave_every_knob_at_its_start(deploy: Deploy) -> None:
    found = Coefficients().knobs(moving(deploy({}, {"framework": "sglang"})))
    assert {k: v.tolist() for k, v in found.items()} == {k: [v, v] for k, v in START.items()}


def test_constants_slopes_and_corrections_add_up(deploy: Deploy) -> None:
    given = Coefficients(
        {"bandwidth": 0.1}, {"bandwidth": {"tp": 0.5}},
        {"bandwidth": {"framework": {"vllm": -0.2}, "architecture": {"ampere": 0.03}}},
    )
    found = given.knobs(moving(deploy({"num_devices": 8, "tp": 8})))["bandwidth"]
    assert found == pytest.approx([START["bandwidth"] + 0.1 + 0.5 * 3 - 0.2 + 0.03])  # log2 8


def test_knobs_of_a_heavier_load_are_moved_by_what_the_load_drives(deploy: Deploy) -> None:
    slopes = {"interference": {"users": -0.1, "speed": 0.3}, "launch": {"width": 0.2},
              "prefill_launch": {"prompt": 0.5}}  # fmt: skip
    known = Coefficients({}, slopes)
    load = {"concurrency": 8, "input_len": 256}
    more = deploy({"concurrency": 32, "input_len": 512})
    light, heavy = moving(deploy(load)), moving(more)
    own, other = known.knobs(light), known.knobs(heavy)
    assert {k for k in own if own[k] != other[k]} == {"interference", "prefill_launch"}
    known.carry(own, light.numbers, by_load(more.columns))
    assert all(own[k] == pytest.approx(other[k]) for k in own)


def test_inputs_that_tell_a_knob_of_the_load_move_with_it(deploy: Deploy) -> None:
    driven = by_load(deploy({"concurrency": 8}).columns).keys()
    told = {f"log_{k.name}" for k in KNOBS if driven & set(k.slopes)} & set(INPUTS)
    assert told == set(MOVED)


@pytest.mark.parametrize(("load", "own"), [
    ({"concurrency": 8}, "moe_closed"), ({"mode": "prefill", "batch_size": 1}, "moe_prefill"),
    ({"mode": "offline", "batch_size": 64}, None), ({"batch_size": 8}, None),
])  # fmt: skip
def test_prefills_of_experts_are_apart_where_prompts_do_not_fill_passes(
    deploy: Deploy, load: dict[str, object], own: str | None
) -> None:
    found = moving(deploy(load | {"model": "mistralai/Mixtral-8x7B-v0.1", "tp": 4})).numbers
    assert [k for k in ("moe_prefill", "moe_closed") if found[k][0]] == ([own] if own else [])


def test_a_name_that_was_never_measured_corrects_nothing(deploy: Deploy) -> None:
    given = Coefficients({}, {}, {"launch": {"framework": {"vllm": 0.7}}})
    found = given.knobs(moving(deploy({}, {"framework": "sglang"})))
    assert found["launch"] - START["launch"] == pytest.approx([0.7, 0.0])
    assert found["step"].tolist() == [START["step"]] * 2


def test_calibration_knows_which_releases_it_met(deploy: Deploy) -> None:
    found = deploy({"framework": "vllm", "framework_version": "0.10.0"}, {"framework": "vllm"},
                   {"framework": "sglang"})  # fmt: skip
    rows = moving(found)
    met = {"step": {"series": {rows.levels["series"][rows.codes["series"][1]]: 0.0}}}
    known = Coefficients({}, {}, met).known(rows, "series")
    assert known.tolist() == [False, True, False]
    assert not Coefficients().known(rows, "series").any()


def test_a_vector_of_coefficients_is_sorted_into_its_knobs(deploy: Deploy) -> None:
    rows = moving(deploy({}, {"framework": "sglang"}))
    dense, sparse = terms(rows)
    listed = [*dense, *sparse]
    vector = np.arange(1.0, len(listed) + 1)
    found = from_vector(listed, vector)
    for term, value in zip(listed, vector, strict=True):
        if term.kind == "constant":
            assert found.constants[term.knob] == value
        elif term.kind == "slope":
            assert found.slopes[term.knob][term.name] == value
        else:
            assert found.corrections[term.knob][term.kind][term.name] == value


def test_only_levels_that_occur_get_a_coefficient(deploy: Deploy) -> None:
    rows = moving(deploy({}, {"framework": "sglang"}))
    _, sparse = terms(rows.take(np.asarray([1])))
    assert {t.name for t in sparse if t.kind == "framework"} == {"sglang"}


def test_knobs_name_drivers_and_groups_that_exist(deploy: Deploy) -> None:
    found = deploy({})
    numbers = numeric(found.columns, np.zeros(1))
    for knob in KNOBS:
        assert set(knob.slopes) <= set(numbers), knob.name
        assert {g for g, _ in knob.groups} <= set(GROUPS), knob.name
        assert all(sd > 0 for _, sd in knob.groups)
    assert len({k.name for k in KNOBS}) == len(KNOBS)


def test_numeric_drivers_are_nought_where_a_deployment_is_ordinary(deploy: Deploy) -> None:
    found = deploy({"framework_version": "0.7", "hardware": "nvidia-h100-sxm-80gb"})
    drivers_ = {k: float(v[0]) for k, v in numeric(found.columns, np.zeros(1)).items()}
    assert drivers_["release"] == 0.0  # vLLM 0.7: January 2025
    assert drivers_["hw_age"] == 0.0  # H100: 2022
    assert (drivers_["tp"], drivers_["pp"], drivers_["slice"], drivers_["moe"]) == (0, 0, 0, 0)
    assert (drivers_["unstated"], drivers_["amd"], drivers_["nvlink"]) == (0, 0, 1)
    assert (drivers_["hw_year"], drivers_["adp"], drivers_["users"]) == (0, 0, 0)
    assert abs(drivers_["prompt"]) < 0.5
    assert drivers_["long_output"] == 0.0


def test_users_and_outputs_drive_servers_only(deploy: Deploy) -> None:
    load = {"output_len": 1000}
    found = deploy(load | {"concurrency": 64}, load | {"batch_size": 64})
    drivers_ = numeric(found.columns, np.zeros(2))
    assert drivers_["users"].tolist() == pytest.approx([np.log(64) - 2.5, 0])
    assert drivers_["long_output"].tolist() == pytest.approx([np.log(1000) - 5.5, 0])


def test_kv_heads_of_a_device_are_at_least_one_and_latents_are_none(deploy: Deploy) -> None:
    rows = [{"num_devices": tp, "tp": tp, "model": m} for tp, m in
            ((1, LLAMA_8B), (4, LLAMA_8B), (8, "deepseek-ai/DeepSeek-R1"))]  # fmt: skip
    rows.append({"num_devices": 16, "tp": 16, "model": LLAMA_8B})
    found = numeric(deploy(*rows).columns, np.zeros(4))["kv_heads"]
    assert found.tolist() == [3.0, 1.0, 0.0, 0.0]  # of eight; DeepSeek's latent has no heads


def level(deploy: Deploy, row: dict[str, Any], group: str = "backend") -> str:
    """Name of the level of a row, as corrections know it."""
    found = deploy(row)
    code, levels = groups(found.columns, found.names)[group]
    return levels[code[0]]


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [("0.8", "0.8.3", False), ("0.8.3", "0.8.5", True), ("0.8.3", None, False),
     ("0.27", "0.28", True), ("0.6", "0.8", False)],
)  # fmt: skip
def test_releases_of_a_quarter_are_a_series_and_an_unstated_one_is_none_of_them(
    deploy: Deploy, one: str, other: str | None, together: bool
) -> None:
    first, second = (level(deploy, {"framework_version": v}, "series") for v in (one, other))
    assert (first == second) == together
    # The same quarter of another engine, or on another backend, is another series.
    assert level(deploy, {"framework": "sglang", "framework_version": "0.4"}, "series") != first
    amd = {"hardware": "amd-mi300x-192gb", "framework_version": one}
    assert level(deploy, amd, "series") != first


def test_checkpoints_of_one_architecture_are_one_model(deploy: Deploy) -> None:
    names = ("meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-7b-chat-hf", "Qwen/Qwen2-7B")
    base, chat, qwen = (level(deploy, {"model": name}, "model") for name in names)
    assert base == chat != qwen


def test_experts_spread_whole_over_devices_are_told_from_experts_cut_in_slices(
    deploy: Deploy,
) -> None:
    cut = {"model": "deepseek-ai/DeepSeek-V3", "num_devices": 8, "tp": 8}
    found = deploy(cut, cut | {"ep": 8}, cut | {"ep": 8, "model": "meta-llama/Llama-2-70b-hf"})
    assert numeric(found.columns, np.zeros(3))["ep"].tolist() == [0, 1, 0]


def test_engines_on_radeon_cards_are_told_from_those_on_accelerators(deploy: Deploy) -> None:
    here = {"framework": "llama.cpp", "backend": "rocm", "weight_dtype": "q4_k_m"}
    found = deploy(*(here | {"hardware": h} for h in (
        "amd-mi300x-192gb", "amd-strix-halo-128gb", "amd-mi250-128gb", "amd-rx-7900-xtx-24gb",
    )))  # fmt: skip
    for group in ("backend", "engine"):
        code, _ = groups(found.columns, found.names)[group]
        assert code[0] == code[2] != code[1] == code[3], group
    assert level(deploy, here | {"hardware": "amd-strix-halo-128gb"}).endswith("1.0")
    cpu = here | {"hardware": "amd-strix-halo-128gb", "backend": "cpu"}
    assert level(deploy, cpu).endswith("0.0")
    numbers = numeric(found.columns, np.zeros(4))
    assert numbers["amd"].tolist() == [1, 1, 1, 1]
    assert numbers["cdna"].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("stated", "is_accelerator"),
    [({"architecture": "cdna5"}, 1), ({"architecture": "rdna5"}, 0), ({}, 0),
     ({"interconnect": "infinity fabric"}, 1),
     ({"architecture": "rdna5", "interconnect": "infinity fabric"}, 0)],
)  # fmt: skip
def test_an_own_amd_device_is_an_accelerator_by_its_generation_or_else_by_its_link(
    deploy: Deploy, stated: dict[str, Any], is_accelerator: int
) -> None:
    device = Hardware(hardware="own", vendor="amd", memory_gb=64, mem_bw_gbs=900,
                      fp16_tflops=200, **stated)  # fmt: skip
    found = deploy({"hardware": "own", "framework": "llama.cpp"},
                   definitions=Definitions(hardware={"own": device}))  # fmt: skip
    assert found.errors.tolist() == [""]
    assert numeric(found.columns, np.zeros(1))["cdna"].tolist() == [is_accelerator]


def test_weights_that_are_unpacked_take_longer_and_by_how_many_operations(
    deploy: Deploy
) -> None:
    load = build(deploy({"weight_dtype": "q4_k_m"}).columns)
    knobs = {k.name: np.asarray([k.start]) for k in KNOBS}
    plain = estimate(load, knobs).step
    slower = estimate(load, knobs | {"unpack": knobs["unpack"] + np.log(2.0)}).step
    assert plain.unpack_s == pytest.approx(load.step.unpack_s * np.exp(knobs["unpack"]))
    assert slower.unpack_s == pytest.approx(2.0 * plain.unpack_s)
    assert slower.total_s > plain.total_s


def test_power_counts_by_the_rate_it_feeds_and_not_where_it_is_unknown_or_shared(
    deploy: Deploy
) -> None:
    found = deploy(*({"hardware": h} for h in ("nvidia-l4-24gb", "nvidia-l40s-48gb",
                                               "nvidia-l4-vgpu-12gb")))  # fmt: skip
    power = numeric(found.columns, np.zeros(3))["power"]
    assert power == pytest.approx([np.log(72 / 30.3 / 8), np.log(350 / 91.6 / 8), 0.0])
    own = Hardware(hardware="own", vendor="nvidia", memory_gb=64, mem_bw_gbs=900, fp16_tflops=200)
    found = deploy({"hardware": "own"}, definitions=Definitions(hardware={"own": own}))
    assert numeric(found.columns, np.zeros(1))["power"].tolist() == [0.0]


def test_a_statistic_matters_under_a_server_only(deploy: Deploy) -> None:
    found = deploy({"concurrency": 8}, {"batch_size": 8})
    p99 = np.full(2, float(STATS.index("p99")))
    assert numeric(found.columns, p99)["p99"].tolist() == [1, 0]
    assert numeric(found.columns, p99)["median"].tolist() == [0, 0]


# Calibration


def sample(found: Resolved, truth: Coefficients, noise: float = 0.0, weight: float = 5.0) -> Sample:
    """All targets of every row, as if measured where `truth` holds."""
    n = len(found.errors)
    row = np.tile(np.arange(n), len(NAMES))
    target = np.repeat(np.arange(len(NAMES)), n)
    applies = np.stack([t.applies(found.columns["mode"]) for t in TARGETS])[target, row]
    row, target = row[applies], target[applies]
    made = Sample(
        build(found.columns).take(row), moving(found).take(row), target,
        np.zeros(len(row)), np.full(len(row), weight),
    )  # fmt: skip
    exact = log_estimate(made, truth.knobs(made.drivers))
    wrong = np.random.default_rng(1).normal(0.0, noise, len(row)) if noise else 0.0
    return Sample(made.load, made.drivers, target, exact + wrong, made.weight)


@pytest.fixture(scope="module")
def measured(deploy: Deploy) -> Resolved:
    """Decodes, prefills, batches and servers of two models on four devices."""
    loads: list[dict[str, Any]] = [
        {"mode": "decode"}, {"mode": "prefill"}, {"batch_size": 1}, {"batch_size": 16},
        {"concurrency": 16},
    ]  # fmt: skip
    rows = [
        load | {"hardware": device, "model": model, "input_len": n, "framework_version": "0.7"}
        for device in DEVICES
        for model in (LLAMA_7B, LLAMA_8B)
        for n in (64, 1000)
        for load in loads
    ]
    return deploy(*rows)


def efficiency(found: Coefficients, rows: Drivers, knob: str) -> NDArray[np.float64]:
    return np.exp(found.knobs(rows)[knob])


def test_calibration_recovers_the_efficiencies_that_made_the_values(measured: Resolved) -> None:
    truth = Coefficients({
        "bandwidth": np.log(0.5) - START["bandwidth"],
        "arithmetic": np.log(0.3) - START["arithmetic"],
    })  # fmt: skip
    data = sample(measured, truth, noise=0.02, weight=20.0)
    found = fit(data)
    for knob, bias, value in (
        ("bandwidth", "step_bias", 0.5), ("arithmetic", "prefill_bias", 0.3),
    ):  # fmt: skip
        # A pass that one part dominates cannot tell that part's efficiency from the pass's bias.
        share = efficiency(found, data.drivers, knob) / efficiency(found, data.drivers, bias)
        assert share == pytest.approx(value, rel=0.1), knob
    wrong = log_estimate(data, found.knobs(data.drivers)) - data.log_value
    assert np.median(np.abs(wrong)) < 0.03


def test_calibration_tells_a_slow_engine_from_a_fast_one(deploy: Deploy) -> None:
    rows = [
        {"framework": engine, "mode": "decode", "hardware": device, "context_depth": depth}
        for engine in ("vllm", "sglang") for device in DEVICES for depth in (1, 500, 2000)
    ]  # fmt: skip
    found = deploy(*rows)
    truth = Coefficients({}, {}, {"bandwidth": {"framework": {"sglang": -0.3}}})
    fitted = fit(sample(found, truth, weight=200.0))
    fast, slow = np.split(np.log(targets(found, fitted)["tpot_ms"]), 2)
    fast_truth, slow_truth = np.split(np.log(targets(found, truth)["tpot_ms"]), 2)
    assert slow - fast == pytest.approx(slow_truth - fast_truth, abs=0.03)


def test_values_that_the_start_explains_teach_nothing(measured: Resolved) -> None:
    data = sample(measured, Coefficients())
    assert fit(data).knobs(data.drivers)["bandwidth"] == pytest.approx(START["bandwidth"], abs=1e-6)


def test_the_same_values_give_the_same_coefficients(measured: Resolved) -> None:
    data = sample(measured, Coefficients({"bandwidth": -0.2}), noise=0.1)
    assert fit(data) == fit(data)


def test_a_wild_value_moves_little(measured: Resolved) -> None:
    truth = Coefficients({"bandwidth": -0.3})
    data = sample(measured, truth)
    wild = data.log_value.copy()
    wild[0] += np.log(100.0)
    changed = Sample(data.load, data.drivers, data.target, wild, data.weight)
    plain, moved = (efficiency(fit(d), data.drivers, "bandwidth") for d in (data, changed))
    assert moved == pytest.approx(plain, rel=0.05)


def test_calibration_tells_of_its_steps_and_each_is_no_worse(measured: Resolved) -> None:
    told: list[str] = []
    fit(sample(measured, Coefficients({"launch": 1.0}), noise=0.1), told.append)
    losses = [float(line.rsplit(" ", 1)[1]) for line in told]
    assert len(losses) > 1
    assert losses == sorted(losses, reverse=True)


# Inputs of the boosted estimators


@pytest.fixture(scope="module")
def shown(deploy: Deploy) -> tuple[Load, dict[str, NDArray[np.float64]]]:
    found = deploy(
        {"batch_size": 1}, {"batch_size": 64, "input_len": 4000, "output_len": 512},
        {"concurrency": 32}, {"mode": "offline", "framework": "llama.cpp"}, {"mode": "decode"},
    )  # fmt: skip
    load = build(found.columns)
    knobs = Coefficients().knobs(moving(found))
    return load, inputs(load, found.names, knobs, estimate(load, knobs))


def test_every_input_is_computed_and_finite(
    shown: tuple[Load, dict[str, NDArray[np.float64]]],
) -> None:
    load, columns = shown
    assert set(columns) | {"statistic", "log_estimate"} == set(INPUTS)
    assert len(INPUTS) == len(set(INPUTS))
    unstated = {"requests_per_slot", "log_accept"}
    assert not [k for k, v in columns.items() if k not in unstated and not np.isfinite(v).all()]
    assert all(v.shape == load.held.shape for v in columns.values())


def test_static_inputs_stay_as_load_grows(
    shown: tuple[Load, dict[str, NDArray[np.float64]]],
) -> None:
    _, columns = shown
    moved = {k for k, v in columns.items() if not np.array_equal(v[:1], v[1:2], equal_nan=True)}
    assert moved
    assert not moved & set(STATIC)


def test_shares_of_a_pass_are_positive_and_not_above_one_by_much(
    shown: tuple[Load, dict[str, NDArray[np.float64]]],
) -> None:
    _, columns = shown
    for name in ("compute", "weights", "kv", "attention", "link", "launch"):
        share = columns[f"step_{name}"]
        assert ((share >= 0) & (share <= 1)).all(), name


def test_a_framework_that_no_table_lists_is_a_missing_input(deploy: Deploy) -> None:
    found = deploy({}, {})
    slugs = {k: v.copy() for k, v in found.names.items()}
    slugs["framework"][1] = "brand-new"
    load, knobs = build(found.columns), Coefficients().knobs(moving(found))
    columns = inputs(load, slugs, knobs, estimate(load, knobs))
    assert columns["framework"][0] >= 0
    assert np.isnan(columns["framework"][1])
