"""What a search returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from guide_ml.answers.blocks import Block, Sheet, Words, listing
from guide_ml.answers.cells import plain
from guide_ml.answers.shown import Shown
from guide_ml.searching.plan import Plan
from guide_ml.searching.plan_words import cells, misses
from guide_ml.searching.request import LIMITS, Request

__all__ = ["Found", "Plan", "Relaxation"]

_SHOWN, _ON_FRONT = 6, 8


@dataclass(frozen=True, kw_only=True)
class Relaxation:
    """What giving way on one limit alone would cost.

    Parameters
    ----------
    limit : str
        ``ttft_ms``, ``tpot_ms``, ``e2e_ms``, ``max_usd_h``, ``max_devices`` or ``in_domain``.
    given, needed : float
        The limit, and the least that some deployment keeps.
    plan : Plan
        The cheapest deployment that keeps it and all other limits.
    """

    limit: str
    given: float
    needed: float
    plan: Plan

    def text(self) -> str:
        """Say it in words."""
        if self.limit == "in_domain":
            what = "allowing deployments far from the data"
        else:
            word, unit = LIMITS[self.limit]
            what = f"{word} of {plain(self.needed)}{unit} instead of {plain(self.given)}{unit}"
        return f"{what}: {self.plan.usd_h:,.2f} USD/h on {self.plan.num_devices} x" \
               f" {self.plan.hardware}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Found(Shown):
    """What a search found.

    Parameters
    ----------
    request : Request
    plans : tuple of Plan
        Deployments that keep all limits, the best first, one of each kind.
    front : tuple of Plan
        Of what was scored, the Pareto front: price an hour against time of a request (offline:
        against throughput), or the objectives of the search if there are several.
    runner_up : Plan or None
        The best one on devices of another vendor.
    nearest : tuple of Plan
        If none keeps all limits, those that miss least.
    relaxations : tuple of Relaxation
        If none keeps all limits, what giving way on one of them would cost.
    proven : bool
        Whether every point was scored or ruled out by physics, so that nothing in the space is
        better (by these predictions).
    counts : mapping of str to int
        ``offers``, ``deployments``, ``points``, ``possible``, ``scored``, ``open``, and offers
        left out by reason.
    why : tuple of str
        Why the best one won, or why nothing fits.
    seconds : float
    cheaper : Plan or None
        What costs less than the best one and came nearest to the limits, which it breaks.
    """

    request: Request
    plans: tuple[Plan, ...]
    front: tuple[Plan, ...]
    runner_up: Plan | None
    nearest: tuple[Plan, ...]
    relaxations: tuple[Relaxation, ...]
    proven: bool
    counts: Mapping[str, int]
    why: tuple[str, ...]
    seconds: float
    cheaper: Plan | None = None

    @property
    def best(self) -> Plan | None:
        """The best deployment; ``None`` where nothing keeps all limits."""
        return self.plans[0] if self.plans else None

    @property
    def binds(self) -> tuple[str, ...]:
        """Limits that stand in the way where nothing fits, what is told first in :attr:`why` first.

        Those of which giving way on one helps; where none does alone, all that must give way.
        """
        if self.plans:
            return ()
        told = [k for r in self.relaxations for k in (r.limit, *r.plan.misses)] or [
            k for p in self.nearest for k in p.misses]  # fmt: skip
        return tuple(dict.fromkeys(told))

    @property
    def prices_as_of(self) -> str:
        """The oldest day of a price that the plans rest on; blank without any."""
        days = [p.price_date for p in (self.plans or self.nearest) if p.price_date != "undated"]
        return min(days, default="")

    def table(self) -> pd.DataFrame:
        """Return the plans as a table, the best first."""
        return pd.DataFrame([p.to_dict() for p in self.plans])

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it: the deployment to rent, why, and what else there is."""
        head = Words(lines=(_asked(self.request),), inset=0)
        found = _table(self)
        if brief:
            more = "best, plans and front hold all figures; summary() tells why."
            first = self.why[0] if self.why else ""
            return [head, found, Words(lines=(f"- {first}", more), inset=0)]
        reasons = Words(title="why", lines=tuple(f"- {line}" for line in self.why), inset=0)
        best = self.best.blocks() if self.best else []
        front = [_front(self)] if self.best and len(self.front) > 1 else []
        return [head, *best, reasons, found, *front,
                Words(lines=tuple(_small_print(self)), inset=0)]  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that :func:`json.dumps` takes."""
        request = asdict(self.request) | {"model": self.request.model.model}
        return {
            "request": request, "proven": self.proven, "counts": dict(self.counts),
            "seconds": self.seconds, "why": list(self.why), "binds": list(self.binds),
            "prices_as_of": self.prices_as_of,
            "plans": [p.to_dict() for p in self.plans],
            "front": [p.to_dict() for p in self.front],
            "runner_up": self.runner_up.to_dict() if self.runner_up else None,
            "cheaper": self.cheaper.to_dict() if self.cheaper else None,
            "nearest": [p.to_dict() for p in self.nearest],
            "relaxations": [{"limit": r.limit, "given": r.given, "needed": r.needed,
                             "text": r.text(), "plan": r.plan.to_dict()}
                            for r in self.relaxations],
        }  # fmt: skip


def _asked(request: Request) -> str:
    """Say what was searched for."""
    stated = request.slo.means | request.slo.percentiles
    limits = [f"{k} {plain(v)}" for k, v in stated.items()]
    w = request.workload
    return (f"{request.model.model}: {request.load.text()}, {w.input_len:,g} tokens in,"
            f" {w.output_len:,g} out"
            + (f"; {', '.join(limits)} at most" if limits else "")
            + (f"; {request.confidence:g} sure" if request.confidence > 0.5 else ""))  # fmt: skip


def _table(found: Found) -> Sheet:
    """List what keeps all limits; if nothing does, what misses least."""
    best = found.best
    if best is None:
        rows = [cells(p) | {"misses": misses(p, found.request)} for p in found.nearest]
        return listing(rows, _MISSING, "what misses least")
    others = list(found.plans[:_SHOWN])
    if found.runner_up and found.runner_up not in others:
        others.append(found.runner_up)
    return listing(map(cells, others), _headings(best), "what keeps all limits")


_HEADINGS = {
    "gpus": "GPUs, layout", "engine": "engine, evidence", "provider": "provider",
    "usd_h": "USD/h, if sure", "speed": "TTFT, a user", "carries": "carries, headroom",
}  # fmt: skip
_MISSING = {k: _HEADINGS[k] for k in ("gpus", "engine", "provider")} | {
    "price": "USD/h", "misses": "misses"}  # fmt: skip


def _headings(best: Plan) -> dict[str, str]:
    """Leave out what an offline job does not have."""
    if best.job_usd is None:
        return _HEADINGS
    kept = {k: v for k, v in _HEADINGS.items() if k != "speed"}
    return {k: v for key, word in kept.items() for k, v in
            ([("job", "USD a job"), (key, word)] if key == "usd_h" else [(key, word)])}  # fmt: skip


_FRONT = {k: _HEADINGS[k] for k in ("gpus", "engine", "provider")} | {
    "price": "USD/h", "e2e": "request s", "rate": "tok/s",
}  # fmt: skip


def _front(result: Found) -> Sheet:
    """Lay the Pareto front out: nothing scored is cheaper and faster."""
    front = result.front
    step = max((len(front) - 1) / (_ON_FRONT - 1), 1.0)  # the ends, and what lies evenly between
    at = dict.fromkeys(round(k * step) for k in range(min(_ON_FRONT, len(front))))
    rows = [cells(front[i]) for i in at]
    offline = result.request.load.offline
    heads = {k: v for k, v in _FRONT.items() if not (offline and k == "e2e")}
    aims = result.request.objectives
    words = aims if len(aims) > 1 else ("cost", "throughput" if offline else "latency")
    return listing(rows, heads, f"Pareto front of {' and '.join(words)}:"
                   f" {len(rows)} of {len(front)}")  # fmt: skip


def _small_print(found: Found) -> list[str]:
    counts = found.counts
    left = sum(n for k, n in counts.items() if k.startswith("offers left out"))
    return [
        f"{counts['deployments']:,} deployments on {counts['offers']:,} offers come down to"
        f" {counts['points']:,} engine configurations; {counts['scored']:,} scored in"
        f" {found.seconds:.1f} s.",
        f"{left:,} offers left out (undated, slices or unlisted devices).",
        "'if sure': USD/h to keep the limits with 90 % confidence or what was asked; 'near data':"
        " much like what was measured.",
    ]
