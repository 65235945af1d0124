"""The load that a deployment carries: how many sequences run together, and their passes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.assume import Columns
from guide_ml.columns import Gathered, pick
from guide_ml.descriptors import MODES
from guide_ml.features import memory, roofline
from guide_ml.features.roofline import Pass
from guide_ml.table import Floats

__all__ = ["Load", "Rows", "build"]

Rows = NDArray[np.intp] | NDArray[np.bool_] | tuple[Any, Any]

#: Sequences that engines run together at most (vLLM's and TensorRT-LLM's usual limits).
SERVER_SLOTS, OFFLINE_SLOTS = 1024.0, 512.0


@dataclass(frozen=True)
class Load:
    """Deployments, their memory account and the bounds of their passes.

    Parameters
    ----------
    columns, memory : dict of str to array of shape (n,)
        Resolved descriptors; :func:`guide_ml.features.memory.extract`.
    held : array of shape (n,)
        Sequences that a replica decodes together.
    one, whole, step : Pass
        Prefill of one request; prefill of the whole batch of a replica; one decode step.
    """

    columns: Columns
    memory: Columns
    held: Floats
    one: Pass
    whole: Pass
    step: Pass

    def take(self, rows: Rows) -> Load:
        """Keep some rows, in the order given; of rows x steps, a pair (rows, steps)."""
        return Load(
            columns=Gathered(self.columns, rows), memory=Gathered(self.memory, rows),
            held=pick(self.held, rows),
            one=_take(self.one, rows), whole=_take(self.whole, rows), step=_take(self.step, rows),
        )  # fmt: skip

    def is_mode(self, name: str) -> NDArray[np.bool_]:
        """Tell which rows have a mode."""
        return np.asarray(self.columns["mode"] == MODES.index(name))


def _take(bounds: Pass, rows: Rows) -> Pass:
    return Pass(**{f.name: pick(getattr(bounds, f.name), rows) for f in fields(Pass)})


def build(columns: Columns) -> Load:
    """Work out the load of each deployment.

    A replica holds what its KV cache has room for: the asked batch, or less. An offline engine
    fills its slots from the queue. Attention spans the prompt and, on average, half of the
    output during decode, and half of the prompt during prefill (it is causal).

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        :func:`guide_ml.assume.resolve`. Shapes (n, 1) and (n, steps) together give n loads in
        steps; what does not change from step to step is worked out once.
    """
    account = memory.extract(columns)
    mode, depth = columns["mode"], columns["depth"]
    room = np.maximum(account["slots"], 1.0)
    asked = np.minimum(account["replica_batch"], SERVER_SLOTS)
    offline = mode == MODES.index("offline")
    held = np.maximum(np.where(offline, np.minimum(room, OFFLINE_SLOTS),
                               np.minimum(asked, room)), 1.0)  # fmt: skip
    prompt = np.where(mode == MODES.index("decode"), 0.0, columns["input_len"])
    decode_context = depth + prompt + 0.5 * columns["output_len"]
    prefill_context = depth + 0.5 * columns["input_len"]
    single = np.ones_like(columns["tp"])
    on = roofline.ground(columns, account)
    return Load(
        columns, account, held,
        one=roofline.forward(columns, account, single, columns["input_len"], prefill_context, on),
        whole=roofline.forward(columns, account, account["replica_batch"], columns["input_len"],
                               prefill_context, on),
        step=roofline.forward(columns, account, held, single, decode_context, on),
    )  # fmt: skip
