"""Read price lists into one table of offers, whole columns at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from time import gmtime, strftime
from typing import Any

import numpy as np
import pandas as pd

from guide_ml import catalogue
from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.offers import own

__all__ = ["COLUMNS", "HOURS_PER_MONTH", "Offers", "catalogue_offers", "own_offers"]

#: Hours that a month is billed as: 8760 / 12.
HOURS_PER_MONTH = 730.0

COLUMNS = ("provider", "region", "instance_type", "hardware", "num_devices", "price_usd_h",
           "spot_usd_h", "devices_up_to", "as_of", "tier", "source")  # fmt: skip
"""Columns of a table of offers; ``as_of`` is an ISO date, blank where none is known;
``devices_up_to`` tells how many devices a machine may have at the same price a device."""

#: Columns of a price list, and what they are called here.
_SPELT = {"accelerator_count": "num_devices", "price_usd_per_hour": "price_usd_h",
          "spot_price_usd_per_hour": "spot_usd_h"}  # fmt: skip
_NUMBERS = ("num_devices", "price_usd_h", "spot_usd_h", "devices_up_to")
#: Words by which price lists mark machines that belong to third parties, and providers that
#: only broker such machines.
_TIERS = ("marketplace", "community")
_BROKERS = ("akash", "salad", "spheron", "tensordock", "vast")

NOT_LISTED = "of a device that the catalogue lacks"
SLICE = "of a slice of a device"


@dataclass(frozen=True)
class Offers:
    """Offers, and how many a price list had besides, by reason.

    Parameters
    ----------
    table : DataFrame of shape (n, COLUMNS)
        An offer a row: whole devices that the catalogue knows. ``num_devices`` a whole number,
        prices of the instance in USD/h (NaN where it is not sold so), ``tier`` *on-demand*,
        *marketplace*, *community* or *on-premises*. ``devices_up_to`` is ``num_devices`` where a
        machine is sold as it is; above it where the provider sells by the device.
    left_out : mapping of str to int
        Offers left out, by reason.
    """

    table: pd.DataFrame
    left_out: Mapping[str, int]


@cache
def catalogue_offers() -> Offers:
    """Offers of the catalogue's price list.

    Examples
    --------
    >>> offers = catalogue_offers()
    >>> list(offers.table.columns) == list(COLUMNS), offers.left_out[NOT_LISTED]
    (True, 1)
    """
    with as_file(files(__package__).joinpath("prices.csv")) as path:
        return _tidy(_csv(path))


def own_offers(given: str | os.PathLike[str] | pd.DataFrame) -> Offers:
    """Offers of one's own.

    Parameters
    ----------
    given : path or DataFrame
        A CSV file or a table with the columns of COLUMNS (``hardware`` and ``price_usd_h`` must
        be there; ``price_usd_per_hour``, ``spot_price_usd_per_hour`` and ``accelerator_count``
        are understood too), or a TOML file of ``[[offer]]`` blocks, which may state what a
        machine on premises costs (:func:`guide_ml.offers.on_premises_usd_h`). What has no date
        takes that of its file.

    Raises
    ------
    InvalidInput, UnknownName
        If the file cannot be read, or a device or a price is wrong or missing.
    """
    if isinstance(given, pd.DataFrame):
        return _tidy(_named(given, "the table of prices", ""), strict=True)
    path = Path(given)
    if not path.is_file():
        raise InvalidInput(f"prices: there is no file {str(path)!r}")
    table = own.read_toml(path) if path.suffix.lower() == ".toml" else _csv(path)
    day = strftime("%Y-%m-%d", gmtime(path.stat().st_mtime))
    return _tidy(_named(table, repr(str(path)), day), strict=True)


def _csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype="str", keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{str(path)!r} must be a CSV file; {error}") from error


def _named(table: pd.DataFrame, origin: str, day: str) -> pd.DataFrame:
    """Settle what one's own list need not state."""
    table = table.rename(columns=_SPELT)
    if missing := [c for c in ("hardware", "price_usd_h") if c not in table]:
        raise InvalidInput(f"{origin} must have the column {missing[0]};"
                           f" got {', '.join(map(str, table.columns))}")  # fmt: skip
    defaults: dict[str, Any] = {
        "provider": "own", "region": "own", "num_devices": 1, "spot_usd_h": np.nan,
        "devices_up_to": np.nan, "as_of": day, "source": origin,
    }  # fmt: skip
    for name, value in defaults.items():
        given = table[name] if name in table else pd.Series(value, index=table.index)
        table[name] = given.where(given.notna() & (given != ""), value)
    words = [f"{h} machine of {n:.16g}" if isinstance(n, float) else f"{h} machine of {n}"
             for n, h in zip(table["num_devices"], table["hardware"], strict=True)]
    named = pd.Series(words, index=table.index)
    if "instance_type" in table:
        named = table["instance_type"].fillna(named)
    table["instance_type"] = named
    return table


def _tidy(table: pd.DataFrame, strict: bool = False) -> Offers:
    """Check a price list; `strict` refuses what is else left out and counted."""
    table = table.rename(columns=_SPELT).reset_index(drop=True)
    if "devices_up_to" not in table:  # lists of before it was stated
        table["devices_up_to"] = np.nan
    for name in _NUMBERS:
        text = table[name].replace("", np.nan)
        table[name] = pd.to_numeric(text, errors="coerce")
        if len(bad := np.flatnonzero(text.notna() & table[name].isna())):
            raise InvalidInput(f"prices: {name} must be a number; got {text[bad[0]]!r}")
    slugs = {name: _slug(name, strict) for name in table["hardware"].unique()}
    table["hardware"] = table["hardware"].map(slugs)
    _require_sane(table)
    table["tier"] = _tier(table)
    day = table["as_of"].astype("str")
    table["as_of"] = day.where(day.str.fullmatch(r"\d{4}-\d\d-\d\d"), "")
    listed, whole = table["hardware"] != "", table["num_devices"] >= 1
    left = {NOT_LISTED: int((~listed).sum()), SLICE: int((listed & ~whole).sum())}
    kept = table.loc[listed & whole, list(COLUMNS)].reset_index(drop=True)
    kept["num_devices"] = kept["num_devices"].astype(int)
    kept["devices_up_to"] = kept["devices_up_to"].fillna(kept["num_devices"]).astype(int)
    return Offers(kept, {reason: n for reason, n in left.items() if n})


def _tier(table: pd.DataFrame) -> pd.Series:
    """Tell on-demand machines from those of third parties."""
    if "tier" in table:
        return table["tier"]
    plain = pd.Series("on-demand", index=table.index)
    if "notes" in table:
        noted = table["notes"].str.extract(r"tier=([a-z-]+)")[0]
        plain = noted.where(noted.isin(_TIERS), plain)
    return plain.mask(table["provider"].isin(_BROKERS), "marketplace")


def _slug(name: str, strict: bool) -> str:
    try:
        return catalogue.hardware(name).hardware
    except UnknownName:
        if strict:
            raise
        return ""


def _require_sane(table: pd.DataFrame) -> None:
    for name in ("price_usd_h", "spot_usd_h"):
        if len(bad := np.flatnonzero(table[name] <= 0)):
            row = table.iloc[bad[0]]
            raise InvalidInput(f"prices: {name} must be above 0; got {row[name]:g} for"
                               f" {row['provider']} {row['instance_type']}")  # fmt: skip
    count = table["num_devices"]
    whole = (count == np.floor(count)) | (count < 1)
    if len(bad := np.flatnonzero(~(whole & (count > 0)))):
        raise InvalidInput(f"prices: num_devices must be a whole number; got {count[bad[0]]:g}")
    most = table["devices_up_to"]
    if len(bad := np.flatnonzero((most < count) | (most != np.floor(most)) & most.notna())):
        raise InvalidInput("prices: devices_up_to must be a whole number, num_devices or more;"
                           f" got {most[bad[0]]:g}")  # fmt: skip
