"""Do the intervals hold what they promise? Coverage and width on what was held out.

Intervals are made from errors of held-out rows, so they are judged on deployments that had no
part in making them: five parts of deployments, each judged by intervals made from the others.
Unseen sources are judged by parts of sources instead.
Writes results/04_intervals*.csv, .md and .png. Takes about 15 minutes on 2 cores, or four with
the held-out predictions that `01_accuracy.py --keep build/held_out` leaves.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from tables import markdown, set_of, stamp

from guide_ml.describe.descriptors import MODES, STATS
from guide_ml.describe.targets import NAMES
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements, prepare, read_files
from guide_ml.training import held_out
from guide_ml.training.crossval import out_of_fold
from guide_ml.training.dataset import Dataset, build
from guide_ml.trust.domain import LEVELS
from guide_ml.trust.intervals import Bands, Residuals, fit_bands
from guide_ml.trust.knowledge import within_latency

mpl.use("Agg")
import matplotlib.pyplot as plt

RESULTS = Path(__file__).parent / "results"
LEVEL = 0.9
LEVELS_SHOWN = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
PARTS = 5


def tell(done: int, total: int, text: str) -> None:
    """Show progress."""
    print(f"  {text} {done}/{total}", file=sys.stderr, flush=True)


def predictions(
    measured: Measurements, data: Dataset, split: str, kept: Path | None, folds: int
) -> np.ndarray:
    """Predict every value without its group, or read what another script kept."""
    if kept and folds == evaluation.FOLDS and (kept / f"{split}.npz").exists():
        found = np.load(kept / f"{split}.npz")
        if str(found["data"]) != measured.sha256:
            raise SystemExit(f"{kept} is of other data; run 01_accuracy.py --keep again")
        return np.asarray(found["predicted"])
    return out_of_fold(measured, data, split, progress=tell, folds=folds)[0]


def ends(
    bands: Bands, rows: Residuals, facts: pd.DataFrame, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of log(measured / predicted) of each row."""
    width = bands.width(rows.x)
    low, high = bands.factors(width, rows.target, rows.mode, rows.domain, level)
    return np.log(low), np.log(lowered(facts, high))


def lowered(facts: pd.DataFrame, up: np.ndarray) -> np.ndarray:
    """Keep the parts of static batches within their latency, as every prediction does."""
    value, target = facts["value"].to_numpy(), facts["target"].to_numpy()
    high, whole = value * up, target == "batch_latency_s"
    latency = pd.Series(high[whole], facts["row"].to_numpy()[whole])
    parts = {name: high.copy() for name in ("ttft_ms", "tpot_ms")}
    ends = parts | {"batch_latency_s": latency.reindex(facts["row"]).fillna(np.inf).to_numpy()}
    columns = {k: facts[k].to_numpy() for k in ("mode", "output_len")}
    within_latency(columns, dict.fromkeys(parts, value), ends)
    for name in parts:
        high = np.where(target == name, ends[name], high)
    return high / value


def values(measured: Measurements, data: Dataset, predicted: np.ndarray) -> pd.DataFrame:
    """Say what was predicted of which row, a line for each of its residuals."""
    known = np.isfinite(predicted)
    v, columns = data.values, measured.resolved.columns
    row = v.row[known]
    return pd.DataFrame({
        "row": row, "target": np.asarray(NAMES)[v.target[known]], "value": np.exp(predicted[known]),
        "mode": columns["mode"][row], "output_len": columns["output_len"][row],
    })  # fmt: skip


def judge(
    making: list[Residuals], by: list[np.ndarray], judged: dict[str, Residuals],
    own_by: dict[str, np.ndarray], facts: dict[str, pd.DataFrame],
) -> pd.DataFrame:  # fmt: skip
    """Say of every held-out value and level whether the interval held it, and how wide it was.

    `by` and `own_by` name what a value belongs to: nothing of it makes the intervals that it is
    judged by.
    """
    rows = []
    names = np.concatenate(list(own_by.values()))
    part = dict(zip(names, evaluation.folds(names, count=PARTS), strict=True))
    for k in range(PARTS):
        use = held_out.joined([r.take(np.asarray([part[g] != k for g in of]))
                               for r, of in zip(making, by, strict=True)])  # fmt: skip
        bands = fit_bands(use)
        for split, r in judged.items():
            mine = np.flatnonzero([part[g] == k for g in own_by[split]])
            own = r.take(mine)
            frame = pd.DataFrame({"split": split, "position": mine})
            for level in LEVELS_SHOWN:
                low, high = ends(bands, own, facts[split].iloc[mine], level)
                frame[f"in_{level}"] = (own.residual >= low) & (own.residual <= high)
                frame[f"width_{level}"] = np.exp(high - low)
            rows.append(frame)
        tell(k + 1, PARTS, "parts judged")
    return pd.concat(rows)


def labels(measured: Measurements, data: Dataset, r: Residuals, known: np.ndarray) -> pd.DataFrame:
    """Name what the rows are."""
    v = data.values
    row = v.row[known]
    return pd.DataFrame({
        "target": np.asarray(NAMES)[r.target], "mode": np.asarray(MODES)[r.mode],
        "in_domain": np.asarray(LEVELS)[r.domain],
        "source": measured.table["source"].to_numpy()[row],
        "statistic": np.asarray(STATS)[v.statistic[known].astype(int)],
        "ape": 100 * np.abs(np.expm1(-r.residual)),
    })  # fmt: skip


def summary(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Coverage in percent and median width (upper end over lower) of the 90 % interval."""
    grouped = table.groupby(by, sort=False)
    out = pd.DataFrame({
        "rows": grouped.size(), "coverage": 100 * grouped[f"in_{LEVEL}"].mean(),
        "median_width": grouped[f"width_{LEVEL}"].median(), "median_ape": grouped["ape"].median(),
    })  # fmt: skip
    return out.round(2).reset_index()


def picture(table: pd.DataFrame, path: Path) -> None:
    """Draw coverage in truth against the level asked for."""
    figure, axis = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    for split, part in table.groupby("split", sort=False):
        truth = [100 * part[f"in_{level}"].mean() for level in LEVELS_SHOWN]
        axis.plot([100 * x for x in LEVELS_SHOWN], truth, marker="o", label=f"unseen {split}"
                  if split != "random" else "unseen load")  # fmt: skip
    axis.plot([50, 100], [50, 100], color="grey", linestyle="--", label="as asked")
    axis.set(xlabel="level asked for, %", ylabel="measured within the interval, %",
             title="Calibration of the intervals")  # fmt: skip
    axis.legend()
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Judge the intervals on every split and write the tables and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", type=Path, help="what 01_accuracy.py --keep left")
    kept = parser.parse_args().held_out
    measured = prepare(read_files())
    data = build(measured)
    judged, facts, named, making = {}, {}, [], {}
    source = evaluation.groups(measured, "source").astype(str)[data.values.row]
    place = evaluation.groups(measured, "deployment").astype(str)[data.values.row]
    source_of: dict[str, np.ndarray] = {}
    place_of: dict[str, np.ndarray] = {}
    for split in evaluation.SPLITS:
        predicted = predictions(measured, data, split, kept, evaluation.FOLDS)
        judged[split] = held_out.residuals(measured, data, split, predicted)
        facts[split] = values(measured, data, predicted)
        source_of[split] = source[np.isfinite(predicted)]
        place_of[split] = place[np.isfinite(predicted)]
        found = labels(measured, data, judged[split], np.isfinite(predicted))
        named.append(found.assign(split=split, position=np.arange(len(found))))
        making[split] = judged[split]
        if (count := held_out.fold_count(split, evaluation.FOLDS)) < evaluation.FOLDS:
            predicted = predictions(measured, data, split, kept, count)
            making[split] = held_out.residuals(measured, data, split, predicted, folds=count)
    used = [making[s] for s in held_out.POOL]
    seen = {s: r for s, r in judged.items() if s != "source"}
    table = pd.concat([
        judge(used, [place_of[s] for s in held_out.POOL], seen, {s: place_of[s] for s in seen},
              facts),
        judge(used, [source_of[s] for s in held_out.POOL], {"source": judged["source"]},
              {"source": source_of["source"]}, facts),
    ]).merge(pd.concat(named), on=["split", "position"])  # fmt: skip
    order = {s: i for i, s in enumerate(evaluation.SPLITS)}
    table = table.sort_values("split", key=lambda s: s.map(order), kind="stable")
    by_split = summary(table, ["split"])
    by_target = summary(table, ["split", "target"])
    by_domain = summary(table, ["split", "in_domain"])
    by_source = summary(table[table["split"] == "deployment"], ["source", "target"])
    by_target.to_csv(RESULTS / "04_intervals.csv", index=False)
    by_source.to_csv(RESULTS / "04_intervals_by_source.csv", index=False)
    by_domain.to_csv(RESULTS / "04_intervals_by_domain.csv", index=False)
    picture(table, RESULTS / "04_intervals.png")
    text = "\n\n".join([
        "# Intervals on what was held out",
        f"{len(measured.table)} rows, data {measured.sha256[:12]}; 90 % intervals, all"
        " statistics. Coverage in percent, width as upper over lower end, median error in"
        " percent. What is judged had no part in making its intervals: no deployment, and of"
        " unseen sources no source. Written by"
        " `experiments/04_intervals.py`.",
        stamp([set_of(measured.sha256)]),
        "## By split", markdown(by_split), "## By target", markdown(by_target),
        "## By domain", markdown(by_domain), "",
    ])  # fmt: skip
    (RESULTS / "04_intervals.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
