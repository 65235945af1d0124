"""MLX: what the system lets the GPU keep of the shared memory; nothing is set aside at start.

The cache grows with the requests. Metal recommends a working set of about three quarters of the
memory, which mlx-lm takes as what stays resident, and which owners of machines for language models
raise (``iogpu.wired_limit_mb``); so all but the system's own part is taken as usable. Prompts go
through in pieces of 2,048 tokens (mlx-lm 0.32.2, utils.py and generate.py).
"""

from __future__ import annotations

import numpy as np

from guide_ml.features.accounts.plan import CONTEXT_BYTES, Plan, forward_bytes, share
from guide_ml.table.read import Columns, Floats

__all__ = ["plan"]

USABLE, PASS_TOKENS = 0.97, 2048.0


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan a machine as MLX uses it."""
    asked = columns["batch"] * columns["input_len"]
    peak = forward_bytes(columns, np.minimum(asked, PASS_TOKENS))
    usable = columns["hw_real_byte"] * share(columns, USABLE)
    budget = usable - weights - peak - CONTEXT_BYTES
    return Plan(peak, np.zeros_like(budget), np.full_like(budget, CONTEXT_BYTES), budget)
