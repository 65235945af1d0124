"""Fetch today's prices through gpuhunt, which asks the providers over the network."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from time import gmtime, strftime
from typing import Any

import pandas as pd

from guide_ml import catalogue
from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.offers.files import write_csv

__all__ = ["fetch", "offers_of", "write"]

#: Forms in which a device is sold, tried in this order where a price list names none.
_FORMS = ("", "-sxm", "-pcie", "-server")


def fetch() -> list[Any]:
    """Ask gpuhunt for its catalogue; this needs a network.

    Raises
    ------
    InvalidInput
        If gpuhunt is not installed or the network does not answer.
    """
    try:
        import gpuhunt
    except ImportError as error:
        raise InvalidInput("`guide prices refresh` needs gpuhunt: pip install 'guide-ml[prices]'"
                           ) from error  # fmt: skip
    # It logs a traceback for each provider that does not answer; the error below says it once.
    logging.getLogger("gpuhunt").setLevel(logging.CRITICAL)
    try:
        catalog = gpuhunt.Catalog(balance_resources=False, auto_reload=False)
        catalog.load()
        return list(catalog.query(min_gpu_count=1))
    except Exception as error:  # whatever the network or gpuhunt raises ends in one sentence
        raise InvalidInput(f"`guide prices refresh` needs a network; gpuhunt says: {error}"
                           ) from error  # fmt: skip


def offers_of(items: Iterable[Any], day: str) -> tuple[pd.DataFrame, int]:
    """Turn gpuhunt's items into a price list.

    Parameters
    ----------
    items : iterable of gpuhunt.CatalogItem
        On-demand and spot offers.
    day : str
        ISO date of the prices.

    Returns
    -------
    DataFrame, int
        A price list as the catalogue's, an instance type of a region a row; and the offers left
        out because no device of the catalogue is meant for sure.
    """
    rows: list[dict[str, Any]] = []
    unknown = 0
    for item in items:
        slug = device(item.gpu_name, item.gpu_memory, item.instance_name)
        if slug is None:
            unknown += 1
            continue
        rows.append({
            "provider": item.provider, "region": item.location, "hardware": slug,
            "instance_type": item.instance_name, "accelerator_count": item.gpu_count,
            "price": item.price, "spot": bool(item.spot),
        })  # fmt: skip
    keys = ["provider", "region", "instance_type", "hardware", "accelerator_count"]
    table = pd.DataFrame(rows, columns=[*keys, "price", "spot"])
    table = table[table["price"] > 0]
    if table.empty:
        raise InvalidInput("gpuhunt told no offer of a device that the catalogue has")
    full = table[~table["spot"]].groupby(keys)["price"].min().rename("price_usd_per_hour")
    cheap = table[table["spot"]].groupby(keys)["price"].min().rename("spot_price_usd_per_hour")
    out = table[keys].drop_duplicates().join(full, on=keys).join(cheap, on=keys)
    return out.assign(as_of=day, source="gpuhunt", notes=""), unknown


def device(name: str | None, memory_gb: float | None, instance: str = "") -> str | None:
    """Find the device that gpuhunt means by a name and a memory size.

    Examples
    --------
    >>> device("L4", 24), device("H100", 80, "h100-pcie"), device("no-such", 1)
    ('nvidia-l4-24gb', 'nvidia-h100-pcie-80gb', None)
    """
    if not name:
        return None
    plain = re.sub(r"(?i)^rtx|ada$", lambda m: {"rtx": "rtx-"}.get(m[0].lower(), "-ada"), name)
    plain = plain.lower().replace("_", "-")
    forms = [f for f in _FORMS if f and f[1:] in instance.lower()] or list(_FORMS)
    for form in forms:
        for vendor in ("nvidia", "amd", "intel"):
            try:
                return catalogue.hardware(f"{vendor}-{plain}{form}-{memory_gb:g}gb").hardware
            except UnknownName:
                continue
    return None


def write(out: Path) -> tuple[int, int]:
    """Fetch prices and write them as a CSV file, beside and then in place.

    Returns
    -------
    int, int
        Offers written, and left out because their device is not in the catalogue.
    """
    table, unknown = offers_of(fetch(), strftime("%Y-%m-%d", gmtime()))
    write_csv(table, out)
    return len(table), unknown
