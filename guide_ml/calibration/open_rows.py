"""Measured open loads to calibrate with: what they say of the closed loads they are made of.

An open load is simulated from predictions of closed ones. So a run whose first tokens came 20 %
later than simulated says that a lone request takes 20 % longer than predicted, and its TPOT says
the same of as many users as it had in flight. Waiting makes errors larger than those of the steps
that they come from; a second turn, with what the first one taught, takes that out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.errors import InvalidInput
from guide_ml.estimators.predictor import Predictor
from guide_ml.predictions.run import ask, run
from guide_ml.profiles import Profile
from guide_ml.table.read import Definitions

__all__ = ["as_served", "open_rows"]

#: Logarithm by which they may lie apart at most, up and down.
APART = 0.5
_MEASURED = ("ttft_ms", "tpot_ms", "e2e_ms")


def open_rows(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which rows are open loads."""
    if not {"request_rate_rps", "mode"} & {*table.columns}:
        return np.zeros(len(table), dtype=bool)
    from guide_ml.simulation.reading import is_open

    return is_open(table)


def as_served(
    table: pd.DataFrame, opens: NDArray[np.bool_], known: Definitions, predictor: Predictor,
    profile: Profile | None,
) -> pd.DataFrame:  # fmt: skip
    """Put closed loads in the place of open ones, with the figures that would explain theirs.

    Parameters
    ----------
    table : DataFrame of shape (n, any)
        Measurements, index 0..n-1.
    opens : array of bool of shape (n,)
        Which of them are open loads.
    known, predictor : Definitions, Predictor
        What is asked.
    profile : Profile, optional
        What is known already.

    Returns
    -------
    DataFrame
        Open rows as a lone request, in their place, and further down as many users as they had.

    Raises
    ------
    InvalidInput
        If a row is wrong, or does not fit.
    """
    from guide_ml.simulation.opened import opened  # Numba takes a second to import
    from guide_ml.simulation.reading import as_closed

    place = np.flatnonzero(opens)
    rows = table[opens].reset_index(drop=True)
    figures = _measured(rows)
    asked = rows.drop(columns=[c for c in _MEASURED if c in rows])
    found = opened(asked, known, predictor, None, profile)
    flight = np.ones(len(rows))
    ratio = np.full((2, len(rows)), np.nan)
    for i, (row, seen) in enumerate(zip(found.rows, found.seen, strict=True)):
        if row is None or seen is None:
            short = dict(zip(found.done.unfit.tolist(), found.done.shortages(), strict=True))
            why = found.errors[i] or short.get(i, "it does not fit")
            raise InvalidInput(f"row {place[i] + 1} cannot calibrate: {why}")
        for k, name in enumerate(("ttft_ms", "tpot_ms")):
            ratio[k, i] = figures[name][i] / seen.figures[name][row.stats[name]]
        flight[i] = max(seen.in_flight / row.replicas, 1.0)
    lone = run(*ask(as_closed(asked, 1.0), known, None), predictor, None, profile)
    first = as_closed(asked, 1.0).assign(ttft_ms=lone.outcome.values["ttft_ms"] * ratio[0])
    first["ttft_ms"] = _together(first)
    many = as_closed(asked, flight).assign(tpot_ms=found.done.outcome.values["tpot_ms"] * ratio[1])
    names = [*table.columns, "mode", "concurrency", "ttft_ms", "tpot_ms"]
    out = table.reindex(columns=list(dict.fromkeys(names))).astype(object)
    blank = [c for c in out.columns if c not in first.columns]
    out.loc[place, blank] = None
    for name in (c for c in first.columns if c in out):
        out.loc[place, name] = first[name].to_numpy(object)
    out.loc[place, "tpot_ms"] = None
    return pd.concat([out, many.astype(object)], ignore_index=True)


def _together(lone: pd.DataFrame) -> pd.Series:
    """Draw times of one and the same lone request towards their median.

    They come from runs at different rates, of which the busiest err most; they would contradict
    each other.
    """
    logs = lone["ttft_ms"].astype(float).map(np.log)
    names = [c for c in lone.columns if c != "ttft_ms"]
    same = lone[names].astype(str).groupby(names, sort=False, dropna=False).ngroup()
    middle = logs.groupby(same).transform("median")
    found = middle + (logs - middle).clip(-APART, APART)
    return pd.Series(np.exp(found.to_numpy(float)), index=lone.index)


def _measured(rows: pd.DataFrame) -> pd.DataFrame:
    """Read the figures; TPOT follows from the other two where it is missing."""
    out = pd.DataFrame(index=rows.index)
    for name in (*_MEASURED, "output_len"):
        cells = rows[name] if name in rows else pd.Series(np.nan, index=rows.index)
        out[name] = pd.to_numeric(cells, errors="coerce").astype(float)
    further = np.maximum(out["output_len"] - 1.0, 1.0)
    out["tpot_ms"] = out["tpot_ms"].fillna((out["e2e_ms"] - out["ttft_ms"]) / further)
    return out.where(out > 0)
