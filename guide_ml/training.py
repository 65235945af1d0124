"""Training: measurements in, a trained set with its card out."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from guide_ml import artefacts
from guide_ml import held_out as held_out_errors
from guide_ml.crossval import (
    Progress,
    boosted_inputs,
    fit_boosters,
    known_devices,
    out_of_fold,
    scores,
)
from guide_ml.dataset import Dataset, build, matrix
from guide_ml.estimators import hyper_parameters
from guide_ml.knowledge import Knowledge
from guide_ml.measurements import Measurements, prepare, read_files
from guide_ml.physics.fit import fit
from guide_ml.table import Floats
from guide_ml.targets import NAMES

__all__ = ["train"]

JOBS = 2  # boosters fitted side by side

LICENCE = (
    "Code Apache-2.0. Measurements keep the licences of their sources (BSD-3-Clause, MIT,"
    " Apache-2.0, CDLA-Permissive-2.0, CC BY-SA 4.0): see data/sources."
)


def _card(measured: Measurements, data: Dataset, seed: int) -> dict[str, Any]:
    """Say what a trained set was made of."""
    source = measured.table["source"].value_counts().sort_index()
    counts = np.bincount(data.values.target, minlength=len(NAMES))
    left = measured.left_out.groupby("reason")["rows"].sum().sort_index()
    return {
        "title": "guide-ml estimators",
        "guide_ml": version("guide-ml"),
        "seed": seed,
        "data_sha256": measured.sha256,
        "rows": len(measured.table),
        "rows_by_source": {str(k): int(v) for k, v in source.items()},
        "rows_left_out": {str(k): int(v) for k, v in left.items()},
        "values": {n: int(c) for n, c in zip(NAMES, counts, strict=True)},
        "hyper_parameters": hyper_parameters(),
        "versions": {p: version(p) for p in ("lightgbm", "xgboost", "numpy", "scipy", "pandas")}
        | {"python": platform.python_version()},
        "licence": LICENCE,
    }


def _held_out(
    measured: Measurements, data: Dataset, seed: int, progress: Progress | None
) -> tuple[dict[str, Any], Knowledge]:
    """Errors on what was held out, by split and target, in percent; and what they teach."""
    errors: dict[str, Any] = {}
    predicted: dict[str, Floats] = {}
    for split in held_out_errors.SPLITS:
        predicted[split], _ = out_of_fold(measured, data, split, seed, progress=progress)
        table = scores(data, predicted[split]).set_index("target").round(2)
        errors[split] = {str(k): row.to_dict() for k, row in table.iterrows()}
    return errors, held_out_errors.knowledge(measured, data, predicted, seed)


def train(
    data: Path | None = None, out: Path | None = None, seed: int = 0,
    progress: Progress | None = None, held_out: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Fit physics and boosters on measurements and write the trained set.

    Parameters
    ----------
    data : Path, optional
        Folder or file of measurements; the project's own by default.
    out : Path, optional
        Folder for the set; ``models/default`` of the checkout by default. It is replaced only
        once everything is written.
    seed : int
        The same data, versions and seed give the same files.
    progress : callable, optional
        Told of each step as (done, total, text).
    held_out : bool
        Whether to put held-out errors on the card and intervals beside predictions (dozens of
        refits). Without them the set predicts with ``level=None`` only.

    Returns
    -------
    dict
        The card.
    """
    tell = progress or (lambda done, total, text: None)
    tell(0, 4, "reading measurements")
    measured = prepare(read_files(data))
    dataset = build(measured)
    tell(1, 4, "calibrating physics")
    coefficients = fit(dataset.sample)
    tell(2, 4, "fitting boosters")
    members = fit_boosters(dataset, matrix(dataset, coefficients), seed, JOBS)
    card = _card(measured, dataset, seed)
    known = None
    if held_out:
        tell(3, 4, "held-out errors")
        card["held_out_percent"], known = _held_out(measured, dataset, seed, progress)
    names = {name: boosted_inputs(name) for name in members}
    devices = known_devices(dataset)
    folder = out if out is not None else artefacts.default_folder()
    fitted = artefacts.Fitted(coefficients, names, members, devices, card, known)
    return artefacts.save(fitted, folder)
