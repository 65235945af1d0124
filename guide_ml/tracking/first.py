"""The shipped estimators as the first champion: what a challenger has to beat."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadData
from guide_ml.estimators import artefacts
from guide_ml.estimators.artefacts import Fitted
from guide_ml.measurements.read import Measurements, default_folder, prepare, read_files
from guide_ml.registry.versions import ESTIMATORS, VERDICT, Registry
from guide_ml.system import private
from guide_ml.tracking.held_table import ESTIMATORS as METHOD
from guide_ml.tracking.held_table import described
from guide_ml.tracking.log import tracked
from guide_ml.tracking.model import log_model
from guide_ml.tracking.past import keep
from guide_ml.training.dataset import Dataset, build

__all__ = ["check", "held_out_of", "register"]


def held_out_of(fitted: Fitted, measured: Measurements, data: Dataset) -> pd.DataFrame:
    """Lay out what a set says it predicted of its data, deployments held out.

    A set keeps these predictions for means only, beside its measured rows, for evidence. If the
    data is not the very data that it was trained on, nothing can be laid out.

    Returns
    -------
    DataFrame
        As :func:`guide_ml.tracking.held_table.held_out`, with the split deployment, and random
        without predictions.
    """
    what = described(measured, data)
    predicted = np.full(len(what), np.nan)
    if fitted.knowledge and fitted.card.get("data_sha256") == measured.sha256:
        rows = fitted.knowledge.measured.rows
        for index, name in enumerate(NAMES):
            mine = (data.values.target == index) & (data.values.statistic == 0)
            value = rows[f"held_out_{name}"].to_numpy(float)[data.values.row[mine]]
            predicted[mine] = np.log(np.where(value > 0, value, np.nan))
    unseen = what.assign(split="deployment")
    unseen[METHOD] = predicted
    rest = what.assign(split="random")
    rest[METHOD] = np.nan
    return pd.concat([unseen, rest], ignore_index=True)


def check() -> None:
    """Say what the shipped set lacks to be the first champion: no set is champion unjudged.

    Raises
    ------
    BadData
        If the estimators or the measurements that they learned from are not there.
    """
    for folder in (artefacts.default_folder(), default_folder()):
        if not folder.is_dir():
            raise BadData(
                f"the first set is judged against the shipped one, and {folder} is missing: install"
                " guide-ml anew, or give --no-shipped to make the first set champion unjudged"
            )


def register(registry: Registry, experiment: str) -> str:
    """Register the shipped set and make it the champion; return its version."""
    check()
    fitted = artefacts.load()
    measured = prepare(read_files())
    data = build(measured)
    with (
        private.scratch("shipped") as scratch,
        tracked(registry, experiment, "shipped estimators") as log,
    ):
        folder = scratch / ESTIMATORS
        card = artefacts.save(fitted, folder)
        keep(log, measured, held_out_of(fitted, measured, data), scratch)
        log.json("card.json", card)
        info = log_model(log, folder, card)
        tags = {VERDICT: "first", "guide.reason": "shipped with the package",
                "guide.rows": str(len(measured.table)), "guide.data": measured.sha256}  # fmt: skip
        version = registry.register(info.model_uri, log.run_id, info.model_id, tags)
        registry.crown(version)
    return version
