"""How wrong are predictions for what was not measured? Errors by split, beside baselines.

Every value is predicted by estimators that were refitted without its group. Writes
results/01_accuracy*.csv and results/01_accuracy.md. Takes about 20 minutes on 2 cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tables import markdown, set_of, stamp

from guide_ml.describe.targets import NAMES
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements, prepare, read_files
from guide_ml.training.baselines import BASELINES, baselines
from guide_ml.training.crossval import out_of_fold
from guide_ml.training.dataset import Dataset, build

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SEED = 0
SLICES = ("cpu type", "partial offload", "speculation, accepted length given")
ORDER = (*evaluation.SPLITS, *evaluation.CORNERS, *SLICES)
METHODS = ("guide-ml", "calibrated physics", *BASELINES)
#: Figures that others report, for their own data: not the same rows, so no contest.
PUBLISHED = (
    ("GUIDE (arXiv 2412.04788)", "batch latency, TTFT, decode throughput",
     "25-55 % (v1), 9.9-42.3 % (v2)"),
    ("WattGPU (arXiv 2607.02391)", "inter-token latency, server",
     "median 4.9 % cross-validated, 8.5 % unseen GPU, 5.6 % unseen LLM"),
    ("WattGPU (arXiv 2607.02391)", "offline", "12.8 / 24.9 / 15.6 %"),
    ("IBM PKH", "throughput / TTFT, in space", "10 % / 20 % MAPE"),
    ("FitCheck", "decode tokens/s, leave one accelerator out",
     "median 17.5 % (roofline 28.1 %)"),
    ("BLIS", "E2E / ITL / TTFT, unseen models", "median 6.7 / 7.1 / 17.6 %"),
)  # fmt: skip


def tell(done: int, total: int, text: str) -> None:
    """Show progress."""
    print(f"  {text} {done}/{total}", file=sys.stderr, flush=True)


def frame(measured: Measurements, data: Dataset, log_predicted: np.ndarray) -> pd.DataFrame:
    """Put errors beside what the rows are, means only."""
    v = data.values
    table = measured.table.iloc[v.row].reset_index(drop=True)
    users = table["concurrency"].fillna(table["batch_size"]).fillna(0)
    band = pd.cut(users, [-1, 0, 1, 8, 32, 128, 1e9],
                  labels=["none", "1", "2-8", "9-32", "33-128", "129+"])  # fmt: skip
    ape = evaluation.errors(np.exp(log_predicted), v.value)
    columns = {k: measured.resolved.columns[k][v.row] for k in ("is_cpu", "host_experts",
                                                                "accept_len")}  # fmt: skip
    out = pd.DataFrame({
        "target": np.asarray(NAMES)[v.target], "source": table["source"],
        "source_ref": table["source_ref"], "framework": data.slugs["framework"],
        "hardware": data.slugs["hardware"], "model": data.slugs["model"], "mode": table["mode"],
        "cpu": columns["is_cpu"] > 0, "offload": columns["host_experts"] > 0,
        "accepted": np.isfinite(columns["accept_len"]),
        "band": band.astype(str), "predicted": np.exp(log_predicted), "measured": v.value,
        "ape": ape,
    })  # fmt: skip
    return out[(v.statistic == 0) & np.isfinite(ape)]


def kept(folder: Path | None, split: str, measured: Measurements) -> tuple | None:
    """Read what training predicted of a split's held-out values, if it was kept."""
    path = folder / f"{split}.npz" if folder else None
    if path is None or not path.exists():
        return None
    stored = np.load(path)
    if str(stored["data"]) != measured.sha256:
        sys.exit(f"{path} is of other measurements: train again with --keep")
    return stored["predicted"], stored["physics"]


def slices(frames: dict[tuple[str, str], pd.DataFrame]) -> dict[tuple[str, str], pd.DataFrame]:
    """Take what users ask for out of the splits: types of processors, offload, speculation."""
    rows = {
        ("cpu type", "hardware"): lambda t: t["cpu"],
        ("partial offload", "deployment"): lambda t: t["offload"],
        ("speculation, accepted length given", "deployment"): lambda t: t["accepted"],
    }
    return {(name, method): table[chosen(table)]
            for (name, split), chosen in rows.items()
            for (of, method), table in frames.items() if of == split}  # fmt: skip


def laboratories_table(table: pd.DataFrame) -> pd.DataFrame:
    """Errors of each source while its laboratory was held out: medians, and which way they lean."""
    off = np.log(table["predicted"] / table["measured"])
    grouped = table.assign(off=off).groupby(["source", "target"])
    found = grouped.agg(rows=("ape", "size"), median_ape=("ape", "median"),
                        lean=("off", "median")).reset_index()  # fmt: skip
    found["lean"] = 100 * np.expm1(found["lean"])
    return found.round({"median_ape": 1, "lean": 1})


def between(table: pd.DataFrame) -> pd.DataFrame:
    """Split the variance of logarithmic errors: between laboratories, each as one, and within."""
    off = np.log(table["predicted"] / table["measured"])
    rows = []
    for target, part in table.assign(off=off).groupby("target"):
        by = part.groupby("source")["off"]
        within, across = by.var(ddof=0).mean(), by.mean().var(ddof=0)
        lab = part.groupby("source")["ape"].median().median()
        rows.append({"target": target, "laboratories": by.ngroups, "median of their medians": lab,
                     "between them, % of the variance": 100 * across / (across + within)})
    return pd.DataFrame(rows).round(1)


def summarise(frames: dict[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """One row for each split, method and target."""
    rows = [
        {"split": split, "method": method, "target": target}
        | evaluation.summary(part["ape"].to_numpy())
        for (split, method), table in frames.items()
        for target, part in table.groupby("target")
    ]
    return pd.DataFrame(rows).round(2)


def merge(fresh: pd.DataFrame) -> pd.DataFrame:
    """Put freshly measured splits in place of their old rows; splits not run keep theirs."""
    path = RESULTS / "01_accuracy.csv"
    if not path.exists():
        return fresh
    old = pd.read_csv(path)
    both = pd.concat([fresh, old[~old["split"].isin(fresh["split"])]])
    return both.sort_values("split", key=lambda s: s.map(ORDER.index), kind="stable")


def peers(table: pd.DataFrame) -> pd.DataFrame:
    """Compare with AIConfigurator on the closed rows that it answers, deployment unseen."""
    other = pd.read_parquet(HERE / "data" / "aiconfigurator.parquet")
    joined = table.merge(other, on="source_ref", how="inner", suffixes=("", "_peer"))
    rows = []
    for target in ("ttft_ms", "tpot_ms"):
        part = joined[(joined["target"] == target) & joined[f"pred_{target}"].notna()]
        theirs = evaluation.errors(part[f"pred_{target}"].to_numpy(), part["measured"].to_numpy())
        rows.append({"target": target, "method": "AIConfigurator 0.12.0"}
                    | evaluation.summary(theirs))  # fmt: skip
        rows.append({"target": target, "method": "guide-ml, deployment unseen"}
                    | evaluation.summary(part["ape"].to_numpy()))  # fmt: skip
    return pd.DataFrame(rows).round(2)


def medians(summary: pd.DataFrame) -> pd.DataFrame:
    """Medians of every split and method, targets side by side."""
    wide = summary.pivot_table(index=["split", "method"], columns="target", values="median_ape")
    order = [(s, m) for s in ORDER for m in METHODS if (s, m) in wide.index]
    return wide.loc[order, list(NAMES)].reset_index()


def main() -> None:
    """Run every split and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", nargs="+", default=[*evaluation.SPLITS, *evaluation.CORNERS])
    parser.add_argument("--keep", type=Path, help="folder for the held-out predictions, for 04")
    parser.add_argument("--held-out", type=Path,
                        help="folder of predictions that `guide train --keep` left")
    asked = parser.parse_args()
    chosen = asked.splits
    measured = prepare(read_files())
    data = build(measured)
    frames: dict[tuple[str, str], pd.DataFrame] = {}
    for split in chosen:
        predicted, physics = (kept(asked.held_out, split, measured)
                              or out_of_fold(measured, data, split, SEED, progress=tell))
        found = {"guide-ml": predicted, "calibrated physics": physics}
        if asked.keep:
            asked.keep.mkdir(parents=True, exist_ok=True)
            np.savez(asked.keep / f"{split}.npz", predicted=predicted, data=measured.sha256)
        found |= baselines(measured, data, split, SEED)
        for method, logs in found.items():
            frames[split, method] = frame(measured, data, logs)
    frames |= slices(frames)
    RESULTS.mkdir(exist_ok=True)
    summary = merge(summarise(frames).assign(set=set_of(measured.sha256)))
    summary.to_csv(RESULTS / "01_accuracy.csv", index=False)
    wide = medians(summary)
    own = summary[summary["method"] == "guide-ml"].drop(columns=["method", "set"])
    parts = [
        "# Accuracy on what was not measured\n",
        f"{len(measured.table)} rows, data {measured.sha256[:12]}; errors in percent, means only."
        " Written by `experiments/01_accuracy.py`.\n",
        stamp(summary["set"]) + "\n",
        "## Median error by split and method\n", markdown(wide),
        "\n## guide-ml in full\n", markdown(own),
    ]  # fmt: skip
    if "source" in chosen:
        table = frames["source", "guide-ml"]
        laboratories_table(table).to_csv(RESULTS / "01_accuracy_by_laboratory.csv", index=False)
        between(table).to_csv(RESULTS / "01_accuracy_between.csv", index=False)
    if (RESULTS / "01_accuracy_between.csv").exists():
        limit = pd.read_csv(RESULTS / "01_accuracy_between.csv")
        parts += ["\n## Laboratories held out\n", markdown(limit)]
    if "deployment" in chosen:
        table = frames["deployment", "guide-ml"]
        for name in ("source", "framework", "hardware", "mode", "band"):
            worst = evaluation.by(table, ["target", name]).round(1)
            worst.to_csv(RESULTS / f"01_accuracy_by_{name}.csv", index=False)
        beside = peers(table)
        beside.to_csv(RESULTS / "01_accuracy_peers.csv", index=False)
    if (RESULTS / "01_accuracy_peers.csv").exists():
        beside = pd.read_csv(RESULTS / "01_accuracy_peers.csv")
        parts += ["\n## Beside AIConfigurator, on the rows that it answers\n", markdown(beside)]
    published = pd.DataFrame(PUBLISHED, columns=["system", "what", "error"])
    parts += ["\n## What others report, on their own data\n", markdown(published), ""]
    (RESULTS / "01_accuracy.md").write_text("\n".join(parts), encoding="utf-8")
    print("\n".join(parts))


if __name__ == "__main__":
    main()
