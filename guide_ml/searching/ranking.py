"""Which deployments to tell, and in what order.

The cheapest first. Of equal bill the one of less machines an hour, then the one whose requests are
done sooner (of an offline job: that does more an hour), then the one with more headroom, then the
one nearer to the data. So no plan that is returned is beaten by another one of its price, and
allowing less never gives a better plan.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.errors import BadArtefact
from guide_ml.searching.cost import e2e_ms
from guide_ml.searching.plan import Plan
from guide_ml.searching.plans import Judged
from guide_ml.searching.score import ANY_LEVEL
from guide_ml.searching.space import Ints
from guide_ml.table.read import Floats

__all__ = [
    "CANDIDATES", "SHOWN", "by_objective", "evidence", "front", "nearest", "ranked", "settled",
    "tied", "worth_it",
]  # fmt: skip

#: Plans that are spelt out, and of one device at most.
SHOWN, PER_DEVICE = 10, 3
#: Plans that are spelt out before those of equal price are put in order.
CANDIDATES = 16
#: Prices that differ by no more than this share are the same.
EQUAL = 1e-3
#: A step of the front buys this share of what it costs more (both as logarithms; at twice the price
#: 19 % more speed), and this much at least; nothing on it costs more than so many times the
#: cheapest: who wants that states tighter limits.
WORTH, LEAST, DEAREST = 0.25, 0.02, 4.0
#: Points whose nearness to the data is asked for when prices are equal.
ASKED = 200
#: Best evidence first; without intervals nothing is known of it.
EVIDENCE = {"measured": 0, "interpolated": 1, "near": 2, "far": 3, "": 4}


def tied(values: Floats) -> Ints:
    """Give values numbers from the least on; those equal but for rounding get one number.

    Examples
    --------
    >>> tied(np.asarray([3.75, 9.0, 3.7501, 3.74])).tolist()
    [1, 2, 1, 0]
    """
    order = np.argsort(values, kind="stable")
    group = np.empty(len(values), dtype=np.intp)
    now, first = -1, -np.inf
    for i in order.tolist():
        value = float(values[i])
        if now < 0 or value > first + EQUAL * abs(first):
            now, first = now + 1, value
        group[i] = now
    return group


def evidence(judged: Judged, rows: Ints) -> Ints:
    """Say how near scored points are to the data: numbers of EVIDENCE."""
    try:
        told = judged.problem.table(judged.points[rows], ANY_LEVEL)["in_domain"].tolist()
    except BadArtefact:  # estimators of one's own without held-out errors
        told = [""] * len(rows)
    return np.asarray([EVIDENCE[word] for word in told], dtype=np.intp)


def ranked(
    judged: Judged, among: NDArray[np.bool_] | None = None, count: int = SHOWN, sure: bool = False
) -> list[int]:
    """Order what keeps all limits, best first, one of each kind.

    Parameters
    ----------
    judged : Judged
    among : array of bool, optional
        Points to order; by default all that keep the limits.
    count : int
        Kinds at most.
    sure : bool
        Whether points of equal price are put in order by how near they are to the data.
    """
    rows = np.flatnonzero(judged.kept if among is None else among)
    return _kinds(judged, rows, judged.wanted[:, 0], count, sure)


def by_objective(judged: Judged, rows: Sequence[int]) -> list[int]:
    """Order scored points by the first objective."""
    return sorted(rows, key=lambda i: float(judged.wanted[i, 0]))


def nearest(judged: Judged) -> list[int]:
    """Order what misses a limit by how much it does, one of each kind."""
    possible = np.flatnonzero(judged.sized.offer >= 0)
    about = np.asarray(np.round(np.log1p(judged.total), 1), dtype=float)
    return _kinds(judged, possible, about, 5, sure=False)


def _kinds(judged: Judged, rows: Ints, key: Floats, count: int, sure: bool) -> list[int]:
    second = _second(judged)
    price = judged.sized.usd_h
    order = rows[np.lexsort((second[rows], np.round(price[rows], 6), np.round(key[rows], 9)))]
    if sure:
        order = _by_evidence(judged, order, key)
    names = ("hardware", "framework", "tp", "pp", "dp")
    table = pd.DataFrame({n: judged.column(n)[order] for n in names}, index=order)
    table = table.drop_duplicates()
    table = table[table.groupby("hardware").cumcount() < PER_DEVICE]
    return [int(i) for i in table.index[:count]]


def _second(judged: Judged) -> NDArray[np.float64]:
    """Return what decides between equal prices: the faster one."""
    request = judged.problem.request
    if request.load.offline:
        return np.asarray(-judged.values["output_tok_s"])
    return e2e_ms(request, judged.values)


def _by_evidence(judged: Judged, order: Ints, key: Floats) -> Ints:
    """Put the first points, the best load of each configuration, in order at equal prices."""
    config = judged.problem.space.config[judged.points[order]]
    price = np.round(judged.sized.usd_h[order], 6)
    alike = pd.DataFrame({"config": config, "price": price, "key": np.round(key[order], 9)})
    first = order[~alike.duplicated().to_numpy()][:ASKED]
    bill, cost = tied(key[first]), tied(judged.sized.usd_h[first])
    near = np.zeros(len(first), dtype=np.intp)
    several = pd.DataFrame({"bill": bill, "cost": cost}).duplicated(keep=False).to_numpy()
    if several.any():
        near[several] = evidence(judged, first[several])
    slow = np.round(_second(judged)[first], 6)
    rank = np.lexsort((np.arange(len(first)), near, slow, cost, bill))
    return np.concatenate([first[rank], order[~np.isin(order, first)]])


def settled(plans: Sequence[Plan], objective: str) -> list[Plan]:
    """Put plans of equal price in order: by speed, then by headroom, then by evidence.

    Parameters
    ----------
    plans : sequence of Plan
        Best first.
    objective : str
        The first objective; plans that are told apart by speed keep their order.
    """
    if objective != "cost" or not plans:
        return list(plans)
    bill = tied(np.asarray([p.usd_h if p.job_usd is None else p.job_usd for p in plans]))
    price = tied(np.asarray([p.usd_h for p in plans]))
    near = [EVIDENCE.get(p.in_domain, 4) for p in plans]
    head = [-round(p.headroom, 6) for p in plans]
    slow = [round(p.e2e_ms or -p.capacity_tok_s, 6) for p in plans]
    return [plans[i] for i in np.lexsort(np.asarray([near, head, slow, price, bill]))]


def front(judged: Judged, most_usd_h: float = np.inf) -> list[int]:
    """Find the Pareto front of what keeps all limits, the cheapest first.

    With a single objective, steps that buy next to nothing are left out (:func:`worth_it`), and
    dearer ones than `most_usd_h`, which something that was not scored may beat.
    """
    rows = np.flatnonzero(judged.kept)
    wanted, single = judged.wanted, judged.wanted.shape[1] == 1
    if single:
        request = judged.problem.request
        other = -judged.sized.capacity_req_s if request.load.offline else e2e_ms(
            request, judged.values)  # fmt: skip
        wanted = np.stack([judged.sized.usd_h, other], 1)
    rows = rows[np.lexsort(wanted[rows].T[::-1])]
    kept: list[int] = []
    for i in rows:
        if not any(np.all(wanted[k] <= wanted[i]) for k in kept):
            kept.append(int(i))
    if not single:
        return kept
    sure = [i for k, i in enumerate(kept) if k == 0 or wanted[i, 0] < most_usd_h]
    return [sure[k] for k in worth_it(wanted[sure, 0], np.abs(wanted[sure, 1]))]


def worth_it(usd_h: Floats, other: Floats) -> list[int]:
    """List the steps of a front that are advice: dearer ones that buy something.

    Examples
    --------
    >>> worth_it(np.asarray([4.0, 6.0, 6.1, 16.0, 40.0]), np.asarray([8.0, 6.0, 5.99, 4.0, 2.0]))
    [0, 1, 3]
    """
    kept: list[int] = []
    for i in range(len(usd_h)):
        if not kept:
            kept.append(i)
            continue
        last = kept[-1]
        bought = abs(float(np.log(other[i] / other[last])))
        paid = float(np.log(usd_h[i] / usd_h[last]))
        if usd_h[i] <= DEAREST * usd_h[0] and bought >= max(WORTH * paid, LEAST):
            kept.append(i)
    return kept
