"""How good are decisions made by predictions, judged by measurements?

(a) The LLM-Pilot benchmark: GPUs for ten LLMs, each unseen. (b) Measured servers: the cheapest
deployment within limits of TTFT and TPOT, every candidate unseen. Writes results/07_decisions*.
Takes 15 to 20 minutes on two idle cores; --reuse scores the predictions of the last run again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from decisions import expected, pilot, served
from decisions.scoring import markdown, success_and_overspend
from tables import set_of, sets_in, stamp

from guide_ml.measurements.read import Measurements, prepare, read_files
from guide_ml.training.crossval import out_of_fold
from guide_ml.training.dataset import build

RESULTS = Path(__file__).parent / "results"
PILOT, CANDIDATES = "07_decisions_pilot_cases.csv", "07_decisions_candidates.parquet"
PAIRS = "07_decisions_pilot_pairs.parquet"
OWN = served.OWN
SEED = 0
WORST = 8


def tell(done: int, total: int, text: str) -> None:
    """Show progress."""
    print(f"  {text} {done}/{total}", file=sys.stderr, flush=True)


def benchmark(measured: Measurements, reuse: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the cases of the benchmark, and those of pairs of LLMs that were left out."""
    if not reuse:
        cases, pairs = pilot.predict(measured, SEED, tell)
        cases.to_csv(RESULTS / PILOT, index=False, float_format="%.6g")
        kept = [*pilot.WHERE, "unseen", "price_usd_h", *pilot.TARGETS,
                *(f"{OWN} {t}" for t in pilot.TARGETS)]  # fmt: skip
        pairs[kept].to_parquet(RESULTS / PAIRS, index=False)
    return pd.read_csv(RESULTS / PILOT), pd.read_parquet(RESULTS / PAIRS)


def servers(measured: Measurements, reuse: bool) -> pd.DataFrame:
    """Predict the served candidates, unseen."""
    if not reuse:
        data = build(measured)
        logs, physics = out_of_fold(measured, data, "deployment", SEED, progress=tell)
        found = served.candidates(measured, data, logs, physics)
        found.to_parquet(RESULTS / CANDIDATES, index=False)
    return pd.read_parquet(RESULTS / CANDIDATES)


def scores(choices: pd.DataFrame, name: str) -> pd.DataFrame:
    """One row for each method, best first."""
    rows = [{"set": name, "method": method} | success_and_overspend(part)
            for method, part in choices.groupby("method", sort=False)]  # fmt: skip
    return pd.DataFrame(rows).sort_values("s_o", ascending=False, kind="stable")


def why(row: pd.Series) -> str:
    """Say what a bad decision on measured servers came from."""
    limits = {t: row[t.replace("_ms", "_limit_ms")] for t in served.TARGETS}
    if not row["success"]:
        broken = [f"{t.split('_')[0].upper()} measured {row[f'measured_{t}']:.0f} ms, predicted"
                  f" {row[f'predicted_{t}']:.0f}" for t, most in limits.items()
                  if row[f"measured_{t}"] > most]  # fmt: skip
        return "; ".join(broken)
    feared = [f"{t.split('_')[0].upper()} of the cheapest predicted"
              f" {row[f'cheapest_predicted_{t}']:.0f} ms, measured"
              f" {row[f'cheapest_measured_{t}']:.0f}" for t, most in limits.items()
              if row[f"cheapest_predicted_{t}"] > most]  # fmt: skip
    return "; ".join(feared)


def worst(choices: pd.DataFrame) -> pd.DataFrame:
    """Worst decisions on measured servers, one a model and workload: failures, then overspend."""
    own = choices[(choices["method"] == OWN) & choices["answered"]].copy()
    excess = [own[f"measured_{t}"] / own[t.replace("_ms", "_limit_ms")] for t in served.TARGETS]
    own["missed_by"] = pd.concat(excess, axis=1).max(axis=1).where(~own["success"])
    key = ["model", "workload"]
    failed = own[~own["success"]].sort_values("missed_by", ascending=False)
    dear = own[own["success"]].sort_values("overspend", ascending=False)
    both = pd.concat([part.drop_duplicates(key).head(WORST) for part in (failed, dear)])
    both["what"] = [f"misses by {m:.2f} x" if m == m else f"overspends {100 * o:.0f} %"
                    for m, o in zip(both["missed_by"], both["overspend"], strict=True)]  # fmt: skip
    both["limits"] = [f"{a:.0f} / {b:.0f} ms" for a, b in
                      zip(both["ttft_limit_ms"], both["tpot_limit_ms"], strict=True)]  # fmt: skip
    both["why"] = both.apply(why, axis=1)
    return both[["model", "workload", "users", "limits", "what", "chosen", "cheapest", "why"]]


def causes(choices: pd.DataFrame) -> pd.DataFrame:
    """Count the failures of the point estimate by limit and by how far it was missed."""
    failed = choices[(choices["method"] == OWN) & choices["answered"] & ~choices["success"]]
    rows = []
    for target in served.TARGETS:
        ratio = failed[f"measured_{target}"] / failed[target.replace("_ms", "_limit_ms")]
        missed = ratio[ratio > 1]
        rows.append({"limit": target, "failures": len(missed),
                     "missed by < 10 %": int((missed < 1.1).sum()),
                     "10-25 %": int(missed.between(1.1, 1.25, inclusive="left").sum()),
                     "25-100 %": int(missed.between(1.25, 2, inclusive="left").sum()),
                     "> 100 %": int((missed >= 2).sum())})  # fmt: skip
    return pd.DataFrame(rows)


def served_scores(candidates: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decide on all candidates, and once more where AIConfigurator answers every one."""
    choices = served.decide(candidates, served.METHODS)
    known = candidates[f"{served.PEER_NAME} ttft_ms"].notna()
    known &= candidates[f"{served.PEER_NAME} tpot_ms"].notna()
    beside = served.decide(candidates[known], (*served.METHODS, served.PEER_NAME))
    both = [scores(choices, "measured servers"), scores(beside, "where AIConfigurator answers")]
    return choices, pd.concat(both)


def report(
    cases: pd.DataFrame, picks: pd.DataFrame, choices: pd.DataFrame, table: pd.DataFrame,
    sets: tuple[str, ...],
) -> str:  # fmt: skip
    """Write the page."""
    shown = table.drop(columns="set")
    own = picks[picks["method"].isin([expected.NAME, OWN])]
    columns = ["method", "model", "hardware", "num_devices", "predicted_users", "users", "pods",
               "usd_h", "success", "overspend", "cheapest", "cheapest_users", "cheapest_usd_h",
               "why"]  # fmt: skip
    own = own.assign(why=[pilot.why(cases, row) for row in own.to_dict("records")])
    requests = choices[choices["method"] == OWN]
    return "\n".join([
        "# Decisions judged by measurements\n",
        "Written by `experiments/07_decisions.py`. Success: the limits hold in truth. Overspend:"
        " above the truly cheapest, over the successes. S/O: harmonic mean of the success rate and"
        " 1 - mean overspend. Answered: the method found a deployment that it took for good.\n",
        stamp(sets) + "\n",
        "## LLM-Pilot: GPUs for an LLM that was never measured\n",
        "200 users, median nTTFT <= 100 ms, median ITL <= 50 ms; ten LLMs, each predicted by"
        " estimators that saw no row of its architecture from any source. The other methods are"
        " scored from their published predictions.\n",
        f"`{OWN}` and the other methods take point estimates for the truth. `{expected.NAME}`"
        " chooses the GPUs and the number of pods with the best expected success x"
        " (1 - overspend), where predictions err as they did on the other nine LLMs: these errors"
        " are of sets that saw neither that LLM nor the one that is decided on.\n",
        markdown(shown[table["set"] == "LLM-Pilot"]), "\n### Each decision of guide-ml\n",
        markdown(own[columns]), "\n### Errors of the targets on the same rows, percent\n",
        markdown(pilot.errors(cases, (OWN, *pilot.METHODS))),
        "\n## Measured servers: the cheapest deployment within TTFT and TPOT\n",
        f"{len(requests)} requests on {requests.groupby(['model', 'workload']).ngroups} pairs of"
        f" model and workload ({requests['model'].nunique()} models): {served.USERS} users, TTFT of"
        f" {served.TTFT_MS} ms, TPOT of {served.TPOT_MS} ms, where some but not all candidates hold"
        f" both (median of {requests['candidates'].median():.0f} candidates). The method"
        f" '{served.POPULAR}' knows the truth of the commonest GPU and looks at no other.\n",
        markdown(shown[table["set"] == "measured servers"]),
        "\n### Where AIConfigurator answers\n",
        markdown(shown[table["set"] == "where AIConfigurator answers"]),
        "\n### Failures of guide-ml's point estimate by limit\n", markdown(causes(choices)),
        "\n### Its worst decisions, one a model and workload\n", markdown(worst(choices)), "",
    ])  # fmt: skip


def main() -> None:
    """Predict, decide, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reuse", action="store_true", help="score the last predictions again")
    reuse = parser.parse_args().reuse
    RESULTS.mkdir(exist_ok=True)
    measured = prepare(read_files())
    cases, pairs = benchmark(measured, reuse)
    candidates = servers(measured, reuse)
    picks = pd.concat([expected.decide(cases, pairs, SEED),
                       *(pilot.decide(cases, m) for m in (OWN, *pilot.METHODS))])  # fmt: skip
    choices, table = served_scores(candidates)
    table = pd.concat([scores(picks, "LLM-Pilot"), table])
    table.to_csv(RESULTS / "07_decisions.csv", index=False, float_format="%.4g")
    picks.to_csv(RESULTS / "07_decisions_pilot.csv", index=False, float_format="%.6g")
    page = RESULTS / "07_decisions.md"
    sets = sets_in(page.read_text("utf-8")) if reuse else (set_of(measured.sha256),)
    text = report(cases, picks, choices, table, sets)
    page.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
