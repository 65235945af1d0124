"""Settings of engines and machines that move a result; each is optional."""

from __future__ import annotations

from dataclasses import dataclass

from guide_ml.describe.brief import Brief
from guide_ml.describe.checks import MAX_REQUESTS, MAX_TOKENS, Range, require_numbers

__all__ = ["RANGES", "Settings"]

RANGES = {
    "gpu_layers": Range(0, 10_000, whole=True), "experts_on_cpu": Range(0, 10_000, whole=True),
    "host_bandwidth_gbs": Range(1, 1e5), "threads": Range(1, 10_000, whole=True),
    "vcpus": Range(1, 10_000, whole=True), "draft_tokens": Range(1, 1000),
    "accept_len": Range(1, 1000), "prefix_hit_rate": Range(0, 1),
    "max_num_seqs": Range(1, MAX_REQUESTS, whole=True),
    "max_num_batched_tokens": Range(1, MAX_TOKENS, whole=True), "memory_share": Range(0.01, 1),
    "max_model_len": Range(1, MAX_TOKENS, whole=True), "enforce_eager": Range(0, 1, whole=True),
    "block_size": Range(1, 10_000, whole=True), "lora_rank": Range(1, 4096, whole=True),
    "loras": Range(0, 10_000, whole=True),
}
"""Range in which each number is believed."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(Brief):
    """What an engine or a machine was told; ``None`` is what it does by itself.

    Parameters
    ----------
    gpu_layers : int, optional
        Layers on the devices, the others stay in the host's memory (llama.cpp's ``-ngl``); all of
        them by default.
    experts_on_cpu : int, optional
        Layers whose routed experts stay in the host's memory (llama.cpp's ``--n-cpu-moe``); none
        by default.
    host : str, optional
        Slug of the host's processor, where layers or experts stay there.
    host_bandwidth_gbs : float, optional
        Memory bandwidth of the host, GB/s; by default that of `host`, or of a desktop machine.
    threads, vcpus : int, optional
        Threads that compute, and virtual processors of the machine, where a processor serves;
        all of them by default.
    draft_tokens : float, optional
        Tokens that a speculative step drafts.
    accept_len : float, optional
        Tokens that a speculative step yields on average, the bonus token included.
    prefix_hit_rate : float, optional
        Share of the prompt's tokens that the prefix cache holds already; 0 by default.
    max_num_seqs : int, optional
        Requests that a replica runs together at most.
    max_num_batched_tokens : int, optional
        Tokens of one pass at most (``-ub`` of llama.cpp).
    memory_share : float, optional
        Share of the device's memory that the engine plans with: of the whole (vLLM's
        ``--gpu-memory-utilization``, SGLang's ``--mem-fraction-static``), or of what is free
        (TensorRT-LLM's ``free_gpu_memory_fraction``, LMDeploy's, TGI's).
    max_model_len : int, optional
        Tokens of the longest request that is let in; the model's longest context by default.
    enforce_eager : int, optional
        1 where no CUDA graphs are recorded, 0 (the default) where they are.
    block_size : int, optional
        Tokens of a block of the KV cache.
    draft_model : str, optional
        Name of the model that drafts, where ``spec_method`` is ``draft``; without it the account
        leaves it out and says so.
    lora_rank, loras : int, optional
        Rank of LoRA adapters, and how many of them a device holds at once (vLLM's
        ``--max-lora-rank`` and ``--max-loras``); none by default, one of rank 16 where the other
        is stated.
    """

    gpu_layers: int | None = None
    experts_on_cpu: int | None = None
    host: str | None = None
    host_bandwidth_gbs: float | None = None
    threads: int | None = None
    vcpus: int | None = None
    draft_tokens: float | None = None
    accept_len: float | None = None
    prefix_hit_rate: float | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    memory_share: float | None = None
    max_model_len: int | None = None
    enforce_eager: int | None = None
    block_size: int | None = None
    draft_model: str | None = None
    lora_rank: int | None = None
    loras: int | None = None

    def __post_init__(self) -> None:
        require_numbers("settings", self, RANGES)
