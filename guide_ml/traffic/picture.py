"""What a traffic is like, as a picture; needs the extra ``plot``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from guide_ml.errors import InvalidInput
from guide_ml.traffic.described import rate_over_time
from guide_ml.traffic.traffic import Traffic

__all__ = ["draw", "figure", "save"]

#: Steps of the rate over time.
STEPS = 120


def figure(rows: int, columns: int) -> tuple[Any, Any]:
    """Return an empty figure and its axes, without asking for a window."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InvalidInput("pictures need matplotlib: pip install 'guide-ml[plot]'") from error
    made = Figure(figsize=(5 * columns, 3.2 * rows), layout="constrained")
    return made, made.subplots(rows, columns, squeeze=False)


def save(made: Any, path: Path) -> None:
    """Save beside the file and move it into place."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        made.savefig(beside, format=path.suffix.lstrip(".").lower() or "png", dpi=150)
        os.replace(beside, path)
    except (OSError, ValueError) as error:
        beside.unlink(missing_ok=True)
        raise InvalidInput(f"{str(path)!r} cannot be drawn: {error}") from error


def draw(traffic: Traffic, path: Path) -> None:
    """Draw rate over time, gaps against those of Poisson, and lengths of prompts and answers."""
    made, axes = figure(2, 2)
    _rate(axes[0, 0], traffic)
    _gaps(axes[0, 1], traffic)
    for ax, name, values in ((axes[1, 0], "prompt", traffic.input_tokens),
                             (axes[1, 1], "answer", traffic.output_tokens)):  # fmt: skip
        most = max(float(values.max()), 2.0)
        ax.hist(values, bins=np.geomspace(max(float(values.min()), 1.0), most * 1.01, 40))
        ax.set_xscale("log")
        ax.set_xlabel(f"tokens of the {name}")
        ax.set_ylabel("requests")
        ax.axvline(float(values.mean()), color="black", linestyle=":", label="mean")
        ax.legend(fontsize=8)
    made.suptitle(traffic.text, fontsize=10)
    save(made, path)


def _rate(ax: Any, traffic: Traffic) -> None:
    ax.set_ylabel("requests/s")
    ax.set_xlabel("time, s")
    if not traffic.duration_s > 0:
        ax.text(0.5, 0.5, "all at once", ha="center", transform=ax.transAxes)
        return
    pieces = rate_over_time(traffic, STEPS)
    edges = [p["from_s"] for p in pieces] + [pieces[-1]["to_s"]]
    ax.stairs([p["rate_rps"] for p in pieces], edges, fill=True)
    ax.axhline(traffic.rate_rps, color="black", linestyle=":", label="mean")
    ax.legend(fontsize=8)


def _gaps(ax: Any, traffic: Traffic) -> None:
    """Draw the share of gaps that are longer than a time; Poisson's is a straight line."""
    gaps = np.sort(np.diff(traffic.arrival_s))
    ax.set_xlabel("gap over mean gap")
    ax.set_ylabel("share of gaps that are longer")
    if not len(gaps) or not gaps[-1] > 0:
        ax.text(0.5, 0.5, "no gaps", ha="center", transform=ax.transAxes)
        return
    x = gaps / gaps.mean()
    ax.plot(x, 1.0 - np.arange(1, len(x) + 1) / (len(x) + 1), label="this traffic")
    line = np.linspace(0.0, min(float(x[-1]), np.log(len(x) + 1)), 50)
    ax.plot(line, np.exp(-line), ":", color="black", label="Poisson")
    ax.set_yscale("log")
    ax.legend(fontsize=8)
