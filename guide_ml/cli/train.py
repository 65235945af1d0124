"""The commands ``guide train`` and ``guide evaluate``: sets of estimators from measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from guide_ml.answers.blocks import details, listing
from guide_ml.cli import options as o
from guide_ml.cli.parts import progress_bar, show_or_json

__all__ = ["EVALUATE_EXAMPLES", "TRAIN_EXAMPLES", "evaluate", "train"]

TRAIN_EXAMPLES = ("guide train", "guide train --data my-measurements --out my-models",
                  "guide predict --predictor my-models ...")  # fmt: skip
EVALUATE_EXAMPLES = ("guide evaluate", "guide evaluate --split hardware --json")


def train(
    data: Annotated[
        Path | None, typer.Option(help="Folder of measurements; those of the project by default.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the estimators.")] = Path("models/default"),
    seed: Annotated[int, typer.Option(help="Seed of all that is random.")] = 0,
    keep: Annotated[
        Path | None, typer.Option(help="Folder for the predictions of what was held out.")
    ] = None,
    overwrite: o.OverwriteOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Fit the estimators to measurements."""
    with progress_bar() as progress:
        from guide_ml.training import train as training

        card = training.train(data, out, seed=seed, progress=progress, keep=keep,
                              overwrite=overwrite)  # fmt: skip
    show_or_json(card, lambda: [details(card, f"estimators in {out}")], as_json)


def evaluate(
    split: Annotated[
        list[str] | None,
        typer.Option(help="What is held out: random, deployment, model, hardware, source (all"
                     " these by default), framework, dense-served, small. May be repeated."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of measurements; those of the project by default.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all that is random.")] = 0,
    as_json: o.JsonOption = False,
) -> None:
    """Score the estimators on deployments that they have not seen."""
    with progress_bar() as progress:
        from guide_ml.measurements import evaluation
        from guide_ml.training import crossval

        splits = tuple(split or evaluation.SPLITS)
        found = crossval.evaluate(data, splits=splits, seed=seed, progress=progress)
        rows: Any = found.round(2).to_dict("records")
    columns = {name: str(name).replace("_", " ") for name in rows[0]} if rows else {}
    show_or_json(rows, lambda: [listing(rows, columns, "held-out scores")], as_json)
