"""How long does a retraining take, how much memory, and what would more data bring?

Runs `guide retrain` on all data as a user does, each in a process of its own: without tuning, and
with Optuna trials. Own measurements are a tenth of one source's deployments, taken out of the
project's data, so that they are news. Then the learning curve: error against share of the data,
by split. Writes results/08_retraining.{md,json} and results/08_learning_curve.csv. Takes about
40 minutes on 2 cores; --trials, --rounds, --rows and --skip make it smaller.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tables import DASH, shipped, stamp

from guide_ml.measurements import evaluation
from guide_ml.measurements.read import prepare, read_files
from guide_ml.tracking.curve import learning_curve
from guide_ml.tracking.gather import gather
from guide_ml.tracking.search import in_force

RESULTS = Path(__file__).parent / "results"
GOALS = {"without tuning": 600.0, "with tuning": 1800.0}  # seconds, on 2 cores
MEMORY_GB = 4.0
SOURCE = "sparecores-vllm-gpu"


def parts(folder: Path, rows: int | None, seed: int = 0) -> None:
    """Split the data: base.parquet, and own.parquet with a tenth of one source's deployments."""
    table = read_files()
    if rows:
        table = table.sample(rows, random_state=seed).reset_index(drop=True)
    measured = prepare(table)
    group = evaluation.groups(measured, "deployment").astype(str)
    mine = group[measured.table["source"].to_numpy(str) == SOURCE]
    names = np.unique(mine if len(mine) else group)
    taken = np.random.default_rng(seed).choice(names, max(1, len(names) // 10), replace=False)
    own = np.isin(group, taken)
    measured.table[~own].to_parquet(folder / "base.parquet", index=False)
    measured.table[own].to_parquet(folder / "own.parquet", index=False)


def retrain(folder: Path, name: str, *options: str) -> dict[str, Any]:
    """Run one retraining; return what it says, with seconds and the peak of its memory."""
    command = [
        sys.executable, "-m", "guide_ml", "retrain", "--data", str(folder / "own.parquet"),
        "--base-data", str(folder / "base.parquet"), "--no-shipped", "--json",
        "--tracking-uri", f"sqlite:///{folder}/mlflow.db", *options,
    ]  # fmt: skip
    start = time.perf_counter()
    peak_gb = 0.0
    with (folder / "told.json").open("w+") as told:
        running = subprocess.Popen(command, stdout=told)
        while running.poll() is None:
            peak_gb = max(peak_gb, memory_gb(running.pid))
            time.sleep(0.5)
        told.seek(0)
        if running.returncode:
            raise SystemExit(f"{name} failed")
        wall_s = time.perf_counter() - start
        found = json.load(told)
    print(name, f"{wall_s:.0f} s", found["verdict"], found["reason"], file=sys.stderr)
    return {"what": name, "wall_s": round(wall_s, 1), "memory_gb": round(peak_gb, 2),
            "seconds": found["seconds"], "verdict": found["verdict"], "reason": found["reason"],
            "errors": [e for e in found["errors"] if e["method"] == "guide-ml"],
            "comparisons": found["comparisons"]}  # fmt: skip


def memory_gb(pid: int) -> float:
    """Memory of a process and all that it started, what they share counted once (Linux: PSS)."""
    total = 0.0
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += sum(int(x.split()[1]) for x in lines if x.startswith("Pss:")) / 1e6
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(map(memory_gb, map(int, (task / "children").read_text().split())))
    except (OSError, ValueError):  # it has just ended
        pass
    return total


def kept(
    runs: list[dict[str, Any]], curve: pd.DataFrame | None
) -> tuple[list[dict[str, Any]], pd.DataFrame | None]:
    """Put what was written before in the place of what was skipped now."""
    told, drawn = RESULTS / "08_retraining.json", RESULTS / "08_learning_curve.csv"
    before = json.loads(told.read_text("utf-8")) if told.exists() else []
    by_name = {r["what"]: r for r in before} | {r["what"]: r for r in runs}
    if curve is None and drawn.exists():
        curve = pd.read_csv(drawn)
    return [by_name[name] for name in GOALS if name in by_name], curve


def curve_rows(curve: pd.DataFrame) -> list[str]:
    """Lay the learning curve out, shares side by side."""
    wide = curve.pivot_table(index=["split", "target"], columns="share", values="median_ape",
                             sort=False).round(1)  # fmt: skip
    head = "| held out | target | " + " | ".join(f"{s:.0%}" for s in wide.columns) + " |"
    rows = [f"| {s} | {t} | " + " | ".join(DASH if np.isnan(x) else f"{x}" for x in row) + " |"
            for (s, t), row in zip(wide.index, wide.to_numpy(), strict=True)]  # fmt: skip
    return [head, "|---" * (2 + wide.shape[1]) + "|", *rows]


def write(runs: list[dict[str, Any]], curve: pd.DataFrame | None, options: Any) -> str:
    """Write the results; return them in Markdown."""
    lines = ["# Retraining\n", "Written by `experiments/08_retraining.py`"
             f" ({options.trials} trials a target, {options.jobs} processes).\n",
             stamp([*(r["set"] for r in runs), *([] if curve is None else curve["set"])]) + "\n",
             "| what | wall | goal | memory, all processes | goal | verdict |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for run in runs:
        goal = GOALS[run["what"]]
        lines.append(f"| {run['what']} | {run['wall_s']:.0f} s | < {goal:.0f} s |"
                     f" {run['memory_gb']:.2f} GB | < {MEMORY_GB:.0f} GB |"
                     f" {run['verdict']} |")  # fmt: skip
    lines += ["\n| what | " + " | ".join(runs[0]["seconds"]) + " |" if runs else "",
              "|---" * (1 + len(runs[0]["seconds"])) + "|" if runs else ""]  # fmt: skip
    lines += ["| " + run["what"] + " | " + " | ".join(f"{s:.0f} s" for s in run["seconds"].values())
              + " |" for run in runs]  # fmt: skip
    if curve is not None:
        lines += ["\n## Median error in percent by share of the other groups\n", *curve_rows(curve)]
        curve.round(3).to_csv(RESULTS / "08_learning_curve.csv", index=False)
    text = "\n".join(lines) + "\n"
    (RESULTS / "08_retraining.md").write_text(text, encoding="utf-8")
    (RESULTS / "08_retraining.json").write_text(json.dumps(runs, indent=1) + "\n", "utf-8")
    return text


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--rounds", type=int, help="most rounds of a booster, for a quick look")
    parser.add_argument("--rows", type=int, help="rows of the data, for a quick look")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--skip", nargs="*", default=[], choices=["plain", "tuned", "curve"])
    parser.add_argument("--keep", action="store_true", help="keep what was written of the skipped")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the results")
    options = parser.parse_args()
    globals()["RESULTS"] = options.out
    common = ["--jobs", str(options.jobs), "--folds", str(options.folds)]
    common += ["--rounds", str(options.rounds)] if options.rounds else []
    runs, curve = [], None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        parts(folder, options.rows)
        if "plain" not in options.skip:
            runs.append(retrain(folder, "without tuning", "--trials", "0", *common))
        if "tuned" not in options.skip:
            trials = ["--trials", str(options.trials)]
            runs.append(retrain(folder, "with tuning", *trials, *common))
        if "curve" not in options.skip:
            found = gather(folder / "own.parquet", base_path=folder / "base.parquet")
            curve = learning_curve(
                found, in_force(options.rounds), jobs=options.jobs,
                progress=lambda done, total, text: print(f"  {text} {done}/{total}",
                                                         file=sys.stderr),
            )  # fmt: skip
            curve["set"] = shipped()
    runs = [{"set": shipped()} | run for run in runs]  # physics and trees as the shipped set's
    options.out.mkdir(parents=True, exist_ok=True)
    if options.keep:
        runs, curve = kept(runs, curve)
    print(write(runs, curve, options))


if __name__ == "__main__":
    main()
