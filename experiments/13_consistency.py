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
from tables import markdown, stamp

import guide_ml
from guide_ml import catalogue

RESULTS = Path(__file__).parent / "results"
DEPLOYMENTS, SEED, SLIP = 20_000, 0, 0.01
TIMES = ("batch_latency_s", "ttft_ms", "tpot_ms")
#: What is changed in which mode, and the figures that must not get worse with it: times may not
#: fall with a heavier load, nor rise with a better machine; a rate may not fall with one.
ORDERS = (
    ("twice the batch", "static", {"batch_size": 2.0}, TIMES),
    ("twice the users", "closed", {"concurrency": 2.0}, ("ttft_ms", "tpot_ms")),
    ("twice the prompt", "static", {"input_len": 2.0}, ("batch_latency_s", "ttft_ms")),
    ("twice the prompt", "closed", {"input_len": 2.0}, ("ttft_ms",)),
    ("twice the answer", "static", {"output_len": 2.0}, ("batch_latency_s",)),
)
BETTER = (
    ("a second copy", "static", "copies", TIMES),
    ("a second copy", "closed", "copies", ("ttft_ms", "tpot_ms")),
    ("more room for KV", "closed", "room", ("output_tok_s",)),
    ("more bandwidth", "static", "bandwidth", TIMES),
    ("more bandwidth", "closed", "bandwidth", ("output_tok_s",)),
)
#: What a device must have no less of to be the better one of two with the same silicon.
NO_LESS = ("memory_gb", "fp32_tflops", "fp16_tflops", "bf16_tflops", "fp8_tflops", "int8_tops",
           "fp4_tflops", "l2_mb", "tdp_w", "link_gbs")  # fmt: skip


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


def twins() -> dict[str, str]:
    """Name for each device one of the same silicon with more bandwidth that is no worse at all."""
    every = [catalogue.hardware(name) for name in catalogue.slugs("hardware")]
    whole = [d for d in every if d.sm_count and d.slice_share == 1.0]
    return {
        a.hardware: b.hardware for a in whole for b in whole
        if (a.architecture, a.sm_count) == (b.architecture, b.sm_count)
        and b.mem_bw_gbs > a.mem_bw_gbs
        and all((getattr(b, n) or 0.0) >= (getattr(a, n) or 0.0) for n in NO_LESS)
    }  # fmt: skip


def pair(what: str, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return deployments, and the same on a machine that is better in one way."""
    if what == "room":
        return table.assign(memory_share=0.6), table.assign(memory_share=0.9)
    if what == "copies":  # two processors of one machine are no copies of each other
        one = table[[catalogue.hardware(n).cores is None for n in table["hardware"]]]
        one = one.assign(tp=one["num_devices"], pp=1)
        return one, one.assign(num_devices=2 * one["num_devices"])
    better = twins()
    worse = table.assign(hardware=np.resize(sorted(better), len(table)))
    return worse, worse.assign(hardware=worse["hardware"].map(better))


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
    for what, mode, kind, figures in BETTER:
        worse, better = (predicted(t) for t in pair(kind, table[table["mode"] == mode]))
        both = worse["ttft_ms"].notna() & better["ttft_ms"].notna()
        sign = {name: -1.0 if name == "output_tok_s" else 1.0 for name in figures}
        rows += [broken(what, mode, name, sign[name] * (better[name] / worse[name] - 1.0)[both])
                 for name in figures]  # fmt: skip
    out = pd.DataFrame(rows)
    asked.out.parent.mkdir(exist_ok=True)
    out.to_csv(asked.out, index=False)
    told = f"{stamp()}\n\n{markdown(out)}\n"
    asked.out.with_suffix(".md").write_text(told, encoding="utf-8")
    print(told)


if __name__ == "__main__":
    main()
