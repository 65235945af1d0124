"""Where the time of a pass and of each target goes, in parts that add up.

Times that overlap cannot simply be added. A pass is homogeneous of degree one in its parts
(twice every part is twice the pass), so by Euler's theorem the parts times their derivatives sum
to it: each part counts by how much the pass would shrink if the part did.
"""

from __future__ import annotations

import numpy as np

from guide_ml.features import queueing
from guide_ml.features.load import Load
from guide_ml.physics.model import LAUNCH_OVERLAP, OVERLAP, Estimate, Parts, either
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats
from guide_ml.units import MS_PER_S

__all__ = ["PARTS", "TOKEN", "shares", "split"]

PARTS = ("compute", "weight_reads", "unpacking", "kv_reads", "communication", "host",
         "launch", "queueing")  # fmt: skip
"""Parts of a target: arithmetic, reads of weights, unpacking small ones, reads of the KV cache,
traffic between devices, the wait for what stays in the host's memory, launches with scheduling and
the handling of requests, and waiting."""

TOKEN = "time_per_token_ms"
"""What is split for an offline queue: the milliseconds per token of its throughput."""


def shares(one: Parts, prefill: bool) -> Columns:
    """Split a pass into shares that sum to 1.

    Parameters
    ----------
    one : Parts
        A pass of n deployments.
    prefill : bool
        Whether it is a prefill.

    Returns
    -------
    dict of str to array of shape (n,)
        By name of :data:`PARTS`; there is no ``queueing`` within a pass.
    """
    weights = one.weights_s + one.unpack_s
    matrices = either(one.compute_s, weights, OVERLAP)
    attention = either(one.attention_s, one.kv_s, OVERLAP)
    device = matrices + attention + one.communication_s
    busy = either(device, one.launch_s, LAUNCH_OVERLAP)
    # A prefill's bias spares the host's part (see :mod:`guide_ml.physics.model`).
    whole = one.total_s if prefill else busy + one.host_s + one.overhead_s
    spared = one.host_s / whole
    running = (1.0 - spared) * busy / (busy + one.overhead_s)
    running = running * _weight(device, one.launch_s, LAUNCH_OVERLAP) / device
    taken = _weight(weights, one.compute_s, OVERLAP)
    reads, unpacking = taken * one.weights_s / weights, taken * one.unpack_s / weights
    kv = _weight(one.kv_s, one.attention_s, OVERLAP)
    out: Columns = {
        "compute": running * (matrices * (1.0 - taken) + attention * (1.0 - kv)),
        "weight_reads": running * matrices * reads,
        "unpacking": running * matrices * unpacking,
        "kv_reads": running * attention * kv,
        "communication": running * one.communication_s,
        "host": spared,
    }
    return out | {"launch": np.asarray(1.0 - sum(out.values()))}


def _weight(a: Floats, b: Floats, sharpness: float) -> Floats:
    """Elasticity of ``either(a, b)`` with respect to `a`: a^p / (a^p + b^p)."""
    longest = np.maximum(a, b) + 1e-15
    first, second = (a / longest) ** sharpness, (b / longest) ** sharpness
    return np.asarray(first / np.maximum(first + second, 1e-15))


def split(load: Load, estimate: Estimate) -> dict[str, Columns]:
    """Split every target that has a time into parts, each as a share of the target.

    Parameters
    ----------
    load, estimate : Load, Estimate
        n deployments on their way through :func:`guide_ml.physics.model.estimate`.

    Returns
    -------
    dict of str to dict of str to array of shape (n,)
        By target, then by name of :data:`PARTS`; they sum to 1. :data:`TOKEN` stands for the
        throughput of an offline queue. Targets that a mode lacks hold no meaning there.
    """
    c, held = load.columns, load.held
    closed, handling = load.is_mode("closed"), estimate.handling_s
    one, whole = shares(estimate.one, prefill=True), shares(estimate.whole, prefill=True)
    step = shares(estimate.step, prefill=False)
    pace = estimate.pace_s
    tpot = np.where(closed, estimate.targets["tpot_ms"] / MS_PER_S, pace)
    further = np.maximum(c["output_len"] - 1.0, 0.0)
    rounds = queueing.waves(load.memory["replica_batch"], held)
    passes = held / load.together / load.stages
    first = {k: np.where(closed, one[k] * estimate.one.total_s, whole[k] * estimate.whole.total_s)
             for k in one}  # fmt: skip
    return {
        "ttft_ms": _shares(first, handling, estimate.waiting_s),
        "tpot_ms": _shares(_times(step, pace), 0.0, np.maximum(tpot - pace, 0.0)),
        "batch_latency_s": _shares(
            _sum(_times(whole, estimate.whole.total_s), _times(step, pace * further)),
            handling, (rounds - 1.0) * pace * further,
        ),
        TOKEN: _shares(
            _sum(_times(whole, passes * estimate.whole.total_s),
                 _times(step, c["output_len"] * pace)),
            0.0, np.zeros_like(pace),
        ),
    }  # fmt: skip


def _times(shared: Columns, seconds: Floats) -> Columns:
    return {k: v * seconds for k, v in shared.items()}


def _sum(a: Columns, b: Columns) -> Columns:
    return {k: a[k] + b[k] for k in a}


def _shares(passes: Columns, handling: Floats | float, waiting: Floats) -> Columns:
    """Put what no pass holds beside the passes, and divide by the sum."""
    seconds = passes | {"launch": passes["launch"] + handling, "queueing": waiting}
    total = sum(seconds.values())
    return {k: np.asarray(seconds[k] / total) for k in PARTS}
