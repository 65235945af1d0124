"""The call that tells how much traffic a deployment carries within limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from guide_ml.answers.blocks import Block, Sheet, Words, listing
from guide_ml.answers.cells import plain
from guide_ml.answers.shown import Shown
from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.predictions.run import PredictorLike
from guide_ml.profiles import ProfileLike
from guide_ml.simulation.names import ROUTERS
from guide_ml.sizing.limits import excess, limits_of, of, words
from guide_ml.sizing.loads import turned
from guide_ml.sizing.served import served
from guide_ml.sizing.sustained import full_rps, highest
from guide_ml.table.given import FrameworkLike, HardwareLike, ModelLike
from guide_ml.traffic import Traffic

__all__ = ["Capacity", "capacity"]

#: What binds where no limit is reached.
THROUGHPUT = "throughput"


@dataclass(frozen=True, kw_only=True, repr=False)
class Capacity(Shown):
    """The highest rate that a deployment sustains within limits.

    Parameters
    ----------
    rate_rps : float
        Requests a second; 0 where a lone request breaks a limit.
    low_rps, high_rps : float
        Ends between which it lies with chance `level`: step times at the bad, and at the good end
        of their intervals; at the low end limits hold in every run.
    level : float
    limits : mapping of str to float
        What must hold, ms.
    seen : mapping of str to float
        What each limit is on, at `rate_rps`, ms.
    binds : str
        The limit that is reached first; ``throughput`` where it is what the machines can do.
    full_rps : float
        Requests a second that are carried when nobody minds waiting.
    output_tok_s : float
        Tokens a second at `rate_rps`.
    refused_share : float
        Share of the requests that are longer than the context or the cache.
    replicas : int
    deployment, traffic : str
        What serves, and what comes, in words.
    looks : tuple of mapping
        ``rate_rps``, what each limit is on, and whether all ``holds``, by rate.
    """

    rate_rps: float
    low_rps: float
    high_rps: float
    level: float
    limits: Mapping[str, float]
    seen: Mapping[str, float]
    binds: str
    full_rps: float
    output_tok_s: float
    refused_share: float
    replicas: int
    deployment: str
    traffic: str
    looks: tuple[Mapping[str, Any], ...]

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it."""
        rows = [
            ("sustains", f"{plain(self.rate_rps)} requests/s"),
            ("between", f"{plain(self.low_rps)} and {plain(self.high_rps)}"
                        f" ({self.level:.0%} sure)"),
            ("tokens", f"{plain(self.output_tok_s)} /s generated"),
            ("bound by", words(self.binds) if self.binds in self.limits else self.binds),
            ("if nobody minds waiting", f"{plain(self.full_rps)} requests/s"),
        ]  # fmt: skip
        rows += [(words(n), f"{self.seen[n]:{'.3g' if m < 100 else ',.0f'}} of {m:,.10g} ms")
                 for n, m in self.limits.items()]  # fmt: skip
        if not self.rate_rps:
            rows.append(("no rate will do", "not even few requests keep the limits: give way on"
                         " them, or take faster devices"))  # fmt: skip
        if self.refused_share:
            rows.append(("refused", f"{self.refused_share:.2%} of the requests: longer than the"
                         " context or the cache"))  # fmt: skip
        times = f"{self.replicas} replicas of " if self.replicas > 1 else ""
        found: list[Block] = [Words(lines=(times + self.deployment, self.traffic), inset=0),
                              Sheet(title="sustainable rate", rows=tuple(rows))]  # fmt: skip
        if not brief and self.looks:
            columns = {"rate_rps": "requests/s", **{n: words(n) + " ms" for n in self.limits},
                       "holds": "holds"}  # fmt: skip
            found.append(listing(self.looks, columns, "rates looked at"))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def capacity(
    *, hardware: HardwareLike, model: ModelLike, framework: FrameworkLike | None = None,
    traffic: Traffic | None = None, input_len: float | None = None,
    output_len: float | None = None, arrival: str | float = "poisson", length_cv: float = 0.0,
    ttft_ms: float | None = None, tpot_ms: float | None = None, e2e_ms: float | None = None,
    ttft_p99_ms: float | None = None, tpot_p99_ms: float | None = None,
    e2e_p99_ms: float | None = None, limits: Mapping[str, float] | None = None,
    replicas: int = 1, router: str = "least-loaded", seed: int = 0, level: float = 0.9,
    predictor: PredictorLike | None = None, profile: ProfileLike | None = None,
    accept_unknown: bool = False, **deployment: Any,
) -> Capacity:  # fmt: skip
    """Find the highest rate of requests at which limits hold.

    Parameters
    ----------
    hardware, model, framework, predictor, profile, accept_unknown, deployment
        As :func:`guide_ml.predict` takes them, without a load.
    traffic : Traffic, optional
        Requests whose rate is turned up and down; their lengths, bursts and what they share stay.
    input_len, output_len : float, optional
        Mean tokens, where there is no traffic.
    arrival : str or float
        ``poisson``, ``constant`` or a burstiness (1 is Poisson, below come bursts).
    length_cv : float
        Standard deviation of the lengths over their mean.
    ttft_ms, tpot_ms, e2e_ms, ttft_p99_ms, tpot_p99_ms, e2e_p99_ms : float, optional
        Limits on means and 99th percentiles.
    limits : mapping of str to float, optional
        Further ones: ``e2e_p90_ms``, ``itl_p95_ms``, ``ttft_median_ms``, ...
    replicas : int
        Copies of the deployment behind a router.
    router : {"round-robin", "least-loaded", "prefix-aware"}
        How a copy is chosen.
    seed : int
        Of what is drawn.
    level : float
        Chance with which the interval holds the rate.

    Returns
    -------
    Capacity

    Raises
    ------
    UnknownName, InvalidInput, DoesNotFit
        As :func:`guide_ml.predict` does.
    """
    stated = limits_of({"ttft_ms": ttft_ms, "tpot_ms": tpot_ms, "e2e_ms": e2e_ms,
                        "ttft_p99_ms": ttft_p99_ms, "tpot_p99_ms": tpot_p99_ms,
                        "e2e_p99_ms": e2e_p99_ms, **(limits or {})})  # fmt: skip
    if not stated:
        raise InvalidInput("give at least one limit, say ttft_p99_ms=1000")
    if router not in ROUTERS:
        raise UnknownName("router", str(router), ROUTERS)
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 1:
        raise InvalidInput(f"replicas must be a whole number from 1 on; got {replicas!r}")
    load = turned(traffic, input_len, output_len, arrival, length_cv)
    ready = served(hardware=hardware, model=model, framework=framework, level=level,
                   input_len=load.input_len, output_len=load.output_len, predictor=predictor,
                   profile=profile, accept_unknown=accept_unknown, **deployment)  # fmt: skip
    queues = replicas * ready.queues
    rate, looks = highest(ready.own, load, stated, queues, router, seed)
    low, high = (highest(own, load, stated, queues, router, seed, every, rate or None)[0]
                 for own, every in ((ready.slow, True), (ready.fast, False)))  # fmt: skip
    best = next((one for one in reversed(looks) if one.rate_rps == rate), looks[0])
    over = [one for one in looks if one.rate_rps > rate and not one.holds(stated)]
    missed = excess(over[0].figures, stated) if over else {}
    return Capacity(
        rate_rps=rate, low_rps=min(low, rate), high_rps=max(high, rate), level=level,
        limits=stated, seen={name: of(best.figures, name) for name in stated},
        binds=max(missed, key=missed.__getitem__) if missed else THROUGHPUT,
        full_rps=full_rps(ready.own, load, queues), output_tok_s=rate * load.output_len,
        refused_share=best.refused / best.requests, replicas=replicas, deployment=ready.text,
        traffic=load.text,
        looks=tuple({"rate_rps": one.rate_rps, **{n: of(one.figures, n) for n in stated},
                     "holds": one.holds(stated)} for one in looks),
    )  # fmt: skip
