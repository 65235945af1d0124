"""From a replica's speed to whole machines and their price, for all points at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from guide_ml.searching.request import S_PER_H, Request
from guide_ml.searching.space import Ints, Space
from guide_ml.table.read import Columns, Floats
from guide_ml.units import MS_PER_S

__all__ = ["Market", "Sized", "market", "rates", "size"]

#: A replica too many by rounding is none.
SLACK = 1e-9


@dataclass(frozen=True)
class Market:
    """The machines that each configuration may be put on.

    Parameters
    ----------
    pair : array of int of shape (m,)
        Row of the tables below that belongs to a configuration.
    offer, per_instance, devices, usd_h : array of shape (pairs, options)
        Index of the offer, replicas that one instance holds, its devices, its price; an option
        that is not there holds no replica and costs nothing finite.
    count : array of shape (m,)
        Offers that a configuration may be put on.
    """

    pair: Ints
    offer: Ints
    per_instance: Floats
    devices: Floats
    usd_h: Floats
    count: Ints


def market(configs: pd.DataFrame, offers: pd.DataFrame) -> Market:
    """Find the cheapest machine of each size for every device; of two, the newer price.

    Examples
    --------
    >>> configs = pd.DataFrame({"hardware": ["a", "a"], "devices": [1, 4]})
    >>> offers = pd.DataFrame({"hardware": ["a", "a"], "num_devices": [1, 8],
    ...                        "usd_h": [2.0, 12.0], "as_of": ["2026-01-01"] * 2})
    >>> market(configs, offers).per_instance.tolist()
    [[1.0, 8.0], [2.0, 0.0]]
    """
    order = offers.reset_index(drop=True).sort_values(["usd_h", "as_of"], ascending=[True, False])
    best = order.drop_duplicates(["hardware", "num_devices"])
    groups = {str(h): g.sort_values("num_devices") for h, g in best.groupby("hardware")}
    every = {str(h): g["num_devices"].to_numpy() for h, g in offers.groupby("hardware")}
    keys = pd.MultiIndex.from_frame(configs[["hardware", "devices"]])
    pair, distinct = pd.factorize(keys)
    width = max((len(g) for g in groups.values()), default=1)
    shape = (len(distinct), width)
    offer, per, devices = np.full(shape, -1), np.zeros(shape), np.full(shape, np.inf)
    usd, count = np.full(shape, np.inf), np.zeros(len(distinct), dtype=np.intp)
    for row, (hardware, need) in enumerate(distinct):
        found = groups[str(hardware)]
        found = found[found["num_devices"] >= need]
        n = len(found)
        offer[row, :n] = found.index
        devices[row, :n] = found["num_devices"]
        per[row, :n] = found["num_devices"] // need
        usd[row, :n] = found["usd_h"]
        count[row] = int((every[str(hardware)] >= need).sum())
    return Market(pair.astype(np.intp), offer.astype(np.intp), per, devices, usd, count[pair])


@dataclass(frozen=True)
class Sized:
    """Points sized for the load and put on the best machines, arrays of shape (n,).

    Parameters
    ----------
    offer : array of int
        Index of the offer; -1 where none keeps ``max_devices`` or carries the load.
    instances, replicas, devices : array
        Machines rented, replicas that they hold, devices rented.
    usd_h, cost : array
        Price an hour; what the objective *cost* counts: that, or of an offline job its bill.
    capacity_req_s : array
        Requests per second that all replicas carry.
    """

    offer: Ints
    instances: Floats
    replicas: Floats
    devices: Floats
    usd_h: Floats
    cost: Floats
    capacity_req_s: Floats


def e2e_ms(request: Request, values: Columns) -> Floats:
    """Compute the time of a request from start to end, ms."""
    further = max(request.workload.output_len - 1.0, 0.0)
    if not further:  # the first token is all: there is no TPOT
        return np.asarray(values["ttft_ms"])
    return np.asarray(values["ttft_ms"] + further * values["tpot_ms"])


def rates(request: Request, concurrency: Floats, values: Columns) -> Floats:
    """Compute the requests per second of one replica.

    Little's law: requests in flight / time in flight. Where TTFT or TPOT are no means, and of an
    offline queue, from the throughput.
    """
    w = request.workload
    if request.load.offline or {w.ttft_stat, w.tpot_stat} != {"mean"}:
        return np.asarray(values["output_tok_s"] / w.output_len)
    return np.asarray(concurrency * MS_PER_S / e2e_ms(request, values))


def size(
    request: Request, space: Space, where: Market, points: Ints, values: Columns
) -> Sized:  # fmt: skip
    """Size points for the load and choose the machines.

    Replicas = load / what one carries, rounded up; instances = replicas / what one holds, rounded
    up; whatever the rented machines hold beyond that runs too. Machines are those of the lowest
    price; with throughput alone as the objective those of the most throughput within the budget.

    Parameters
    ----------
    points : array of int of shape (n,)
        Points of the space.
    values : dict of str to array of shape (n,)
        Predicted ``ttft_ms``, ``tpot_ms``, ``output_tok_s``, or bounds of them.
    """
    concurrency = space.concurrency[points]
    rate = rates(request, concurrency, values)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if request.load.users is not None:
            # Requests that nobody sends are never in flight; such points only tell the headroom.
            idle = concurrency > np.ceil(request.load.users)
            needed = np.where(idle, np.inf, request.load.users / concurrency)
        else:
            needed = (request.load.requests_s(request.workload.output_len) or 0.0) / rate
        needed = np.maximum(np.ceil(np.nan_to_num(needed, nan=np.inf, posinf=np.inf) - SLACK), 1.0)
        return _choose(request, where, where.pair[space.config[points]], needed, rate)


def _choose(request: Request, where: Market, pair: Ints, needed: Floats, rate: Floats) -> Sized:
    asked = request.constraints
    per, price, devices = where.per_instance[pair], where.usd_h[pair], where.devices[pair]
    count = np.ceil(needed[:, None] / per)
    if request.objectives == ("throughput",):
        most = np.full(count.shape, np.inf)
        if asked.max_usd_h:
            most = np.minimum(most, np.floor(asked.max_usd_h / price + SLACK))
        if asked.max_devices:
            most = np.minimum(most, np.floor(asked.max_devices / devices))
        count = np.maximum(np.where(np.isfinite(most), most, count), count)
        key = -(count * per) + 1e-6 * count * price
        affordable = (count * price <= (asked.max_usd_h or np.inf) * (1 + SLACK)) & (
            count * devices <= (asked.max_devices or np.inf)
        )
        key = np.where(affordable, key, 1e12 + count * price)
    else:
        key = price / per if request.load.offline else count * price
        if asked.max_devices:
            key = np.where(count * devices <= asked.max_devices, key, 1e12 + key)
    key = np.where(np.isfinite(count) & (per > 0), key, np.inf)
    choice = np.argmin(key, axis=1)
    row = np.arange(len(choice))
    n = count[row, choice]
    there = np.isfinite(key[row, choice])
    replicas = n * per[row, choice]
    usd_h = np.where(there, n * price[row, choice], np.inf)
    carried = replicas * rate
    cost = usd_h
    if request.load.offline:
        tokens = float(request.load.offline_tokens or 0.0)
        hours = tokens / (carried * request.workload.output_len) / S_PER_H
        cost = np.where(there, usd_h * hours, np.inf)
    return Sized(np.where(there, where.offer[pair][row, choice], -1), n, replicas,
                 np.where(there, n * devices[row, choice], np.inf), usd_h, cost,
                 carried)  # fmt: skip
