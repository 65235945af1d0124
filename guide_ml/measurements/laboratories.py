"""Which sources belong together: one laboratory is held out, and has its say, as one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LABORATORIES", "SAME_RUNS", "laboratories"]

#: Sources that re-publish the same runs: a run counts as one even in a random split.
SAME_RUNS = {"aiconfigurator-silicon": "inferencex", "inferencex-dsr1": "inferencex"}

#: Sources of one laboratory or one bench, by a common name: never split apart between training
#: and validation. A source that is not listed stands for itself. Reasons: data/sources/README.md.
LABORATORIES = SAME_RUNS | {
    "llamacpp-dgx-spark": "llamacpp-benches", "llamacpp-benches-2026": "llamacpp-benches",
    "openvino-llm-igpu": "openvino", "openvino-llm-igpu-2": "openvino",
    "sglang-cookbook": "sglang-cookbooks", "sglang-cookbook-2026": "sglang-cookbooks",
    "sparecores-llamabench-cpu": "sparecores", "sparecores-llamabench-gpu": "sparecores",
    "sparecores-vllm-cpu": "sparecores", "sparecores-vllm-gpu": "sparecores",
}  # fmt: skip


def laboratories(sources: Iterable[Any]) -> NDArray[np.object_]:
    """Name the laboratory of each source.

    Examples
    --------
    >>> laboratories(["sparecores-vllm-cpu", "my-own"]).tolist()
    ['sparecores', 'my-own']
    """
    return np.asarray([LABORATORIES.get(str(s), str(s)) for s in sources], dtype=object)
