"""Do weights, memory for the KV cache and its tokens agree with what engines log at start?

Predicts every start of ``data/memory_starts.csv`` and writes ``results/16_memory.csv`` and ``.md``.
Every third origin is held out: no constant of the rules was chosen by its rows alone. Rows were in
view while rules were written, so it is a weaker check than starts that nobody had seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from guide_ml.features import memory
from guide_ml.table.assume import resolve
from guide_ml.table.read import read
from guide_ml.units import GIB

HERE = Path(__file__).parent
ASKED = ("model", "hardware", "framework", "framework_version", "tp", "weight_dtype", "kv_dtype",
         "memory_share", "max_model_len", "max_num_seqs", "max_num_batched_tokens")  # fmt: skip
FIGURES = {"weights": "weights_gib", "memory for KV": "kv_gib", "KV tokens": "kv_tokens",
           "requests": "requests"}  # fmt: skip
THIRD = 3
MANY = 40  # rows of one origin


def starts() -> pd.DataFrame:
    """Read the starts; what is blank is what the engine does by itself."""
    texts = ["framework_version", "weight_dtype", "kv_dtype"]
    return pd.read_csv(HERE / "data" / "memory_starts.csv", dtype=dict.fromkeys(texts, str))


def predicted(table: pd.DataFrame) -> pd.DataFrame:
    """Predict what each start logs."""
    asked = table[list(ASKED)].copy()
    asked["num_devices"] = asked["tp"]
    # One short request: whether the longest one has room, the engine's own rule says.
    asked["concurrency"], asked["input_len"], asked["output_len"] = 1, 128, 128
    resolved = resolve(read(asked))
    account = memory.extract(resolved.columns)
    lines = memory.log_lines(resolved.columns, account)
    out = table[["origin", "model", "hardware", "framework", "ran"]].copy()
    out["error"] = resolved.errors
    out["weights"] = account["weights_byte"] / GIB
    out["memory for KV"] = account["kv_budget_byte"] / GIB
    out["KV tokens"], out["requests"] = account["kv_tokens"], lines.requests
    out["fits"] = account["fits"]
    return out


def held_out(origins: pd.Series) -> np.ndarray:
    """Tell the rows of every third origin, in the order of the file.

    All rows of TensorRT-LLM come from one origin, by which its runtime was set.
    """
    place, _ = pd.factorize(origins)
    once = origins.map(origins.value_counts()) < MANY
    return np.asarray((place % THIRD == THIRD - 1) & once)


def errors(found: pd.DataFrame, logged: pd.DataFrame) -> pd.DataFrame:
    """Relative errors, where something was logged; tokens by requests where only those are."""
    out = pd.DataFrame(index=found.index)
    for name, column in FIGURES.items():
        out[name] = found[name] / logged[column] - 1
    few = logged["kv_gib"] < 0.1 * logged["weights_gib"]
    out.loc[few, "memory for KV"] = np.nan  # the rest of two large numbers: told apart
    return out


def summary(wrong: pd.DataFrame, found: pd.DataFrame, which: np.ndarray, name: str) -> list[str]:
    """Write one line a figure."""
    lines = []
    for figure in FIGURES:
        values = wrong.loc[which, figure].abs().dropna()
        if len(values):
            lines.append(f"| {name} | {figure} | {len(values)} | {100 * values.median():.1f} % |"
                         f" {100 * values.quantile(0.9):.1f} % |")  # fmt: skip
    rows = found[which]
    promised = ((rows["fits"] == 1) & (rows["ran"] == 0)).sum()
    refused = ((rows["fits"] == 0) & (rows["ran"] == 1)).sum()
    return [*lines, f"| {name} | promised, did not run / refused, ran | {len(rows)} |"
                    f" {promised} | {refused} |"]  # fmt: skip


def main() -> None:
    """Predict, compare, write."""
    table = starts()
    found = predicted(table)
    assert not found["error"].str.len().sum(), found["error"].unique()
    wrong, apart = errors(found, table), held_out(table["origin"])
    told = found[["weights", "memory for KV", "KV tokens", "requests", "fits"]]
    out = table.join(told.add_prefix("predicted "))
    out["held_out"] = apart
    results = HERE / "results"
    out.round(4).to_csv(results / "16_memory.csv", index=False)
    engines = table["framework"].to_numpy()
    everything = np.ones(len(table), dtype=bool)
    lines = ["# What engines log at start, and what was predicted", "",
             "Every third origin is held out: no constant was set by its rows alone.",
             "All rows were in view while rules were written.",
             "Errors by row; `memory for KV` where the cache is at least a tenth of the weights.",
             "", "| starts | figure | rows | median | p90 |", "|---|---|---|---|---|",
             *summary(wrong, found, everything, "all"),
             *summary(wrong, found, engines != "tensorrt-llm", "all but TensorRT-LLM"),
             *summary(wrong, found, engines == "tensorrt-llm", "TensorRT-LLM"),
             *summary(wrong, found, ~apart, "seen"), *summary(wrong, found, apart, "held out")]
    text = "\n".join(lines) + "\n"
    (results / "16_memory.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
