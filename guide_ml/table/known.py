"""Columns that a table of deployments may have."""

from __future__ import annotations

from guide_ml.describe.checks import MAX_REQUESTS, MAX_TOKENS
from guide_ml.describe.settings import RANGES

__all__ = ["DESCRIPTORS", "NUMBERS", "TEXTS"]

TEXTS = ("hardware", "framework", "framework_version", "backend", "model", "weight_dtype",
         "kv_dtype", "spec_method", "draft_model", "host", "mode", "ttft_stat",
         "tpot_stat")  # fmt: skip
NUMBERS: dict[str, tuple[float, float, bool]] = {  # lowest, highest, whole
    "num_devices": (1, 100_000, True), "tp": (1, 100_000, True), "pp": (1, 10_000, True),
    "dp": (1, 100_000, True), "ep": (1, 100_000, True),
    "batch_size": (1, MAX_REQUESTS, False), "concurrency": (0.5, MAX_REQUESTS, False),
    "request_rate_rps": (0, 1e6, False), "num_requests": (1, 1e9, False),
    "input_len": (0, MAX_TOKENS, False), "output_len": (0, MAX_TOKENS, False),
    "context_depth": (0, MAX_TOKENS, False),
} | {
    name: (limits.low, limits.high, limits.whole) for name, limits in RANGES.items()
}  # fmt: skip
DESCRIPTORS = (
    "hardware", "num_devices", "tp", "pp", "dp", "ep", "framework", "framework_version", "backend",
    "model", "weight_dtype", "kv_dtype", "spec_method", "mode", "batch_size", "concurrency",
    "request_rate_rps", "num_requests", "input_len", "output_len", "context_depth", "ttft_stat",
    "tpot_stat", "gpu_layers", "experts_on_cpu", "host", "host_bandwidth_gbs", "threads", "vcpus",
    "draft_tokens", "accept_len", "prefix_hit_rate", "max_num_seqs", "max_num_batched_tokens",
    "memory_share", "max_model_len", "enforce_eager", "block_size", "draft_model", "lora_rank",
    "loras",
)  # fmt: skip
"""Columns that a table of deployments may have; only hardware, model and framework must."""
