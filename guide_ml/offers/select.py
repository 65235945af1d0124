"""Pick offers out of a table."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from guide_ml import catalogue
from guide_ml.errors import InvalidInput, UnknownName

__all__ = ["by_size", "select"]

#: Tiers of machines that belong to third parties, without a firm price.
MARKET = ("marketplace", "community")


def select(
    table: pd.DataFrame, *,
    hardware: Collection[str] = (), vendors: Collection[str] = (),
    providers: Collection[str] = (), regions: Collection[str] = (),
    spot: bool = False, marketplace: bool = False, undated: bool = False,
    priced_since: str | None = None, max_usd_h: float | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Keep the offers that are wanted, and settle what an hour of each costs.

    Parameters
    ----------
    table : DataFrame
        :class:`guide_ml.offers.Offers`.
    hardware, vendors, providers, regions : collection of str
        Those wanted; empty for all. Devices by slug or alias; regions by any part of their name.
    spot : bool
        Whether spot prices count where they are lower; spot machines may be taken away.
    marketplace : bool
        Whether machines of third parties count, whose prices are no firm offers.
    undated : bool
        Whether prices without a date count.
    priced_since : str, optional
        ISO date; older and undated prices do not count.
    max_usd_h : float, optional
        Most that one instance may cost.

    Returns
    -------
    DataFrame
        With two columns more: ``usd_h``, the price that counts, and ``spot``, whether it is the
        spot price.

    Raises
    ------
    UnknownName, InvalidInput
        If a name is none of the table's, or the date none.
    """
    slugs = [catalogue.hardware(name).hardware for name in hardware]
    maker = {h.hardware: h.vendor for h in catalogue.all_hardware().values()}
    own = table["hardware"].map(maker).fillna("unknown")
    keep = pd.Series(True, index=table.index)
    if slugs:
        keep &= table["hardware"].isin(slugs)
    if vendors:
        keep &= own.isin(_known("vendor", vendors, own))
    if providers:
        keep &= table["provider"].isin(_known("provider", providers, table["provider"]))
    if regions:
        keep &= _of_regions(table["region"], regions)
    if not marketplace:
        keep &= ~table["tier"].isin(MARKET)
    if priced_since is not None:
        keep &= table["as_of"] >= _day(priced_since)
    if not undated:
        keep &= table["as_of"] != ""
    full, cheap = table["price_usd_h"], table["spot_usd_h"]
    lower = (cheap < full.fillna(np.inf)) if spot else pd.Series(False, index=table.index)
    price = cheap.where(lower, full)
    keep &= price.notna() & (price <= (np.inf if max_usd_h is None else max_usd_h))
    return table.assign(usd_h=price, spot=lower)[keep].reset_index(drop=True)


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """List each offer that is sold by the device once a size: doubled up to its ``devices_up_to``.

    Parameters
    ----------
    table : DataFrame
        Of :func:`select`.

    Examples
    --------
    >>> one = pd.DataFrame({"num_devices": [1, 2], "devices_up_to": [6, 2],
    ...                     "price_usd_h": [2.0, 5.0], "spot_usd_h": [1.0, np.nan],
    ...                     "usd_h": [2.0, 5.0]})
    >>> found = by_size(one)
    >>> found.num_devices.tolist(), found.usd_h.tolist()
    ([1, 2, 2, 4, 6], [2.0, 5.0, 4.0, 8.0, 12.0])
    """
    parts, last = [table], table
    while len(last := last[last["num_devices"] < last["devices_up_to"]]):
        more = np.minimum(2 * last["num_devices"], last["devices_up_to"])
        prices = {k: last[k] * more / last["num_devices"]
                  for k in ("price_usd_h", "spot_usd_h", "usd_h")}  # fmt: skip
        last = last.assign(num_devices=more, **prices)
        parts.append(last)
    return pd.concat(parts, ignore_index=True)


def _known(kind: str, names: Collection[str], column: pd.Series) -> list[str]:
    known = {str(k).lower(): str(k) for k in column.unique()}
    for name in names:
        if name.lower() not in known:
            raise UnknownName(kind, name, known.values())
    return [known[name.lower()] for name in names]


def _of_regions(column: pd.Series, wanted: Collection[str]) -> pd.Series:
    keep = pd.Series(False, index=column.index)
    for part in wanted:
        found = column.str.contains(part, case=False, regex=False)
        if not found.any():
            raise UnknownName("region", part, map(str, column.unique()))
        keep |= found
    return keep


def _day(text: str) -> str:
    try:
        return np.datetime_as_string(np.datetime64(text, "D"))
    except ValueError as error:
        raise InvalidInput(
            f"priced_since must be a date such as 2026-01-31; got {text!r}"
        ) from error
