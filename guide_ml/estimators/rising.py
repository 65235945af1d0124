"""The least among a load and heavier ones, with parts of batches that sum up and rise as well.

A latency that may not fall is the least among itself and those of heavier loads. Of a batch that
alone is not enough: the least TTFT and the least TPOT belong to different loads, and do not sum to
the least latency. With L(k) and T(k) the least latency and TTFT among batches k times as large or
larger, the time of all further tokens is the least of L(k) - T(k), and TTFT is what is left of
L(1). Then all three rise: where the further tokens of twice the batch take longer, its TTFT is
T(2) >= T(1) or more; where they do not, TTFT rises by as much as the latency.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from guide_ml.estimators.load_order import DOUBLINGS
from guide_ml.table.assume import Columns
from guide_ml.table.read import Floats
from guide_ml.units import MS_PER_S

__all__ = ["least", "least_batches"]


def least(values: Floats, bounds: NDArray[np.bool_], parent: NDArray[np.intp], m: int) -> Floats:
    """Take for each asked load the least among itself and the heavier ones that bound it.

    Parameters
    ----------
    values : array of shape (k,)
        Of the m asked loads, and of heavier ones after them.
    bounds : array of bool of shape (k,)
        Which of the heavier ones count.
    parent : array of int of shape (k,)
        Asked load that each is a version of.
    m : int
        Asked loads.
    """
    out = values[:m].copy()
    heavier = m + np.flatnonzero(bounds[m:])
    np.minimum.at(out, parent[heavier], values[heavier])
    return out


def least_batches(
    every: Columns, bounds: dict[str, NDArray[np.bool_]], parent: NDArray[np.intp],
    doubled: NDArray[np.intp], batches: NDArray[np.intp], output_len: Floats,
) -> Columns:  # fmt: skip
    """Take the least latency of batches and parts of it, so that all rise with the batch.

    Parameters
    ----------
    every : dict of str to array of shape (k,)
        Latency and parts of all loads, asked ones first; parts sum to the latency.
    bounds : dict of str to array of bool of shape (k,)
        Which heavier loads bound which figure of the asked one.
    parent, doubled : array of int of shape (k,)
        Asked load that each is a version of, and how often its batch was doubled.
    batches : array of int of shape (b,)
        Which of the asked loads are batches.
    output_len : array of shape (b,)
        Their generated tokens a request.

    Returns
    -------
    dict of str to array of shape (b,)
        ``batch_latency_s``, ``ttft_ms`` and ``tpot_ms``.
    """
    n = int(parent.max()) + 1  # every asked load is its own parent
    place = np.full(n, -1, dtype=np.intp)
    place[batches] = np.arange(len(batches))
    rows = n + np.flatnonzero(bounds["ttft_ms"][n:] & (place[parent[n:]] >= 0))
    where = place[parent[rows]] * (DOUBLINGS + 1) + doubled[rows]
    whole, first = (_least_from(every[name], batches, rows, where)
                    for name in ("batch_latency_s", "ttft_ms"))  # fmt: skip
    whole = MS_PER_S * whole
    known = np.isfinite(whole)
    further = np.where(known, whole - np.where(known, first, 0.0), np.inf).min(axis=1)
    # Longer answers bound the latency alone: both parts give way alike.
    latency = least(every["batch_latency_s"], bounds["batch_latency_s"], parent, n)[batches]
    shorter = MS_PER_S * latency / whole[:, 0]
    tokens = output_len - 1.0
    tpot = np.where(tokens > 0.0, further / np.maximum(tokens, 1.0), every["tpot_ms"][batches])
    ttft = whole[:, 0] - further
    return {"batch_latency_s": latency, "ttft_ms": shorter * ttft, "tpot_ms": shorter * tpot}


def _least_from(
    values: Floats, batches: NDArray[np.intp], rows: NDArray[np.intp], where: NDArray[np.intp]
) -> Floats:
    """Take the least among batches so often doubled or more, shape (b, doublings + 1)."""
    table = np.full((len(batches), DOUBLINGS + 1), np.inf)
    table[:, 0] = values[batches]
    np.minimum.at(table.reshape(-1), where, values[rows])
    return np.asarray(np.minimum.accumulate(table[:, ::-1], axis=1)[:, ::-1])
