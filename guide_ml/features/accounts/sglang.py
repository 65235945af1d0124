"""SGLang: ``mem_fraction_static`` of what was free is for weights and cache together.

Where it is not stated, the engine works it out from the memory: a fixed part, 1.5 MiB for each
token of a chunk, 128 MiB for each device of a layout, 2 MiB for each sequence of the largest
decode graph (0.5.23, arg_groups/memory_hook.py). Releases before 0.5 went by the layout alone.
"""

from __future__ import annotations

import numpy as np

from guide_ml.features.accounts.plan import CONTEXT_BYTES, Plan, share
from guide_ml.table.read import Columns, Floats
from guide_ml.units import GIB

__all__ = ["plan"]

MIB = 2.0**20
FIXED, A_TOKEN, A_DEVICE, A_SEQUENCE = 512 * MIB, 1.5 * MIB, 128 * MIB, 2 * MIB
#: Devices above this keep at least so much; below it graphs of prefill chunks are kept, some 38
#: of 8 MiB.
LARGE, LEAST, PREFILL_GRAPHS = 60 * GIB, 10_240 * MIB, 38 * 8 * MIB
#: What the driver counts beyond what programs see, and what the engine reads as the memory.
UNSEEN = 0.5 * GIB
#: Largest batch of the decode graphs below so much memory, alone and from four devices on.
GRAPHS = ((20 * GIB, 8.0, 8.0), (35 * GIB, 48.0, 160.0), (60 * GIB, 32.0, 160.0),
          (160 * GIB, 256.0, 512.0), (np.inf, 512.0, 512.0))  # fmt: skip
#: Shares of releases before 0.5, by devices of a layout.
OLD, BY_LAYOUT = 2025.58, ((16.0, 0.79), (8.0, 0.81), (4.0, 0.85), (2.0, 0.87), (1.0, 0.88))
#: Libraries and their buffers, beside the weights; of several devices those of their links, too.
RUNTIME, LINKED = 0.3 * GIB, 0.5 * GIB


def plan(columns: Columns, weights: Floats) -> Plan:
    """Plan a device as SGLang does."""
    total = columns["hw_real_byte"]
    free = total - CONTEXT_BYTES
    taken = share(columns, _usual(columns))
    runtime = np.where(columns["tp"] > 1, RUNTIME + LINKED, RUNTIME)
    room = free * taken - weights - runtime
    return Plan(free * (1.0 - taken), np.zeros_like(room), runtime, room)


def _usual(columns: Columns) -> Floats:
    seen = columns["hw_real_byte"] + UNSEEN
    tp, layout = columns["tp"], columns["tp"] * columns["pp"]
    batch = np.select([seen < g[0] for g in GRAPHS], [np.where(tp < 4, g[1], g[2]) for g in GRAPHS])
    batch = np.where(columns["eager"] > 0, 0.0, batch)
    chunk = np.where(np.isfinite(columns["pass_tokens"]), columns["pass_tokens"], 8192.0)
    kept = FIXED + A_TOKEN * np.maximum(chunk, 2048.0) + A_DEVICE * layout + A_SEQUENCE * batch
    kept = np.where(seen > LARGE, np.maximum(kept, LEAST), kept + PREFILL_GRAPHS)
    new = np.round(1.0 - kept / seen, 3)
    old = np.select([layout >= n for n, _ in BY_LAYOUT], [s for _, s in BY_LAYOUT], 0.88)
    return np.where(columns["fw_release_year"] < OLD, old, new)
