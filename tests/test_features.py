"""Memory, roofline, queueing and floors against arithmetic on paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from guide_ml.catalogue import hardware
from guide_ml.features import memory, queueing, roofline
from guide_ml.features.accounts import usual
from guide_ml.features.accounts.plan import CONTEXT_BYTES
from guide_ml.features.cache import kv_bytes
from guide_ml.features.floors import floors
from guide_ml.features.load import OFFLINE_SLOTS, SERVER_SLOTS, Load, build
from guide_ml.features.weights import weight_bits
from guide_ml.table.assume import Columns, Resolved
from guide_ml.table.read import Definitions

Deploy = Callable[..., Resolved]
ALL_7B, VOCABULARY_7B = 6.7384e9, 32_000 * 4096  # Llama-2-7B; its embedding, and its head
BODY_7B = ALL_7B - 2 * VOCABULARY_7B
KV_7B = 524_288  # 2 (K and V) * 32 layers * 32 heads * 128 * 2 byte
PEAK, BANDWIDTH, LINK = 312e12, 2039e9, 300e9  # A100 SXM 80 GB
GEMMA, MIXTRAL = "google/gemma-2-9b", "mistralai/Mixtral-8x7B-v0.1"
A100_BYTES = 85.06e9  # what a program finds
PLAIN = {"framework": "deepspeed-mii"}  # no tables or padding of its own
LLAMA_70B, DEEPSEEK = "meta-llama/Llama-2-70b-hf", "deepseek-ai/DeepSeek-V3"


def per_token(deploy: Deploy, tokens: float = 1.0, **row: Any) -> float:
    """Bytes of KV cache of one sequence on one device."""
    return float(kv_bytes(deploy(row).columns, np.asarray([tokens]))[0])


def account(deploy: Deploy, **row: Any) -> dict[str, float]:
    return {k: float(v[0]) for k, v in memory.extract(deploy(row).columns).items()}


def forward(
    deploy: Deploy, batch: float = 1, new: float = 1, context: float = 0, **row: Any
) -> roofline.Pass:
    c = deploy(row).columns
    return roofline.forward(c, memory.extract(c), x(batch), x(new), x(context))


def x(value: float) -> NDArray[np.float64]:
    return np.asarray([float(value)])


# Memory


def test_llama_7b_in_fp16_takes_two_byte_a_parameter(deploy: Deploy) -> None:
    # 32 * (4 * 4096^2 + 3 * 4096 * 11008) + 2 * 32000 * 4096 = 6.738e9 parameters
    assert account(deploy)["weights_byte"] == pytest.approx(2 * 6.738e9, rel=1e-3)


def test_llama_7b_caches_half_a_megabyte_a_token(deploy: Deploy) -> None:
    assert per_token(deploy) == KV_7B
    assert per_token(deploy, 1000) == 1000 * KV_7B
    assert per_token(deploy, kv_dtype="fp8") == KV_7B / 2
    assert per_token(deploy, num_devices=2, pp=2) == KV_7B / 2


def test_grouped_queries_cache_fewer_heads(deploy: Deploy) -> None:
    # 2 * 80 layers * 8 heads * 128 * 2 byte
    assert per_token(deploy, model=LLAMA_70B) == 327_680


def test_key_heads_are_split_over_devices_and_copied_where_there_are_too_few(
    deploy: Deploy,
) -> None:
    split = [per_token(deploy, model=LLAMA_70B, num_devices=t, tp=t) for t in (2, 8, 16)]
    assert split == [327_680 / 2, 327_680 / 8, 327_680 / 8]  # 8 heads: one is the least


def test_mla_caches_one_latent_that_every_device_holds(deploy: Deploy) -> None:
    # 61 layers * (512 + 64) * 2 byte, not 2 * 128 heads * 192
    assert per_token(deploy, model=DEEPSEEK) == 61 * 576 * 2
    assert per_token(deploy, model=DEEPSEEK, num_devices=8, tp=8) == 61 * 576 * 2


def test_sparse_attention_reads_what_its_indexer_picks_and_the_indexers_keys(
    deploy: Deploy,
) -> None:
    # DeepSeek-V3.2: 2,048 tokens of 61 layers * 576 * 2 byte, 132 byte a layer of all tokens
    row: dict[str, Any] = {"model": "deepseek-ai/DeepSeek-V3.2", "num_devices": 8, "tp": 8}
    latent, key = 61 * 576 * 2, 61 * 132
    for context in (1_000, 100_000):
        step = forward(deploy, context=context, **row)
        read = min(context, 2048) * latent + context * key
        assert step.kv_s[0] == pytest.approx(read / BANDWIDTH)
    whole = account(deploy, **row, mode="prefill", input_len=100_000, batch_size=1)
    assert whole["kv_need_byte"] == pytest.approx(100_016 * (latent + key))  # blocks of 16
    sparse, dense = ([forward(deploy, new=9, context=c, model=m).attention_s[0]
                      for c in (2048, 100_000)] for m in (row["model"], DEEPSEEK))  # fmt: skip
    assert dense[0] < sparse[0] < sparse[1] < dense[1] / 3  # the indexer itself sees all tokens


def test_recurrent_state_takes_room_and_is_read_and_written_at_every_step(deploy: Deploy) -> None:
    # 27 Mamba-2 layers * 128 heads * 80 * 128 numbers of 4 byte, beside 4 layers with a cache
    state = 4 * 27 * 128 * 80 * 128
    row = {"model": "nvidia/NVIDIA-Nemotron-Nano-9B-v2", "batch_size": 8}
    length = 128 + 128
    cache = length * 2 * 4 * 8 * 128 * 2
    asked = account(deploy, **row, **PLAIN, input_len=128, output_len=128)
    assert asked["kv_need_byte"] == 8 * (cache + state)
    split = row | {"num_devices": 2, "tp": 2}
    for deployed, share in ((row, 1), (split, 2)):
        step = forward(deploy, batch=8, new=1, context=length, **deployed)
        assert step.state_s[0] == pytest.approx(2 * 8 * state / share / BANDWIDTH)
    assert forward(deploy, batch=8, model=LLAMA_70B).state_s[0] == 0



def test_windowed_layers_cache_no_more_than_their_window(deploy: Deploy) -> None:
    # Mistral: all 32 layers, window 4096: 2 * 32 * 8 heads * 128 * 2 byte = 131072 a token
    mistral = "mistralai/Mistral-7B-v0.1"
    assert per_token(deploy, 4096, model=mistral) == 4096 * 131_072
    assert per_token(deploy, 32_000, model=mistral) == 4096 * 131_072
    # Gemma 2: 21 of 42 layers; 2 * 8 heads * 256 * 2 byte = 8192 a layer and token
    assert per_token(deploy, 8192, model=GEMMA) == (21 * 8192 + 21 * 4096) * 8192


def test_only_layers_with_attention_cache(deploy: Deploy) -> None:
    # Qwen3-Next: 12 of 48 layers; 2 * 2 heads * 256 * 2 byte
    assert per_token(deploy, model="Qwen/Qwen3-Next-80B-A3B-Instruct") == 12 * 2048


def test_the_experts_of_deepseek_follow_from_total_and_active(deploy: Deploy) -> None:
    # 58 layers * 256 experts * 3 matrices * 7168 * 2048; a token uses 8 of 256
    found = account(deploy, model=DEEPSEEK, weight_dtype="fp8")
    assert found["p_experts"] == pytest.approx(58 * 256 * 3 * 7168 * 2048, rel=1e-4)
    assert found["p_experts_active"] == pytest.approx(found["p_experts"] / 32)


def test_the_experts_of_mixtral_follow_from_total_and_active(deploy: Deploy) -> None:
    found = account(deploy, model=MIXTRAL)
    assert found["p_experts"] == pytest.approx(32 * 8 * 3 * 4096 * 14_336, rel=1e-3)
    assert found["p_experts_active"] == pytest.approx(found["p_experts"] / 4)


def test_a_dense_model_has_no_experts_and_parts_make_the_whole(deploy: Deploy) -> None:
    found = account(deploy)
    assert found["p_experts"] == found["p_experts_active"] == 0
    assert found["p_head"] == found["p_embedding"] == VOCABULARY_7B
    assert found["p_body"] + 2 * VOCABULARY_7B == pytest.approx(ALL_7B)


def test_a_tied_embedding_is_stored_once(deploy: Deploy) -> None:
    found = account(deploy, model=GEMMA)
    assert (found["p_embedding"], found["p_head"]) == (0, 256_000 * 3584)


@pytest.mark.parametrize(
    ("dtype", "gigabytes"),  # of the files that llama.cpp's quantisation tool makes
    [("q4_0", 3.83), ("q4_k_m", 4.08), ("q5_k_m", 4.78), ("q6_k", 5.53), ("q8_0", 7.16)],
)
def test_a_gguf_of_llama_7b_is_as_large_as_its_file(
    deploy: Deploy, dtype: str, gigabytes: float
) -> None:
    found = account(deploy, framework="llama.cpp", weight_dtype=dtype)
    assert found["weights_byte"] == pytest.approx(gigabytes * 1e9, rel=0.025)


def test_an_fp4_mixture_keeps_16_bits_outside_of_its_experts(deploy: Deploy) -> None:
    # gpt-oss-120b: 36 * 128 * 3 * 2880^2 expert weights at 4.25 bits, 2.17e9 others at 16
    found = account(deploy, model="openai/gpt-oss-120b", weight_dtype="mxfp4", **PLAIN)
    assert found["weights_byte"] == pytest.approx(114.66e9 * 4.25 / 8 + 2.17e9 * 2, rel=2e-3)
    assert found["weights_byte"] == pytest.approx(65.2e9, rel=0.01)  # 60.8 GiB of safetensors


def test_four_bit_weights_leave_the_vocabulary_in_16_bits(deploy: Deploy) -> None:
    expected = BODY_7B * 4.16 / 8 + 2 * VOCABULARY_7B * 2
    assert account(deploy, weight_dtype="awq", **PLAIN)["weights_byte"] == pytest.approx(expected)


@pytest.mark.parametrize("layout", [{"tp": 2}, {"pp": 2}])
def test_two_devices_hold_half_of_the_weights_each(deploy: Deploy, layout: dict[str, int]) -> None:
    half = account(deploy, num_devices=2, **layout, **PLAIN)["weights_byte"]
    assert half == pytest.approx(account(deploy, **PLAIN)["weights_byte"] / 2)


def test_replicas_hold_all_weights_but_share_experts(deploy: Deploy) -> None:
    two = {"num_devices": 2, "tp": 1, "dp": 2}
    assert account(deploy, **two)["weights_byte"] == account(deploy)["weights_byte"]
    one, shared = account(deploy, model=MIXTRAL), account(deploy, model=MIXTRAL, **two)
    saved = one["weights_byte"] - shared["weights_byte"]
    assert saved == pytest.approx(one["p_experts"])  # 2 byte each, half of them elsewhere


def test_slots_are_what_the_rest_of_the_memory_holds(deploy: Deploy) -> None:
    found = account(deploy, input_len=512, output_len=256, **PLAIN)
    activations = 512 * (6 * 4096 + 2 * 11_008) * 2
    assert found["activations_byte"] == activations
    budget = usual.USABLE * A100_BYTES - 2 * ALL_7B - activations - CONTEXT_BYTES
    assert found["kv_budget_byte"] == pytest.approx(budget)
    assert found["slots"] == budget // (768 * KV_7B)
    assert found["kv_need_byte"] == 768 * KV_7B


def test_tensorrt_llm_takes_a_share_of_what_weights_leave(deploy: Deploy) -> None:
    found = account(deploy, framework="tensorrt-llm", input_len=512, output_len=256)
    taken = found["weights_byte"] + found["activations_byte"] + found["runtime_byte"]
    assert found["kv_budget_byte"] == pytest.approx(0.9 * (A100_BYTES - taken))
    less = account(deploy, framework="tensorrt-llm", memory_share=0.8)["kv_budget_byte"]
    assert less == pytest.approx(0.8 / 0.9 * found["kv_budget_byte"])


@pytest.mark.parametrize(
    ("model", "times"), [("meta-llama/Llama-2-7b-hf", 6.0), ("ibm/mpt-7b-instruct2", 35.0)]
)
def test_an_engine_that_reserves_cache_runs_fewer_requests(
    deploy: Deploy, model: str, times: float
) -> None:
    lengths: dict[str, Any] = {"model": model, "input_len": 120, "output_len": 16}
    paged, reserved = (
        account(deploy, framework="tgi", framework_version=version, **lengths)
        for version in ("3", "ibm-fork")
    )
    assert reserved["kv_need_byte"] == paged["kv_need_byte"]
    assert reserved["slots"] == paged["slots"] // times > 1


def test_reserved_cache_never_keeps_the_only_request_out(deploy: Deploy) -> None:
    row = {"model": "ibm/mpt-7b-instruct2", "hardware": "nvidia-a100-pcie-40gb",
           "framework": "tgi", "framework_version": "IBM-Fork"}  # fmt: skip
    found = account(deploy, **row, input_len=1500, output_len=300)
    assert (found["fits"], found["slots"]) == (1, 1)
    assert account(deploy, **row, input_len=90_000)["fits"] == 0


def test_a_deployment_fits_if_one_sequence_does(deploy: Deploy) -> None:
    assert account(deploy)["fits"] == 1
    assert account(deploy, hardware="nvidia-a2-16gb")["fits"] == 1
    assert account(deploy, hardware="nvidia-rtx-3060-12gb")["fits"] == 0  # 13.5 GB of weights
    assert account(deploy, hardware="nvidia-a2-16gb", input_len=8000)["fits"] == 0  # 4 GB of KV
    assert account(deploy, model=LLAMA_70B)["fits"] == 0
    assert account(deploy, model=LLAMA_70B, num_devices=2, tp=2)["fits"] == 1


def test_replicas_share_the_batch(deploy: Deploy) -> None:
    row = {"batch_size": 12, "num_devices": 4, "tp": 1, "dp": 4}
    assert account(deploy, **row)["replica_batch"] == 3
    assert account(deploy, **row | {"batch_size": 2})["replica_batch"] == 1


# Roofline


@pytest.mark.parametrize(
    ("model", "tokens", "share"),
    [
        (MIXTRAL, 1, 2 / 8),
        (MIXTRAL, 2, 0.4375),  # 1 - 0.75^2
        (DEEPSEEK, 1, 1 / 32),
        (DEEPSEEK, 2, 63 / 1024),  # 1 - (31 / 32)^2
        (DEEPSEEK, 1e6, 1.0),
        (LLAMA_70B, 64, 0.0),  # dense
    ],
)
def test_tokens_need_the_experts_that_some_of_them_choose(
    deploy: Deploy, model: str, tokens: float, share: float
) -> None:
    found = roofline.expert_coverage(deploy({"model": model}).columns, x(tokens))
    assert found == pytest.approx(share)


def test_a_decode_step_reads_the_weights_and_the_cache_once(deploy: Deploy) -> None:
    step = forward(deploy, context=1000)
    weights = (BODY_7B + VOCABULARY_7B) * 2 / BANDWIDTH  # of the embedding, one row
    assert step.weights_s == pytest.approx(weights)
    assert step.kv_s == pytest.approx(1000 * KV_7B / BANDWIDTH)
    assert step.memory_s == pytest.approx(weights + 1000 * KV_7B / BANDWIDTH)
    assert step.floor_s == step.memory_s  # 6.7 ms; the arithmetic takes 44 us


def test_a_pass_multiplies_each_weight_once_a_token(deploy: Deploy) -> None:
    one = forward(deploy, batch=4, new=512, context=256)
    head = 2 * 4 * VOCABULARY_7B  # for the last token of each sequence
    assert one.gemm_s == pytest.approx((2 * 4 * 512 * BODY_7B + head) / PEAK)
    # QK^T and PV: 4 * 32 heads * 128 * 32 layers * 256 context tokens a token
    assert one.attention_s == pytest.approx(4 * 512 * 4 * 32 * 128 * 32 * 256 / PEAK)
    assert one.floor_s == one.compute_s


def test_small_weights_are_unpacked_once_a_pass_by_the_vector_units(deploy: Deploy) -> None:
    vector = 2 * 19.5e12  # A100: fp32 outside of the matrix engines, and integers beside it
    step = forward(deploy, weight_dtype="q4_k_m")
    assert step.unpack_s == pytest.approx((BODY_7B + VOCABULARY_7B) / vector)
    assert step.rescale_s == pytest.approx(2 * BODY_7B / vector)
    eight = forward(deploy, batch=8, weight_dtype="q4_k_m")
    assert eight.unpack_s == step.unpack_s
    assert eight.rescale_s == pytest.approx(8 * step.rescale_s)
    # Formats but GGUF leave the vocabulary in 16 bits.
    awq = forward(deploy, weight_dtype="awq")
    assert awq.unpack_s == pytest.approx(BODY_7B / vector)
    # and scale their sums once for a tile, not for each block of weights.
    assert awq.rescale_s == pytest.approx(step.rescale_s / 10)


def test_the_vector_units_could_do_the_same_arithmetic(deploy: Deploy) -> None:
    one = forward(deploy, batch=4, new=512, context=256)
    assert one.vector_s == pytest.approx(one.gemm_s * PEAK / 39e12)


@pytest.mark.parametrize(("tokens", "experts"), [(1, 2), (2, 3.5), (1000, 8)])
def test_rows_are_scattered_among_the_experts_that_some_token_needs(
    deploy: Deploy, tokens: float, experts: float
) -> None:
    found = forward(deploy, batch=tokens, model=MIXTRAL)
    body, routed = 32 * (2 * 4096**2 + 2 * 4096 * 1024), 32 * 2 * 3 * 4096 * 14_336
    by_hand = (body + routed * experts / 2) / (body + routed)
    assert found.scatter == pytest.approx(by_hand, rel=2e-3)
    assert forward(deploy, batch=tokens).scatter == 1.0  # dense


@pytest.mark.parametrize(
    ("hardware", "dtype", "unpacked"),
    [("a100-80gb", "bf16", False), ("a100-80gb", "fp8", True), ("h100", "fp8", False),
     ("a100-80gb", "w8a8", False), ("h100", "nvfp4", True), ("b200", "nvfp4", False),
     ("h100", "int4-fp8", True)],
)  # fmt: skip
def test_what_the_matrix_engines_multiply_as_stored_needs_no_unpacking(
    deploy: Deploy, hardware: str, dtype: str, unpacked: bool
) -> None:
    step = forward(deploy, hardware=hardware, weight_dtype=dtype)
    assert (step.unpack_s > 0) == unpacked
    assert (step.rescale_s > 0) == unpacked


def test_experts_are_unpacked_where_a_token_needs_them(deploy: Deploy) -> None:
    steps = [forward(deploy, batch=b, model=MIXTRAL, weight_dtype="awq") for b in (1, 2)]
    experts = 32 * 8 * 3 * 4096 * 14_336 / 39e12
    assert steps[1].unpack_s - steps[0].unpack_s == pytest.approx(
        (0.4375 - 0.25) * experts, rel=1e-3
    )


def test_each_sequence_reads_its_own_cache_and_all_share_the_weights(deploy: Deploy) -> None:
    one, eight = forward(deploy, context=1000), forward(deploy, batch=8, context=1000)
    assert eight.kv_s == pytest.approx(8 * one.kv_s)
    assert eight.weights_s == one.weights_s


def test_mixtral_reads_the_experts_that_its_tokens_need(deploy: Deploy) -> None:
    steps = [forward(deploy, batch=b, model=MIXTRAL) for b in (1, 2)]
    experts = 32 * 8 * 3 * 4096 * 14_336 * 2 / BANDWIDTH
    assert steps[1].weights_s - steps[0].weights_s == pytest.approx(
        (0.4375 - 0.25) * experts, rel=1e-3
    )
    assert steps[1].least_weights_s == steps[0].least_weights_s == steps[0].weights_s
    # 2 FLOP for each of the 12.88e9 active weights but the embedding
    active = 12.8799e9 - 32_000 * 4096
    assert steps[0].gemm_s == pytest.approx(2 * active / PEAK, rel=1e-3)


@pytest.mark.parametrize(("devices", "share"), [(2, 1 / 2), (4, 3 / 4), (8, 7 / 8)])
def test_two_ring_all_reduces_a_layer_go_over_the_link(
    deploy: Deploy, devices: int, share: float
) -> None:
    # 2 a layer * 32 layers, 2 (t - 1) / t of 4096 halves a token
    step = forward(deploy, batch=3, num_devices=devices, tp=devices)
    assert step.comm_s == pytest.approx(64 * 2 * share * 3 * 4096 * 2 / LINK)
    assert step.comm_count == 64


def test_one_device_sends_nothing_and_a_pipeline_hands_over(deploy: Deploy) -> None:
    alone, pipeline = forward(deploy), forward(deploy, num_devices=4, pp=4)
    assert [*alone.comm_s, *alone.comm_count] == [0, 0]
    assert [*pipeline.comm_s, *pipeline.comm_count] == [0, 3]


def test_attention_replicas_send_tokens_to_the_experts_that_they_share(deploy: Deploy) -> None:
    mixtral: dict[str, Any] = {"model": "mistralai/Mixtral-8x7B-v0.1", "num_devices": 4, "tp": 1,
                               "dp": 4}
    spread = forward(deploy, batch=3, **mixtral, ep=4)
    # There and back, 32 layers; 2 of 8 experts are on 3 (1 - (3/4)^2) other devices on average.
    others = 3 * (1 - (3 / 4) ** 2)
    assert spread.comm_s == pytest.approx(2 * 32 * others * 3 * 4096 * 2 / LINK)
    assert spread.comm_count == 64
    dense = forward(deploy, num_devices=4, tp=1, dp=4)
    assert [*dense.comm_s, *dense.comm_count] == [0, 0]


def test_tensor_parallel_devices_share_the_work_and_pipeline_stages_take_turns(
    deploy: Deploy,
) -> None:
    one = forward(deploy, batch=2, new=8, context=100)
    two = forward(deploy, batch=2, new=8, context=100, num_devices=2, tp=2)
    pipe = forward(deploy, batch=2, new=8, context=100, num_devices=2, pp=2)
    for name in ("gemm_s", "attention_s", "weights_s", "kv_s"):
        assert getattr(two, name) == pytest.approx(getattr(one, name) / 2), name
        assert getattr(pipe, name) == pytest.approx(getattr(one, name)), name


def twice(name: str) -> Definitions:
    device = hardware("nvidia-a100-sxm-80gb")
    better = replace(device, **{name: 2 * getattr(device, name)})
    return Definitions(hardware={"better": better})


@pytest.mark.parametrize(
    ("figure", "halved"),
    [("mem_bw_gbs", {"weights_s", "least_weights_s", "kv_s"}), ("link_gbs", {"comm_s"})],
)
def test_twice_the_bandwidth_halves_the_transfers_and_nothing_else(
    deploy: Deploy, figure: str, halved: set[str]
) -> None:
    row = {"num_devices": 2, "tp": 2, "model": MIXTRAL}
    load = build(deploy(row, row | {"hardware": "better"}, definitions=twice(figure)).columns)
    for name, (plain, better) in asdict(load.step).items():
        assert better == pytest.approx(plain / 2 if name in halved else plain), name


def test_narrow_weights_multiply_at_their_own_peak(deploy: Deploy) -> None:
    h100 = {"hardware": "nvidia-h100-sxm-80gb"}
    rates = roofline.peak_flops(deploy(
        h100, h100 | {"weight_dtype": "fp8"}, h100 | {"weight_dtype": "awq"},
        h100 | {"weight_dtype": "nvfp4"},
        {"weight_dtype": "fp8"}, {"weight_dtype": "w8a8"}, {"weight_dtype": "q8_0"},
    ).columns)  # fmt: skip
    # A100: no fp8 units; int8 at 624, which GGUF kernels may use too
    assert (rates / 1e12).tolist() == [989, 1979, 989, 1979, 312, 624, 624]


# Load


def test_a_replica_holds_the_asked_batch_or_what_fits(deploy: Deploy) -> None:
    load = build(deploy(
        {"batch_size": 8}, {"batch_size": 4000},
        {"hardware": "nvidia-a10-24gb", "batch_size": 512, "input_len": 1000, "output_len": 24},
    ).columns)  # fmt: skip
    assert load.held[0] == 8
    assert load.held[1] == load.memory["slots"][1] < SERVER_SLOTS
    # A10: (0.92 * 23.69 - 13.48 - 0.17 - 0.19 - 0.16) GB / (1024 * 0.5 MB) = 14
    assert load.held[2] == 14


def test_an_offline_engine_fills_its_slots_whatever_is_asked(deploy: Deploy) -> None:
    small = {"mode": "offline", "input_len": 16, "output_len": 16}
    load = build(deploy(
        small | {"framework": "tensorrt-llm"}, small | {"input_len": 2000, "output_len": 1000},
        small,
    ).columns)  # fmt: skip
    assert load.held[0] == OFFLINE_SLOTS
    assert load.held[2] == 256  # vLLM's own limit on an A100
    # A request takes 2,500 tokens of cache on average, in blocks of 16, and 3,000 in the end.
    room = load.memory["kv_budget_byte"][1] // (2512 * KV_7B)
    assert load.memory["slots"][1] < load.held[1] == room < OFFLINE_SLOTS


@pytest.mark.parametrize(
    ("row", "tokens"),
    [({"concurrency": 512}, 1500), ({"concurrency": 512, "framework": "sglang"}, 1500),
     ({"concurrency": 512, "framework": "tensorrt-llm"}, 2000), ({"batch_size": 512}, 2000)],
)  # fmt: skip
def test_servers_whose_cache_grows_with_a_request_run_more_of_them(
    deploy: Deploy, row: dict[str, Any], tokens: float
) -> None:
    load = build(deploy(row | {"input_len": 1000, "output_len": 1000}).columns)
    assert load.held == load.memory["kv_budget_byte"] // (tokens * KV_7B)
    assert load.memory["slots"] == load.memory["kv_budget_byte"] // (2000 * KV_7B)


def test_a_prompt_is_cut_into_passes_that_read_the_weights_anew(deploy: Deploy) -> None:
    short, long = (build(deploy({
        "framework": "llama.cpp", "weight_dtype": "q4_k_m", "mode": "prefill", "num_devices": 2,
        "pp": 2, "input_len": n,
    }).columns).one for n in (512, 2048))  # fmt: skip
    assert [short.chunks[0], long.chunks[0]] == [1, 4]
    for part in ("weights_s", "unpack_s", "comm_count"):
        assert getattr(long, part) == pytest.approx(4 * getattr(short, part)), part
    assert long.gemm_s < 4 * short.gemm_s  # the head's arithmetic is done once
    assert long.least_weights_s == short.least_weights_s  # a bound holds for any cut
    whole = build(deploy({"framework": "hf-transformers", "input_len": 2048}).columns).one
    assert whole.chunks == 1


def test_a_pass_of_few_tokens_needs_few_experts(deploy: Deploy) -> None:
    row = {"framework": "llama.cpp", "weight_dtype": "q4_k_m", "mode": "prefill", "model": MIXTRAL}
    steps = [build(deploy(row | {"input_len": n}).columns).one for n in (1, 512, 1024)]
    assert steps[1].scatter == pytest.approx(steps[2].scatter, rel=1e-6)
    assert steps[0].scatter < steps[1].scatter


def test_llama_cpp_multiplies_mxfp4_by_block_as_its_own_formats(deploy: Deploy) -> None:
    row: dict[str, Any] = {
        "model": "openai/gpt-oss-120b", "hardware": "b200", "weight_dtype": "mxfp4",
    }  # fmt: skip
    local, server = (forward(deploy, **(row | {"framework": f})) for f in ("llama.cpp", "vllm"))
    assert local.rescale_s > 0 == server.rescale_s  # b200 multiplies fp4 as it is
    assert local.gemm_s > server.gemm_s
    small = forward(deploy, **(row | {"framework": "llama.cpp", "weight_dtype": "q4_0"}))
    assert local.rescale_s == pytest.approx(small.rescale_s, rel=0.3)
    # The checkpoint still packs its experts only.
    needs = [account(deploy, **(row | {"framework": f}))["weights_byte"]
             for f in ("llama.cpp", "sglang")]  # fmt: skip
    assert needs[0] == pytest.approx(needs[1], rel=0.1)


def test_a_gguf_file_of_a_mixture_may_keep_the_rest_in_16_bits(deploy: Deploy) -> None:
    row: dict[str, Any] = {"model": "openai/gpt-oss-120b", "framework": "llama.cpp"}
    columns = deploy(*(row | {"weight_dtype": d} for d in ("mxfp4", "mxfp4-f16"))).columns
    experts, rest, vocabulary = weight_bits(columns)
    assert experts.tolist() == [4.25, 4.25]
    assert rest.tolist() == vocabulary.tolist() == [8.5, 16.0]
    server = deploy({"model": "openai/gpt-oss-120b", "weight_dtype": "mxfp4"}).columns
    assert [b.tolist() for b in weight_bits(server)] == [[4.25], [16.0], [16.0]]
    # A dense model has no rest: all of it is small.
    dense = deploy({"weight_dtype": "nvfp4"}).columns
    assert [b.tolist() for b in weight_bits(dense)] == [[4.5], [4.5], [16.0]]


def test_attention_spans_the_prompt_and_half_of_the_output(deploy: Deploy) -> None:
    load = build(deploy(
        {"input_len": 1000, "output_len": 200},
        {"mode": "decode", "input_len": 1000, "output_len": 200},
    ).columns)  # fmt: skip
    assert load.step.kv_s == pytest.approx([1100 * KV_7B / BANDWIDTH] * 2)


def test_taking_rows_takes_them_everywhere(deploy: Deploy) -> None:
    load = build(deploy({"batch_size": 1}, {"batch_size": 2}, {"concurrency": 3}).columns)
    part = load.take(np.asarray([2, 0]))
    assert part.held.tolist() == [3, 1]
    assert part.step.kv_s.tolist() == load.step.kv_s[[2, 0]].tolist()
    assert part.memory["weights_byte"].shape == (2,)
    assert part.is_mode("closed").tolist() == [True, False]


MODES = st.sampled_from([
    {"batch_size": 1}, {"batch_size": 64, "num_devices": 4}, {"concurrency": 16},
    {"concurrency": 2000, "num_devices": 8, "tp": 2}, {"mode": "offline", "num_devices": 8},
    {"mode": "prefill"}, {"mode": "decode", "context_depth": 9000},
])  # fmt: skip
ROWS = st.builds(
    lambda load, model, device, length: load | {
        "model": model, "hardware": device, "input_len": length, "weight_dtype": None
    },
    MODES, st.sampled_from([MIXTRAL, DEEPSEEK, GEMMA, LLAMA_70B]),
    st.sampled_from(["nvidia-h100-sxm-80gb", "amd-mi300x-192gb", "nvidia-l4-24gb", "none"]),
    st.sampled_from([1, 100, 30_000, -1]),
)  # fmt: skip


def flat(load: Load) -> Columns:
    passes = {f"{name}_{k}": v for name in ("one", "whole", "step")
              for k, v in asdict(getattr(load, name)).items()}  # fmt: skip
    return load.memory | floors(load) | passes | {"held": load.held}


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(ROWS, min_size=2, max_size=6), seed=st.integers(0, 99))
def test_rows_depend_neither_on_each_other_nor_on_their_order(
    deploy: Deploy, rows: list[dict[str, Any]], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(rows))
    together = flat(build(deploy(*rows).columns))
    shuffled = flat(build(deploy(*(rows[i] for i in order)).columns))
    alone = flat(build(deploy(rows[0]).columns))
    for name, values in together.items():
        np.testing.assert_allclose(values[order], shuffled[name], rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(values[:1], alone[name], rtol=1e-12, err_msg=name)


# Queueing


def test_a_batch_beyond_its_slots_runs_in_rounds() -> None:
    assert queueing.waves(x(96), x(32)) == 3
    assert queueing.waves(x(48), x(32)) == 1.5
    assert queueing.waves(x(8), x(32)) == 1
    assert queueing.waves(x(8), x(0)) == 8


def test_a_static_batch_takes_a_prefill_and_a_step_for_each_further_token() -> None:
    assert queueing.static_latency(x(0.2), x(0.01), x(101)) == pytest.approx(1.2)
    assert queueing.static_latency(x(0.2), x(0.01), x(1)) == pytest.approx(0.2)


def server(
    users: float, held: float, dp: float = 1, rounds: float = 10, factor: float = 1
) -> queueing.Server:
    """A server with prefills of 0.1 s, steps of 0.01 s and 100 tokens a request."""
    columns = {"batch": x(users), "dp": x(dp), "output_len": x(100), "requests_per_slot": x(rounds)}
    return queueing.closed(columns, x(held), x(0.1), x(0.01), x(factor), x(factor), x(factor))


def test_a_single_user_waits_for_nobody() -> None:
    found = server(users=1, held=1)
    assert found.ttft_s == pytest.approx(0.1)
    assert found.tpot_s == pytest.approx(0.01)
    assert found.running_s == pytest.approx(0.1 + 100 * 0.01)


def test_running_requests_see_the_prefills_of_the_others() -> None:
    found = server(users=4, held=4)
    # a request sees 3 prefills of 0.1 s over its 100 tokens
    assert found.tpot_s == pytest.approx(0.01 + 3 * 0.1 / 100)
    assert found.running_s == pytest.approx(0.1 + 100 * 0.013)
    # own prefill, half a cycle, a tenth of half the burst, prefills of the same cycle
    assert found.ttft_s == pytest.approx(0.1 + 0.0065 + 0.5 * 3 * 0.1 / 10 + 3 * 0.1 * 0.013 / 1.4)


def test_users_beyond_the_slots_wait_for_a_slot() -> None:
    found = server(users=4, held=2)
    assert found.running_s == pytest.approx(0.1 + 100 * 0.011)
    began = 0.1 + 0.0055 + 0.5 * 0.1 / 10 + 0.1 * 0.011 / 1.2
    assert found.ttft_s == pytest.approx(began + (4 - 2) / 2 * 1.2)


def test_a_short_run_is_mostly_burst() -> None:
    short, long = server(users=4, held=4, rounds=1), server(users=4, held=4, rounds=1000)
    assert short.ttft_s - long.ttft_s == pytest.approx(0.5 * 3 * 0.1 * (1 - 1 / 1000))


def test_an_engine_without_interference_leaves_the_step_as_it_is() -> None:
    found = server(users=4, held=2, factor=0)
    assert found.tpot_s == pytest.approx(0.01)
    assert found.ttft_s == pytest.approx(0.1 + 0.005)


def test_replicas_share_the_users() -> None:
    two, one = server(users=8, held=4, dp=2), server(users=4, held=4)
    assert two.ttft_s == one.ttft_s
    assert two.tpot_s == one.tpot_s


def test_a_run_of_unstated_length_is_as_long_as_benchmarks_are() -> None:
    assert server(users=4, held=4, rounds=np.nan).ttft_s == server(users=4, held=4).ttft_s


def test_tokens_per_second_follow_from_littles_law() -> None:
    # 2 replicas * 4 requests under way, 2 s each: 4 requests a second of 100 tokens
    columns = {"dp": x(2), "output_len": x(100)}
    assert queueing.request_rate_tok_s(columns, x(4), x(2)) == pytest.approx(400)


# Floors


def test_a_static_batch_takes_at_least_its_arithmetic_then_its_reads(deploy: Deploy) -> None:
    found = floors(build(deploy({"input_len": 512, "output_len": 101}).columns))
    prefill = (2 * 512 * BODY_7B + 2 * VOCABULARY_7B + 512 * 524_288 * 256) / PEAK  # 21.5 ms
    step = ((BODY_7B + VOCABULARY_7B) * 2 + (512 + 50.5) * KV_7B) / BANDWIDTH  # 6.6 ms
    assert found["ttft_ms"] == pytest.approx(1e3 * prefill)
    assert found["tpot_ms"] == pytest.approx(1e3 * step)
    assert found["batch_latency_s"] == pytest.approx(prefill + 100 * step)
    assert found["output_tok_s"] == pytest.approx(101 / (prefill + 100 * step))


def test_a_server_prefills_one_request_and_a_batch_all(deploy: Deploy) -> None:
    both = floors(build(deploy({"batch_size": 8}, {"concurrency": 8}).columns))
    assert both["ttft_ms"][0] == pytest.approx(8 * both["ttft_ms"][1])


def test_speculation_may_yield_four_tokens_a_step(deploy: Deploy) -> None:
    rows = [{"mode": "decode"}, {"mode": "decode", "spec_method": "mtp"}]
    found = floors(build(deploy(*rows).columns))
    assert found["tpot_ms"][1] == pytest.approx(found["tpot_ms"][0] / 4)


def test_a_prompt_that_is_not_stated_loosens_the_bound(deploy: Deploy) -> None:
    stated = {"concurrency": 8, "input_len": 512, "model": MIXTRAL, "num_devices": 4}
    found = floors(build(deploy(stated, stated | {"input_len": None}).columns))
    assert found["ttft_ms"][1] < found["ttft_ms"][0]
    assert found["tpot_ms"][1] < found["tpot_ms"][0]


def test_the_bound_is_that_of_the_precision_in_force(deploy: Deploy) -> None:
    stated = {"concurrency": 8, "input_len": 512, "model": MIXTRAL, "num_devices": 4}
    rows = [stated | {"weight_dtype": dtype} for dtype in (None, "bf16", "int8")]
    found = floors(build(deploy(*rows).columns))["output_tok_s"]
    assert found[0] == found[1]
    assert found[2] == pytest.approx(2 * found[0])  # 624 instead of 312 TOPS


def test_throughput_is_bounded_by_the_arithmetic_of_all_devices(deploy: Deploy) -> None:
    rows = [{"mode": "offline", "num_devices": n, "tp": 1} for n in (1, 4)]
    found = floors(build(deploy(*rows).columns))["output_tok_s"]
    assert found[1] == pytest.approx(4 * found[0])
    # at most the peak over 2 FLOP for each weight of each of 512 + 128 tokens, halved for models
    # that read one half of their layers at a time
    tokens = PEAK / (2 * 0.5 * BODY_7B * (512 + 128) / 128)
    assert found[0] == pytest.approx(tokens)
