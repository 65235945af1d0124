"""What the machines of a deployment cost: the cheapest offers of the catalogue's price list."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from guide_ml import catalogue
from guide_ml.errors import GuideError
from guide_ml.offers import catalogue_offers, select
from guide_ml.table.interchange import frame_of
from guide_ml.table.read import Floats

__all__ = ["COST", "costs", "price_usd_h"]

COST = ("price_usd_h", "usd_per_million_output_tok")
"""Columns that are added: USD an hour for whole instances, USD per 1e6 generated tokens."""

S_PER_H, MILLION = 3600.0, 1e6


@cache
def _sizes() -> dict[str, tuple[Floats, Floats]]:
    """Devices and price of the cheapest instance of each size, by device; dated firm prices."""
    offers = select(catalogue_offers().table)
    best = offers.groupby(["hardware", "num_devices"])["usd_h"].min().reset_index()
    return {str(slug): (g["num_devices"].to_numpy(float), g["usd_h"].to_numpy(float))
            for slug, g in best.groupby("hardware")}  # fmt: skip


def price_usd_h(hardware: str, devices: Floats) -> Floats:
    """Price an hour of the cheapest instances that hold so many devices; NaN if none is sold.

    Instances are rented whole and of one size.

    Parameters
    ----------
    hardware : str
        Slug of the device.
    devices : array of shape (n,)
        Devices of each deployment.
    """
    if hardware not in _sizes():
        return np.full(len(devices), np.nan)
    size, usd = _sizes()[hardware]
    each = np.ceil(devices[:, None] / size) * usd
    return np.asarray(each.min(axis=1))


def costs(table: pa.Table, found: pd.DataFrame) -> dict[str, Floats]:
    """Price the deployments of a table.

    Parameters
    ----------
    table : pyarrow.Table of n rows
        Deployments.
    found : DataFrame of n rows
        Their predictions; rows without one get no price.
    """
    asked = frame_of(table)
    slugs = _slugs(asked["hardware"])
    devices = _devices(asked, len(found))
    price = np.full(len(found), np.nan)
    fits = found["memory_fits"].to_numpy()
    index, distinct = pd.factorize(slugs)
    for k, slug in enumerate(distinct):
        rows = np.flatnonzero((index == k) & fits)
        price[rows] = price_usd_h(str(slug), devices[rows])
    rate = found["output_tok_s"].to_numpy()
    return dict(zip(COST, (price, price / (rate * S_PER_H) * MILLION), strict=True))


def _slugs(column: pd.Series) -> NDArray[Any]:
    names = {name: _slug(name) for name in column.dropna().unique()}
    return np.asarray(column.map(names).astype(object).fillna(""), dtype=object)


def _slug(name: object) -> str:
    try:
        return catalogue.hardware(str(name)).hardware
    except GuideError:  # a device of the caller's own has no price here
        return ""


def _devices(asked: pd.DataFrame, n: int) -> Floats:
    """Devices of each row; where that is blank, tp x pp x dp."""
    numbers = {k: pd.to_numeric(asked[k].astype(object), errors="coerce").to_numpy(float)
               if k in asked else np.full(n, np.nan)
               for k in ("num_devices", "tp", "pp", "dp")}  # fmt: skip
    stated = numbers.pop("num_devices")
    product = np.prod([np.where(np.isnan(v), 1.0, v) for v in numbers.values()], axis=0)
    return np.where(np.isnan(stated), product, stated)
