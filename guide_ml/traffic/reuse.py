"""What a cache without limit would hold of each prompt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml.traffic.traffic import Traffic

__all__ = ["reused"]


def reused(traffic: Traffic) -> NDArray[np.int64]:
    """Return the tokens of each prompt that a cache without limit would hold when it arrives.

    A turn finds the turn before it, prompt and answer; a member of a group the shared beginning,
    once another member has been there.
    """
    whole: dict[int, int] = {}
    begun: dict[int, int] = {}
    found = np.zeros(len(traffic), dtype=np.int64)
    columns = (traffic.conversation, traffic.shared_prefix, traffic.shared_tokens,
               traffic.input_tokens, traffic.output_tokens)  # fmt: skip
    for i, (talk, group, shared, inside, outside) in enumerate(zip(
        *(c.tolist() for c in columns), strict=True)):  # fmt: skip
        if group >= 0:
            found[i] = min(shared, begun.get(group, 0))
            begun[group] = max(shared, begun.get(group, 0))
        if talk >= 0:
            found[i] = max(found[i], min(inside, whole.get(talk, 0)))
            whole[talk] = inside + outside
    return found
