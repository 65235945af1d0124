"""Compile what Numba compiles, so that two test processes find it on disk: `make test` does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import guide_ml

DEPLOYMENT: dict[str, Any] = {
    "hardware": "h100", "model": "llama-3.1-8b-instruct", "framework": "vllm",
}  # fmt: skip


def everything() -> None:
    """Simulate requests at a rate and users in turns; predict a table."""
    tokens = np.full(20, 64)
    for arrival_s, users in ((np.arange(20) / 4.0, None), (np.zeros(20), 2)):
        traffic = guide_ml.Traffic(arrival_s=arrival_s, input_tokens=tokens, output_tokens=tokens,
                                   concurrency=users)  # fmt: skip
        guide_ml.simulate(traffic=traffic, **DEPLOYMENT)
    rows = [DEPLOYMENT | {"input_len": 64 + k, "output_len": 64, "concurrency": 1 + k % 64}
            for k in range(10_000)]  # so many that the trees are compiled  # fmt: skip
    guide_ml.predict_table(pd.DataFrame(rows))


if __name__ == "__main__":
    everything()
