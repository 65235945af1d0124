"""Lessons that measured open loads teach of first tokens: for 14_lessons.py and 14_traffic.py."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from traffic_runs import SAME, Held, asked, keys, measured

from guide_ml.describe.targets import NAMES
from guide_ml.errors import GuideError
from guide_ml.predictions.run import ask, predictor_of
from guide_ml.profiles import Profile
from guide_ml.profiles.effects import LOADS, TRAITS, traits
from guide_ml.profiles.shrink import cells
from guide_ml.simulation.lessons import in_use
from guide_ml.simulation.prepared import prepared
from guide_ml.simulation.reading import as_closed, read_row
from guide_ml.simulation.run import Replica
from guide_ml.simulation.steady import seen
from guide_ml.table.read import Definitions

__all__ = ["APART", "drawn", "learned", "lessons", "without"]

#: Runs of a deployment, and of a source, at most.
EACH, MOST = 4, 60
#: First tokens that come so many times as late as a lone user's were mostly waited for.
WAITED = 2.0
#: Runs that lie further off, in logarithms, teach nothing: what they tell is of a setting that
#: nobody stated (ten scheduler steps at once, prompts that were cached), not of open loads.
APART = 0.5
#: Sends the same prompts at every rate to a server that keeps prefixes.
REPEATED = ("digitalocean-gtc2026",)


def drawn() -> pd.DataFrame:
    """Return the runs that may teach, so many of each deployment and source, at random."""
    rows = measured(100_000)
    alone = pd.to_numeric(rows["shared_prefix_len"]).fillna(0) == 0
    rows = rows[rows["ttft_ms"].notna() & alone].sample(frac=1.0, random_state=1)
    rows = rows[rows.groupby(SAME, dropna=False).cumcount() < EACH]
    return rows[rows.groupby("source").cumcount() < MOST].sort_index().reset_index(drop=True)


def learned(rows: pd.DataFrame) -> pd.DataFrame:
    """Simulate runs as closed loads say, and compare their first tokens.

    Queues make errors larger than those that they come from: runs that mostly wait are left out.

    Returns
    -------
    DataFrame
        A row each: source, deployment, ``log_ratio`` (measured over simulated), traits and load.
    """
    table, out = asked(rows), []
    _, resolved = ask(as_closed(table, 1.0), Definitions())
    what = traits(resolved.columns, resolved.names).assign(sequences=1.0)
    names = keys(table)
    for i in range(len(rows)):
        if i % 20 == 0:
            print(f"  {i}/{len(rows)}", file=sys.stderr, flush=True)
        try:
            if resolved.errors[i]:
                continue
            own = replace(prepared(resolved, i, predictor_of(None)), first=1.0)
            ratio = _ratio(own, rows.iloc[i], table.iloc[i])
        except GuideError as error:
            print(f"  {rows['source'][i]}: {error}", file=sys.stderr)
            continue
        if np.isfinite(ratio):
            known = {"source": rows["source"][i], "deployment": names[i], "log_ratio": ratio}
            out.append(known | {str(k): v for k, v in what.iloc[i].items()})
    return pd.DataFrame(out)


def _ratio(own: Replica, run: pd.Series, cells_of: pd.Series) -> float:
    """Logarithm of measured over simulated; NaN of a run that mostly waits."""
    row: Any = read_row(cells_of)
    load = replace(row.load, input_len=own.asked.input_len, output_len=own.asked.output_len)
    found = seen(own, load, row.replicas * own.asked.replicas, row.router, 0)
    said = str(run["ttft_stat"]).lower() in ("median", "p50")
    first = found.figures["ttft_ms"]["median" if said else "mean"]
    if not first < WAITED * 1e3 * own.asked.loads.ttft_s[0]:
        return float("nan")
    return float(np.log(run["ttft_ms"] / first))


def lessons(taught: pd.DataFrame, trained_set: str) -> Profile:
    """Make a profile of what was learned."""
    taught = taught[(taught["log_ratio"].abs() <= APART) & ~taught["source"].isin(REPEATED)]
    ratio = taught["log_ratio"].to_numpy(float)
    target = np.full(len(taught), NAMES.index("ttft_ms"), dtype=np.intp)
    what = taught[[*TRAITS, *LOADS]].reset_index(drop=True)
    sources = {name: int(n) for name, n in taught["source"].value_counts().sort_index().items()}
    return Profile(cells(what, target, ratio), trained_set, {"rows": len(taught), **sources})


def without(path: Path) -> Held:
    """Return what makes lessons without a deployment or a source, each kept once it is made."""
    taught, trained = pd.read_parquet(path), in_use().trained_set

    @cache
    def held(deployment: str, source: str) -> Profile:
        out = (taught["deployment"] == deployment) | (taught["source"] == source)
        return lessons(taught[~out], trained)

    return held
