"""What lies beside the answer: what is cheaper and fails, the next step up, ways out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guide_ml.offers.read import HOURS_PER_MONTH
from guide_ml.planning import evidence
from guide_ml.planning.naming import gpus, money, seconds
from guide_ml.planning.presets import reading_words
from guide_ml.searching.plan_words import limit
from guide_ml.units import MS_PER_S

__all__ = ["cheaper", "reason", "step_up", "surer", "ways_out"]

#: A step up must be so much faster to be worth a word.
FASTER = 1.15


def _price(p: Any) -> str:
    return (f"{money(p.job_usd)} for the pile" if p.job_usd is not None
            else f"{money(p.usd_month)} a month")  # fmt: skip


def cheaper(a: Any) -> list[str]:
    """Say what costs less and why it fails."""
    if a.questions.where == "own":
        return []
    if a.guess:
        return [f"{gpus(a.guess.num_devices, a.guess.hardware)} for {_price(a.guess)}, but nobody"
                " has measured anything much like it."]  # fmt: skip
    p = a.found.cheaper
    if p is None:
        return ["Nothing that costs less keeps your limits, and nothing comes near."]
    return [f"{gpus(p.num_devices, p.hardware)} for {_price(p)}, but {_broken(p, a)}."]


def surer(a: Any) -> list[str]:
    """Say what rests on measurements, where the advice does not."""
    p = evidence.surer(a.found)
    if p is None or a.questions.where == "own":
        return []
    return [f"What rests on measurements costs more: {gpus(p.num_devices, p.hardware)} from"
            f" {p.provider} for {_price(p)}."]  # fmt: skip


def _broken(p: Any, a: Any) -> str:
    """Say which limits a plan breaks, and by how much."""
    told = [_SAYS[name](p, limit(a.found.request, name), share)
            for name, share in p.misses.items() if name in _SAYS]  # fmt: skip
    return " and ".join(told) or "it cannot be sized for this load"


_SAYS: dict[str, Callable[[Any, float, float], str]] = {
    "ttft_ms": lambda p, most, share: f"its first words come after {seconds(most * (1 + share))}"
    f" instead of {seconds(most)}",
    "tpot_ms": lambda p, most, share: "it writes only"
    f" {MS_PER_S / (most * (1 + share)):,.1f} tokens a second instead of {MS_PER_S / most:,.1f}",
    "e2e_ms": lambda p, most, share: f"an answer takes {seconds(most * (1 + share))} instead of"
    f" {seconds(most)}",
    "max_usd_h": lambda p, most, share: f"it costs {money(most * (1 + share) * HOURS_PER_MONTH)} a"
    f" month instead of {money(most * HOURS_PER_MONTH)}",
    "max_devices": lambda p, most, share: f"it takes {most * (1 + share):,.0f} GPUs instead of"
    f" {most:,.0f}",
    "in_domain": lambda p, most, share: "nothing like it was ever measured",
}


def step_up(a: Any) -> list[str]:
    """Say what the next price up brings."""
    best = a.best
    if a.questions.where == "own" or best.e2e_ms is None:
        return []
    dearer = [p for p in a.found.front if p.usd_h > best.usd_h * 1.01 and p.e2e_ms
              and best.e2e_ms / p.e2e_ms >= FASTER]  # fmt: skip
    if not dearer:
        return ["Paying more brings nothing that people would notice."]
    p = min(dearer, key=lambda one: one.usd_h)
    return [f"{gpus(p.num_devices, p.hardware)} from {p.provider} for {_price(p)}"
            f" ({100 * (p.usd_h / best.usd_h - 1):+,.0f} %): a whole answer takes"
            f" {seconds(p.e2e_ms)} instead of {seconds(best.e2e_ms)}, the first words come after"
            f" {seconds(p.ttft_ms)},"
            f" and text comes {reading_words(p.tok_s_per_user)}."]  # fmt: skip


def reason(a: Any) -> list[str]:
    """Say what stands in the way."""
    near = a.found.nearest
    if not near:
        return ["No limit alone stands in the way."]
    p = near[0]
    return [f"The nearest is {gpus(p.num_devices, p.hardware)}, but {_broken(p, a)}."]


def ways_out(a: Any) -> list[str]:
    """Say what giving way on one limit would bring, and what else can be changed."""
    lines = []
    for way in a.found.relaxations if a.found else ():
        p = way.plan
        ask = _ASKS.get(way.limit)
        if ask:
            serve = "serves" if p.num_devices == 1 else "serve"
            lines.append(f"{ask(way)}: then {gpus(p.num_devices, p.hardware)} {serve} for"
                         f" {_price(p)}.")  # fmt: skip
    own = a.questions.where == "own"
    lines.append("Choose a smaller model, or rent a machine." if own and a.found is None else
                 "Choose a smaller model, or fewer people at once, or a calmer feel.")  # fmt: skip
    return list(dict.fromkeys(lines))


_ASKS: dict[str, Callable[[Any], str]] = {
    "ttft_ms": lambda w: f"Wait {seconds(w.needed)} for the first words instead of"
    f" {seconds(w.given)}",
    "tpot_ms": lambda w: f"Be content with {MS_PER_S / w.needed:,.1f} tokens a second instead of"
    f" {MS_PER_S / w.given:,.1f}",
    "max_usd_h": lambda w: f"Raise the budget to {money(w.needed * HOURS_PER_MONTH)} a month",
    "max_devices": lambda w: f"Have {w.needed:,.0f} of these GPUs instead of {w.given:,.0f}",
    "in_domain": lambda w: "Allow what nobody has measured",
}
