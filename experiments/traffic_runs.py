"""Measured open and disaggregated runs, and what is simulated of them: for 14_traffic.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guide_ml.api import predict_table
from guide_ml.calibration.fit import calibrate
from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import NAMES
from guide_ml.errors import GuideError
from guide_ml.measurements.read import Values, default_folder, prepare, read_files
from guide_ml.predictions.run import ask, predictor_of
from guide_ml.profiles import Profile
from guide_ml.simulation.asked import rows as one_row
from guide_ml.simulation.lessons import factor, instead
from guide_ml.simulation.names import POOL_COLUMNS
from guide_ml.simulation.opened import Opened, opened
from guide_ml.simulation.prepared import prepared
from guide_ml.simulation.reading import as_closed
from guide_ml.simulation.steady import scaled, seen
from guide_ml.table.read import DESCRIPTORS, Definitions
from guide_ml.training.crossval import predict_values
from guide_ml.training.dataset import build

__all__ = ["FIGURES", "SAME", "Held", "asked", "calibrated", "errors", "keys", "measured",
           "split_errors", "split_runs", "told", "unseen_deployment", "unseen_source"]  # fmt: skip

#: Lessons without those of a deployment (first) or of a source (second), the other being blank.
Held = Callable[[str, str], Profile]

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
#: What makes two runs ones of the same machine and engine.
SAME = ["source", "hardware", "vcpus", "host_mem_gb", "model", "weight_dtype", "num_devices", "tp",
        "framework", "framework_version", "max_num_batched_tokens"]  # fmt: skip
BATCH, LEVEL, TAUGHT, ASKED, CLOSED = 50, 0.9, 5, 6, 20


def _all(mode: str) -> pd.DataFrame:
    files = sorted(default_folder().glob("*.parquet"))
    table = pd.concat([pd.read_parquet(f) for f in files], ignore_index=True)
    plain = table["flags"].astype("string").fillna("") == ""
    return table[(table["mode"] == mode) & plain]


def _drawn(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    rows = rows.sample(frac=1.0, random_state=0)
    return rows[rows.groupby("source").cumcount() < most].sort_index().reset_index(drop=True)


def measured(most: int) -> pd.DataFrame:
    """Return open runs without a flag, at most so many of a source, drawn at random."""
    rows = _all("open")
    return _drawn(rows[rows["request_rate_rps"].notna() & ~rows["source"].isin(LEFT_OUT)], most)


def asked(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what is asked of the simulation."""
    out = rows[[c for c in DESCRIPTORS if c in rows]].copy()
    out["ttft_stat"] = out["tpot_stat"] = ""
    out["arrival"] = rows["arrival"].astype("string").fillna("poisson").astype(str)
    out["replicas"], out["length_cv"] = rows["replicas"], rows["source"].map(CV).fillna(0.0)
    return out


def told(rows: pd.DataFrame, moved: dict[str, pd.DataFrame], held: Held) -> pd.DataFrame:
    """Put what is simulated beside what was measured: as shipped, and with each set of shifts."""
    parts = []
    for start in range(0, len(rows), BATCH):
        some = rows.iloc[start : start + BATCH].reset_index(drop=True)
        table = asked(some)
        done = opened(table, Definitions(), level=LEVEL)
        shipped = _figures(done)
        parts.append(pd.concat([some, shipped], axis=1).assign(part="as shipped"))
        for name, shift in moved.items():
            source = name == "source unseen"
            first = [held("", one) if source else held(key, "")
                     for key, one in zip(keys(table), some["source"], strict=True)]  # fmt: skip
            found = _moved(table, done, shift, first)
            for metric in ("ttft_ms", "tpot_ms", "e2e_ms"):  # as wide as those that are shipped
                for end in ("low", "high"):
                    wide = shipped[f"{metric}/{end}"] / shipped[f"{metric}/mean"]
                    found[f"{metric}/{end}"] = found[f"{metric}/mean"] * wide
            parts.append(pd.concat([some, found], axis=1).assign(part=name))
        print(f"  {start}/{len(rows)}", file=sys.stderr, flush=True)
    return pd.concat(parts, ignore_index=True)


def _cells(found: Any) -> dict[str, Any]:
    if found is None:
        return {}
    cells = {f"{m}/{s}": v for m, by in found.figures.items() for s, v in by.items()}
    return cells | {"overloaded": found.overloaded, "rate": found.output_tok_s}


def _figures(done: Opened) -> pd.DataFrame:
    out = []
    for error, found, low, high in zip(done.errors, done.seen, done.low, done.high, strict=True):
        ends = {f"{k}/{end}": v for end, by in (("low", low), ("high", high))
                for k, v in by.items()}  # fmt: skip
        out.append({"error": str(error), **_cells(found), **ends})
    return pd.DataFrame(out)


def _moved(
    table: pd.DataFrame, done: Opened, shift: pd.DataFrame, first: list[Profile]
) -> pd.DataFrame:
    """Simulate with steps as estimators would say that had not seen the deployment."""
    _, resolved = ask(as_closed(table, 1.0), Definitions())
    key, chosen, out = keys(table), predictor_of(None), []
    for i, row in enumerate(done.rows):
        if row is None:
            out.append({"error": str(done.errors[i])})
            continue
        own, ends = prepared(resolved, i, chosen), (0.0, 0.0)
        if key[i] in shift.index:
            ends = tuple(shift.loc[key[i], ["ttft_ms", "tpot_ms"]].fillna(0.0))
        count = row.replicas * own.asked.replicas
        own = replace(own, first=factor(first[i], one_row(resolved, i, 1)))
        found = seen(scaled(own, *np.exp(ends)), row.load, count, row.router, 0)
        out.append({"error": "", **_cells(found), "unseen": key[i] not in shift.index})
    return pd.DataFrame(out)


def keys(table: pd.DataFrame) -> pd.Series:
    """Name the deployment of each row, as the split by deployments does."""
    # A column of one type stays that type where pandas keeps blanks apart: text must be asked for.
    parts = [table[c].astype(object).map(str) for c in ("hardware", "model", "framework")]
    names = parts[0] + "|" + parts[1] + "|" + parts[2]
    return names + "|" + table["num_devices"].astype(float).astype(str)


def unseen_deployment(rows: pd.DataFrame) -> pd.DataFrame:
    """Return by deployment how far held-out predictions of its closed loads lie off the set's own.

    The set keeps what was predicted of each of its rows without the row's deployment.

    Returns
    -------
    DataFrame
        Medians of log(held out / of the set), columns ``ttft_ms`` and ``tpot_ms``. A deployment
        that is missing has no closed run: the set has not seen it anyhow.
    """
    held = predictor_of(None).knowledge.measured.rows
    join = ["source", "source_ref", "concurrency", "ttft_ms", "tpot_ms"]
    held = held[[*join, "held_out_ttft_ms", "held_out_tpot_ms"]]
    closed = _all("closed")
    closed = closed[keys(closed).isin(keys(rows).unique())].merge(held, on=join)
    closed = closed.groupby(keys(closed)).head(CLOSED).reset_index(drop=True)
    own = predict_table(closed[[c for c in DESCRIPTORS if c in closed]].assign(
        ttft_stat="", tpot_stat=""), errors="report", level=None)  # fmt: skip
    off = pd.DataFrame({name: np.log(closed[f"held_out_{name}"] / own[name])
                        for name in ("ttft_ms", "tpot_ms")})  # fmt: skip
    return off.groupby(keys(closed)).median()


def unseen_source(rows: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Do the same for the laboratory of a run, with what ``guide train --keep`` left."""
    known, path = prepare(read_files()), folder / "source.npz"
    data, stored = build(known), np.load(path)
    if str(stored["data"]) != known.sha256:
        sys.exit(f"{path} is of other measurements: train again with --keep")
    v = data.values
    key = keys(known.table).to_numpy(object)[v.row]
    closed = known.resolved.columns["mode"][v.row] == MODES.index("closed")
    latency = np.isin(v.target, [NAMES.index("ttft_ms"), NAMES.index("tpot_ms")])
    keep = closed & latency & (v.statistic == 0) & np.isin(key, keys(rows).unique())
    some = Values(v.row[keep], v.target[keep], v.statistic[keep], v.value[keep])
    own = predict_values(predictor_of(None).fitted, known.resolved, some)
    frame = pd.DataFrame({"key": key[keep], "target": np.asarray(NAMES)[some.target],
                          "off": stored["predicted"][keep] - own})  # fmt: skip
    found = frame.pivot_table(index="key", columns="target", values="off", aggfunc="median")
    return found.reindex(columns=["ttft_ms", "tpot_ms"])


def calibrated(most: int, held: Held) -> pd.DataFrame:
    """Let five runs of a deployment calibrate it, and predict others of its runs.

    Lessons are without the deployment.
    """
    rows = measured(100_000)
    code = rows.groupby(SAME, dropna=False).ngroup()
    large = code.map(code.value_counts()) >= TAUGHT + 2
    parts, count = [], {}
    for group in pd.unique(code[large].sample(frac=1.0, random_state=0)):
        some = rows[code == group].sample(frac=1.0, random_state=0)
        source = some["source"].iloc[0]
        if count.get(source, 0) >= most:
            continue
        taught, others = some.iloc[:TAUGHT], some.iloc[TAUGHT : TAUGHT + ASKED]
        others = others.reset_index(drop=True)
        table = asked(taught)
        with instead(held(keys(table).iloc[0], "")):
            try:
                names = ("ttft_ms", "tpot_ms", "e2e_ms")
                profile = calibrate(table.assign(**{name: taught[name] for name in names}))
            except GuideError as error:
                print(f"  {source}: {error}", file=sys.stderr)
                continue
            count[source] = count.get(source, 0) + 1
            done = opened(asked(others), Definitions(), None, None, profile)
        parts.append(pd.concat([others, _figures(done)], axis=1))
    return pd.concat(parts, ignore_index=True).assign(part="five runs")


def split_runs(most: int) -> pd.DataFrame:
    """Predict disaggregated runs whose workers are stated; none of them trained anything."""
    layouts = pd.read_parquet(Path(__file__).parent / "data" / "split_layouts.parquet")
    join = ["source", "source_ref", "concurrency", "ttft_ms"]
    rows = _all("disagg").merge(layouts, on=join, suffixes=("_whole", ""))
    rows = _drawn(rows[rows["input_len"].notna() & rows["output_len"].notna()], most)
    table = rows[[c for c in (*DESCRIPTORS, *POOL_COLUMNS) if c in rows]].copy()
    layout = ("ttft_stat", "tpot_stat", "num_requests", "tp", "pp", "dp", "ep")
    table = table.drop(columns=[c for c in layout if c in table])
    done = opened(table, Definitions())
    return pd.concat([rows, _figures(done)], axis=1)


def split_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Errors in percent of TPOT and throughput; where it is not stated, it follows by Little."""
    whole_s = (rows["ttft_ms"] + rows["tpot_ms"] * (rows["output_len"] - 1.0)) / 1e3
    rate = rows["output_tok_s"].fillna(rows["concurrency"] * rows["output_len"] / whole_s)
    return pd.DataFrame({
        "source": rows["source"], "source_ref": rows["source_ref"],
        "TPOT": 100.0 * (rows["tpot_ms/mean"] / rows["tpot_ms"] - 1.0),
        "throughput": 100.0 * (rows["rate"] / rate - 1.0), "error": rows["error"],
    })  # fmt: skip


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """Errors in percent of each figure of each run; NaN where one of both is missing."""
    out = {"part": table["part"], "source": table["source"]}
    for name, (column, metric, stat) in FIGURES.items():
        value = table[f"{metric}/{stat}"]
        if f"{metric[:4]}_stat" in table and stat == "mean":
            said = table[f"{metric[:4]}_stat"].astype("string").isin(["median", "p50"])
            value = value.where(~said.fillna(False).astype(bool), table[f"{metric}/median"])
        out[name] = 100.0 * (value / table[column] - 1.0)
        if stat == "mean" and f"{metric}/low" in table:
            within = table[column].between(table[f"{metric}/low"], table[f"{metric}/high"])
            has = table[column].notna() & table[f"{metric}/low"].notna()
            out[f"{name} within"] = within.astype(float).where(has)
    return pd.DataFrame(out)
