"""Plans that somebody measured the like of, before cheaper ones that are guesses.

Who asks five plain questions cannot judge a guess. So a plan of which nothing like it was measured
is advised only where the next one that rests on measurements costs much more, and then it is said.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from guide_ml.searching import Found, Plan, reasons

__all__ = ["NEARLY", "prefer", "surer"]

#: So many times the price of a guess is near enough to it.
NEARLY = 1.35


def bill(plan: Plan) -> float:
    """Return what a plan costs: an hour of it, or its job, USD."""
    return plan.usd_h if plan.job_usd is None else plan.job_usd


def surer(found: Found) -> Plan | None:
    """Return the cheapest plan like measured ones, where the best is not like them."""
    best = found.best
    if best is None or best.in_domain != "far":
        return None
    told = [p for p in (*found.plans, *found.front) if p.in_domain not in ("far", "")]
    return min(told, key=bill, default=None)


def prefer(found: Found) -> tuple[Found, Plan | None]:
    """Put the cheapest plan like measured ones first, where a guess costs nearly as much.

    Returns
    -------
    Found, Plan or None
        What was found, and the guess that is cheaper and was left aside.
    """
    guess, other = found.best, surer(found)
    if guess is None or other is None or bill(other) > NEARLY * bill(guess):
        return found, None
    plans = (other, *(p for p in found.plans if p is not other))
    more = 100.0 * (bill(other) / bill(guess) - 1.0)
    why = (f"Like what was measured, and {more:,.0f} % dearer than the cheapest, which is a guess:"
           f" nobody measured anything like {guess.num_devices} x {guess.hardware}.",
           *reasons.about(found.request, other, date.today()))  # fmt: skip
    return replace(found, plans=plans, why=why), guess
