"""What several test files share: short ways to write deployments down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from guide_ml.assume import Resolved, resolve
from guide_ml.table import Definitions, read

USUAL = {
    "hardware": "nvidia-a100-sxm-80gb", "model": "meta-llama/Llama-2-7b-hf", "framework": "vllm",
    "weight_dtype": "fp16", "input_len": 512.0, "output_len": 128.0,
}  # fmt: skip
LOAD = {"mode", "batch_size", "concurrency"}  # a row without any is static


@pytest.fixture(scope="session")
def deploy() -> Callable[..., Resolved]:
    """Resolve rows that say how they differ from a usual static deployment of one request."""

    def build(*rows: dict[str, Any], definitions: Definitions | None = None) -> Resolved:
        full = [row if LOAD & set(row) else row | {"mode": "static"} for row in rows]
        return resolve(read(pd.DataFrame([USUAL | row for row in full]), definitions))

    return build
