"""Quantised checkpoints that a model's makers or others publish, and how their fp8 is cut.

In ``checkpoints.csv`` each model and precision has the checkpoint to load; the catalogue describes
both. What is loaded as it was published is neither made nor converted by the user.
"""

from __future__ import annotations

import csv
import io
import re
from functools import cache
from importlib.resources import files

__all__ = ["BLOCK", "blocked", "cut_blocks", "published"]

#: Checkpoints whose fp8 weights carry one scale for each block of 128 x 128 weights: the
#: ``weight_block_size`` of their config.json (DeepSeek-V3's recipe).
_BLOCKED = re.compile(
    r"(Qwen/Qwen3.*-FP8|deepseek-ai/DeepSeek-(V3|R1|Math-V2).*|moonshotai/Kimi-K2-(Instruct|Base).*"
    r"|MiniMaxAI/MiniMax-M2.*)"
)
BLOCK = 128
"""Weights along either side of a block that shares a scale."""


@cache
def _listed() -> dict[tuple[str, str], str]:
    text = files(__package__).joinpath("checkpoints.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return {(row["model"], row["weight_dtype"]): row["checkpoint"] for row in rows}


def published(model: str, weight_dtype: str) -> str:
    """Name the published checkpoint of a model in a precision; blank if none is known.

    Examples
    --------
    >>> published("zai-org/GLM-4.6", "fp8"), published("zai-org/GLM-4.6", "bf16")
    ('zai-org/GLM-4.6-FP8', '')
    """
    return _listed().get((model, weight_dtype), "")


def blocked(checkpoint: str) -> bool:
    """Tell whether a checkpoint's fp8 scales are of blocks.

    Examples
    --------
    >>> blocked("Qwen/Qwen3-32B-FP8"), blocked("zai-org/GLM-4.6-FP8")
    (True, False)
    """
    return _BLOCKED.fullmatch(checkpoint) is not None


def cut_blocks(checkpoint: str, intermediate: float, slices: float) -> bool:
    """Tell whether slicing a layer's intermediate size cuts a checkpoint's blocks of scales.

    Parameters
    ----------
    checkpoint : str
        What is loaded.
    intermediate : float
        Width of the layer that is sliced: an expert's, or the dense MLP's.
    slices : float
        In how many parts.

    Examples
    --------
    >>> cut_blocks("Qwen/Qwen3-235B-A22B-FP8", 1536, 8)
    True
    >>> cut_blocks("Qwen/Qwen3-235B-A22B-FP8", 1536, 4)
    False
    """
    return slices > 1 and blocked(checkpoint) and intermediate / slices % BLOCK != 0
