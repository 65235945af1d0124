"""From passes to requests: a fixed batch, a server under fixed concurrency, an offline queue.

Every function builds times or rates from a prefill and a decode step given in seconds, so the
same arithmetic turns bounds into bounds and estimates into estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guide_ml.table.assume import REQUESTS_PER_SLOT, Columns
from guide_ml.table.read import Floats

__all__ = ["Server", "closed", "request_rate_tok_s", "static_latency", "waves"]


def waves(batch: Floats, held: Floats) -> Floats:
    """Count the rounds of a batch when only `held` of its sequences fit in the KV cache.

    max(batch / held, 1): rounds may be fractional, as finished sequences make room one by one.

    Parameters
    ----------
    batch, held : array of shape (n,)
        Sequences asked of a replica; sequences that it holds together.

    Returns
    -------
    array of shape (n,)

    Examples
    --------
    >>> float(waves(np.float64(96.0), np.float64(32.0)))
    3.0
    """
    return np.maximum(batch / np.maximum(held, 1.0), 1.0)


def static_latency(prefill_s: Floats, step_s: Floats, output_len: Floats) -> Floats:
    """Wall time of a fixed batch: one prefill, then a step for each further token.

    prefill + (output - 1) * step: the prefill yields the first token (definition of TPOT in
    MLPerf Inference and vLLM's benchmark).

    Parameters
    ----------
    prefill_s, step_s : array of shape (n,)
        Prefill of the whole batch; one decode step of it, seconds.
    output_len : array of shape (n,)
        Tokens that each sequence generates.

    Returns
    -------
    array of shape (n,)
        Seconds.

    Examples
    --------
    >>> float(static_latency(np.float64(0.2), np.float64(0.01), np.float64(101.0)))
    1.2
    """
    return prefill_s + np.maximum(output_len - 1.0, 0.0) * step_s


@dataclass(frozen=True)
class Server:
    """Times of a server under fixed concurrency, seconds, each of shape (n,).

    Parameters
    ----------
    ttft_s, tpot_s : array
        Time to first token, waiting included, and time per further token.
    running_s : array
        Time from the start of a request's prefill to its end.
    """

    ttft_s: Floats
    tpot_s: Floats
    running_s: Floats


def closed(
    columns: Columns, held: Floats, prefill_s: Floats, step_s: Floats,
    interference: Floats, burst: Floats, queue: Floats,
) -> Server:  # fmt: skip
    """Build TTFT and TPOT of a server that runs `held` of its users' requests together.

    Batches are formed anew at every step (Orca, OSDI 2022). In a steady cycle a running request
    sees the prefills of the others once, so TPOT = step + interference * (held - 1) * prefill /
    output tokens. A new request waits for half of the cycle under way (a step and the prefills
    that come with it), shares its prefill with the requests that came in the same cycle, others *
    TPOT / request time of them; users beyond the slots wait for (users - held) / held request
    times (Little's law); a run of few requests a slot begins with a burst that prefills all at
    once, whose mean wait is half of it.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    held, prefill_s, step_s : array of shape (n,)
        Sequences together; prefill of one request; a decode step with all of them.
    interference, burst, queue : array of shape (n,)
        Factors on the three kinds of waiting: 1 for an engine that stops decoding for every
        prefill; calibrated by :mod:`guide_ml.physics`.
    """
    users = np.maximum(columns["batch"] / columns["dp"], 1.0)
    out = np.maximum(columns["output_len"], 1.0)
    others = np.maximum(held - 1.0, 0.0)
    seen = interference * prefill_s
    tpot = step_s + others * seen / out
    running = prefill_s + out * tpot
    rounds = np.nan_to_num(columns["requests_per_slot"], nan=REQUESTS_PER_SLOT)
    ttft = (
        prefill_s
        + 0.5 * tpot * np.minimum(others, 1.0)
        + 0.5 * others * prefill_s * burst / np.maximum(rounds, 1.0)
        + others * seen * tpot / np.maximum(running, 1e-9)
        + queue * np.maximum(users - held, 0.0) / held * running
    )
    return Server(ttft, tpot, running)


def request_rate_tok_s(columns: Columns, held: Floats, request_s: Floats) -> Floats:
    """Rate at which `held` requests a replica, `request_s` long each, yield tokens.

    Little's law (Operations Research 9, 1961): requests per second = requests in flight / time
    in flight; tokens per second = dp * held * output tokens / time in flight.

    Parameters
    ----------
    columns : dict
        Resolved descriptors.
    held, request_s : array of shape (n,)
        Requests that a replica runs together; the time of each, seconds.

    Returns
    -------
    array of shape (n,)
        Tokens per second of the whole deployment.
    """
    return columns["dp"] * held * np.maximum(columns["output_len"], 1.0) / request_s
