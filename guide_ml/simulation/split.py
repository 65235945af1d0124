"""Disaggregated serving: workers that prefill, workers that decode, and the link between them."""

from __future__ import annotations

import numpy as np

from guide_ml.simulation.learned import as_open
from guide_ml.simulation.names import ROUTERS
from guide_ml.simulation.routing import run_open
from guide_ml.simulation.run import Replica, Times, requests
from guide_ml.simulation.state import idle
from guide_ml.traffic import Traffic

__all__ = ["simulate_split"]


def simulate_split(
    traffic: Traffic, prefill: Replica, decode: Replica, *, prefill_workers: int,
    decode_workers: int, link_s: float = 0.0, token_s: float = 0.0, router: str = "least-loaded",
) -> Times:  # fmt: skip
    """Simulate requests that prefill in one pool of workers and decode in another.

    The first token is there when the prompt's KV cache has reached the worker that decodes.

    Parameters
    ----------
    traffic : Traffic
        Requests of an open load, as of :class:`guide_ml.traffic.Traffic`.
    prefill, decode : Replica
        A worker of either kind.
    prefill_workers, decode_workers : int
        How many of them.
    link_s, token_s : float
        Seconds until a transfer begins, and for each token of the prompt.
    router : {"round-robin", "least-loaded", "prefix-aware"}
        How a worker is chosen.

    Returns
    -------
    Times
        Gaps between tokens are those of the workers that decode.
    """
    asked, place = requests(traffic), ROUTERS.index(router)
    width = max(float(asked["arrival"][-1]), 1.0) / 200.0
    first = asked.copy()
    first["answer"] = 1
    rules = prefill.rules.copy()
    rules["closed"] = 0
    start = idle(first, as_open(prefill.surface), rules, prefill_workers, width)
    run_open(start, place, np.inf)
    there = start.books["finish"] + link_s + token_s * asked["prompt"]
    order = np.argsort(there, kind="stable")
    order = order[np.isfinite(there[order])]  # what was refused goes no further
    second = asked[order]
    second["arrival"] = there[order]
    rules = decode.rules.copy()
    rules["ready"], rules["closed"], rules["remember"] = 1, 0, 0
    beside = decode.surface.beside.copy()
    beside[:, 1] = 0.0  # the host had the request already
    end = idle(second, decode.surface._replace(beside=beside), rules, decode_workers, width)
    run_open(end, place, np.inf)
    finish = np.full(len(asked), np.nan)
    finish[order] = end.books["finish"]
    further = asked["answer"] - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        tpot = np.where(further > 0, (finish - there) / further, np.nan)
    return Times(np.where(np.isfinite(finish), there, np.nan) - asked["arrival"], tpot,
                 finish - asked["arrival"], end)  # fmt: skip
