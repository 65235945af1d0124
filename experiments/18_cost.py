"""What does a row cost, by rows asked together, by trees and by threads? A table and a picture.

Deployments of the data are drawn at random, with loads of their own, and predicted with intervals.
Processor time is measured, all threads together, as others may load the machine. Fewer trees are
the first ones of each booster, which says what trees cost, not how they would err. Writes
results/18_cost.csv and .md, and docs/images/cost.png.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from tables import markdown, stamp

import guide_ml
from guide_ml.estimators.predictor import default_predictor
from guide_ml.measurements.read import prepare, read_files
from guide_ml.table.read import DESCRIPTORS
from guide_ml.trees.boosters import Lazy, Member
from guide_ml.trees.compiled import Quick, trees_of
from guide_ml.trees.packed import Packed, pack

matplotlib.use("Agg")
from matplotlib import pyplot as plt

RESULTS = Path(__file__).parent / "results"
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "cost.png"
ROWS = (1, 10, 100, 1000, 10_000, 30_000)
MANY = ROWS[-1]
SHARES = (0.0, 0.25, 0.5, 1.0)
THREADS = (1, 2)
REPEATS = 3


def candidates(rows: int) -> pd.DataFrame:
    """Draw deployments of the data at random, with loads of their own."""
    used = prepare(read_files()).table[list(DESCRIPTORS)]
    rng = np.random.default_rng(18)
    table = used.iloc[rng.integers(0, len(used), rows)].reset_index(drop=True)
    for column in ("input_len", "output_len"):
        table[column] = (table[column] * rng.uniform(0.5, 2.0, rows)).clip(lower=1).round()
    return table


def row_us(table: pd.DataFrame) -> tuple[float, float]:
    """Processor time and time on the clock of a row, medians, microseconds."""
    calls = max(1, min(100, 1000 // len(table)))
    took = []
    for _ in range(REPEATS):
        start, clock = time.process_time(), time.perf_counter()
        for _ in range(calls):
            guide_ml.predict_table(table, errors="report")
        took.append((time.process_time() - start, time.perf_counter() - clock))
    processor, clock = (statistics.median(each) for each in zip(*took, strict=True))
    return 1e6 * processor / len(table) / calls, 1e6 * clock / len(table) / calls


def whole(member: Member) -> Packed:
    """Return the trees of a booster as arrays."""
    own = member.member if isinstance(member, Lazy) else member
    return pack(trees_of(own.booster))  # type: ignore[attr-defined]


def some(trees: Packed, share: float) -> Packed:
    """Keep the first trees, one at least."""
    kept = max(1, round(share * len(trees.splits)))
    splits = int(trees.splits[:kept].sum())
    return Packed(trees.nodes[:splits], trees.splits[:kept], trees.values[: splits + kept],
                  trees.inputs)  # fmt: skip


def by_trees(table: pd.DataFrame) -> list[tuple[str, float, float, float]]:
    """Measure a table with a share of the trees, from few to all."""
    members = [m for own in default_predictor().fitted.members.values() for m in own.values()]
    trees = [whole(m) for m in members]
    out = []
    for share in SHARES:
        kept = [some(t, share) for t in trees]
        for member, part in zip(members, kept, strict=True):
            member.__dict__["_quick"] = Quick(part)
            member.__dict__["_quick"].asked = 1 << 30  # in compiled form at once
        guide_ml.predict_table(table, errors="report")
        out.append(("trees", float(sum(len(k.splits) for k in kept)), *row_us(table)))
    return out


def main() -> None:
    """Measure, draw and write."""
    os.environ["GUIDE_ML_THREADS"] = "1"
    table = candidates(MANY)
    trees = by_trees(table)  # the last has all of them
    found = [("rows together", float(rows), *row_us(table.head(rows))) for rows in ROWS] + trees
    for threads in THREADS:
        os.environ["GUIDE_ML_THREADS"] = str(threads)
        found.append(("threads", float(threads), *row_us(table)))
    report = pd.DataFrame(found, columns=["by", "count", "processor us a row", "clock us a row"])
    report.to_csv(RESULTS / "18_cost.csv", index=False)
    told = report.assign(count=report["count"].astype(int)).round(1)
    text = f"{stamp()}\n\n{markdown(told)}\n"
    (RESULTS / "18_cost.md").write_text(text, encoding="utf-8")
    print(text)
    draw(report)


def draw(report: pd.DataFrame) -> None:
    """Draw processor time of a row by each of the three."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 3), constrained_layout=True)
    for axis, (by, part) in zip(axes, report.groupby("by", sort=False), strict=True):
        axis.plot(part["count"], part["processor us a row"], "o-", color="#1f5fa8")
        axis.set_xlabel(str(by))
        if by == "rows together":
            axis.set_xscale("log")
            axis.set_yscale("log")
        else:  # a logarithm has no zero
            axis.set_ylim(bottom=0, top=1.15 * part["processor us a row"].max())
        if by == "threads":
            axis.set_xticks(part["count"])
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("processor time of a row, us")
    figure.savefig(PICTURE, dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    main()
