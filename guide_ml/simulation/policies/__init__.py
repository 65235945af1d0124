"""How engines schedule: one file each, defaults from the engine's own documentation."""

from __future__ import annotations

from guide_ml.simulation.policies.general import Policy
from guide_ml.simulation.policies.llama_cpp import LLAMA_CPP
from guide_ml.simulation.policies.sglang import SGLANG
from guide_ml.simulation.policies.tensorrt_llm import TENSORRT_LLM
from guide_ml.simulation.policies.vllm import VLLM

__all__ = ["POLICIES", "Policy", "policy"]

POLICIES = {"vllm": VLLM, "sglang": SGLANG, "tensorrt-llm": TENSORRT_LLM, "llama.cpp": LLAMA_CPP}
"""By engine."""


def policy(framework: str) -> Policy:
    """Return the policy of an engine; others batch continuously as vLLM does.

    Examples
    --------
    >>> policy("sglang").mixed, policy("tgi") is VLLM
    (False, True)
    """
    return POLICIES.get(framework, VLLM)
