"""TensorRT-LLM's in-flight batching: whole prompts beside decodes, nobody is evicted."""

from __future__ import annotations

from guide_ml.simulation.policies.general import Policy

__all__ = ["TENSORRT_LLM"]

#: ``max_batch_size`` 2048, ``max_num_tokens`` 8192, ``tokens_per_block`` 32, block reuse on. The
#: capacity scheduler is GUARANTEED_NO_EVICT: a request is let in if all of its answer has room.
#: ``enable_chunked_prefill`` is off.
TENSORRT_LLM = Policy(
    seqs=2048, budget=8192, block=32, chunked=False, mixed=True, reserve=1.0, remember=True,
    source="TensorRT-LLM 1.0 documentation: Paged Attention, IFB, and Request Scheduling;"
           " Useful Runtime Options; LLM API reference",
)  # fmt: skip
