"""Figures of one deployment agree with each other: identities that hold by construction.

Estimators speak of each figure apart. Here they are made one answer:

* A static batch takes its TTFT and a TPOT for each further token. Its latency is by far the best
  known of the three, so it stays, and both parts are scaled by one factor until they sum to it.
  That is done for a load and for the heavier ones that bound it alike, before the bounds are taken,
  so that parts rise with the load as their sum does; and once more for what bounds change.
* A server holds its users for TTFT and a TPOT for each further token of every request, so its
  throughput is users x tokens over that time (Little, Operations Research 9, 1961). Latencies keep
  their order by load only if they stay as they are, so throughput follows from them.
* Sequences that only decode yield a token each in a TPOT.
* One output token is the first: TTFT is all of the latency, and there is no TPOT.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml.describe.targets import TARGETS
from guide_ml.features.load import Load
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats
from guide_ml.units import MS_PER_S

__all__ = ["FLIGHT", "PARTS", "at_best", "one_answer", "scale_parts"]

FLIGHT = ("ttft_ms", "tpot_ms")
"""What the time of a request is made of."""
PARTS = ("batch_latency_s", *FLIGHT)
"""A static batch's latency and its parts."""


def scale_parts(values: Columns, output_len: Floats) -> None:
    """Scale TTFT and TPOT of static batches, in place, until they sum to the latency.

    Parameters
    ----------
    values : dict of str to array of shape (k,)
        :data:`PARTS` of static batches.
    output_len : array of shape (k,)
        Their generated tokens a request.
    """
    parts_ms = values["ttft_ms"] + (output_len - 1.0) * values["tpot_ms"]
    factor = MS_PER_S * values["batch_latency_s"] / parts_ms
    for name in FLIGHT:
        values[name] = values[name] * factor


def one_answer(load: Load, limits: Columns, mean: Columns, out: Columns) -> None:
    """Bound the figures of n deployments by physics and make them agree, in place.

    Parameters
    ----------
    load : Load
        Deployments.
    limits : dict of str to array of shape (n,)
        Physical bounds by target.
    mean : dict of str to array of shape (n,)
        Mean :data:`FLIGHT` of servers.
    out : dict of str to array of shape (n,)
        Figures by target, in the statistics that are wanted; NaN where there is none.
    """
    for target in TARGETS:
        bound = target.attained * limits[target.name]
        clip = np.maximum if target.is_time else np.minimum
        out[target.name] = clip(out[target.name], bound)
        if target.name in mean:
            mean[target.name] = clip(mean[target.name], bound)
    c = load.columns
    tokens = c["batch"] * c["output_len"]
    _no_more_than(load, tokens, mean, out, limits["output_tok_s"])
    static, closed = load.is_mode("static"), load.is_mode("closed")
    _parts_of_batches(static, c["output_len"], limits, out)
    whole_s = _flight_s(out, c["output_len"])
    out["batch_latency_s"] = np.where(static, whole_s, out["batch_latency_s"])
    served = tokens / _flight_s(mean, c["output_len"])
    rate = np.where(static, tokens / whole_s, np.where(closed, served, out["output_tok_s"]))
    out["output_tok_s"] = np.where(load.is_mode("decode"), _decoded(c, out), rate)
    only_first = (static | closed) & (c["output_len"] <= 1.0)
    out["tpot_ms"] = np.where(only_first, np.nan, out["tpot_ms"])


def _parts_of_batches(
    static: NDArray[np.bool_], output_len: Floats, limits: Columns, out: Columns
) -> None:
    """Scale parts of static batches, in place, to their latency, and keep them above their bounds.

    A part that a bound lifts takes from the other one; where neither can give, they lengthen the
    batch.
    """
    found = {name: out[name].copy() for name in PARTS}
    scale_parts(found, output_len)
    least = {t.name: t.attained * limits[t.name] for t in TARGETS}
    whole_ms, further = MS_PER_S * out["batch_latency_s"], output_len - 1.0
    first = np.maximum(found["ttft_ms"], least["ttft_ms"])
    step = np.maximum((whole_ms - first) / np.maximum(further, 1e-9), least["tpot_ms"])
    first = np.maximum(whole_ms - further * step, least["ttft_ms"])
    for name, value in (("ttft_ms", first), ("tpot_ms", step)):
        out[name] = np.where(static, value, out[name])


def at_best(load: Load, limits: Columns) -> Columns:
    """Bound a server's throughput also by the users that were asked: they wait for their answers.

    Parameters
    ----------
    load : Load
        Deployments.
    limits : dict of str to array of shape (n,)
        Physical bounds by target, of any number of users.
    """
    c = load.columns
    served = c["batch"] * c["output_len"] / _flight_s(limits, c["output_len"])
    most = np.fmin(limits["output_tok_s"], served)
    most = np.where(load.is_mode("closed"), most, limits["output_tok_s"])
    return limits | {"output_tok_s": np.where(load.is_mode("decode"), _decoded(c, limits), most)}


def _decoded(c: Columns, found: Columns) -> Floats:
    """Tokens per second of sequences that decode together: one each a TPOT."""
    return np.asarray(MS_PER_S * c["batch"] / found["tpot_ms"])


def _flight_s(found: Columns, output_len: Floats) -> Floats:
    """Time of a request from start to end, s."""
    return np.asarray((found["ttft_ms"] + (output_len - 1.0) * found["tpot_ms"]) / MS_PER_S)


def _no_more_than(load: Load, tokens: Floats, mean: Columns, out: Columns, most: Floats) -> None:
    """Let requests of servers wait, in place, that imply more than arithmetic allows.

    They wait for their first token; steps take as long as they did.
    """
    late_s = tokens / most - _flight_s(mean, load.columns["output_len"])
    wait = np.where(load.is_mode("closed") & (late_s > 0.0), MS_PER_S * late_s, 0.0)
    for values in (mean, out):
        values["ttft_ms"] = values["ttft_ms"] + wait
