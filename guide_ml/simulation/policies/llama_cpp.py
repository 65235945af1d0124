"""llama.cpp's server: a fixed number of slots, each with a share of the context."""

from __future__ import annotations

from guide_ml.simulation.policies.general import Policy

__all__ = ["LLAMA_CPP"]

#: Four slots (``--parallel``), logical batches of 2048 tokens (``--batch-size``), continuous
#: batching on: prompts and answers share a batch. Slots have their room from the start, so nobody
#: is evicted. A slot keeps the prompt of its last request (``cache_prompt``).
LLAMA_CPP = Policy(
    seqs=4, budget=2048, block=1, chunked=True, mixed=True, reserve=1.0, remember=True,
    source="llama.cpp tools/server README, build 7400 (December 2025)",
)  # fmt: skip
