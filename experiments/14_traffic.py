"""How wrong are open loads? Measured runs of mode open against what is simulated of them.

The estimators learned from closed and static runs, partly of the same laboratories and machines;
no open run trained anything but the constant in guide_ml/simulation/learned.py. Writes
results/14_traffic.csv (a row each run) and results/14_traffic.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from tables import markdown, stamp

from guide_ml.measurements.read import default_folder
from guide_ml.simulation.opened import opened
from guide_ml.table.read import DESCRIPTORS, Definitions

RESULTS = Path(__file__).parent / "results"
#: Spread of the lengths, where a source's page tells how they were drawn: 0.1 to 1.9 times the
#: mean at random; prompts of ShareGPT.
CV = {"spark-vreng": 0.52, "digitalocean-gtc2026": 1.0, "sglang-v03-vs-vllm": 1.0,
      "dstack-benchmarks": 1.0, "llmservingsim-bench": 1.0}  # fmt: skip
#: Left out: the rate is that of a harness which looks for the highest one, and settings are not
#: public (mlperf).
LEFT_OUT = ("mlperf-inference",)
FIGURES = {
    "TTFT mean": ("ttft_ms", "ttft_ms", "mean"), "TTFT p99": ("ttft_p99_ms", "ttft_ms", "p99"),
    "TPOT mean": ("tpot_ms", "tpot_ms", "mean"), "E2E mean": ("e2e_ms", "e2e_ms", "mean"),
    "E2E p99": ("e2e_p99_ms", "e2e_ms", "p99"),
}  # fmt: skip


def measured(most: int) -> pd.DataFrame:
    """Return open runs without a flag, at most so many of a source, drawn at random."""
    files = sorted(default_folder().glob("*.parquet"))
    table = pd.concat([pd.read_parquet(f) for f in files], ignore_index=True)
    plain = table["flags"].astype("string").fillna("") == ""
    rows = table[(table["mode"] == "open") & plain & table["request_rate_rps"].notna()]
    rows = rows[~rows["source"].isin(LEFT_OUT)]
    rows = rows.sample(frac=1.0, random_state=0).groupby("source").head(most)
    return rows.sort_index().reset_index(drop=True)


def asked(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what is asked of the simulation."""
    out = rows[[c for c in DESCRIPTORS if c in rows]].copy()
    out["ttft_stat"] = out["tpot_stat"] = ""
    out["arrival"] = rows["arrival"].astype("string").fillna("poisson").astype(str)
    out["replicas"], out["length_cv"] = rows["replicas"], rows["source"].map(CV).fillna(0.0)
    return out


def told(rows: pd.DataFrame) -> pd.DataFrame:
    """Put what is simulated beside what was measured."""
    table, found = asked(rows), []
    for start in range(0, len(rows), 50):
        done = opened(table.iloc[start : start + 50].reset_index(drop=True), Definitions())
        for error, seen in zip(done.errors, done.seen, strict=True):
            cells = {"error": str(error), "overloaded": bool(seen and seen.overloaded)}
            if seen is not None:
                cells |= {f"{m}/{s}": v for m, by in seen.figures.items() for s, v in by.items()}
            found.append(cells)
        print(f"  {start}/{len(rows)}", file=sys.stderr, flush=True)
    return pd.concat([rows, pd.DataFrame(found)], axis=1)


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """Errors in percent of each figure of each run; NaN where one of both is missing."""
    out = {"source": table["source"]}
    for name, (column, metric, stat) in FIGURES.items():
        value = table[f"{metric}/{stat}"]
        if f"{metric[:4]}_stat" in table and stat == "mean":
            median = table[f"{metric[:4]}_stat"].astype("string").isin(["median", "p50"])
            value = value.where(~median.fillna(False).astype(bool), table[f"{metric}/median"])
        out[name] = 100.0 * (value / table[column] - 1.0)
    return pd.DataFrame(out)


def summary(off: pd.DataFrame) -> pd.DataFrame:
    """Return median errors by source, of all runs, and of sources (each as one)."""
    names = list(FIGURES)
    by = off.groupby("source")[names].agg(lambda s: s.abs().median())
    count = off.groupby("source").size()
    rows = by.assign(runs=count).reset_index()
    all_runs = {"source": "all runs", "runs": len(off), **off[names].abs().median()}
    each = {"source": "all sources, each as one", "runs": len(by), **by.median()}
    out = pd.concat([rows, pd.DataFrame([all_runs, each])], ignore_index=True)
    return out[["source", "runs", *names]].round(1)


def report(off: pd.DataFrame, most: int) -> str:
    """Write what the errors of runs come to."""
    lost = int(off["TTFT mean"].isna().sum())
    drawn = f", at most {most} of a source, drawn at random" if most < len(off) else ""
    return (
        f"Median errors in percent of {len(off):,} measured open runs without a flag{drawn}."
        " Closed and static runs, partly of the same machines, trained the estimators. The spread"
        f" of lengths is given for the sources {', '.join(CV)}, whose pages tell it.\n\n"
        f"{lost} runs have no TTFT: it was not measured, the deployment is refused or does not fit,"
        f" or it is said to be overloaded.\n\n{markdown(summary(off))}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=100_000, help="runs of a source at most")
    parser.add_argument("--report", action="store_true", help="only write the report anew")
    options = parser.parse_args()
    path = RESULTS / "14_traffic.csv"
    if not options.report:
        table = told(measured(options.most))
        keep = ["source_ref", "error", "overloaded"]
        errors(table).round(2).join(table[keep]).to_csv(path, index=False)
    text = report(pd.read_csv(path), options.most)
    (RESULTS / "14_traffic.md").write_text(f"{stamp()}\n\n{text}\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
