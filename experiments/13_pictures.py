"""Draw what the shipped set predicted of deployments that it was not fitted to, beside the truth.

The trained set carries the held-out prediction of every measured row: by estimators that saw no
row of the same hardware, model, engine and number of devices. Writes docs/images/accuracy.svg.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from tables import CARD, shipped

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

OUT = Path(__file__).parents[1] / "docs" / "images" / "accuracy.svg"
PANELS = {"ttft_ms": "time to first token (TTFT)", "tpot_ms": "time per output token (TPOT)"}
TITLES = {"batch_latency_s": "batch latency", "ttft_ms": "TTFT", "tpot_ms": "TPOT",
          "output_tok_s": "throughput"}  # fmt: skip
LABORATORIES = Path(__file__).parent / "results" / "01_accuracy_by_laboratory.csv"
SHARES = (0.01, 99.99)  # percentiles that the axes span


def panel(axis: Axes, measured: pd.Series, predicted: pd.Series, title: str) -> None:
    """Draw one metric: how many values lie where, the line of no error, and 20 % around it."""
    ends = np.percentile(np.r_[measured, predicted], SHARES)
    axis.hexbin(measured, predicted, gridsize=70, bins="log", mincnt=1, xscale="log",
                yscale="log", cmap="viridis", rasterized=True)  # fmt: skip
    axis.plot(ends, ends, color="black", linewidth=1, label="no error")
    for factor, label in ((1.2, "20 % off"), (1 / 1.2, None)):
        axis.plot(ends, ends * factor, color="black", linewidth=0.8, linestyle=":", label=label)
    error = 100 * (predicted / measured - 1).abs()
    axis.set(xlim=ends, ylim=ends, xlabel="measured, ms", ylabel="predicted, ms",
             title=f"{title}\nmedian error {error.median():.1f} %, {len(error):,} values")
    axis.set_aspect("equal")
    axis.legend(loc="upper left", frameon=False)


def laboratories() -> None:
    """Draw the errors of each source while its laboratory was held out."""
    table = pd.read_csv(LABORATORIES)
    wide = table.pivot_table(index="source", columns="target", values="median_ape")
    wide = wide.loc[wide.mean(axis=1).sort_values().index]
    figure, axis = plt.subplots(figsize=(8, 0.2 * len(wide) + 1.4), layout="constrained")
    for (name, title), marker in zip(TITLES.items(), "osD^", strict=True):
        if name in wide:
            axis.plot(wide[name], np.arange(len(wide)), marker, markersize=5, label=title)
    axis.set_yticks(np.arange(len(wide)), wide.index, fontsize=8)
    axis.set(xscale="log", xlabel="median error, %", ylim=(-0.8, len(wide) - 0.2),
             title="Error of each source while its laboratory was held out")  # fmt: skip
    axis.set_xticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
    axis.grid(axis="x", color="0.85")
    axis.legend(loc="lower right", frameon=False)
    figure.supxlabel(f"Set {shipped()}", fontsize=9)
    figure.savefig(OUT.with_name("laboratories.svg"), metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Draw and write."""
    mpl.rcParams["svg.fonttype"] = "none"  # letters stay letters
    mpl.rcParams["svg.hashsalt"] = "guide-ml"  # the same picture is the same file
    if LABORATORIES.exists():
        laboratories()
    rows = pd.read_parquet(CARD.with_name("measured.parquet"))
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 5), layout="constrained")
    for axis, (name, title) in zip(axes, PANELS.items(), strict=True):
        known = rows[name].notna() & rows[f"held_out_{name}"].notna()
        panel(axis, rows.loc[known, name], rows.loc[known, f"held_out_{name}"], title)
    figure.suptitle("Predicted against measured: no estimator had seen the deployment")
    told = "dark: few measurements, bright: many; means, medians and percentiles"
    figure.supxlabel(f"{told}. Set {shipped()}", fontsize=9)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT, dpi=150, metadata={"Date": None})
    print(OUT)


if __name__ == "__main__":
    main()
