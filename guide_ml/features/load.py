"""The load that a deployment carries: how many sequences run together, and their passes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.descriptors import MODES
from guide_ml.features import memory, roofline
from guide_ml.features.roofline import Pass
from guide_ml.table.assume import Columns
from guide_ml.table.columns import Gathered, pick
from guide_ml.table.read import Floats

__all__ = ["Load", "Rows", "build"]

Rows = NDArray[np.intp] | NDArray[np.bool_] | tuple[Any, Any]

#: Sequences that engines run together at most: vLLM's usual limit for a server, TensorRT-LLM's
#: ``max_batch_size`` for a queue.
SERVER_SLOTS, OFFLINE_SLOTS = 1024.0, 2048.0


@dataclass(frozen=True)
class Load:
    """Deployments, their memory account and the bounds of their passes.

    Parameters
    ----------
    columns, memory : dict of str to array of shape (n,)
        Resolved descriptors; :func:`guide_ml.features.memory.extract`.
    held : array of shape (n,)
        Sequences that a replica decodes together.
    together : array of shape (n,)
        Sequences that a replica prefills in one pass: the batch, or what the requests of a server
        or a queue fill it with.
    rounds : array of shape (n,)
        Requests of an offline queue for each sequence that is held; infinite for one without end.
    stages : array of shape (n,)
        Micro-batches of ``held / stages`` sequences that run through a pipeline one behind the
        other. A fixed batch is not cut: each stage waits for the one before it.
    new : array of shape (n,)
        Tokens of a prompt that are not in the prefix cache.
    one, whole, step : Pass
        Prefill of one request; prefill of those together; one decode step of a micro-batch.
    """

    columns: Columns
    memory: Columns
    held: Floats
    together: Floats
    rounds: Floats
    stages: Floats
    new: Floats
    one: Pass
    whole: Pass
    step: Pass

    def take(self, rows: Rows) -> Load:
        """Keep some rows, in the order given; of rows x steps, a pair (rows, steps)."""
        return Load(
            columns=Gathered(self.columns, rows), memory=Gathered(self.memory, rows),
            held=pick(self.held, rows), together=pick(self.together, rows),
            rounds=pick(self.rounds, rows), stages=pick(self.stages, rows),
            new=pick(self.new, rows),
            one=_take(self.one, rows), whole=_take(self.whole, rows), step=_take(self.step, rows),
        )  # fmt: skip

    @property
    def checked(self) -> Floats:
        """Tokens that a decode step takes of each sequence: one, or drafts with it."""
        return _checked(self.columns)

    def is_mode(self, name: str) -> NDArray[np.bool_]:
        """Tell which rows have a mode."""
        return np.asarray(self.columns["mode"] == MODES.index(name))


def _checked(columns: Columns) -> Floats:
    """Tokens of a sequence that a step checks together: its drafts and the one after them."""
    return 1.0 + np.asarray(columns["drafted"])


_PARTS = tuple(f.name for f in fields(Pass))


def _take(bounds: Pass, rows: Rows) -> Pass:
    return Pass(*[pick(getattr(bounds, name), rows) for name in _PARTS])


def build(columns: Columns) -> Load:
    """Work out the load of each deployment.

    A replica holds what its KV cache has room for: the asked batch, or less. An offline engine
    fills its slots, and its prefill passes, from the queue, as far as that reaches. A pipeline
    that serves holds a micro-batch in every stage (GPipe, arXiv 1811.06965; Megatron-LM,
    arXiv 2104.04473). Attention spans the prompt and, on average, half of the output during
    decode, and half of the prompt during prefill (it is causal).

    Parameters
    ----------
    columns : dict of str to array of shape (n,)
        :func:`guide_ml.table.assume.resolve`. Shapes (n, 1) and (n, steps) together give n loads in
        steps; what does not change from step to step is worked out once.
    """
    account = memory.extract(columns)
    mode, depth = columns["mode"], columns["depth"]
    served = (mode == MODES.index("offline")) | (mode == MODES.index("closed"))
    room = np.maximum(np.where(served, account["running"], account["slots"]), 1.0)
    slots = np.where(np.isfinite(columns["max_seqs"]), columns["max_seqs"], SERVER_SLOTS)
    asked = np.minimum(account["replica_batch"], slots)
    offline = mode == MODES.index("offline")
    queue = np.where(offline, columns["queued"] / columns["dp"], np.inf)
    queued = np.minimum(OFFLINE_SLOTS, columns["max_seqs"])
    held = np.where(offline, np.minimum(np.minimum(room, queued), queue),
                    np.minimum(asked, room))  # fmt: skip
    held = np.maximum(held, 1.0)
    found = columns["hit_rate"]  # share of the prompt that is in the prefix cache already
    new = np.maximum(columns["input_len"] * (1.0 - found), 1.0)
    prompt = np.where(mode == MODES.index("decode"), 0.0, columns["input_len"])
    decode_context = depth + prompt + 0.5 * columns["output_len"]
    prefill_context = depth + columns["input_len"] - 0.5 * new
    single = np.ones_like(columns["tp"])
    most = np.minimum(columns["pass_tokens"], memory.PASS_TOKENS)
    filled = np.clip(most / new, 1.0, held)
    together = np.where(served, filled, account["replica_batch"])
    stages = np.where(served, np.minimum(columns["pp"], held), 1.0)
    on = roofline.ground(columns, account)
    return Load(
        columns, account, held, together, queue / held, stages, new,
        one=roofline.forward(columns, account, single, new, prefill_context, on),
        whole=roofline.forward(columns, account, together, new, prefill_context, on),
        step=roofline.forward(columns, account, held / stages, _checked(columns),
                              decode_context, on),
    )  # fmt: skip
