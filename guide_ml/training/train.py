"""Training: measurements in, a trained set with its card out."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from guide_ml.answers.progress import Progress, ProgressLike, reporting
from guide_ml.describe.targets import NAMES
from guide_ml.errors import InvalidInput, check_seed
from guide_ml.estimators import artefacts
from guide_ml.estimators.contents import CARD
from guide_ml.measurements import evaluation
from guide_ml.measurements.read import Measurements, default_folder, prepare, read_files
from guide_ml.physics.fit import fit
from guide_ml.system import folders
from guide_ml.system.folders import inside
from guide_ml.system.locks import claimed
from guide_ml.system.writing import told, written
from guide_ml.table.read import Floats
from guide_ml.training import held_out as held_out_errors
from guide_ml.training.crossval import (
    HyperParameters,
    boosted_inputs,
    fit_boosters,
    known_devices,
    out_of_folds,
    scores,
)
from guide_ml.training.dataset import Dataset, build, check_values, matrix
from guide_ml.training.weights import shares
from guide_ml.trees.boosters import hyper_parameters

__all__ = ["Recipe", "Trained", "fit_set", "train"]

JOBS = 2  # boosters fitted side by side

LICENCE = (
    "Code Apache-2.0. Measurements keep the licences of their sources (BSD-3-Clause, MIT,"
    " Apache-2.0, CDLA-Permissive-2.0, CC BY 4.0, CC BY-SA 4.0): see data/sources."
)


@dataclass(frozen=True)
class Recipe:
    """How a set is fitted: the same data, versions and recipe give the same set.

    Parameters
    ----------
    seed : int
        Seed of all that is random.
    params : dict
        Hyper-parameters by ``target/kind``.
    folds, jobs : int
        Folds of a split; processes.
    """

    seed: int = 0
    params: HyperParameters = field(default_factory=hyper_parameters)
    folds: int = evaluation.FOLDS
    jobs: int = 2


@dataclass(frozen=True)
class Trained:
    """A fitted set, and what was predicted of its m values by fits without their groups.

    Parameters
    ----------
    fitted : Fitted
        The set, with its card.
    log_predicted, log_physics : dict of str to array of shape (m,)
        Logarithms by split: of estimators, and of calibrated physics alone.
    """

    fitted: artefacts.Fitted
    log_predicted: Mapping[str, Floats] = field(default_factory=dict)
    log_physics: Mapping[str, Floats] = field(default_factory=dict)


def _card(measured: Measurements, data: Dataset, recipe: Recipe) -> dict[str, Any]:
    """Say what a trained set was made of."""
    source = measured.table["source"].value_counts().sort_index()
    counts = np.bincount(data.values.target, minlength=len(NAMES))
    left = measured.left_out.groupby("reason")["rows"].sum().sort_index()
    return {
        "title": "guide-ml estimators",
        "guide_ml": version("guide-ml"),
        "seed": recipe.seed,
        "data_sha256": measured.sha256,
        "rows": len(measured.table),
        "rows_by_source": {str(k): int(v) for k, v in source.items()},
        "weight_percent_by_source": shares(
            measured.table["source"].to_numpy(dtype=object)[data.values.row],
            data.values.target, data.sample.weight,
        ),
        "rows_left_out": {str(k): int(v) for k, v in left.items()},
        "values": {n: int(c) for n, c in zip(NAMES, counts, strict=True)},
        "hyper_parameters": recipe.params,
        "versions": {p: _version(p) for p in ("lightgbm", "xgboost", "numpy", "scipy", "pandas")}
        | {"python": platform.python_version()},
        "licence": LICENCE,
    }


def fit_set(
    measured: Measurements, data: Dataset, recipe: Recipe, progress: Progress | None = None,
    held_out: bool = True,
) -> Trained:  # fmt: skip
    """Fit physics, boosters and, from what is held out, intervals.

    Parameters
    ----------
    measured, data : Measurements, Dataset
        What to fit on.
    recipe : Recipe
        How.
    progress : callable, optional
        Told of each step as (done, total, text).
    held_out : bool
        Whether to score the set and give it intervals (dozens of refits).
    """
    tell = progress or (lambda done, total, text: None)
    tell(1, 4, "calibrating physics")
    coefficients = fit(data.sample)
    tell(2, 4, "fitting boosters")
    table = matrix(data, coefficients)
    members = fit_boosters(data, table, recipe.seed, JOBS, params=recipe.params)
    card, devices = _card(measured, data, recipe), known_devices(data)
    names = {name: boosted_inputs(name) for name in members}
    if not held_out:
        return Trained(artefacts.Fitted(coefficients, names, members, devices, card))
    tell(3, 4, "held-out errors")
    logs, physics = _held_out(measured, data, recipe, progress)
    card["held_out_percent"] = {split: _percent(data, p) for split, p in logs.items()}
    known = held_out_errors.knowledge(measured, data, logs, recipe.seed, recipe.folds,
                                      recipe.jobs)  # fmt: skip
    fitted = artefacts.Fitted(coefficients, names, members, devices, card, known)
    return Trained(fitted, logs, physics)


def _held_out(
    measured: Measurements, data: Dataset, recipe: Recipe, progress: Progress | None
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Predict every value without its group, by split."""
    counts = held_out_errors.fold_counts(measured, recipe.folds)
    found = out_of_folds(measured, data, counts, recipe.seed, recipe.jobs, progress, recipe.params)
    return {s: f[0] for s, f in found.items()}, {s: f[1] for s, f in found.items()}


def _keep(found: Trained, measured: Measurements, folder: Path) -> None:
    """Write what was predicted of held-out values, a file a split, for experiments to judge."""
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for split, predicted in found.log_predicted.items():
        with written(folder / f"{split}.npz") as beside, beside.open("wb") as file:
            np.savez(file, predicted=predicted, physics=found.log_physics[split],
                     data=measured.sha256)  # fmt: skip


def _percent(data: Dataset, log_predicted: Floats) -> dict[str, Any]:
    """Errors by target, in percent."""
    table = scores(data, log_predicted).set_index("target").round(2)
    return {str(k): row.to_dict() for k, row in table.iterrows()}


def train(
    data: Path | None = None, out: Path | None = None, seed: int = 0,
    progress: ProgressLike = None, held_out: bool = True, keep: Path | None = None,
    overwrite: bool = False,
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
    progress : bool or callable, optional
        ``True`` shows a bar; a callable is told of each step as (done, total, text).
    held_out : bool
        Whether to put held-out errors on the card and intervals beside predictions (dozens of
        refits). Without them the set predicts with ``level=None`` only.
    keep : Path, optional
        Folder for the predictions of what was held out, for ``experiments/01_accuracy.py``.
    overwrite : bool
        Replace `out` even where it holds what is no trained set.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    BadData
        If the measurements cannot be used, or a target has too few of them.
    InvalidInput
        If the seed is none, `out` holds something else, or another process writes it.
    """
    check_seed(seed)
    where = Path(out) if out is not None else artefacts.default_folder()
    read = default_folder() if data is None else data
    if inside(read, where) or inside(where, read):
        raise InvalidInput(f"{where} must lie outside of what is read, {read}: name another folder")
    with ExitStack() as stack:
        with told(where):
            folders.check(where, CARD, overwrite)
            where.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(claimed(where))  # now: the second one would train for nothing
        return _trained(data, where, seed, progress, held_out, keep, overwrite)


def _trained(
    data: Path | None, where: Path, seed: int, progress: ProgressLike, held_out: bool,
    keep: Path | None, overwrite: bool,
) -> dict[str, Any]:  # fmt: skip
    with reporting(progress) as tell:
        tell(0, 4, "reading measurements")
        measured = prepare(read_files(data))
        dataset = build(measured)
        check_values(dataset.values.target)
        trained = fit_set(measured, dataset, Recipe(seed), tell, held_out)
    if keep is not None:
        _keep(trained, measured, keep)
    return artefacts.save(trained.fitted, where, overwrite)


def _version(package: str) -> str:
    """Return the version of a package, or of its build without GPUs."""
    try:
        return version(package)
    except PackageNotFoundError:
        return version(f"{package}-cpu")
