"""Predicted before measured: Transformers on one GPU that is at hand.

``predict`` writes what the shipped estimators say of every case, before any of them was measured:
results/11_predicted_first_cases.csv, and the plan for the GPU, 11_plan.json. ``measure.py`` of
predicted_first/ is then run where the GPU is; what it wrote lies in data/predicted_first_*.csv.
``report`` puts both side by side in results/11_predicted_first.{csv,md} and writes the measurements
as a source of our own, data/measurements/guide-ml-transformers.parquet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from predicted_first import cases
from tables import markdown, shipped, stamp

import guide_ml

RESULTS = Path(__file__).parent / "results"
CASES, PLAN = RESULTS / "11_predicted_first_cases.csv", RESULTS / "11_plan.json"
MEASURED = sorted((Path(__file__).parent / "data").glob("predicted_first_*.csv"))
SOURCE = "guide-ml-transformers"
MEASURED_ON = "2026-11-26"
SLOW = 1.3  # a step so much longer than one of a larger batch of the same model was held up
DATA = Path(__file__).parent.parent / "data" / "measurements"
TARGETS = ("batch_latency_s", "ttft_ms", "tpot_ms", "output_tok_s")
SIZES = ((0, 2, "below 2B"), (2, 10, "2B to 10B"), (10, 100, "10B and more"))


def predict(hardware: str) -> None:
    """Write the cases with their predictions, and the plan for the GPU."""
    if MEASURED:  # what is trained on them now cannot predict them unseen
        raise SystemExit(f"{CASES.name} was written before {MEASURED[0].name}; it is kept")
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
        "set": shipped(),
        "models": {n: {"config": cases.config(n), "dtype": cases.MODELS[n][1]} for n in names},
        "cases": both[["case", "model", "batch_size", "input_len", "output_len"]]
        .astype({"batch_size": int, "input_len": int, "output_len": int}).to_dict("records"),
    }  # fmt: skip
    PLAN.write_text(json.dumps(plan, indent=1) + "\n", "utf-8")
    print(f"{len(both)} cases of {len(names)} models predicted")


def measured() -> pd.DataFrame:
    """Join the cases with what was measured, last run first; the rest follows by definition."""
    found = pd.concat([pd.read_csv(path) for path in reversed(MEASURED)])
    found = found[found["error"].fillna("") != "no time left"].drop_duplicates("case")
    both = pd.read_csv(CASES).merge(found, on="case", how="inner", suffixes=("", "_measured"))
    rest_ms = 1e3 * both["batch_latency_s_measured"] - both["ttft_ms_measured"]
    both["tpot_ms_measured"] = rest_ms / (both["output_len"] - 1)
    tokens = both["batch_size"] * both["output_len"]
    both["output_tok_s_measured"] = tokens / both["batch_latency_s_measured"]
    return both.assign(flags=held_up(both))


def held_up(both: pd.DataFrame) -> list[str]:
    """Flag a case whose step took clearly longer than one of more work: the host was busy."""
    flags = []
    for row in both.itertuples():
        more = both[(both["model"] == row.model) & (both["batch_size"] >= row.batch_size)
                    & (both["batch_size"] * both["input_len"] >= row.batch_size * row.input_len)]
        slow = row.tpot_ms_measured > SLOW * more["tpot_ms_measured"].min()
        flags.append("host-held-up" if slow else "")
    return flags


def to_data(good: pd.DataFrame) -> None:
    """Write the measurements in the project's own form."""
    form = pd.read_parquet(DATA / "gpt-fast-readme.parquet").iloc[:0]
    own = good[list(form.columns.intersection(good.columns).difference(TARGETS))].copy()
    own = own.assign(**{t: good[f"{t}_measured"] for t in TARGETS})
    where = "experiments/results/11_predicted_first.csv: case "
    own["source"], own["source_ref"] = SOURCE, where + good["case"].astype(str)
    own["measured_on"] = MEASURED_ON
    own["ttft_stat"], own["tpot_stat"] = "mean", "mean"
    own["flags"] = good["flags"].replace("", None)
    own = own.reindex(columns=form.columns).astype(form.dtypes.to_dict())
    own.to_parquet(DATA / f"{SOURCE}.parquet", index=False)


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


def report() -> None:
    """Write the table of both, and the source of our own."""
    both = measured()
    both.to_csv(RESULTS / "11_predicted_first.csv", index=False, float_format="%.6g")
    good = both[both["error"].fillna("") == ""]
    size = good["model"].map(lambda m: guide_ml.catalogue.model(m).params_total_b)
    experts = good["model"].map(lambda m: guide_ml.catalogue.model(m).num_experts > 0)
    lines = [errors(good, "all")]
    lines += [errors(good[(size >= a) & (size < b)], text) for a, b, text in SIZES]
    lines += [errors(good[~experts], "dense"), errors(good[experts], "mixture of experts")]
    lines += [errors(part, f"batch {int(b)}") for b, part in good.groupby("batch_size")]
    lines += [errors(part, str(m)) for m, part in good.groupby("model", sort=False)]
    told = good.iloc[0]
    text = ["# Predicted before measured\n", "Written by `experiments/11_predicted_first.py`:"
            f" {len(good)} static batches of {good['model'].nunique()} models with random weights,"
            f" Transformers {told['transformers']}, PyTorch {told['torch']}, {told['device']},"
            f" measured {MEASURED_ON}; {len(both) - len(good)} more ran out of memory,"
            f" {int((good['flags'] != '').sum())} were held up by the host (flagged, not trained"
            " on). The predictions are of estimators that had seen none of them.\n",
            stamp([json.loads(PLAN.read_text("utf-8"))["set"]]) + "\n",
            markdown(pd.DataFrame(lines).round(2)), ""]  # fmt: skip
    (RESULTS / "11_predicted_first.md").write_text("\n".join(text), "utf-8")
    to_data(good)
    print("\n".join(text))


def main() -> None:
    """Predict, or report."""
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", help="report by default")
    first = verbs.add_parser("predict", help="write the predictions and the plan")
    first.add_argument("--hardware", default="nvidia-h200-sxm-141gb")
    verbs.add_parser("report", help="put predictions and measurements side by side")
    options = parser.parse_args()
    if options.verb == "predict":
        predict(options.hardware)
    else:
        report()


if __name__ == "__main__":
    main()
