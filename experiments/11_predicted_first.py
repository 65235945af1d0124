"""Predicted before measured: Transformers on one GPU that is at hand.

``predict`` writes what the shipped estimators say of every case, before any of them was measured:
results/11_predicted_first_cases.csv, and the plan for the GPU, 11_plan.json. ``measure.py`` of
predicted_first/ is then run where the GPU is. ``report MEASURED.csv`` puts both side by side in
results/11_predicted_first.{csv,md} and writes the measurements as a source of our own,
data/measurements/guide-ml-transformers.parquet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from predicted_first import cases

import guide_ml

RESULTS = Path(__file__).parent / "results"
CASES, PLAN = RESULTS / "11_predicted_first_cases.csv", RESULTS / "11_plan.json"
SOURCE = "guide-ml-transformers"
DATA = Path(__file__).parent.parent / "data" / "measurements"
TARGETS = ("batch_latency_s", "ttft_ms", "tpot_ms", "output_tok_s")
SIZES = ((0, 2, "below 2B"), (2, 10, "2B to 10B"), (10, 100, "10B and more"))


def predict(hardware: str) -> None:
    """Write the cases with their predictions, and the plan for the GPU."""
    table = cases.table(hardware)
    said = guide_ml.predict_table(table, errors="report")
    said["memory_fits"] = said["memory_fits"].fillna(False).astype(bool)
    if ((said["error"] != "") & said["memory_fits"]).any():
        raise SystemExit(said.loc[said["error"] != "", "error"].to_string())
    small = ~table.duplicated("model") & ~said["memory_fits"]  # is it true that it does not fit?
    both = pd.concat([table, said.drop(columns="error")], axis=1)[said["memory_fits"] | small]
    both.insert(0, "case", np.arange(len(both)))
    both.to_csv(CASES, index=False, float_format="%.6g")
    names = [n for n in cases.MODELS if (both["model"] == n).any()]
    plan = {
        "models": {n: {"config": cases.config(n), "dtype": cases.MODELS[n][1]} for n in names},
        "cases": both[["case", "model", "batch_size", "input_len", "output_len"]]
        .astype({"batch_size": int, "input_len": int, "output_len": int}).to_dict("records"),
    }  # fmt: skip
    PLAN.write_text(json.dumps(plan, indent=1) + "\n", "utf-8")
    print(f"{len(both)} cases of {len(names)} models predicted")


def measured(path: Path) -> pd.DataFrame:
    """Join the cases with what was measured; TPOT and throughput follow by definition."""
    found = pd.read_csv(path)
    both = pd.read_csv(CASES).merge(found, on="case", how="inner", suffixes=("", "_measured"))
    rest_ms = 1e3 * both["batch_latency_s_measured"] - both["ttft_ms_measured"]
    both["tpot_ms_measured"] = rest_ms / (both["output_len"] - 1)
    tokens = both["batch_size"] * both["output_len"]
    both["output_tok_s_measured"] = tokens / both["batch_latency_s_measured"]
    return both


def to_data(both: pd.DataFrame, on: str) -> None:
    """Write the measurements in the project's own form."""
    good = both[both["error"].fillna("") == ""]
    model = pd.read_parquet(next(DATA.glob("splitwise*.parquet"))).iloc[:0]
    out = model.reindex(range(len(good)))
    for column in good.columns.intersection(model.columns).difference(TARGETS):
        out[column] = good[column].to_numpy()
    for target in TARGETS:
        out[target] = good[f"{target}_measured"].to_numpy()
    where = "experiments/results/11_predicted_first.csv: case "
    out["source"], out["source_ref"] = SOURCE, where + good["case"].astype(str).to_numpy()
    out["measured_on"], out["peak_mem_gb"] = on, good["peak_mem_gb"].to_numpy()
    out["pp"], out["tp"], out["flags"] = 1, 1, ""
    out["ttft_stat"], out["tpot_stat"] = "median", "median"
    out.astype(model.dtypes.to_dict()).to_parquet(DATA / f"{SOURCE}.parquet", index=False)


def errors(both: pd.DataFrame, name: str) -> dict[str, object]:
    """Median error of each target, share inside the 90 % interval, bias; one line."""
    line: dict[str, object] = {"set": name, "cases": len(both)}
    for target in TARGETS:
        ratio = both[target] / both[f"{target}_measured"]
        line[f"{target} error %"] = 100 * (ratio - 1).abs().median()
        line[f"{target} predicted / measured"] = ratio.median()
        low, high = both[f"{target}_low"], both[f"{target}_high"]
        line[f"{target} in interval %"] = 100 * both[f"{target}_measured"].between(low, high).mean()
    return line


def report(path: Path, on: str) -> None:
    """Write the table of both, and the source of our own."""
    both = measured(path)
    both.to_csv(RESULTS / "11_predicted_first.csv", index=False, float_format="%.6g")
    good = both[both["error"].fillna("") == ""]
    size = good["model"].map(lambda m: guide_ml.catalogue.model(m).params_total_b)
    experts = good["model"].map(lambda m: guide_ml.catalogue.model(m).num_experts > 0)
    lines = [errors(good, "all")]
    lines += [errors(good[(size >= a) & (size < b)], text) for a, b, text in SIZES]
    lines += [errors(good[~experts], "dense"), errors(good[experts], "mixture of experts")]
    lines += [errors(part, f"batch {int(b)}") for b, part in good.groupby("batch_size")]
    lines += [errors(part, m) for m, part in good.groupby("model", sort=False)]
    told = good.iloc[0]
    text = ["# Predicted before measured\n", "Written by `experiments/11_predicted_first.py`:"
            f" {len(good)} static batches of {good['model'].nunique()} models with random weights,"
            f" Transformers {told['transformers']}, PyTorch {told['torch']}, {told['device']},"
            f" measured {on}. The predictions are of the estimators that had seen none of them.\n",
            pd.DataFrame(lines).round(2).to_markdown(index=False), ""]  # fmt: skip
    (RESULTS / "11_predicted_first.md").write_text("\n".join(text), "utf-8")
    to_data(both, on)
    print("\n".join(text))


def main() -> None:
    """Predict, or report."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    first = verbs.add_parser("predict", help="write the predictions and the plan")
    first.add_argument("--hardware", default="nvidia-h200-sxm-141gb")
    then = verbs.add_parser("report", help="put predictions and measurements side by side")
    then.add_argument("measured", type=Path)
    then.add_argument("--on", required=True, help="date of the measurements")
    options = parser.parse_args()
    if options.verb == "predict":
        predict(options.hardware)
    else:
        report(options.measured, options.on)


if __name__ == "__main__":
    main()
