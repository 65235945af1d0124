"""How wrong each trained set was, one after another: results/14_history.csv.

`--what` says in a few words what changed with the shipped set; its errors are read from
results/01_accuracy.csv. A set that is in the table already gets its line anew, and keeps its date
and, unless others are given, its words.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from tables import shipped

RESULTS = Path(__file__).parent / "results"
HISTORY = RESULTS / "14_history.csv"
SPLITS = ("deployment", "model", "hardware", "source")
TARGETS = ("batch_latency_s", "ttft_ms", "tpot_ms", "output_tok_s")


def line(accuracy: pd.DataFrame, today: str, what: str) -> dict[str, object]:
    """Medians of a set by split, targets side by side."""
    own = accuracy[(accuracy["method"] == "guide-ml") & (accuracy["set"] == shipped())]
    medians = own.set_index(["split", "target"])["median_ape"]
    if missing := [s for s in SPLITS if s not in medians.index.get_level_values("split")]:
        raise SystemExit(f"01_accuracy.csv has no rows of set {shipped()} on {', '.join(missing)}:"
                         " run 01_accuracy.py")  # fmt: skip
    errors = {s: " / ".join(f"{medians[s, t]:.1f}" for t in TARGETS) for s in SPLITS}
    return {"set": shipped(), "date": today, "what": what} | errors


def main() -> None:
    """Add the shipped set."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--what", help="what changed with the shipped set")
    table = pd.read_csv(HISTORY, keep_default_na=False)
    known = table[table["set"] == shipped()].to_dict("records")
    before = known[0] if known else {"date": datetime.now(UTC).date().isoformat(),
                                     "what": "fitted anew"}  # fmt: skip
    new = line(pd.read_csv(RESULTS / "01_accuracy.csv"), str(before["date"]),
               ask.parse_args().what or str(before["what"]))  # fmt: skip
    table = pd.concat([table[table["set"] != shipped()], pd.DataFrame([new])])
    table.to_csv(HISTORY, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
