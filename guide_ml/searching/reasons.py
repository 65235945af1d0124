"""Why the best deployment won; where nothing fits, what binds and what giving way would cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from guide_ml.answers.cells import plain
from guide_ml.precision.dtypes import dtype
from guide_ml.searching.plan import Plan
from guide_ml.searching.plan_words import limit, misses, over
from guide_ml.searching.plans import Judged, plan
from guide_ml.searching.ranking import nearest
from guide_ml.searching.request import LIMITS, Request
from guide_ml.searching.result import Relaxation

__all__ = ["OLD_DAYS", "about", "cheaper", "dated", "relaxations", "why", "why_not"]

#: Two deployments whose limit is this near are the same relaxation; the cheaper one is told.
SAME = 1.02
BUDGETS = ("max_usd_h", "max_devices")
#: Prices that are older are warned of.
OLD_DAYS = 90


def relaxations(judged: Judged) -> list[Relaxation]:
    """For each limit: the least that giving way on it alone needs, and the cheapest without it.

    Where no limit alone stands in the way, the budget is given up as well.
    """
    return _ways(judged, ()) or _ways(judged, BUDGETS)


def _ways(judged: Judged, given_up: tuple[str, ...]) -> list[Relaxation]:
    request = judged.problem.request
    found = []
    for name in judged.missed:
        if name in given_up:
            continue
        others = [v for k, v in judged.missed.items() if k != name and k not in given_up]
        rows = np.flatnonzero((np.sum(others, axis=0) == 0) & (judged.sized.offer >= 0))
        if name == "predicted" or not len(rows):
            continue
        over, price = 1.0 + judged.missed[name][rows], judged.sized.usd_h[rows]
        close = over <= over.min() * SAME
        least = int(rows[close][np.argmin(price[close])])
        cheapest = int(rows[np.lexsort((over, np.round(price, 6)))[0]])
        for best in dict.fromkeys([least, cheapest]):
            given = limit(request, name)
            needed = given * (1.0 + float(judged.missed[name][best]))
            found.append(Relaxation(limit=name, given=given, needed=needed,
                                    plan=plan(judged, best)))  # fmt: skip
    return sorted(found, key=lambda r: r.needed / max(r.given, 1e-9))


def why(judged: Judged, plans: list[Plan], runner_up: Plan | None, proven: str) -> list[str]:
    """Say why the first plan won."""
    best, request = plans[0], judged.problem.request
    goal = {"cost": "cheapest", "latency": "fastest", "throughput": "most throughput"}
    lines = [f"{goal[request.objectives[0]].capitalize()} deployment that keeps all limits:"
             f" {_price(best)}. {proven}"]  # fmt: skip
    if tight := _tightest(request, best):
        lines.append(tight)
    if request.objectives[0] == "cost":
        lines += _cheaper(judged, best)
    other = next((p for p in plans[1:] if p.hardware != best.hardware), None)
    lines += [_versus(word, p, best) for word, p in
              (("The next device", other), ("The best of another vendor", runner_up)) if p]
    return [*lines, *_guess(best, plans), *_narrowed(request, best)]


def _guess(best: Plan, plans: list[Plan]) -> list[str]:
    """Say that nobody measured the like of the best plan, and what would rest on measurements."""
    if best.in_domain != "far":
        return []
    other = next((p for p in plans if p.in_domain not in ("far", "")), None)
    text = "Nobody measured anything much like it, so its figures are a guess"
    if other is None:
        return [f"{text}; so are those of all that is listed."]
    return [_versus(f"{text}; the next that is like what was measured", other, best)]


def about(request: Request, best: Plan, today: date) -> list[str]:
    """Say of one plan what its tightest limit is, how exact its weights and how old its price."""
    tight = _tightest(request, best)
    return [*([tight] if tight else []), *_narrowed(request, best), *dated([best], today)]


def _narrowed(request: Request, best: Plan) -> list[str]:
    """Say that weights are less exact than published, where they are."""
    native = request.model.native_dtype
    if dtype(best.weight_dtype).bits >= dtype("fp16" if native == "fp32" else native).bits:
        return []
    return [f"Weights are narrowed from {native} to {best.weight_dtype}: check the quality"
            f" of the answers, or ask for {native} alone (weight_dtypes,"
            f" --weight-dtype {native})."]  # fmt: skip


def _versus(word: str, other: Plan, best: Plan) -> str:
    more = (other.job_usd or other.usd_h) / (best.job_usd or best.usd_h) - 1.0
    much = f"{100 * more:+,.0f} %" if abs(more) >= 0.005 else "the same"
    return f"{word}: {other.num_devices} x {other.hardware} at {_price(other)} ({much})."


def _price(found: Plan) -> str:
    job = "" if found.job_usd is None else f"{found.job_usd:,.2f} USD for the job, "
    return f"{job}{found.usd_h:,.2f} USD/h"


def _tightest(request: Request, best: Plan) -> str:
    used: dict[str, float] = {}
    for name, most in request.slo.limits.items():
        value = getattr(best, name)
        if value is not None:
            used[name] = value / most
    if not used:
        return ""
    name = max(used, key=lambda n: used[n])
    word, unit = LIMITS[name]
    return (f"Its tightest limit is the {word}: {plain(getattr(best, name))} of"
            f" {plain(request.slo.limits[name])}{unit}.")  # fmt: skip


def cheaper(judged: Judged, best: Plan) -> Plan | None:
    """Return the deployment cheaper than the best one that came nearest to the limits."""
    cheap = judged.sized.cost < (best.job_usd or best.usd_h) * (1 - 1e-9)
    rows = np.flatnonzero(cheap & ~judged.kept & (judged.sized.offer >= 0))
    return plan(judged, int(rows[np.argmin(judged.total[rows])])) if len(rows) else None


def _cheaper(judged: Judged, best: Plan) -> list[str]:
    """Name the cheaper deployment that came nearest."""
    found = cheaper(judged, best)
    if found is None:
        return []
    return [f"Cheaper, but not good enough: {found.num_devices} x {found.hardware} at"
            f" {found.usd_h:,.2f} USD/h ({misses(found, judged.problem.request)})."]


def why_not(judged: Judged, ways: list[Relaxation], proven: str) -> list[str]:
    """Say which limit binds, by how much, and what giving way on each alone would cost."""
    request = judged.problem.request
    if not ways:
        near = nearest(judged)
        text = f" The nearest: {misses(plan(judged, near[0]), request)}." if near else ""
        return [f"Nothing fits, and no limit alone stands in the way.{text} {proven}",
                *_would_do(judged)]  # fmt: skip
    first = ways[0]
    word, unit = LIMITS[first.limit]
    by = first.needed / first.given - 1.0
    binds = (f"Nothing fits. What binds is the {word}: the nearest found has"
             f" {plain(first.needed)}{unit}, {over(by)} over the limit of"
             f" {plain(first.given)}{unit}.")  # fmt: skip
    if first.limit == "in_domain":
        binds = "Nothing that fits is near to the data."
    if set(first.plan.misses) - {first.limit}:
        binds = "Nothing fits, and no limit alone stands in the way: the budget must give way too."
    lines = [f"{binds} {proven}", *(f"Giving way on {r.text()}." for r in ways)]
    told = {r.limit for r in ways}
    if "max_usd_h" not in told:
        lines += _would_do(judged)
    if others := [LIMITS[n][0] for n in judged.missed if n in LIMITS and n not in told]:
        lines.append(f"Giving way on the {' or the '.join(others)} alone is not enough.")
    return lines


def _would_do(judged: Judged) -> list[str]:
    """Say what keeps every limit but those on price and number of devices, where there are such."""
    if not set(judged.missed) & set(BUDGETS):
        return []
    others = [v for k, v in judged.missed.items() if k not in BUDGETS]
    rows = np.flatnonzero((np.sum(others, axis=0) == 0) & (judged.sized.offer >= 0))
    if not len(rows):
        return ["No price keeps the other limits, as far as was looked."]
    found = plan(judged, int(rows[np.argmin(judged.sized.usd_h[rows])]))
    return [f"The price that would do: {found.usd_h:,.2f} USD/h keep the other limits on"
            f" {found.num_devices} x {found.hardware}."]  # fmt: skip


def dated(plans: Sequence[Plan], today: date, word: str = "best") -> list[str]:
    """Say of which day the best plan's price is, and warn where prices are old.

    Parameters
    ----------
    plans : sequence of Plan
        The best first.
    today : date
        The day of the search.
    word : str
        What the first plan is.
    """
    if not plans:
        return []
    try:
        age = (today - date.fromisoformat(plans[0].price_date)).days
    except ValueError:
        return [f"The price of the {word} plan has no date: ask its provider."]
    told = f"The price of the {word} plan is of {plans[0].price_date}"
    if age > OLD_DAYS:
        return [f"{told}, {age} days ago: prices move, so ask {plans[0].provider} before you rely"
                " on it."]
    return [f"{told}."]
