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
    mode = str(row.get("mode", "open") or "open").strip().lower()
    if mode != "open" or {"batch_size", "concurrency"} & {*row}:
        raise InvalidInput(
            f"{', '.join(OPEN_COLUMNS)} belong to mode open, which has request_rate_rps and"
            f" neither batch_size nor concurrency; got mode {mode!r}"
        )
    table = pd.DataFrame([dict(row) | {"mode": "open"}])
    return prediction.prediction(opened(table, known, predictor, level, profile, released))
