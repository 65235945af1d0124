"""Latency over time and its distribution, as a picture; needs the extra ``plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from guide_ml.simulation.result import Simulated
from guide_ml.traffic.picture import figure, save

__all__ = ["draw"]

#: Pieces of the time, of each of which a median and a percentile are drawn.
PIECES = 60
_WORDS = (("ttft_ms", "TTFT, ms"), ("tpot_ms", "TPOT, ms"), ("e2e_ms", "time of a request, ms"))


def draw(found: Simulated, path: Path) -> None:
    """Draw latencies over time, their distribution, and what runs and waits."""
    made, axes = figure(2, 3)
    for ax, (name, label) in zip(axes[0], _WORDS, strict=True):
        _over_time(ax, found.arrival_s, getattr(found, name), label)
    _distribution(axes[1, 0], found)
    time_s = found.over_time["time_s"]
    for name in ("running", "waiting"):
        axes[1, 1].plot(time_s, found.over_time[name], label=name)
    axes[1, 1].set_ylabel("requests")
    axes[1, 1].legend(fontsize=8)
    for name, label in (("kv_use", "KV cache in use"), ("hit_rate", "prompt tokens cached")):
        axes[1, 2].plot(time_s, 100.0 * found.over_time[name], label=label)
    axes[1, 2].set_ylabel("%")
    axes[1, 2].set_ylim(0.0, 105.0)
    axes[1, 2].legend(fontsize=8)
    for ax in (*axes[0], *axes[1, 1:]):
        ax.set_xlabel("time, s")
    made.suptitle(found.traffic, fontsize=10)
    save(made, path)


def _over_time(ax: Any, arrival_s: Any, values: Any, label: str) -> None:
    """Draw the median and the 99th percentile of requests by when they arrived."""
    there = np.isfinite(values)
    ax.set_ylabel(label)
    if not there.any():
        return
    order = np.argsort(arrival_s[there], kind="stable")
    parts = np.array_split(order, min(PIECES, len(order)))
    when = [float(arrival_s[there][part].mean()) for part in parts]
    for share, name in ((0.5, "median"), (0.99, "p99")):
        heights = [float(np.quantile(values[there][part], share)) for part in parts]
        ax.plot(when, heights, label=name)
    ax.set_ylim(bottom=0.0)
    ax.legend(fontsize=8)


def _distribution(ax: Any, found: Simulated) -> None:
    """Draw the share of requests that are slower than a time."""
    for name, label in _WORDS:
        values = getattr(found, name)
        values = np.sort(values[np.isfinite(values) & (values > 0)])
        if len(values):
            ax.plot(values, 1.0 - np.arange(len(values)) / len(values), label=label.split(",")[0])
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("ms")
    ax.set_ylabel("share of requests that are slower")
    ax.legend(fontsize=8)
