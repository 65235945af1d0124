"""From the cells of open rows to loads: what is asked, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.errors import InvalidInput
from guide_ml.simulation.loads import OpenLoad, burstiness
from guide_ml.simulation.names import OPEN_COLUMNS, POOL_COLUMNS, ROUTERS, STATISTICS
from guide_ml.simulation.pools import Pools, pools_of, worker
from guide_ml.table.cells import is_blank

__all__ = ["OpenRow", "as_closed", "is_open", "read_row"]

#: Columns that say how much comes and what is wanted of it; the rest is the deployment.
_LOAD = ("mode", "request_rate_rps", "concurrency", "batch_size", "num_requests", "ttft_stat",
         "tpot_stat", *OPEN_COLUMNS)  # fmt: skip
_SIZES = ("num_devices", "tp", "pp", "dp", "ep")
_RANGES = {"request_rate_rps": (1e-6, 1e6), "length_cv": (0.0, 10.0), "num_requests": (1, 1e6),
           "duration_s": (1e-3, 1e7), "replicas": (1, 4096)}  # fmt: skip


@dataclass(frozen=True)
class OpenRow:
    """What is asked of one open load.

    Parameters
    ----------
    load : OpenLoad
        What comes; lengths of 0 are to be filled in.
    stats : dict of str to str
        Statistic wanted of ``ttft_ms``, ``tpot_ms``, ``e2e_ms``.
    replicas : int
        Copies behind a router.
    router : str
        How it chooses.
    pools : Pools, optional
        Workers of a disaggregated deployment.
    users : float, optional
        Requests in flight, where such a deployment has no rate.
    """

    load: OpenLoad
    stats: dict[str, str]
    replicas: int
    router: str
    pools: Pools | None = None
    users: float | None = None


def is_open(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which rows are simulated: open loads, and disaggregated deployments.

    An open load says so, or states a rate and no other load.
    """
    n = len(table)
    mode = _texts(table, "mode")
    stated = pd.Series(_texts(table, "request_rate_rps")).ne("").to_numpy()
    other = np.zeros(n, dtype=bool)
    for name in ("batch_size", "concurrency"):
        other |= pd.Series(_texts(table, name)).ne("").to_numpy()
    alone = (mode == "open") | ((mode == "") & stated & ~other)
    split = mode == "disagg"
    for name in POOL_COLUMNS:
        split |= pd.Series(_texts(table, name)).ne("").to_numpy()
    return np.asarray(alone | split)


def _texts(table: pd.DataFrame, name: str) -> NDArray[np.object_]:
    if name not in table.columns:
        return np.full(len(table), "", dtype=object)
    cells = table[name].astype(object)
    try:  # long tables have few ways to say it
        index, distinct = pd.factorize(cells)
        found = list(distinct)
    except (TypeError, ArithmeticError):  # lists, signalling NaN: looked at one by one
        blank = np.asarray([is_blank(cell) for cell in cells], dtype=bool)
        index = np.where(blank, -1, np.arange(len(cells)))
        found = cells.tolist()
    texts = np.asarray([*(str(x).strip().lower() for x in found), ""], dtype=object)
    return texts[index]  # blank cells have the index -1


def as_closed(table: pd.DataFrame, users: Any) -> pd.DataFrame:
    """Return the same deployments with so many requests in flight."""
    copy = _one_decoder(_one_copy(table))
    kept = copy[[c for c in copy.columns if c not in _LOAD]].copy()
    kept["mode"], kept["concurrency"] = "closed", users
    return kept


def _one_decoder(table: pd.DataFrame) -> pd.DataFrame:
    """Put a worker that decodes in the place of each disaggregated deployment."""
    if not {*POOL_COLUMNS, "mode"} & {*table.columns}:
        return table
    found = table.reindex(columns=list(dict.fromkeys([*table.columns, *_SIZES]))).astype(object)
    for place in range(len(table)):
        try:
            pools = pools_of(table.iloc[place])
        except InvalidInput:  # said where the row is read
            continue
        if pools is not None:
            own = worker(found.iloc[place], pools, 1)
            for name in _SIZES:
                found.iloc[place, [*found.columns].index(name)] = own[name]
    return found.drop(columns=[c for c in POOL_COLUMNS if c in found])


def _one_copy(table: pd.DataFrame) -> pd.DataFrame:
    """Take the copies behind a router out of the devices, where those of all copies are stated.

    That is so where the devices are as many as ``replicas * tp * pp``: benchmarks write down what
    the whole fleet has, and some call its copies data-parallel as well.
    """
    out = table.copy()
    if not {"replicas", "num_devices"} <= {*table.columns} or not {"tp", "pp"} & {*table.columns}:
        return out
    count, copies, tp, pp, dp = (_counts(table, name) for name in
                                 ("num_devices", "replicas", "tp", "pp", "dp"))  # fmt: skip
    each = np.nan_to_num(tp, nan=1.0) * np.nan_to_num(pp, nan=1.0)
    whole = (copies > 1) & (count == copies * each) & ~(np.isnan(tp) & np.isnan(pp))
    whole &= np.isnan(dp) | (dp == 1) | (dp == copies)
    if whole.any():
        out["num_devices"] = np.where(whole, each, count)
        if "dp" in out:
            out["dp"] = np.where(whole, 1.0, dp)
    return out


def _counts(table: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in table.columns:
        return np.full(len(table), np.nan)
    return pd.to_numeric(table[name].astype(object), errors="coerce").to_numpy(dtype=float)


def read_row(row: pd.Series) -> OpenRow:
    """Read what is asked of an open load.

    Raises
    ------
    InvalidInput
        If a cell is wrong, or the rate is missing.
    """
    pools = pools_of(row)
    users = None
    if pools is not None and _blank(row, "request_rate_rps"):
        users = _number(row, "concurrency", 1, 1e6)
        if users is None:
            raise InvalidInput("a disaggregated deployment needs request_rate_rps or concurrency;"
                               " got neither")  # fmt: skip
    elif _blank(row, "request_rate_rps"):
        raise InvalidInput("mode open needs request_rate_rps; got none")
    for other in ("concurrency", "batch_size") if users is None else ():
        if not _blank(row, other):
            raise InvalidInput(f"give request_rate_rps (an open load) or {other}, not both")
    if not _blank(row, "num_requests") and not _blank(row, "duration_s"):
        raise InvalidInput("give num_requests or duration_s, not both")
    number = {name: _number(row, name, *limits) for name, limits in _RANGES.items()}
    requests = number["num_requests"]
    load = OpenLoad(
        rate_rps=number["request_rate_rps"] or 0.0,
        burstiness=burstiness(None if users else row.get("arrival")),
        input_len=0.0, output_len=0.0, length_cv=number["length_cv"] or 0.0,
        num_requests=None if requests is None else int(requests),
        duration_s=number["duration_s"],
    )  # fmt: skip
    if load.duration_s is not None and not 1 <= load.rate_rps * load.duration_s <= 1e6:
        raise InvalidInput("duration_s times request_rate_rps must be from 1 to 1e6 requests;"
                           f" got {load.rate_rps * load.duration_s:g}")  # fmt: skip
    stats = {f"{name}_ms": _choice(row, f"{name}_stat", STATISTICS, "mean")
             for name in ("ttft", "tpot", "e2e")}  # fmt: skip
    router = _choice(row, "router", ROUTERS, "least-loaded")
    copies = int(number["replicas"] or 1)
    if pools is not None and copies > 1:
        raise InvalidInput("a disaggregated deployment has workers in place of replicas: give"
                           f" decode_workers, not replicas; got {copies}")  # fmt: skip
    return OpenRow(load, stats, copies, router, pools, users)


def _blank(row: pd.Series, name: str) -> bool:
    return is_blank(row.get(name))


def _number(row: pd.Series, name: str, low: float, high: float) -> float | None:
    if _blank(row, name):
        return None
    try:
        value = float(str(row[name]))
    except ValueError:
        raise InvalidInput(f"{name} must be a number; got {row[name]!r}") from None
    if not low <= value <= high:
        raise InvalidInput(f"{name} must be a number from {low:g} to {high:g}; got {value:g}")
    return value


def _choice(row: pd.Series, name: str, allowed: tuple[str, ...], usual: str) -> str:
    if _blank(row, name):
        return usual
    text = {"p50": "median"}.get(str(row[name]).strip().lower(), str(row[name]).strip().lower())
    if text not in allowed:
        raise InvalidInput(f"{name} must be one of {', '.join(allowed)}; got {row[name]!r}")
    return text
