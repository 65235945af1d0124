"""Open loads of a table, predicted: asked as closed loads, simulated, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.errors import GuideError
from guide_ml.predictions.run import PredictorLike, Run, ask, predictor_of, run
from guide_ml.profiles import Profile
from guide_ml.simulation.prepared import prepared
from guide_ml.simulation.reading import OpenRow, as_closed, read_row
from guide_ml.simulation.run import Replica
from guide_ml.simulation.splits import split_ends, split_seen
from guide_ml.simulation.steady import Seen, scaled, seen
from guide_ml.table.read import Definitions

__all__ = ["FIGURES", "Opened", "figure", "opened"]

FIGURES = ("ttft_ms", "tpot_ms", "output_tok_s", "e2e_ms")
"""What an open load has."""

#: Seeds that an answer is the mean of.
SEEDS = 2
#: Share of what a deployment carries at which it still has a steady state.
NEARLY = 0.97


@dataclass(frozen=True)
class Opened:
    """Open loads, simulated; lists and arrays of one entry a row.

    Parameters
    ----------
    done : Run
        The same deployments with as many requests in flight as the load brings about.
    rows : list of OpenRow or None
        What was asked; ``None`` where that was wrong.
    seen : list of Seen or None
        What users see; ``None`` where a row is bad or does not fit.
    low, high : list of dict of str to float
        Ends of intervals by figure; empty without a level.
    errors : array of str
        Why a row has no answer; blank if it has (or does not fit).
    """

    done: Run
    rows: list[OpenRow | None]
    seen: list[Seen | None]
    low: list[dict[str, float]]
    high: list[dict[str, float]]
    errors: NDArray[np.object_]


def opened(
    table: pd.DataFrame, known: Definitions, predictor: PredictorLike | None = None,
    level: float | None = None, profile: Profile | None = None, released: float | None = None,
    seed: int = 0,
) -> Opened:  # fmt: skip
    """Predict open loads.

    Parameters
    ----------
    table : DataFrame
        Open rows: :func:`guide_ml.simulation.reading.is_open`.
    known, released
        As of :func:`guide_ml.predictions.run.ask`.
    predictor, level, profile
        As of :func:`guide_ml.predictions.run.run`.
    seed : int
        First of those of what is drawn.
    """
    chosen = predictor_of(predictor)
    raw, resolved = ask(as_closed(table, 1.0), known, released)
    single = run(raw, resolved, chosen)
    errors, fits, n = single.errors.copy(), single.fits, len(table)
    rows: list[OpenRow | None] = [None] * n
    found: list[Seen | None] = [None] * n
    users = np.ones(n)
    for i in range(n):
        try:
            row = read_row(table.iloc[i])
        except GuideError as error:
            errors[i] = errors[i] or str(error)
            continue
        if errors[i] or not fits[i]:
            continue
        own = prepared(resolved, i, chosen, profile)
        load = replace(row.load, input_len=own.asked.input_len, output_len=own.asked.output_len)
        row = replace(row, load=load)
        rows[i] = row
        count = row.replicas * own.asked.replicas
        if row.pools is not None:
            try:
                now, running = split_seen(table.iloc[i], row, own, known, released, chosen,
                                          profile, seed)  # fmt: skip
            except GuideError as error:
                errors[i], rows[i] = str(error), None
                continue
            found[i], users[i] = now, running
            continue
        mean = _mean([seen(own, load, count, row.router, seed + k) for k in range(SEEDS)])
        found[i], users[i] = mean, max(mean.in_flight / row.replicas, 1.0)
    done = run(*ask(as_closed(table, users), known, released), chosen, level, profile)
    low: list[dict[str, float]] = [{} for _ in range(n)]
    high: list[dict[str, float]] = [{} for _ in range(n)]
    if level is not None:
        for i, (asked, what) in enumerate(zip(rows, found, strict=True)):
            if asked is not None and what is not None:
                own = prepared(resolved, i, chosen, profile)
                low[i], high[i] = _ends(own, asked, what, done, i, seed)
    return Opened(done, rows, found, low, high, errors)


def _mean(runs: list[Seen]) -> Seen:
    """Take the mean of runs that differ in their seed."""
    first = runs[0]
    figures = {m: {s: float(np.mean([r.figures[m][s] for r in runs])) for s in first.figures[m]}
               for m in first.figures}  # fmt: skip
    names = ("output_tok_s", "served_rps", "in_flight", "growth_per_min")
    numbers: dict[str, Any] = {
        name: float(np.mean([getattr(r, name) for r in runs])) for name in names
    }
    return replace(first, figures=figures, **numbers)


def figure(row: OpenRow, found: Seen, name: str) -> float:
    """Return the figure that a row asks for."""
    if name == "output_tok_s":
        return found.output_tok_s
    return found.figures[name][row.stats[name]]


def _steady(own: Replica, row: OpenRow, count: int, seed: int) -> Seen:
    """Simulate an end; where it carries less than comes, at the highest load that it is fit for.

    There is no steady state beyond, so times have no upper end: they are at least these.
    """
    found = seen(own, row.load, count, row.router, seed)
    if not found.overloaded or not found.capacity_rps > 0:
        return found
    load = replace(row.load, rate_rps=NEARLY * found.capacity_rps)
    return replace(seen(own, load, count, row.router, seed), capacity_rps=found.capacity_rps)


def _ends(
    own: Replica, row: OpenRow, now: Seen, done: Run, i: int, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Simulate with steps as short and as long as they may be, and return both ends."""
    if row.pools is not None:
        return split_ends(row, now, done, i)
    out: list[dict[str, float]] = []
    assert done.judged is not None
    for ends, clip in ((done.judged.low, min), (done.judged.high, max)):
        factors = [float(ends[t][i] / done.outcome.values[t][i]) for t in ("ttft_ms", "tpot_ms")]
        factors = [clip(f, 1.0) if math.isfinite(f) else 1.0 for f in factors]
        count = row.replicas * own.asked.replicas
        moved = _steady(scaled(own, *factors), row, count, seed)
        out.append({name: clip(figure(row, now, name), figure(row, moved, name))
                    for name in FIGURES if name != "output_tok_s"})  # fmt: skip
    # Slow steps serve less, if anything.
    rate, least = now.output_tok_s, now.output_tok_s
    if not math.isnan(now.capacity_rps):
        slow = float(done.judged.high["tpot_ms"][i] / done.outcome.values["tpot_ms"][i])
        carried = now.capacity_rps * row.load.output_len / max(slow, 1.0)
        least = min(rate, carried) if math.isfinite(carried) else rate
    return out[0] | {"output_tok_s": least}, out[1] | {"output_tok_s": rate}
