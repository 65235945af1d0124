"""What an engine's memory account hangs on: its rule, what it was told, how it keeps caches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.table.columns import distinct
from guide_ml.table.read import Columns, Floats, Raw

__all__ = ["ACCOUNTS", "engine_memory"]

#: Names of the rules, in the order of their codes; the first is that of all other engines.
ACCOUNTS = ("usual", "vllm", "sglang", "tensorrt-llm", "llama.cpp", "tgi", "lmdeploy", "mlx")

#: From 0.8 on vLLM's engine is V1, which cuts prompts; V0 profiled whole prompts of the longest
#: context, up to 32,768 tokens, and cut those of longer ones (0.6.4, engine/arg_utils.py).
V1_SINCE, WHOLE_PROMPTS, V0_CHUNK = 2025.16, 32_768.0, 2048.0
#: Before 0.5.4 prompts of any length were whole.
CUTS_SINCE = 2024.55
#: Devices that V1 did not run on at first, and until when V0 stood in.
OLD_DEVICES, V0_UNTIL = ("turing", "volta", "pascal"), 2025.7
#: vLLM keeps windowed layers in groups of their own blocks since 0.9.2, before that like others
#: (v1/core/kv_cache_utils.py).
HYBRID_SINCE = 2025.49
#: Blocks of recurrent state a sequence and group: a second one since hybrid models have a prefix
#: cache by default, which aligns states with blocks (off in 0.27.1, on in 0.28.0,
#: both of August 2026: engine/arg_utils.py; v1/kv_cache_interface.py, ``mamba_cache_mode``).
TWO_STATES_SINCE = 2026.55
#: Groups of layers take the size of the larger kind where that is less than so much larger than
#: the smaller; never before 0.12 (0.11.0, 0.12.0, 0.17.1, 0.18.1: v1/core/kv_cache_utils.py).
ALIKE_SINCE, ALIKE, MORE_ALIKE_SINCE, MORE_ALIKE = 2025.9, 1.25, 2026.16, 1.5
#: Passes in flight whose tokens a window still holds: a second one since the next step is planned
#: while one runs, one a stage of a pipeline (0.26.0, config/vllm.py, ``max_in_flight_tokens``).
IN_FLIGHT_SINCE = 2026.5
#: Families whose published configs keep the recurrent state in fp32; others keep it in vLLM as the
#: weights are (``mamba_ssm_cache_dtype`` auto).
WIDE_STATES = ("qwen-3.5", "kimi-linear")
FULL, HALF = 4.0, 2.0

#: SGLang keeps windowed layers of these families in a pool of their own, with room for so many
#: tokens of each that layers without a window have room for; of others it keeps all tokens of all
#: layers (0.5.23, configs/model_config.py, ``is_hybrid_swa_model``; model_executor/
#: pool_configurator.py). States take 0.9 parts to the cache's one, three for each request
#: (mem_cache/kv_cache_configurator.py, ``_handle_max_mamba_cache``).
POOLED, WINDOW_POOL, POOLS_SINCE = ("gpt-oss", "llama-4", "gemma-4", "mimo", "step-3.5", "laguna",
                                    "muse-glimmer"), 0.8, 2025.58  # fmt: skip
STATE_POOL, STATES_A_REQUEST = 0.9, 3.0
#: Families that TurboMind serves (LMDeploy 0.18.0, turbomind/supported_models.py).
TURBOMIND = (
    "codellama", "deepseek-coder", "deepseek-llm", "gpt-oss", "internlm2", "internlm3", "llama-1",
    "llama-2", "llama-3", "llama-3.1", "llama-3.2", "mixtral", "openllama", "qwen-1.5", "qwen-2",
    "qwen-2.5", "qwen-3", "qwen-3.5", "smollm", "solar", "tinyllama", "yi",
)  # fmt: skip

#: Widths that mxfp4 experts are padded to: hidden and inner width, and whether only along rows, by
#: generation of the device (vLLM 0.12.0, quantization/mxfp4.py).
_MX_MARLIN, _MX_HOPPER, _MX_WIDE = (256.0, 128.0, 0.0), (256.0, 256.0, 1.0), (256.0, 256.0, 0.0)


def engine_memory(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    """Add the columns of the memory account to resolved descriptors, in place.

    Parameters
    ----------
    raw : Raw
        What the table states.
    columns : dict of str to array of shape (n,)
        Gains ``account`` (code of :data:`ACCOUNTS`), ``memory_share`` (NaN where the engine's own
        holds), ``max_len`` (longest request), ``eager``, ``block_tokens``, ``profile_tokens``,
        ``flight_tokens`` (of passes that are planned or run), ``is_rocm``, ``hybrid``, ``alike``
        (sizes of groups that count as one), ``no_windows``, ``window_pool``, ``state_pool``,
        ``turbomind``, ``state_bytes``, ``state_blocks`` and ``mx_*`` (padding).
    names : dict of str to array of shape (n,) of object
        Names in force.
    """
    n = raw.numbers
    columns["account"] = _codes(names["framework"])
    columns["memory_share"] = n["memory_share"]
    longest = columns["m_max_position"]
    columns["max_len"] = np.where(np.isnan(n["max_model_len"]), longest, n["max_model_len"])
    columns["max_len_stated"] = np.isfinite(n["max_model_len"]).astype(float)
    columns["eager"] = np.nan_to_num(n["enforce_eager"], nan=0.0)
    vllm = columns["account"] == ACCOUNTS.index("vllm")
    usual = np.where(vllm, np.where(columns["is_cpu"] > 0, 128.0, 16.0), 1.0)
    columns["block_tokens"] = np.where(np.isnan(n["block_size"]), usual, n["block_size"])
    columns["is_rocm"] = (names["backend"] == "rocm").astype(float)
    year = columns["fw_release_year"]
    _profile(raw, columns, names, vllm)
    columns["hybrid"] = (vllm & (year >= HYBRID_SINCE)).astype(float)
    _pools(columns, names, vllm)
    wide = np.isin(names["family"], WIDE_STATES) | ~vllm
    columns["state_bytes"] = np.where(wide, FULL, HALF)
    # One more for each token that is drafted (v1/kv_cache_interface.py, num_speculative_blocks).
    further = np.where(columns["m_state_values"] > 0, np.ceil(columns["drafted"]), 0.0)
    columns["state_blocks"] = np.where(year >= TWO_STATES_SINCE, 2.0, 1.0) + further
    columns["alike"] = np.where(year >= MORE_ALIKE_SINCE, MORE_ALIKE,
                                np.where(year >= ALIKE_SINCE, ALIKE, 1.0))  # fmt: skip
    passes = np.where(columns["pp"] > 1, columns["pp"], 2.0)
    passes = np.where(year >= IN_FLIGHT_SINCE, passes, 1.0)
    columns["flight_tokens"] = columns["pass_tokens"] * passes
    _padding(columns, names, vllm)


def _profile(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]],
             vllm: NDArray[np.bool_]) -> None:  # fmt: skip
    """Note the tokens of the pass that vLLM profiles, and whether its old engine does."""
    year = columns["fw_release_year"]
    aged = np.isin(names["architecture"], OLD_DEVICES) & (year < V0_UNTIL)
    old = vllm & ((year < V1_SINCE) | aged)
    longest = columns["max_len"]
    cut = (longest > WHOLE_PROMPTS) & ((year >= CUTS_SINCE) | (columns["max_len_stated"] == 0))
    whole = np.where(cut, V0_CHUNK, np.maximum(longest, V0_CHUNK))
    stated = np.isfinite(raw.numbers["max_num_batched_tokens"])
    columns["old_engine"] = old.astype(float)
    columns["profile_tokens"] = np.where(old & ~stated, whole, columns["pass_tokens"])


def _pools(columns: Columns, names: dict[str, NDArray[np.object_]],
           vllm: NDArray[np.bool_]) -> None:  # fmt: skip
    """Note whose windows get no room of their own, and SGLang's pools for windows and states."""
    pools = columns["account"] == ACCOUNTS.index("sglang")
    pools &= columns["fw_release_year"] >= POOLS_SINCE
    apart = pools & np.isin(names["family"], POOLED)
    columns["window_pool"] = np.where(apart, WINDOW_POOL, 0.0)
    columns["state_pool"] = np.where(pools & (columns["m_state_values"] > 0), STATE_POOL, 0.0)
    sglang = columns["account"] == ACCOUNTS.index("sglang")
    no_groups = (vllm & (columns["hybrid"] == 0)) | (sglang & ~apart)
    columns["no_windows"] = no_groups.astype(float)
    columns["turbomind"] = np.isin(names["family"], TURBOMIND).astype(float)


def _padding(columns: Columns, names: dict[str, NDArray[np.object_]],
             vllm: NDArray[np.bool_]) -> None:  # fmt: skip
    """Note the widths to which experts in mxfp4 are padded; 1 where they are not."""
    padded = vllm & (names["weight_dtype"] == "mxfp4") & (columns["gguf_file"] == 0)
    if not padded.any():
        one = np.ones(len(padded))
        columns |= {"mx_hidden": one, "mx_inner": one, "mx_rows_only": np.zeros(len(padded))}
        return
    hopper = names["architecture"] == "hopper"
    # Blackwell for servers has NVLink; its desktop cards use Marlin's kernels, as older ones do.
    server = (names["architecture"] == "blackwell") & (columns["hw_nvlink"] > 0)
    wide = server | (columns["is_rocm"] > 0)
    for k, name in enumerate(("mx_hidden", "mx_inner", "mx_rows_only")):
        here = np.where(hopper, _MX_HOPPER[k], np.where(wide, _MX_WIDE[k], _MX_MARLIN[k]))
        columns[name] = np.where(padded, here, 0.0 if name == "mx_rows_only" else 1.0)


def _codes(engines: NDArray[np.object_]) -> Floats:
    """Look the rule of each engine up."""
    blocks = catalogue.framework_blocks()
    index, found = distinct(engines)
    rules = [ACCOUNTS.index(blocks.get(name, {}).get("account", "usual")) for name in found]
    return np.asarray(rules, dtype=np.float64)[index]
