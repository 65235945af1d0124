"""Three real deployments, predicted, beside what was measured on them; and what to rent.

The shipped estimators were trained on these rows too, so the second prediction of each is of
estimators that saw no row of that deployment. The trained set carries it for every row.

Then a question of planning: the cheapest way to serve a 70B chat model to 200 users within limits.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from tables import CARD

import guide_ml
from guide_ml.measurements.derive import complete
from guide_ml.measurements.read import default_folder

METRICS = ("batch_latency_s", "ttft_ms", "tpot_ms", "output_tok_s")
#: A data-centre server, one consumer GPU with llama.cpp, a static batch: each is one row.
CASES = {
    "Llama-3.1-70B in FP8 on 4 x H200, vLLM serving 64 users": {
        "source": "aiconfigurator-silicon", "hardware": "nvidia-h200-sxm-141gb",
        "model": "meta-llama/Llama-3.1-70B-Instruct", "framework": "vllm", "num_devices": 4,
        "concurrency": 64,
    },
    "Llama-2-7B in 4 bits on one RTX 4090, llama.cpp, one user": {
        "source": "mlc-llm-perf-bench", "hardware": "nvidia-rtx-4090-24gb",
        "model": "meta-llama/Llama-2-7b-hf",
        "framework": "llama.cpp", "num_devices": 1, "weight_dtype": "int4",
    },
    "Llama-3-8B in FP16 on one H100, vLLM, a batch of 16 x (1024 + 1024)": {
        "source": "argonne-llm-inference-bench", "hardware": "nvidia-h100-sxm-80gb",
        "model": "meta-llama/Meta-Llama-3-8B", "framework": "vllm", "num_devices": 1,
        "batch_size": 16, "input_len": 1024, "output_len": 1024, "weight_dtype": "fp16",
    },
}  # fmt: skip


def measured_row(wanted: dict[str, object]) -> pd.Series:
    """Find the first unflagged row of the data that is the wanted deployment."""
    table = pd.read_parquet(default_folder() / f"{wanted['source']}.parquet")
    keep = table["flags"].isna()
    for column, value in wanted.items():
        keep &= table[column] == value
    return table[keep].iloc[0]


QUESTION = {
    "model": "meta-llama/Llama-3.1-70B-Instruct",
    "workload": {"input_len": 1024, "output_len": 256}, "load": {"users": 200},
    "slo": {"ttft_ms": 1000, "tpot_ms": 50},
}  # fmt: skip


def cheapest(console: Console) -> None:
    """Answer the question, and show why."""
    console.rule("What is the cheapest way to serve a 70B chat model to 200 users?")
    console.print(guide_ml.search(**QUESTION).summary(console.width), markup=False,
                  highlight=False)  # fmt: skip


def show(title: str, row: pd.Series, held_out: dict[str, float]) -> Table:
    """Put measured and predicted figures side by side."""
    predicted = guide_ml.predict_table(pd.DataFrame([row])).iloc[0]
    out = Table(title=title, title_justify="left", caption=f"measured: {row['source']}",
                caption_justify="left")  # fmt: skip
    for name in ("metric", "measured", "predicted", "error", "without this deployment", "error "):
        out.add_column(name, justify="left" if name == "metric" else "right")
    figures = measured_figures(row)
    for metric in METRICS:
        value, guess = figures.get(metric), predicted[metric]
        if not np.isfinite(guess):
            continue
        blind = held_out.get(metric)
        out.add_row(metric, _text(value), _text(guess), _error(guess, value),
                    _text(blind), _error(blind, value))  # fmt: skip
    return out


def measured_figures(row: pd.Series) -> dict[str, float]:
    """Figures of a row with what follows from them by definition."""
    full = complete(pd.DataFrame([row])).iloc[0]
    return {m: float(full[m]) for m in METRICS if pd.notna(full[m])}


def _text(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:,.4g}"


def _error(guess: float | None, value: float | None) -> str:
    return "" if guess is None or value is None else f"{100 * (guess / value - 1):+.1f} %"


def unseen(row: pd.Series, wanted: dict[str, object]) -> dict[str, float]:
    """Look up what the set says of a row that its estimators had not seen."""
    rows = pd.read_parquet(CARD.with_name("measured.parquet"))
    same = rows["source_ref"] == row["source_ref"]
    for column, value in wanted.items():
        same &= rows[column] == value
    one = rows[same].iloc[0]
    found = {m: float(one[f"held_out_{m}"]) for m in METRICS}
    if np.isfinite(found["batch_latency_s"]):
        made = row["batch_size"] * row["output_len"]
        found["output_tok_s"] = float(made / found["batch_latency_s"])
    return found


def main() -> None:
    """Show every case."""
    console = Console(width=130)
    for title, wanted in CASES.items():
        row = measured_row(wanted)
        console.print(show(title, row, unseen(row, wanted)))
    cheapest(console)


if __name__ == "__main__":
    main()
