"""The ways in for open loads: one deployment, or the open rows of a table."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from guide_ml.errors import InvalidInput
from guide_ml.predictions.run import PredictorLike
from guide_ml.profiles import Profile
from guide_ml.simulation import prediction
from guide_ml.simulation.names import OPEN_COLUMNS
from guide_ml.simulation.opened import opened
from guide_ml.simulation.pools import is_split
from guide_ml.table.read import Definitions

__all__ = ["predict_open"]


def predict_open(
    row: Mapping[str, object], known: Definitions, released: float | None,
    predictor: PredictorLike | None, level: float | None, profile: Profile | None,
) -> prediction.OpenPrediction:  # fmt: skip
    """Predict an open load.

    Parameters
    ----------
    row : mapping
        Cells.
    known, released, predictor, level, profile
        As of :func:`guide_ml.simulation.opened.opened`.

    Raises
    ------
    InvalidInput
        If another mode is stated, or a cell is wrong.
    """
    _only_open(row)
    split = "disagg" if is_split(row) else "open"
    table = pd.DataFrame([dict(row) | {"mode": split}])
    return prediction.prediction(opened(table, known, predictor, level, profile, released))


def _only_open(row: Mapping[str, object]) -> None:
    """Refuse what belongs to open loads where another load is given, and say which is in the way.

    Raises
    ------
    InvalidInput
        If another mode is stated, or a load that is no rate.
    """
    mode = str(row.get("mode") or "open").strip().lower()
    if is_split(row):
        if mode not in ("open", "closed", "disagg") or "batch_size" in row:
            raise InvalidInput("a disaggregated deployment takes request_rate_rps or concurrency;"
                               f" got {'batch_size' if 'batch_size' in row else f'mode {mode}'}")
        return
    other = [name for name in ("batch_size", "concurrency") if name in row]
    if mode == "open" and not other:
        return
    came = f"mode {mode}" if mode != "open" else other[0]
    own = [name for name in OPEN_COLUMNS if name in row]
    if not own:
        raise InvalidInput(f"mode open takes requests at a rate: give request_rate_rps and leave"
                           f" out {came}, or leave out the mode")  # fmt: skip
    raise InvalidInput(f"{', '.join(own)} {'is' if len(own) == 1 else 'are'} for requests that come"
                       f" at a rate; got {came}: give request_rate_rps instead of it, or leave out"
                       f" {', '.join(own)}")  # fmt: skip
