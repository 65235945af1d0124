"""Memory as engines divide it: each rule by hand, blocks of mixed layers, what logs would say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from guide_ml import DoesNotFit, InvalidInput, catalogue, predict
from guide_ml.features import memory
from guide_ml.table.assume import Resolved
from guide_ml.table.device_memory import real_bytes
from guide_ml.units import GB, GIB

Deploy = Callable[..., Resolved]
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
ONE: dict[str, Any] = {"concurrency": 1, "input_len": 128, "output_len": 128}
VLLM = ONE | {"framework": "vllm", "mode": "closed", "model": LLAMA}


def gib(deploy: Deploy, **row: Any) -> dict[str, float]:
    found = memory.extract(deploy(VLLM | row).columns)
    return {k: float(v[0]) / (GIB if k.endswith("_byte") else 1) for k, v in found.items()}


def lines(deploy: Deploy, **row: Any) -> tuple[float, float]:
    columns = deploy(VLLM | row).columns
    found = memory.log_lines(columns, memory.extract(columns))
    return float(found.requests[0]), float(found.longest[0])


def test_a_device_has_what_a_program_finds_measured_or_by_rule() -> None:
    assert real_bytes(catalogue.hardware("t4")) / GIB == pytest.approx(14.56, abs=0.01)
    assert real_bytes(catalogue.hardware("nvidia-rtx-3090-ti-24gb")) / GIB == pytest.approx(23.54)
    # What the rule says of measured ones is within 0.6 %.
    for name in ("rtx-3090", "rtx-4090", "rtx-5090", "h100", "nvidia-a100-sxm-40gb", "h200"):
        device = catalogue.hardware(name)
        ruled = (0.99 * device.memory_gb - 0.22) * GIB
        assert real_bytes(device) == pytest.approx(ruled, rel=6e-3), name


def test_vllm_takes_a_share_of_the_whole_less_the_sampled_logits(deploy: Deploy) -> None:
    row: dict[str, Any] = {"hardware": "h100", "framework_version": "0.11.0"}
    found = gib(deploy, **row)
    logits = 1024 * 128_256 * 37 / GIB  # the sort of top-k and top-p
    assert found["activations_byte"] == pytest.approx(logits)
    budget = 0.9 * 84.93 * GB / GIB - found["weights_byte"] - logits - 0.15
    assert found["kv_budget_byte"] == pytest.approx(budget)
    few = gib(deploy, **row, max_num_seqs=16)  # then a pass of 8,192 tokens is the widest
    assert few["activations_byte"] == pytest.approx(8192 * (2 * 4096 + 3 * 14_336) * 2 / GIB)
    assert gib(deploy, **row, tp=2, num_devices=2)["activations_byte"] > logits  # gathered


def test_vllm_plans_a_larger_share_today_and_takes_graphs_off(deploy: Deploy) -> None:
    new, eager = (gib(deploy, hardware="h100", enforce_eager=e) for e in (0, 1))
    assert new["graphs_byte"] == pytest.approx(32 * 6e6 / GIB)
    assert (eager["graphs_byte"], new["activations_byte"]) == (0, eager["activations_byte"])
    stated = gib(deploy, hardware="h100", memory_share=0.92, block_size=16, enforce_eager=0)
    assert stated == new == gib(deploy, hardware="h100")


def test_the_old_vllm_profiled_whole_prompts(deploy: Deploy) -> None:
    row: dict[str, Any] = {"hardware": "rtx-3090", "framework_version": "0.6.4"}
    short, long = (gib(deploy, **row, max_model_len=n) for n in (20_000, 29_000))
    a_token = (2 * 4096 + 3 * 14_336) * 2 / GIB
    more = long["activations_byte"] - short["activations_byte"]
    assert more == pytest.approx(9_000 * a_token)
    assert (short["fits"], long["fits"]) == (1, 0)  # 29,000 tokens have no room: it does not start


def test_the_oldest_vllm_cut_no_prompt_however_long(deploy: Deploy) -> None:
    row: dict[str, Any] = {"hardware": "h100", "max_model_len": 131_072}
    oldest, old = (gib(deploy, **row, framework_version=v) for v in ("0.5.3", "0.6.4"))
    assert oldest["activations_byte"] == pytest.approx(131_072 * 2 * (2 * 4096 + 3 * 14_336) / GIB)
    assert old["activations_byte"] < oldest["activations_byte"] / 8


@pytest.mark.parametrize(("hardware", "share"), [
    ("nvidia-l4-24gb", 0.688), ("rtx-4090", 0.707), ("t4", 0.735), ("h100", 0.836),
    ("nvidia-b200-sxm-180gb", 0.859), ("h200", 0.907),
])  # fmt: skip
def test_sglang_chooses_its_fraction_by_the_memory(
    deploy: Deploy, hardware: str, share: float
) -> None:
    real = real_bytes(catalogue.hardware(hardware)) / GIB
    small = {"framework": "sglang", "model": "Qwen/Qwen3-0.6B", "hardware": hardware}
    found = gib(deploy, **small)
    planned = found["kv_budget_byte"] + found["weights_byte"] + found["runtime_byte"]
    assert planned / (real - 0.4 * GB / GIB) == pytest.approx(share, abs=0.006)
    half = gib(deploy, **small, memory_share=0.5)
    assert half["kv_budget_byte"] < found["kv_budget_byte"]


def test_lmdeploy_and_tgi_take_a_share_of_what_is_free(deploy: Deploy) -> None:
    for engine, share in (("lmdeploy", 0.8), ("tgi", 0.9)):
        usual, half = (gib(deploy, framework=engine, hardware="h100", memory_share=s)
                       for s in (None, share / 2))  # fmt: skip
        assert half["kv_budget_byte"] == pytest.approx(usual["kv_budget_byte"] / 2)


def test_lmdeploy_on_pytorch_sets_logits_aside_first(deploy: Deploy) -> None:
    row: dict[str, Any] = {"framework": "lmdeploy", "hardware": "h100",
                           "model": "deepseek-ai/DeepSeek-V2-Lite"}  # fmt: skip
    found = gib(deploy, **row)
    logits = (8192 + 2 * 1024) * 102_400 * 2 / GIB
    assert found["activations_byte"] == pytest.approx(logits)
    real = real_bytes(catalogue.hardware("h100")) / GIB - 0.4 * GB / GIB
    left = real - found["weights_byte"] - logits
    assert found["kv_budget_byte"] == pytest.approx(0.8 * left)
    own = gib(deploy, framework="lmdeploy", hardware="h100")  # Llama has kernels of its own there
    assert own["kv_budget_byte"] == pytest.approx(0.8 * (real - own["weights_byte"]))


def test_llama_cpp_leaves_embeddings_on_the_host(deploy: Deploy) -> None:
    row: dict[str, Any] = {"framework": "llama.cpp", "hardware": "rtx-4090", "weight_dtype": "q8_0"}
    found = gib(deploy, **row)
    whole = 8.0303e9 * 8.5 / 8 / GIB
    assert found["weights_byte"] == pytest.approx(whole - 128_256 * 4096 * 8.5 / 8 / GIB, rel=1e-3)
    assert found["activations_byte"] == pytest.approx(128 * 128_256 * 4 / GIB)
    apple = gib(deploy, **row | {"hardware": "apple-m2-ultra-76c"})
    assert apple["weights_byte"] == pytest.approx(whole, rel=1e-3)  # the memory is the same one


def test_a_20_gb_radeon_holds_what_its_20_gib_hold(deploy: Deploy) -> None:
    row: dict[str, Any] = {"framework": "llama.cpp", "hardware": "amd-rx-7900-xt-20gb",
                           "model": "Qwen/Qwen3-32B", "weight_dtype": "q4_k_m"}  # fmt: skip
    found = gib(deploy, **row)
    assert 18 < found["weights_byte"] < 19
    assert found["fits"] == 1


def test_the_allocator_hands_matrices_above_10_mib_whole_pages(deploy: Deploy) -> None:
    # Qwen3-14B in fp8: qkv of 35 MiB, o of 25, down of 85; gate and up fill their 170.
    row: dict[str, Any] = {"model": "Qwen/Qwen3-14B", "weight_dtype": "fp8", "hardware": "rtx-4090"}
    plain, vllm, sglang = (gib(deploy, **row | {"framework": f})["weights_byte"]
                           for f in ("deepspeed-mii", "vllm", "sglang"))  # fmt: skip
    turned = 40_960 * 128 * 2 / GIB
    assert vllm - plain - turned == pytest.approx(40 * 3 / 1024)
    assert sglang == vllm
    # Halves of 12.5 and 42.5 MiB leave 1.5 of a page, which others get: ROCm's log counted that.
    row |= {"tp": 2, "num_devices": 2, "framework_version": "0.13.0"}
    half = gib(deploy, **row | {"framework": "deepspeed-mii", "framework_version": None})
    cuda, rocm = (gib(deploy, **row | {"hardware": h})["weights_byte"] - half["weights_byte"]
                  for h in ("rtx-4090", "amd-radeon-ai-pro-r9700-32gb"))  # fmt: skip
    assert cuda - turned == pytest.approx(40 * 1.5 / 1024)
    assert rocm - turned == pytest.approx(40 * 4.5 / 1024 + 0.07)


def test_two_passes_in_flight_hold_twice_what_a_window_keeps(deploy: Deploy) -> None:
    row = {"model": "google/gemma-3-12b-it", "hardware": "h100", "max_model_len": 65_536}
    old, new = (lines(deploy, **row, framework_version=v)[0] for v in ("0.24.0", "0.26.0"))
    budget = gib(deploy, **row, framework_version="0.26.0")["kv_budget_byte"] * GIB
    blocks = budget // (8 * 8192 * 16)
    assert new == pytest.approx(blocks / (4096 + 5 * ((1023 + 2 * 8192) // 16 + 2)))
    assert old > new


def test_windowed_layers_share_blocks_in_groups(deploy: Deploy) -> None:
    # Gemma 3 12B: 8 layers without a window, 40 with: six groups of 8, 8,192 byte a layer.
    row = {"model": "google/gemma-3-12b-it", "hardware": "h100", "framework_version": "0.13.0"}
    found = gib(deploy, **row)
    blocks = found["kv_budget_byte"] * GIB // (8 * 8192 * 16)
    assert found["kv_tokens"] == blocks // 6 * 16
    old = gib(deploy, **row | {"framework_version": "0.8.5"})  # layers kept all alike
    assert old["kv_tokens"] == old["kv_budget_byte"] * GIB // (48 * 8192 * 16) * 16
    # A request of 8,192: 512 blocks, and five times those of 1,023 and 8,192 tokens in flight.
    requests, longest = lines(deploy, **row, max_model_len=8192)
    assert requests == pytest.approx(blocks / (512 + 5 * 513))
    assert longest == 131_072


def test_sglang_gives_windows_and_states_pools_of_their_own(deploy: Deploy) -> None:
    row: dict[str, Any] = {"framework": "sglang", "hardware": "h100"}
    # gpt-oss: 12 layers without a window, 12 with, of 2,048 byte a token; a pool of 0.8 tokens.
    found = gib(deploy, **row, model="openai/gpt-oss-20b")
    assert found["kv_tokens"] == found["kv_budget_byte"] * GIB // (12 * 1.8 * 2048)
    short, long = (gib(deploy, **row, model="openai/gpt-oss-20b", input_len=n - 128)
                   for n in (128 + 1, 4096))  # fmt: skip
    assert short["kv_need_byte"] == pytest.approx(129 * 12 * 1.8 * 2048 / 0.8 / GIB, rel=0.01)
    assert long["kv_need_byte"] == pytest.approx(4096 * 12 * 1.8 * 2048 / GIB)
    # Gemma 3 has none: all layers keep all tokens.
    gemma = gib(deploy, **row, model="google/gemma-3-12b-it")
    assert gemma["kv_tokens"] == gemma["kv_budget_byte"] * GIB // (48 * 8192)
    # Qwen3-Next: 12 layers of 2,048 byte have one part of 1.9, states the others.
    row |= {"model": "Qwen/Qwen3-Next-80B-A3B-Instruct", "weight_dtype": "fp8", "tp": 2,
            "num_devices": 2}  # fmt: skip
    mixed = gib(deploy, **row)
    assert mixed["kv_tokens"] == mixed["kv_budget_byte"] * GIB // (12 * 1024 * 1.9)
    state = 18_874_368 * 4 / 2
    assert mixed["kv_need_byte"] == pytest.approx(3 * state / 0.9 * 1.9 / GIB)
    _, longest = lines(deploy, **row)
    assert longest == min(mixed["kv_tokens"], 262_144)


def test_blocks_hold_a_recurrent_state_whole(deploy: Deploy) -> None:
    # Qwen3-Next over two devices: 16 heads * 128 * 128 numbers of 2 byte, and what a convolution
    # keeps, against 1,024 byte a token: blocks of 544 tokens; 12 layers in each of four groups.
    row: dict[str, Any] = {"model": "Qwen/Qwen3-Next-80B-A3B-Instruct", "hardware": "h100", "tp": 2,
           "num_devices": 2, "weight_dtype": "fp8", "framework_version": "0.13.0"}  # fmt: skip
    found = gib(deploy, **row)
    blocks = found["kv_budget_byte"] * GIB // (544 * 1024 * 12)
    assert found["kv_tokens"] == blocks // 4 * 544
    requests, _ = lines(deploy, **row, max_model_len=16_384)
    assert requests == pytest.approx(blocks / (31 + 3))
    asked = {"max_model_len": 16_384}
    off, _ = lines(deploy, **row | asked | {"framework_version": "0.24.0"})
    there = gib(deploy, **row | {"framework_version": "0.24.0"})["kv_budget_byte"] * GIB
    assert off == pytest.approx(there // (544 * 1024 * 12) / (31 + 3))
    new = row | {"framework_version": "0.27"}  # the prefix cache keeps a second state a group
    blocks = gib(deploy, **new)["kv_budget_byte"] * GIB // (544 * 1024 * 12)
    newer, _ = lines(deploy, **new, max_model_len=16_384)
    assert newer == pytest.approx(blocks / (31 + 2 * 3))


def test_mxfp4_experts_are_padded_for_the_kernels(deploy: Deploy) -> None:
    row = {"model": "openai/gpt-oss-20b", "weight_dtype": "mxfp4", "framework_version": "0.12.0"}
    experts = 24 * 32 * 4.25 / 8 / GIB
    plain, marlin, hopper = (
        gib(deploy, **row | more)["weights_byte"] for more in (
            {"hardware": "h100", "framework": "deepspeed-mii"}, {"hardware": "rtx-4090"},
            {"hardware": "h100"}))  # fmt: skip
    tables = 131_072 * 64 * 2 / GIB  # rotations
    more = experts * (3 * 2944 * 3072 - 3 * 2880 * 2880)
    assert marlin - plain == pytest.approx(more + tables, rel=0.01)
    assert hopper - plain == pytest.approx(experts * 3 * 2880 * 192 + tables, rel=0.01)


def test_latent_attention_repeats_what_tensor_parallelism_cannot_split(deploy: Deploy) -> None:
    row = {"model": "deepseek-ai/DeepSeek-R1", "hardware": "h200", "tp": 8, "num_devices": 8}
    plain, vllm = (gib(deploy, **row | {"framework": f})["weights_byte"]
                   for f in ("deepspeed-mii", "vllm"))  # fmt: skip
    share = 671.03e9 / 8 / GIB
    assert plain > share + 0.8  # routers and projections into the latent space, whole on each
    # Pages: the three layers without experts have a matrix of 15.75 MiB, experts fill theirs.
    pages = 3 * 0.25 * 2**20 + 3 * 0.5 * 2**20 / 2
    made = 61 * 128 * 256 * 512 * 2 / 8 + 163_840 * 64 * 2
    assert vllm - plain == pytest.approx((made + pages) / GIB, abs=6e-3)


def test_the_old_vllm_kept_every_head_of_latent_attention(deploy: Deploy) -> None:
    row = {"model": "deepseek-ai/DeepSeek-V3", "hardware": "h200", "tp": 8, "num_devices": 8}
    old, new = (gib(deploy, **row, framework_version=v) for v in ("0.6.6", "0.8.5"))
    assert new["kv_need_byte"] * GIB == pytest.approx(256 * 61 * 576 * 2)  # 256 tokens
    assert old["kv_need_byte"] * GIB == pytest.approx(256 * 61 * 2 * 16 * 256 * 2)


def test_a_replica_with_fewer_heads_than_devices_keeps_copies(deploy: Deploy) -> None:
    row = {"model": "Qwen/Qwen2.5-1.5B-Instruct", "hardware": "h100", "framework": "deepspeed-mii"}
    one, four = (gib(deploy, **row, tp=n, num_devices=n)["weights_byte"] for n in (1, 4))
    copies = 28 * 1536 * 2 * 256 * (1 / 2 - 1 / 4) * 2 / GIB
    assert four == pytest.approx(one / 4 + copies)


def test_slices_have_their_share_of_the_device() -> None:
    whole, part = catalogue.hardware("h100"), catalogue.hardware("h100-1g.10gb")
    assert part.mem_bw_gbs == pytest.approx(whole.mem_bw_gbs / 8, rel=1e-3)
    assert part.fp16_tflops == pytest.approx(989 * 16 / 132, abs=0.1)
    assert real_bytes(part) / GIB == pytest.approx(79.1 / 8 - 0.13, abs=0.01)
    eighths = [catalogue.hardware(f"a100-{n}").mem_bw_gbs for n in ("1g.5gb", "2g.10gb", "3g.20gb")]
    assert np.asarray(eighths) == pytest.approx(1555 / 8 * np.asarray([1, 2, 4]), rel=1e-3)


def test_a_prediction_tells_its_account_as_the_engine_logs_it() -> None:
    found = predict(hardware="h100", model=LLAMA, framework="vllm", concurrency=16, input_len=1024,
                    output_len=256, max_model_len=8192, level=None)  # fmt: skip
    m = found.memory
    assert m.kv_budget_gb == pytest.approx(m.kv_cache_gb + m.free_gb)
    assert m.kv_tokens == m.kv_budget_gb * GB // (131_072 * 16) * 16
    assert m.requests_at_longest == pytest.approx(m.kv_tokens / 8192, rel=1e-3)
    assert (m.longest_request, m.longest_context) == (8192, 131_072)
    text = found.summary()
    for words in ("memory for KV cache", "requests of 8,192 tokens at once", f"{m.kv_tokens:,}"):
        assert words in text
    assert found.to_dict()["memory"]["kv_tokens"] == m.kv_tokens


def test_more_slices_of_a_device_are_no_remedy() -> None:
    asked: Any = {"model": "llama-3.1-8b-instruct", "framework": "vllm", "batch_size": 1,
                  "input_len": 100, "output_len": 100}  # fmt: skip
    with pytest.raises(DoesNotFit, match="weight_dtype='int4' would fit") as slice_says:
        predict(hardware="h100-1g.10gb", **asked)
    assert "num_devices" not in str(slice_says.value)


def test_further_token_heads_are_a_layer_of_the_models_own(deploy: Deploy) -> None:
    row = {"model": "deepseek-ai/DeepSeek-R1", "hardware": "h200", "tp": 8, "num_devices": 8,
           "weight_dtype": "fp8"}  # fmt: skip
    plain, mtp = (gib(deploy, **row, spec_method=s) for s in (None, "mtp"))
    # 256 experts of 3 * 7168 * 2048 in fp8, and the rest of a layer: 11.5 of the 14 billion.
    assert 11.3e9 / 8 / GIB < mtp["draft_byte"] < 11.9e9 / 8 / GIB
    assert mtp["weights_byte"] == plain["weights_byte"]
    assert plain["kv_budget_byte"] - mtp["kv_budget_byte"] == pytest.approx(mtp["draft_byte"])
    assert mtp["kv_need_byte"] == pytest.approx(plain["kv_need_byte"] * 62 / 61)


def test_an_eagle_head_is_a_dense_layer_and_words_of_its_own(deploy: Deploy) -> None:
    plain, eagle, ngram = (gib(deploy, hardware="h100", spec_method=s)
                           for s in (None, "eagle3", "ngram"))  # fmt: skip
    layer = 4096 * (3 * 4096 + 2 * 2 * 1024 + 3 * 14_336)
    numbers = layer + 3 * 4096**2 + 32_000 * 4096
    assert eagle["draft_byte"] == pytest.approx(numbers * 2 / GIB)
    assert ngram == plain


def test_a_draft_model_has_weights_and_a_cache(deploy: Deploy) -> None:
    row: dict[str, Any] = {"hardware": "h100", "spec_method": "draft"}
    plain, drafted = (gib(deploy, **row, draft_model=d)
                      for d in (None, "meta-llama/Llama-3.2-1B-Instruct"))  # fmt: skip
    assert drafted["draft_byte"] == pytest.approx(1.2358e9 * 2 / GIB, rel=1e-3)
    more = 256 * 16 * 2 * 8 * 64 * 2 / GIB
    assert drafted["kv_need_byte"] - plain["kv_need_byte"] == pytest.approx(more)


def test_adapters_take_a_rank_of_every_matrix_on_each_device(deploy: Deploy) -> None:
    one, four, none = (gib(deploy, hardware="h100", **more) for more in (
        {"lora_rank": 64}, {"lora_rank": 64, "loras": 4}, {"loras": 0}))  # fmt: skip
    assert none["adapters_byte"] == 0
    assert four["adapters_byte"] == pytest.approx(4 * one["adapters_byte"])
    layer = 3 * 4096 + 4096 + 2 * 1024 + 4096 + 4096 + 3 * (4096 + 14_336)
    numbers = 32 * layer + 2 * (4096 + 128_256)
    assert one["adapters_byte"] == pytest.approx(64 * numbers * 2 / GIB)
    assert none["kv_budget_byte"] - one["kv_budget_byte"] == pytest.approx(one["adapters_byte"])
    assert gib(deploy, hardware="h100", loras=2)["adapters_byte"] == pytest.approx(
        one["adapters_byte"] / 2)  # rank 16  # fmt: skip


def test_what_is_beside_the_model_is_told_and_what_is_left_out_said() -> None:
    asked = ONE | {"hardware": "h100", "model": LLAMA, "framework": "vllm"}
    found = predict(**asked, lora_rank=32, loras=4, spec_method="eagle3", level=None)
    m = found.memory
    parts = (m.weights_gb, m.draft_gb, m.adapters_gb, m.kv_cache_gb, m.activations_gb,
             m.reserved_gb, m.free_gb)  # fmt: skip
    assert m.total_gb == pytest.approx(sum(parts))
    text = str(found.summary())
    assert "LoRA adapters" in text
    assert "what drafts tokens" in text
    assert any("4 LoRA adapters of rank 32" in n for n in found.notes)
    loaded = (m.weights_gb + m.draft_gb + m.adapters_gb) * GB / GIB
    assert f"{loaded:,.2f} GiB" in "\n".join(" ".join(r) for r in m.log_sheet().rows)
    unnamed = predict(**asked, spec_method="draft", level=None)
    assert any("name it with draft_model" in n for n in unnamed.notes)
    with pytest.raises(InvalidInput, match="draft_model belongs to spec_method draft"):
        predict(**asked, draft_model="llama-3.2-1b-instruct")


def test_towers_are_a_line_and_said_where_they_are_left_out() -> None:
    asked = ONE | {"hardware": "h100", "model": "google/gemma-3-12b-it"}
    found = predict(**asked, framework="vllm", level=None)
    assert found.memory.towers_gb == pytest.approx(0.834, abs=0.02)
    assert "of them towers" in str(found.summary())
    file = predict(**asked, framework="llama.cpp", weight_dtype="q4_k_m", level=None)
    assert file.memory.towers_gb == 0
    assert any("--mmproj" in note for note in file.notes)
