"""Pictures of searches; they need the extra ``plot``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from guide_ml.errors import InvalidInput
from guide_ml.explaining.picture import plain
from guide_ml.searching.result import Found
from guide_ml.system.writing import written

__all__ = ["pareto", "swept"]

#: What is swept, in words.
AXES = {
    "users": "requests in flight", "requests_per_s": "requests per second",
    "tokens_per_s": "generated tokens per second", "deadline_h": "time for the job, h",
    "ttft_limit_ms": "limit of TTFT, ms", "tpot_limit_ms": "limit of TPOT, ms",
    "e2e_ms": "limit of a request's time, ms", "tok_s_per_user": "tokens per second and user",
    "max_usd_h": "budget, USD/h", "max_devices": "most devices",
}  # fmt: skip
#: Loads that a plan carries more of as far as its headroom goes.
LOADS = ("users", "requests_per_s", "tokens_per_s")


def pareto(found: Found, path: Path) -> None:
    """Draw price against speed of everything that keeps the limits, the Pareto front as a line.

    Raises
    ------
    InvalidInput
        If matplotlib is missing, nothing fits, or the file cannot be written.
    """
    if not found.front:
        raise InvalidInput("there is nothing to draw: no deployment keeps all limits")
    offline = found.request.load.offline
    name = "capacity_tok_s" if offline else "e2e_ms"
    figure, axes = _figure()
    for label, plans, style in (("best of each kind", found.plans, "o"),
                                ("Pareto front", found.front, ".-")):  # fmt: skip
        axes.plot([p.usd_h for p in plans], [getattr(p, name) for p in plans], style, label=label)
    axes.set_xscale("log")  # the fastest cost hundreds of times as much as the cheapest
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(_steps())
        axis.set_major_formatter(lambda value, _: f"{value:,.10g}")
        axis.set_minor_formatter(lambda value, _: "")
    points = [(math.log(p.usd_h), math.log(getattr(p, name))) for p in found.front]
    for i in _apart(points):
        plan = found.front[i]
        label = plain(f"{plan.num_devices} x {plan.hardware}")
        axes.annotate(label, (plan.usd_h, getattr(plan, name)), fontsize=7, xytext=(4, 4),
                      textcoords="offset points")  # fmt: skip
    axes.margins(x=0.15)
    axes.set_xlabel("cost, USD/h")
    axes.set_ylabel("tokens/s" if offline else "time of a request, ms")
    axes.set_title(plain(f"{found.request.model.model}: {found.request.load.text()}"), fontsize=9)
    axes.legend()
    _save(figure, path)


def _apart(points: list[tuple[float, float]], share: float = 0.06) -> list[int]:
    """Choose points whose labels do not cover each other: far enough apart in height.

    Examples
    --------
    >>> _apart([(0.0, 9.0), (1.0, 8.99), (2.0, 0.0)])
    [0, 2]
    """
    height = max(y for _, y in points) - min(y for _, y in points)
    chosen: list[int] = []
    for i, (_, y) in enumerate(points):
        if all(abs(y - points[k][1]) > share * height for k in chosen) or not chosen:
            chosen.append(i)
    return chosen


def swept(table: pd.DataFrame, path: Path) -> None:
    """Draw what was searched: the cost at each value, and how far each plan carries.

    Between two searched values nothing is known but that the cheaper plan goes on carrying the
    load up to its headroom, beyond which it takes a further machine; so far a line is drawn.
    """
    over = str(table.columns[0])
    fits = table[table["fits"]]
    if fits.empty:
        raise InvalidInput(f"there is nothing to draw: nothing fits at any value of {over}")
    figure, axes = _figure()
    cost, asked = fits["usd_h"].astype(float), fits[over].astype(float)
    axes.plot(asked, cost, "o", label="searched")
    if over in LOADS:
        ends = asked * (1.0 + fits["headroom"].astype(float).clip(lower=0.0))
        axes.hlines(cost, asked, ends.clip(upper=2.0 * asked.max()), linewidth=1.0,
                    label="the same plan carries so much more")  # fmt: skip
    for i in _apart(list(zip(asked, cost, strict=True))):
        row = fits.iloc[i]
        where = (asked.iloc[i], cost.iloc[i])
        axes.annotate(f"{row['num_devices']:.0f} x {row['hardware']}", where, fontsize=7,
                      xytext=(4, 5), textcoords="offset points")  # fmt: skip
    nothing = table[~table["fits"].astype(bool)]
    if len(nothing):
        axes.plot(nothing[over].astype(float), [0.0] * len(nothing), "x", label="nothing fits")
    axes.set_xlabel(AXES.get(over, over))
    axes.set_ylabel("cost, USD/h")
    axes.set_title(f"Cheapest plan by {AXES.get(over, over)}", fontsize=9)
    axes.margins(x=0.15, y=0.15)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)
    _save(figure, path)


def _figure() -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InvalidInput("pictures need matplotlib: pip install 'guide-ml[plot]'") from error
    figure = Figure(figsize=(7, 4.5), layout="constrained")  # no window system is asked for
    return figure, figure.add_subplot()


def _steps() -> Any:
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1.0, 2.0, 5.0))


def _save(figure: Any, path: Path) -> None:
    """Save beside the file and move it into place."""
    kind = path.suffix.lstrip(".").lower() or "png"
    try:
        with written(path) as beside:
            figure.savefig(beside, format=kind, dpi=150)
    except ValueError as error:
        raise InvalidInput(f"{str(path)!r} cannot be drawn: {error}") from error
