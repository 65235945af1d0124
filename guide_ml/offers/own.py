"""Prices of one's own: a TOML file of offers, and what an hour on premises costs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pandas as pd

from guide_ml.errors import InvalidInput, UnknownName

__all__ = ["on_premises_usd_h", "read_toml"]

HOURS_PER_YEAR = 8760.0
W_PER_KW = 1000.0

_TEXTS = ("provider", "region", "instance_type", "hardware", "as_of", "source")
_PRICES = ("num_devices", "price_usd_h", "spot_usd_h", "devices_up_to")
_OWNED = ("purchase_usd", "lifetime_years", "power_w", "power_usd_kwh", "pue", "utilisation",
          "upkeep_usd_year")  # fmt: skip


def on_premises_usd_h(
    *, purchase_usd: float, lifetime_years: float, power_w: float, power_usd_kwh: float,
    utilisation: float = 1.0, pue: float = 1.0, upkeep_usd_year: float = 0.0,
) -> float:  # fmt: skip
    """Cost of an hour of a machine of one's own, whether it works or not, USD.

    (purchase / lifetime + upkeep) / 8760 h + power x utilisation x PUE x price of energy: the
    machine is paid for all year, and draws power in the share of it in which it works. A month of
    730 such hours is what it costs a month.

    Parameters
    ----------
    purchase_usd : float
        Price of the machine with its share of rack and network.
    lifetime_years : float
        Years until it is written off.
    power_w : float
        Draw of the whole machine at work, W.
    power_usd_kwh : float
        Price of energy, USD per kWh.
    utilisation : float
        Share of the year in which it works, above 0 and up to 1; an idle machine draws nothing.
    pue : float
        Power usage effectiveness: energy of the site over energy of its machines.
    upkeep_usd_year : float
        Rent, staff and repairs a year.

    Raises
    ------
    InvalidInput
        If a figure is out of its range.

    Examples
    --------
    >>> round(on_premises_usd_h(purchase_usd=280_320, lifetime_years=4, power_w=10_000,
    ...                         power_usd_kwh=0.2, utilisation=0.8), 6)
    9.6
    """
    above = {"purchase_usd": purchase_usd, "lifetime_years": lifetime_years}
    least = {"power_w": power_w, "power_usd_kwh": power_usd_kwh, "upkeep_usd_year": upkeep_usd_year}
    for name, value in (above | least).items():
        if not (value > 0 if name in above else value >= 0) or value == float("inf"):
            sign = "above 0" if name in above else "0 or more"
            raise InvalidInput(f"on-premises price: {name} must be {sign}; got {value}")
    if not 0 < utilisation <= 1:
        raise InvalidInput(f"on-premises price: utilisation must be above 0 and up to 1;"
                           f" got {utilisation}")  # fmt: skip
    if not 1 <= pue <= 5:
        raise InvalidInput(f"on-premises price: pue must be from 1 to 5; got {pue}")
    fixed = (purchase_usd / lifetime_years + upkeep_usd_year) / HOURS_PER_YEAR
    return fixed + power_w * utilisation / W_PER_KW * pue * power_usd_kwh


def read_toml(path: Path) -> pd.DataFrame:
    """Read the ``[[offer]]`` blocks of a TOML file.

    Raises
    ------
    InvalidInput, UnknownName
        If the file is none, a key is unknown or a figure wrong or missing.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{str(path)!r} must be a TOML file; {error}") from error
    blocks = content.get("offer")
    if not isinstance(blocks, list) or not blocks:
        raise InvalidInput(f"{str(path)!r} must hold [[offer]] blocks; got {', '.join(content)}")
    return pd.DataFrame([_offer(block, f"{path.name}, offer {i}")
                         for i, block in enumerate(blocks, 1)])  # fmt: skip


def _offer(block: dict[str, Any], origin: str) -> dict[str, Any]:
    """Check one block and price it."""
    for name, value in block.items():
        if name not in (*_TEXTS, *_PRICES, *_OWNED):
            raise UnknownName(f"key in {origin}:", name, (*_TEXTS, *_PRICES, *_OWNED))
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name not in _TEXTS and not number:
            raise InvalidInput(f"{origin}: {name} must be a number; got {value!r}")
    row = {k: str(v) if k in _TEXTS else v for k, v in block.items() if k not in _OWNED}
    if "hardware" not in row:
        raise InvalidInput(f"{origin}: hardware must be given")
    owned = {k: block[k] for k in _OWNED if k in block}
    if bool(owned) == ("price_usd_h" in block):
        raise InvalidInput(f"{origin}: give either price_usd_h, or what the machine costs"
                           " (purchase_usd, lifetime_years, power_w, power_usd_kwh)")  # fmt: skip
    if owned:
        if missing := [k for k in _OWNED[:4] if k not in owned]:
            raise InvalidInput(f"{origin}: {missing[0]} must be given for a machine of one's own")
        row |= {"price_usd_h": on_premises_usd_h(**owned), "tier": "on-premises"}
    return row | {"tier": row.get("tier", "on-demand")}
