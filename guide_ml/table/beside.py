"""What is loaded beside the model: what drafts tokens, and LoRA adapters."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import Model
from guide_ml.table.read import Columns, Raw

__all__ = ["KINDS", "beside"]

#: Ways to draft that load something, in the order of their codes; others load nothing.
KINDS = ("", "mtp", "eagle", "medusa", "dflash", "draft")
#: Rank of adapters where only their number is stated (vLLM 0.33.0 and before, config/lora.py).
RANK = 16.0


@lru_cache(maxsize=1024)
def _draft_numbers(model: Model) -> tuple[float, float, float, float]:
    """Return parameters (billions), layers with a cache, their KV heads and head width."""
    return (model.params_total_b, float(model.kv_layers), float(model.num_kv_heads),
            float(model.head_dim))  # fmt: skip


def beside(raw: Raw, columns: Columns, names: dict[str, NDArray[np.object_]]) -> None:
    """Add what is loaded beside the model to resolved descriptors, in place.

    Parameters
    ----------
    raw : Raw
        What the table states; a draft model without drafting gets its error.
    columns : dict of str to array of shape (n,)
        Gains ``draft_kind`` (code of :data:`KINDS`), ``draft_params_b``, ``draft_kv_layers``,
        ``draft_kv_heads``, ``draft_head_dim`` (of a draft model, 0 where none is named),
        ``lora_rank`` and ``loras`` (0 where there are none).
    names : dict of str to array of shape (n,) of object
        Names in force.
    """
    method = names["spec_method"]
    kind = np.zeros(raw.n)
    for code, name in enumerate(KINDS[1:], 1):
        same = (method == "eagle3") if name == "eagle" else np.zeros(raw.n, dtype=bool)
        kind = np.where((method == name) | same, float(code), kind)
    columns["draft_kind"] = kind
    drafts = raw.codes["draft_model"]
    fields = ("draft_params_b", "draft_kv_layers", "draft_kv_heads", "draft_head_dim")
    found = drafts.gather(_draft_numbers, fields)
    columns |= {k: np.nan_to_num(v, nan=0.0) for k, v in found.items()}
    named = drafts.index >= 0
    raw.fail(named & (kind != KINDS.index("draft")), lambda i: (
        f"draft_model belongs to spec_method draft; got {method[i]}: give spec_method draft, or"
        " leave draft_model out"))  # fmt: skip
    rank, number = raw.numbers["lora_rank"], raw.numbers["loras"]
    count = np.where(np.isnan(number), np.where(np.isnan(rank), 0.0, 1.0), number)
    columns["loras"] = count
    columns["lora_rank"] = np.where(count > 0, np.where(np.isnan(rank), RANK, rank), 0.0)
