"""Champion and challenger side by side, each on what it was fitted without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guide_ml.estimators.artefacts import Fitted
from guide_ml.measurements.read import Measurements
from guide_ml.table.read import Floats
from guide_ml.tracking.held_table import ESTIMATORS
from guide_ml.training.crossval import predict_values
from guide_ml.training.dataset import Dataset

__all__ = ["Contender", "pairs"]

_COLUMNS = ["set", "target", "deployment", "key", "champion", "challenger"]


@dataclass(frozen=True)
class Contender:
    """A trained set with what it was trained on and what it predicts for that, held out.

    Parameters
    ----------
    fitted : Fitted
        The set.
    measured, data : Measurements, Dataset
        What it was trained on.
    held : DataFrame
        :func:`guide_ml.tracking.held_table.held_out` of it.
    """

    fitted: Fitted
    measured: Measurements
    data: Dataset
    held: pd.DataFrame

    def split(self, name: str) -> pd.DataFrame:
        """Errors of one split, by key, in the order of the values."""
        part = self.held[self.held["split"] == name]
        return part.assign(error=part[ESTIMATORS] - part["log_measured"]).set_index("key")

    def errors_on(self, other: Contender, wanted: NDArray[np.bool_]) -> Floats:
        """Errors of a user's call for some of the other's values, in their order."""
        part = other.data.take(wanted)
        predicted = predict_values(self.fitted, other.measured.resolved, part.values)
        return np.asarray(predicted - part.sample.log_value)


def pairs(champion: Contender, challenger: Contender) -> pd.DataFrame:
    """Pair the errors of both, value by value, on the sets of :data:`gate.SETS`.

    Returns
    -------
    DataFrame with columns set, target, deployment, key, champion, challenger
        Logarithms of predicted / measured.
    """
    parts = [_shared(champion, challenger)]
    for knows, lacks, word in ((challenger, champion, "new"), (champion, challenger, "dropped")):
        found = _alone(knows, lacks, word)
        names = ("challenger", "champion") if knows is challenger else ("champion", "challenger")
        parts.append(found.rename(columns={"knows": names[0], "lacks": names[1]}))
    return pd.concat([p[_COLUMNS] for p in parts], ignore_index=True)


def _shared(champion: Contender, challenger: Contender) -> pd.DataFrame:
    """Pair values that both have, predicted by both without the deployment."""
    ours, theirs = challenger.split("deployment"), champion.split("deployment")
    both = ours[ours.index.isin(theirs.index)]
    out = both.assign(set="shared", challenger=both["error"],
                      champion=theirs["error"].reindex(both.index))  # fmt: skip
    return out.reset_index()


def _alone(knows: Contender, lacks: Contender, word: str) -> pd.DataFrame:
    """Pair values that only one has: it holds them out, the other has never seen them."""
    whole, rows, other = knows.split("deployment"), knows.split("random"), lacks.split("random")
    fresh = ~whole.index.isin(other.index)
    out = whole[fresh].reset_index()
    known = out["deployment"].isin(other["deployment"]).to_numpy(bool)
    # The same order of values in all splits of a table.
    own = np.where(known, rows["error"].to_numpy()[fresh], whole["error"].to_numpy()[fresh])
    names = np.where(known, f"{word} row", f"{word} deployment")
    if not len(out):
        return out.assign(set=names, knows=own, lacks=own)
    return out.assign(set=names, knows=own, lacks=lacks.errors_on(knows, fresh))
