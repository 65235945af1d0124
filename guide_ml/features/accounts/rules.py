"""Which rule an engine accounts its memory by, as numbers in a column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml.table.engine_memory import ACCOUNTS
from guide_ml.table.read import Columns

__all__ = ["LLAMA_CPP", "LMDEPLOY", "MLX", "SGLANG", "TENSORRT_LLM", "TGI", "VLLM", "is_rule"]

VLLM, SGLANG, TENSORRT_LLM, LLAMA_CPP, TGI, LMDEPLOY, MLX = range(1, len(ACCOUNTS))


def is_rule(columns: Columns, rule: int) -> NDArray[np.bool_]:
    """Tell which rows' engines account by a rule."""
    return np.asarray(columns["account"] == rule)
