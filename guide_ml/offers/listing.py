"""Offers as a data frame, the cheapest per device first."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

import pandas as pd

from guide_ml.offers.read import catalogue_offers, own_offers
from guide_ml.offers.select import select

__all__ = ["cheapest", "list_offers", "providers"]


def list_offers(
    *, hardware: Collection[str] = (), vendors: Collection[str] = (),
    providers: Collection[str] = (), regions: Collection[str] = (),
    spot: bool = False, marketplace: bool = False, undated: bool = False,
    priced_since: str | None = None, max_usd_h: float | None = None,
    prices: Sequence[str | os.PathLike[str] | pd.DataFrame] = (),
) -> pd.DataFrame:  # fmt: skip
    """List what machines can be rented, the cheapest per device first.

    Parameters
    ----------
    hardware, vendors, providers, regions, spot, marketplace, undated, priced_since, max_usd_h
        As :func:`guide_ml.offers.select.select` takes them.
    prices : sequence of path or DataFrame, optional
        Offers of one's own beside those of the catalogue.

    Returns
    -------
    DataFrame
        A row an offer; ``usd_h`` is what an hour of the machine costs, ``usd_h_device`` that of
        each of its devices.

    Examples
    --------
    >>> found = list_offers(hardware=["h100"])
    >>> bool(found.usd_h_device.is_monotonic_increasing), set(found.hardware)
    (True, {'nvidia-h100-sxm-80gb'})
    """
    lists = [catalogue_offers(), *(own_offers(given) for given in prices)]
    table = select(
        pd.concat([part.table for part in lists], ignore_index=True),
        hardware=hardware, vendors=vendors, providers=providers, regions=regions, spot=spot,
        marketplace=marketplace, undated=undated, priced_since=priced_since, max_usd_h=max_usd_h,
    )  # fmt: skip
    table["usd_h_device"] = table["usd_h"] / table["num_devices"]
    order = ["usd_h_device", "provider", "region"]
    table = table.sort_values(order, kind="stable", ignore_index=True)
    table["as_of"] = table["as_of"].replace("", "undated")
    return table


def cheapest(table: pd.DataFrame) -> pd.DataFrame:
    """Keep the cheapest offer of each device and provider, of a table of :func:`list_offers`.

    Examples
    --------
    >>> found = cheapest(list_offers(hardware=["h100"]))
    >>> bool(found.duplicated(["hardware", "provider", "spot"]).any())
    False
    """
    return table.drop_duplicates(["hardware", "provider", "spot"], ignore_index=True)


def providers() -> list[dict[str, object]]:
    """List who rents machines out: their offers, devices, and the oldest and newest price.

    Examples
    --------
    >>> sorted(providers()[0])
    ['devices', 'newest', 'offers', 'oldest', 'provider']
    """
    table = list_offers(marketplace=True, spot=True, undated=True)
    dated = table["as_of"].where(table["as_of"] != "undated")
    found = table.assign(day=dated).groupby("provider").agg(
        offers=("hardware", "size"), devices=("hardware", "nunique"), oldest=("day", "min"),
        newest=("day", "max"),
    ).reset_index()  # fmt: skip
    rows = found.astype(object).where(found.notna(), None).to_dict("records")
    return [{str(k): v for k, v in row.items()} for row in rows]
