"""How wrong are open loads? Measured runs of mode open against what is simulated of them.

The estimators learned from closed and static runs, partly of the same laboratories and machines;
open runs taught the lessons and the constants in guide_ml/simulation. So step times are also moved
by what estimators say that had not seen the deployment, which the set keeps, and its laboratory:
``--held-out`` takes the folder that ``guide train --keep`` left. Lessons are then without the
deployment, or without the laboratory, too. Five runs of a deployment calibrate others of it, and
disaggregated runs are judged beside. Writes results/14_traffic.csv (a
row each run), results/14_traffic_split.csv and results/14_traffic.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from tables import markdown, stamp
from traffic_lessons import without
from traffic_runs import (
    CV,
    FIGURES,
    calibrated,
    errors,
    measured,
    split_errors,
    split_runs,
    told,
    unseen_deployment,
    unseen_source,
)

RESULTS = Path(__file__).parent / "results"
NAMES = list(FIGURES)


def summary(off: pd.DataFrame) -> pd.DataFrame:
    """Return median errors by source, of all runs, and of sources (each as one)."""
    by = off.groupby("source")[NAMES].agg(lambda s: s.abs().median())
    count = off.groupby("source").size()
    rows = by.assign(runs=count).reset_index()
    all_runs = {"source": "all runs", "runs": len(off), **off[NAMES].abs().median()}
    each = {"source": "all sources, each as one", "runs": len(by), **by.median()}
    out = pd.concat([rows, pd.DataFrame([all_runs, each])], ignore_index=True)
    return out[["source", "runs", *NAMES]].round(1)


def parts(off: pd.DataFrame) -> pd.DataFrame:
    """Return median errors of each way to judge: of all runs, and of sources, each as one."""
    out = []
    for part, rows in off.groupby("part", sort=False):
        each = rows.groupby("source")[NAMES].agg(lambda s: s.abs().median()).median()
        out.append({"judged": part, "runs": len(rows), **rows[NAMES].abs().median()})
        out.append({"judged": f"{part}, each source as one", "runs": len(rows), **each})
    return pd.DataFrame(out).round(1)


def held(off: pd.DataFrame) -> pd.DataFrame:
    """Return the share of runs within their 90 % interval, percent, by what is known of them."""
    rows = []
    for name in NAMES:
        if f"{name} within" in off:
            by = off.groupby("part", sort=False)[f"{name} within"].mean().dropna()
            rows.append({"figure": name, **(100.0 * by)})
    return pd.DataFrame(rows).round(1)


def split_summary(off: pd.DataFrame) -> pd.DataFrame:
    """Return median errors of disaggregated runs by source and of all."""
    rows = [{"source": name, "runs": len(g), "TPOT": g["TPOT"].abs().median(),
             "throughput": g["throughput"].abs().median()}
            for name, g in [*off.groupby("source"), ("all runs", off)]]  # fmt: skip
    return pd.DataFrame(rows).round(1)


def report(off: pd.DataFrame, split: pd.DataFrame, most: int) -> str:
    """Write what the errors of runs come to."""
    own = off[off["part"] == "as shipped"]
    lost = int(own["TTFT mean"].isna().sum())
    drawn = f", at most {most} of a source, drawn at random" if most < 10_000 else ""
    refused = int((split["error"].fillna("") != "").sum())
    return (
        f"Median errors in percent of {len(own):,} measured open runs without a flag{drawn}."
        " Closed and static runs, partly of the same machines, trained the estimators; open runs,"
        " partly these, taught the lessons of first tokens that are shipped. The spread"
        f" of lengths is given for the sources {', '.join(CV)}, whose pages tell it.\n\n"
        f"{lost} runs have no TTFT: it was not measured, the deployment is refused or does not fit,"
        f" or it is said to be overloaded.\n\n{markdown(summary(own))}\n\n"
        "The same by what is known of the deployment. Unseen: step times are moved by the median"
        " ratio of held-out predictions of its closed loads to those of the set, and lessons are"
        " without the deployment or the source. Five runs: of a machine's open runs five"
        " calibrate, and others are predicted; lessons are without it.\n\n"
        f"{markdown(parts(off))}\n\n"
        "Share of runs within the interval that is to hold 90 %, by what is known of the"
        " deployment; unseen ones have intervals as wide as those that are shipped.\n\n"
        f"{markdown(held(off))}\n\n"
        "Disaggregated runs with stated workers, as shipped: none trained an estimator, and a few"
        f" constants were chosen on them. {refused} are refused.\n\n"
        f"{markdown(split_summary(split))}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=100_000, help="runs of a source at most")
    parser.add_argument("--deployments", type=int, default=12, help="of a source, to calibrate")
    parser.add_argument("--held-out", type=Path,
                        help="folder that `guide train --keep` left, for laboratories unseen")
    parser.add_argument("--report", action="store_true", help="only write the report anew")
    options = parser.parse_args()
    path, beside = RESULTS / "14_traffic.csv", RESULTS / "14_traffic_split.csv"
    if not options.report:
        rows = measured(options.most)
        moved = {"deployment unseen": unseen_deployment(rows)}
        if options.held_out:
            moved["source unseen"] = unseen_source(rows, options.held_out)
        held = without(RESULTS / "14_lessons.parquet")
        most = min(options.deployments, options.most)
        table = pd.concat([told(rows, moved, held), calibrated(most, held)], ignore_index=True)
        errors(table).round(2).join(table[["source_ref", "error", "overloaded"]]).to_csv(
            path, index=False)  # fmt: skip
        split_errors(split_runs(options.most)).round(2).to_csv(beside, index=False)
    text = report(pd.read_csv(path), pd.read_csv(beside), options.most)
    (RESULTS / "14_traffic.md").write_text(f"{stamp()}\n\n{text}\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
