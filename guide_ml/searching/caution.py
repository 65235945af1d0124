"""What a reader of prices should know: offers that look wrong, and machines that lists lack."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from guide_ml.searching.plan import Plan

__all__ = ["bargain", "small_machines"]

#: A price of a device below the next one by more than this is more often wrong than cheap.
BARGAIN = 3.0
#: Providers that are named at most.
NAMED = 4


def bargain(plans: Sequence[Plan], offers: pd.DataFrame) -> list[str]:
    """Warn where the best plan's price of a device is far below that of any other provider.

    Parameters
    ----------
    plans : sequence of Plan
        The best first.
    offers : DataFrame
        What :func:`guide_ml.offers.select` kept.
    """
    if not plans:
        return []
    best = plans[0]
    same = offers[offers["hardware"] == best.hardware]
    each = same["usd_h"] / same["num_devices"]
    own = each[(same["provider"] == best.provider) & (same["tier"] != "on-premises")]
    others = each[same["provider"] != best.provider]
    if own.empty or others.empty or own.min() * BARGAIN > others.min():
        return []
    return [
        f"{best.provider} asks {own.min():,.2f} USD/h for a {best.hardware}, the next provider"
        f" {others.min():,.2f}: so low a price is often out of date or has conditions, so ask."
    ]


def small_machines(plans: Sequence[Plan], offers: pd.DataFrame) -> list[str]:
    """Say whose machines of several devices the prices lack, where the best plan needs such.

    Parameters
    ----------
    plans, offers
        As of :func:`bargain`.
    """
    if not plans:
        return []
    best = plans[0]
    if best.tp * best.pp < 2:
        return []
    most = offers[offers["hardware"] == best.hardware].groupby("provider")["num_devices"].max()
    if (most > 1).sum() == 0:
        return []
    small = sorted(map(str, most.index[most == 1]))
    if not small:
        return []
    named = ", ".join(small[:NAMED]) + (f" and {len(small) - NAMED} more" if len(small) > NAMED
                                        else "")  # fmt: skip
    return [
        f"Of {named} the prices hold only machines of one {best.hardware}; if they rent larger"
        " ones, add them with --prices."
    ]
