"""Do the figures of one answer agree, and do loads keep the order that physics demands?

Identities and orders on deployments drawn over the whole catalogue, by one fixed seed: the share
that breaks each by more than 1 %, and the largest break. Writes results/13_consistency.csv.
Takes about five minutes on a core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from tables import markdown

import guide_ml
from guide_ml import catalogue

RESULTS = Path(__file__).parent / "results"
DEPLOYMENTS, SEED, SLIP = 20_000, 0, 0.01
TIMES = ("batch_latency_s", "ttft_ms", "tpot_ms")
#: What is changed in which mode, and the figures that must not fall with it.
ORDERS = (
    ("twice the batch", "static", {"batch_size": 2.0}, TIMES),
    ("twice the users", "closed", {"concurrency": 2.0}, ("ttft_ms", "tpot_ms")),
    ("twice the prompt", "static", {"input_len": 2.0}, ("batch_latency_s", "ttft_ms")),
    ("twice the prompt", "closed", {"input_len": 2.0}, ("ttft_ms",)),
    ("twice the answer", "static", {"output_len": 2.0}, ("batch_latency_s",)),
)


def drawn(n: int) -> pd.DataFrame:
    """Draw deployments; half of them run batches, half serve users."""
    rng = np.random.default_rng(SEED)
    load, static = np.round(2 ** rng.uniform(0, 9, n)), rng.random(n) < 0.5
    return pd.DataFrame({
        "hardware": rng.choice(catalogue.slugs("hardware"), n),
        "model": rng.choice(catalogue.slugs("model"), n),
        "framework": rng.choice(["vllm", "sglang", "tensorrt-llm", "llama.cpp", "tgi"], n),
        "num_devices": rng.choice([1, 1, 2, 4, 8], n),
        "input_len": np.round(2 ** rng.uniform(2, 14, n)),
        "output_len": np.round(2 ** rng.uniform(1, 11, n)),
        "mode": np.where(static, "static", "closed"),
        "batch_size": np.where(static, load, np.nan),
        "concurrency": np.where(static, np.nan, load),
    })  # fmt: skip


def predicted(table: pd.DataFrame) -> pd.DataFrame:
    """Predict without intervals."""
    return guide_ml.predict_table(table, errors="report", level=None)


def broken(what: str, mode: str, figure: str, slip: pd.Series) -> dict[str, object]:
    """Sum up by how much a rule is broken; below 0 it is kept."""
    slip = slip.replace([np.inf, -np.inf], np.nan).dropna()
    return {"rule": what, "mode": mode, "figure": figure, "deployments": len(slip),
            "share_broken_percent": round(100.0 * float((slip > SLIP).mean()), 3),
            "largest_percent": round(100.0 * max(float(slip.max()), 0.0), 2)}  # fmt: skip


def identities(table: pd.DataFrame, found: pd.DataFrame) -> list[dict[str, object]]:
    """Compare figures that follow from each other."""
    flight_s = (found["ttft_ms"] + (table["output_len"] - 1) * found["tpot_ms"]) / 1000.0
    static = table["mode"] == "static"
    batch = (flight_s / found["batch_latency_s"] - 1.0).abs()
    served = (table["concurrency"] * table["output_len"] / flight_s / found["output_tok_s"]
              - 1.0).abs()  # fmt: skip
    return [
        broken("latency = TTFT + further tokens x TPOT", "static", "batch_latency_s",
               batch[static]),
        broken("throughput = users x tokens / time in flight", "closed", "output_tok_s",
               served[~static]),
    ]  # fmt: skip


def main() -> None:
    """Predict, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deployments", type=int, default=DEPLOYMENTS)
    parser.add_argument("--out", type=Path, default=RESULTS / "13_consistency.csv")
    asked = parser.parse_args()
    table = drawn(asked.deployments)
    found = predicted(table)
    rows = identities(table, found)
    for what, mode, factors, figures in ORDERS:
        mine = (table["mode"] == mode) & found["ttft_ms"].notna()
        heavier = table[mine].assign(**{k: f * table[k][mine] for k, f in factors.items()})
        then = predicted(heavier)
        rows += [broken(what, mode, name, 1.0 - then[name] / found[name][mine])
                 for name in figures]  # fmt: skip
    out = pd.DataFrame(rows)
    asked.out.parent.mkdir(exist_ok=True)
    out.to_csv(asked.out, index=False)
    print(markdown(out))


if __name__ == "__main__":
    main()
