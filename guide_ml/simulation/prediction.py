"""What is returned for open loads: a prediction with percentiles, or rows of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import pandas as pd

from guide_ml.answers.blocks import Block, details, listing
from guide_ml.answers.cells import plain
from guide_ml.answers.prediction import Prediction
from guide_ml.describe.descriptors import Deployment, Workload
from guide_ml.errors import DoesNotFit, InvalidInput
from guide_ml.predictions.frame import COLUMNS, ENDS, cache
from guide_ml.simulation.names import E2E, METRICS, STATISTICS
from guide_ml.simulation.opened import FIGURES, Opened, figure
from guide_ml.simulation.pools import KINDS
from guide_ml.simulation.reading import OpenRow
from guide_ml.simulation.statistics import Figures
from guide_ml.simulation.steady import Seen

__all__ = ["OpenPrediction", "OpenWorkload", "overload", "prediction", "table"]


@dataclass(frozen=True, kw_only=True, repr=False)
class OpenWorkload(Workload):
    """Requests that come at a rate.

    Parameters
    ----------
    request_rate_rps : float
        Requests a second of the whole deployment.
    arrival : str
        ``poisson``, ``constant``, ``burst`` or ``gamma (burstiness=x)``.
    length_cv : float
        Standard deviation of the lengths over their mean.
    duration_s : float, optional
        Seconds of the run, where it is one.
    e2e_stat : {"mean", "median", "p90", "p95", "p99"}
        Statistic wanted of a request's whole time.
    replicas : int
        Copies behind a router.
    """

    allowed_modes: ClassVar[tuple[str, ...]] = ("open", "disagg")
    allowed_stats: ClassVar[tuple[str, ...]] = STATISTICS

    request_rate_rps: float = 0.0
    arrival: str = "poisson"
    length_cv: float = 0.0
    duration_s: float | None = None
    e2e_stat: str = "mean"
    replicas: int = 1

    @property
    def arriving(self) -> str:
        """How requests come, in words."""
        if not self.request_rate_rps:
            return ""
        copies = f" over {self.replicas} replicas" if self.replicas > 1 else ""
        return f"{self.request_rate_rps:,g} requests/s ({self.arrival}){copies}"


@dataclass(frozen=True, kw_only=True, repr=False)
class OpenPrediction(Prediction):
    """What users see of a deployment to which requests come at a rate.

    Parameters
    ----------
    e2e_ms : float or None
        Time of a request from its arrival to its last token, ms, in the statistic wanted.
    percentiles : mapping
        Milliseconds by metric (``ttft_ms``, ``tpot_ms``, ``itl_ms``, ``e2e_ms``) and statistic.
    served_rps, in_flight : float
        Requests served a second; requests in flight on average.
    overloaded : bool
        Whether more comes than the deployment carries; then what grows with the time for which
        one looks is ``None``.
    queue_growth_per_min : float
        Requests by which the queue grows a minute.
    capacity_rps : float or None
        Requests a second that it carries; ``None`` for a run, where it is not looked for.
    """

    e2e_ms: float | None = None
    percentiles: Figures = field(default_factory=dict)
    served_rps: float = 0.0
    in_flight: float = 0.0
    overloaded: bool = False
    queue_growth_per_min: float = 0.0
    capacity_rps: float | None = None

    @property
    def request_latency_s(self) -> float | None:
        """Seconds from a request's arrival to its last token, on average."""
        mean = _or_none(self.percentiles["e2e_ms"]["mean"])
        return None if mean is None else mean / 1e3

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it: what a prediction shows, and the percentiles."""
        found = {m: {s: _or_none(v) for s, v in self.percentiles[m].items()} for m in METRICS}
        rows = [{"metric": m, **values} for m, values in found.items()
                if any(v is not None for v in values.values())]  # fmt: skip
        heads = {"metric": "ms"} | {s: s for s in STATISTICS}
        seen = listing(rows, heads, "what users see")
        rates = {"served": f"{plain(self.served_rps)} requests/s",
                 "in flight": f"{plain(self.in_flight)} requests on average"}  # fmt: skip
        if self.capacity_rps is not None:
            rates["carries"] = f"{plain(self.capacity_rps)} requests/s at most"
        if self.overloaded:
            rates["overloaded"] = (f"the queue grows by {plain(self.queue_growth_per_min)} requests"
                                   " a minute, so TTFT and whole requests take ever"
                                   " longer")  # fmt: skip
        asked, speed, *others = super().blocks(brief)
        return [asked, speed, seen, details(rates, "traffic"), *others]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that :func:`json.dumps` takes."""
        plain = {m: {s: _or_none(v) for s, v in found.items()}
                 for m, found in self.percentiles.items()}  # fmt: skip
        own = {f.name: getattr(self, f.name) for f in fields(OpenPrediction)
               if f.name not in {g.name for g in fields(Prediction)}}  # fmt: skip
        return super().to_dict() | own | {"percentiles": plain}


def overload(found: Seen) -> str:
    """Say that more comes than is carried.

    Returns
    -------
    str
        Blank where that is not so.
    """
    if not found.overloaded:
        return ""
    return (f"overloaded: the queue grows by {found.growth_per_min:,.0f} requests a minute, as"
            f" {found.capacity_rps:.3g} a second are carried")  # fmt: skip


def prediction(done: Opened) -> OpenPrediction:
    """Gather what is known of the only row.

    Raises
    ------
    InvalidInput
        If the row is wrong.
    DoesNotFit
        If the deployment lacks memory.
    """
    if done.errors[0]:
        raise InvalidInput(str(done.errors[0]))
    row, found = done.rows[0], done.seen[0]
    if row is None or found is None:
        raise DoesNotFit(done.done.shortages()[0])
    plain = done.done.prediction()
    values = {f.name: getattr(plain, f.name) for f in fields(Prediction)}
    told = overload(found)
    figures = {name: _or_none(figure(row, found, name)) for name in FIGURES}
    assumed = {k: v for k, v in plain.assumed.items() if k not in ("num_requests", "concurrency")}
    return OpenPrediction(**values | figures | {
        "workload": _workload(row, plain.workload),
        "deployment": _all_devices(row, plain.deployment),
        "low": _ends(done.low[0], plain.low), "high": _ends(done.high[0], plain.high),
        "notes": (*((told,) if told else ()), *_layout(row), *plain.notes), "assumed": assumed,
        "percentiles": found.figures, "served_rps": found.served_rps,
        "in_flight": found.in_flight, "overloaded": found.overloaded,
        "queue_growth_per_min": found.growth_per_min,
        "capacity_rps": _or_none(found.capacity_rps),
    })  # fmt: skip


def _all_devices(row: OpenRow, one: Deployment) -> Deployment:
    """Count the devices of all workers; the layout stays that of one that decodes."""
    if row.pools is None:
        return one
    workers = row.pools.workers
    return replace(one, num_devices=sum(w * row.pools.devices(k) for k, w in enumerate(workers)))


def _layout(row: OpenRow) -> tuple[str, ...]:
    """Say which workers there are, and which of them the account of memory is of."""
    if row.pools is None:
        return ()
    words = [f"{w} that {kind} with {row.pools.devices(k)} devices each"
             for k, (kind, w) in enumerate(zip(KINDS, row.pools.workers, strict=True))]  # fmt: skip
    return (f"disaggregated workers: {', '.join(words)}; layout and memory are those of a worker"
            " that decodes",)  # fmt: skip


def _ends(found: Mapping[str, float], names: Mapping[str, Any]) -> dict[str, float | None]:
    """Take ends of the figures that there are; the names of others keep ``None``."""
    return dict.fromkeys(names) | {k: _or_none(v) for k, v in found.items()}


def _workload(row: OpenRow, closed: Workload) -> OpenWorkload:
    load = row.load
    named = {1.0: "poisson", math.inf: "constant", 0.0: "burst"}
    return OpenWorkload(
        mode="open" if row.pools is None else "disagg", concurrency=row.users,
        input_len=closed.input_len, output_len=closed.output_len,
        context_depth=closed.context_depth, num_requests=load.num_requests,
        ttft_stat=row.stats["ttft_ms"], tpot_stat=row.stats["tpot_ms"],
        e2e_stat=row.stats["e2e_ms"], request_rate_rps=load.rate_rps,
        arrival=named.get(load.burstiness, f"gamma (burstiness={load.burstiness:g})"),
        length_cv=load.length_cv, duration_s=load.duration_s, replicas=row.replicas,
    )  # fmt: skip


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def table(index: pd.Index, done: Opened) -> pd.DataFrame:
    """Lay out what was found as the rows of a table of predictions."""
    judged = done.done.judged
    names = [c for c in (*COLUMNS, *E2E) if judged is not None
             or (c not in ENDS and c not in ("in_domain", *E2E[1:]))]  # fmt: skip
    out: dict[str, list[Any]] = {name: [] for name in names}
    words = judged.words() if judged is not None else None
    room = cache(done.done)
    short = dict(zip(done.done.unfit.tolist(), done.done.shortages(), strict=True))
    for i, (row, found) in enumerate(zip(done.rows, done.seen, strict=True)):
        cells: dict[str, Any] = dict.fromkeys(names, math.nan)
        cells |= {"memory_fits": found is not None, "in_domain": "",
                  "error": done.errors[i] or short.get(i, "")}  # fmt: skip
        cells |= {name: float(values[i]) for name, values in room.items()}
        if row is not None and found is not None:
            cells |= {name: figure(row, found, name) for name in FIGURES}
            cells |= {f"{k}_low": v for k, v in done.low[i].items()}
            cells |= {f"{k}_high": v for k, v in done.high[i].items()}
            cells["error"] = overload(found)
            cells["in_domain"] = words[i] if words is not None else ""
        for name in names:
            out[name].append(cells[name])
    frame = pd.DataFrame(out, index=index)
    texts = {c: "str" for c in ("in_domain", "error") if c in frame}
    numbers = {c: float for c in frame if c not in (*texts, "memory_fits")}
    return frame.astype({**texts, **numbers, "memory_fits": bool})
