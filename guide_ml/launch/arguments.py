"""The flags of each engine: layout, lengths and load; precisions come from the table."""

from __future__ import annotations

from collections.abc import Callable

from guide_ml.errors import InvalidInput
from guide_ml.launch.facts import Facts

__all__ = ["layout"]

Flags = list[str]

#: TensorRT-LLM's tokens of a pass by default.
MAX_NUM_TOKENS = 8192


def _sized(*pairs: tuple[str, float | None]) -> Flags:
    """Write flags that have a value."""
    return [text for flag, n in pairs if n is not None for text in (flag, f"{n:.10g}")]


def _above_one(*pairs: tuple[str, int]) -> Flags:
    """Write flags whose value is not the default of one."""
    return _sized(*((flag, n) for flag, n in pairs if n > 1))


def _share(f: Facts) -> float | None:
    """Share of the memory: the one stated, or the default of the engine's newest version."""
    newest = f.version == f.engine.version
    # Without a load nothing was planned, and a processor's memory has no share by default.
    usual = f.engine.share if newest and f.length is not None and f.backend != "cpu" else None
    return usual if f.share is None else f.share


def _vllm(f: Facts) -> Flags:
    group = f.tp * f.attention_dp
    if f.ep not in (1, group):
        raise InvalidInput(
            f"vLLM spreads experts over all tp * dp = {group} devices of a stage; ep must be 1 or"
            f" {group}, got {f.ep}"
        )
    per_rank = None if f.sequences is None else -(-f.sequences // f.attention_dp)
    return [
        *_above_one(("--tensor-parallel-size", f.tp), ("--pipeline-parallel-size", f.pp),
                    ("--data-parallel-size", f.attention_dp)),
        *(["--enable-expert-parallel"] if f.ep > 1 else []),
        *_sized(("--max-model-len", f.length), ("--max-num-seqs", per_rank),
                # It must not be below the sequences.
                ("--max-num-batched-tokens", f.tokens and max(f.tokens, per_rank or 0)),
                ("--gpu-memory-utilization", _share(f)), ("--block-size", f.block)),
        *(["--enforce-eager"] if f.eager else []),
    ]  # fmt: skip


def _sglang(f: Facts) -> Flags:
    group = f.tp * f.attention_dp  # its tensor-parallel size counts the copies of the attention
    if group % f.ep:
        raise InvalidInput(f"SGLang needs ep to divide tp * dp = {group}; got {f.ep}")
    return [
        *_above_one(("--tensor-parallel-size", group), ("--pipeline-parallel-size", f.pp)),
        *_attention_copies(f), *_above_one(("--expert-parallel-size", f.ep)),
        *_sized(("--context-length", f.length), ("--max-running-requests", f.sequences),
                ("--chunked-prefill-size", f.tokens), ("--mem-fraction-static", f.share),
                ("--page-size", f.block)),
        *(["--disable-cuda-graph"] if f.eager else []),
    ]  # fmt: skip


def _attention_copies(f: Facts) -> Flags:
    """Write SGLang's copies of the attention inside of the tensor-parallel group."""
    if f.attention_dp == 1:
        return []
    if f.engine.flags["--attn-dp-size"].exists(f.version):
        return ["--attn-dp-size", str(f.attention_dp)]
    return ["--data-parallel-size", str(f.attention_dp), "--enable-dp-attention"]


def _tensorrt_llm(f: Facts) -> Flags:
    if f.attention_dp > 1 and f.tp > 1:
        raise InvalidInput(
            "TensorRT-LLM copies the attention to every device or to none; with dp > 1 and ep > 1"
            f" tp must be 1, got {f.tp}"
        )
    group = f.tp * f.attention_dp
    if group % f.ep:
        raise InvalidInput(f"TensorRT-LLM needs ep to divide tp * dp = {group}; got {f.ep}")
    per_rank = None if f.sequences is None else -(-f.sequences // f.attention_dp)
    return [
        *_above_one(("--tensor_parallel_size", group), ("--pipeline_parallel_size", f.pp),
                    ("--moe_expert_parallel_size", f.ep)),
        *(["--enable_attention_dp"] if f.attention_dp > 1 else []),
        *_sized(("--max_seq_len", f.length), ("--max_batch_size", per_rank),
                ("--max_num_tokens", f.tokens), ("--free_gpu_memory_fraction", _share(f))),
        # A prompt beyond the tokens of a pass is refused where it may not be cut.
        *(["--enable_chunked_prefill"]
          if f.length is not None and f.length > (f.tokens or MAX_NUM_TOKENS) else []),
    ]  # fmt: skip


def _llama_cpp(f: Facts) -> Flags:
    if f.ep > 1:
        raise InvalidInput(f"llama.cpp has no expert parallelism; ep must be 1, got {f.ep}")
    if f.tp > 1 and f.pp > 1:
        raise InvalidInput(
            f"llama.cpp splits by row (tp) or by layer (pp), not both; got {f.tp} and {f.pp}"
        )
    split = "row" if f.tp > 1 else "layer" if f.pp > 1 else "none"
    slots = f.sequences or 1
    return [
        "--n-gpu-layers", "0" if f.backend == "cpu" else "all", "--split-mode", split,
        # The context is shared out evenly among the slots.
        *_sized(("--ctx-size", None if f.length is None else f.length * slots),
                ("--parallel", f.sequences), ("--ubatch-size", f.tokens)),
    ]  # fmt: skip


def _tgi(f: Facts) -> Flags:
    for name, size in (("pp", f.pp), ("ep", f.ep)):
        if size > 1:
            raise InvalidInput(
                f"Text Generation Inference splits by tensor only; {name} must be 1, got {size}"
            )
    if f.weight_dtype.startswith("exl2") and f.tp > 1:
        raise InvalidInput(f"Text Generation Inference runs exl2 on one device; got tp {f.tp}")
    prompt = f.input_len
    if f.length is not None and prompt is not None and f.sequences:
        prompt = max(prompt, f.length * 3 // 4)  # a longer request has a longer prompt
    if f.length is not None and (prompt is None or prompt >= f.length):
        prompt = f.length - 1  # a prompt must leave room for a token
    return [
        *_sized(("--num-shard", f.tp), ("--max-input-tokens", prompt),
                ("--max-total-tokens", f.length), ("--max-concurrent-requests", f.sequences),
                ("--max-batch-prefill-tokens", f.tokens and max(f.tokens, prompt or 0)),
                ("--cuda-memory-fraction", f.share)),
    ]  # fmt: skip


_LAYOUTS: dict[str, Callable[[Facts], Flags]] = {
    "vllm": _vllm, "sglang": _sglang, "tensorrt-llm": _tensorrt_llm, "llama.cpp": _llama_cpp,
    "tgi": _tgi,
}  # fmt: skip


def layout(facts: Facts) -> Flags:
    """Write the flags of layout, lengths and load of one replica.

    Raises
    ------
    InvalidInput
        If the engine cannot be laid out so.
    """
    return _LAYOUTS[facts.engine.slug](facts)
