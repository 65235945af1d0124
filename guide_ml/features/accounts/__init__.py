"""How each engine divides the memory of a device; one small file a rule.

:func:`plan` picks the rule of each row. A further engine is a file here, a name in
:data:`guide_ml.table.engine_memory.ACCOUNTS` and a key ``account`` in ``frameworks.toml``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from guide_ml.features.accounts import (
    llama_cpp,
    lmdeploy,
    mlx,
    sglang,
    tensorrt_llm,
    tgi,
    usual,
    vllm,
)
from guide_ml.features.accounts.plan import Plan
from guide_ml.table.read import Columns, Floats

__all__ = ["Plan", "plan"]

_RULES: tuple[Callable[[Columns, Floats], Plan], ...] = (
    usual.plan, vllm.plan, sglang.plan, tensorrt_llm.plan, llama_cpp.plan, tgi.plan, lmdeploy.plan,
    mlx.plan,
)  # fmt: skip


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan each row's device by its engine's rule.

    Parameters
    ----------
    columns : dict
        Resolved descriptors; ``account`` says which rule.
    weights : array
        Weights on the device, bytes.
    """
    rule = columns["account"]
    used = np.bincount(rule.ravel().astype(np.intp), minlength=1)  # a table may be empty
    found: list[int] = np.flatnonzero(used).tolist() or [0]
    made = _RULES[found[0]](columns, weights)
    for k in found[1:]:
        other = _RULES[k](columns, weights)
        both = zip(made, other, strict=True)
        made = Plan(*[np.asarray(np.where(rule == k, b, a)) for a, b in both])
    return made
