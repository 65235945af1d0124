"""vLLM's scheduler: decoding requests first, then chunks of prompts, in one step."""

from __future__ import annotations

from guide_ml.simulation.policies.general import Policy

__all__ = ["VLLM"]

#: Answers get blocks as they grow; when none is left the latest request is preempted and computed
#: anew. Prefix caching is on. The limits hang on the device; these are those of a server with 70 GB
#: and more, and ``catalogue/limits.csv`` knows the others.
VLLM = Policy(
    seqs=1024, budget=8192, block=16, chunked=True, mixed=True, reserve=0.0, remember=True,
    source="vLLM 0.11 documentation: Optimization and Tuning, Engine Arguments, V1 Guide",
)  # fmt: skip
