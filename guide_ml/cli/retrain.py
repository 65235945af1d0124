"""Commands of retraining: ``guide retrain``, ``guide models``, ``guide monitor``."""

from __future__ import annotations

from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from guide_ml.answers.blocks import Block, Command, details, listing
from guide_ml.cli.options import JsonOption, OverwriteOption
from guide_ml.cli.parts import App, examples, progress_bar, show_or_json
from guide_ml.errors import InvalidInput

__all__ = ["register"]

UriOption = Annotated[
    str | None,
    typer.Option("--tracking-uri", help="MLflow store: sqlite:///FILE, http://HOST:PORT, ..."
                 " MLFLOW_TRACKING_URI or sqlite:///mlflow.db by default."),
]  # fmt: skip
ExperimentOption = Annotated[str, typer.Option(help="Name of the MLflow experiment.")]
EXPERIMENT = "guide-retraining"  # as in tracking.plan, which is too heavy for `guide --help`


class Outcome(StrEnum):
    """What monitoring says, as exit codes for schedulers tell it."""

    FINE = "fine"
    CALIBRATE = "calibrate"
    RETRAIN = "retrain"


EXIT = {Outcome.FINE: 0, Outcome.CALIBRATE: 10, Outcome.RETRAIN: 20}


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog=examples(
        "guide retrain --data measurements.parquet",
        "guide retrain --data measurements.parquet --trials 0 --tracking-uri http://mlflow:5000",
        "guide retrain --data measurements.parquet --no-base --json",
    ))(retrain)  # fmt: skip
    app.command(epilog=examples(
        "guide monitor --data new.parquet",
        "guide monitor --data new.parquet --json || echo 'exit 10: calibrate, 20: retrain'",
    ))(monitor)  # fmt: skip
    models = App(no_args_is_help=True, help="List registered estimators, choose one.")
    models.command("list", epilog=examples("guide models list --json"))(list_models)
    models.command(epilog=examples(
        "guide models promote 3", 'guide models promote 3 --force "new data centre, old gate"',
    ))(promote)  # fmt: skip
    models.command(epilog=examples("guide models rollback"))(rollback)
    models.command(epilog=examples(
        "guide models use 3 --out my-models", "guide models use champion --out my-models",
    ))(use)  # fmt: skip
    app.add_typer(models, name="models")


def retrain(
    data: Annotated[
        Path | None, typer.Option(help="Own measurements: Parquet, CSV or a folder of Parquet.")
    ] = None,
    experiment: ExperimentOption = EXPERIMENT,
    tracking_uri: UriOption = None,
    trials: Annotated[int, typer.Option(help="Optuna trials a target; 0: none.")] = 20,
    base: Annotated[
        bool, typer.Option("--base/--no-base", help="Learn from the project's data too.")
    ] = True,
    base_data: Annotated[
        Path | None, typer.Option(help="Other data in the place of the project's.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Most rounds of a booster.")] = None,
    folds: Annotated[int, typer.Option(help="Folds of each split.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of all that is random.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes.")] = 2,
    shipped: Annotated[
        bool,
        typer.Option("--shipped/--no-shipped",
                     help="Where there is no champion yet: the shipped estimators are it."),
    ] = True,
    learning_curve: Annotated[
        bool, typer.Option(help="Measure the learning curve too (many refits).")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Draw pictures (extra: plot).")
    ] = True,
    force: Annotated[
        str, typer.Option(metavar="REASON", help="Make it champion whatever the gate says.")
    ] = "",
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Train on own measurements, tracked; the gate decides whether the result is champion."""
    with progress_bar() as progress:
        from guide_ml.tracking.plan import Plan
        from guide_ml.tracking.retrain import retrain as work

        plan = Plan(
            data=data, base=base, base_path=base_data, experiment=experiment,
            tracking_uri=tracking_uri, trials=trials, rounds=rounds, folds=folds, seed=seed,
            jobs=jobs, shipped=shipped, curve=learning_curve, pictures=pictures,
            force=force,
        )  # fmt: skip
        found = work(plan, progress).to_dict()
    for name, count in found["sparse"].items():
        typer.echo(f"guide: {name} has {count} measured values: it leans on calibrated physics"
                   + (" alone." if not count else "."), err=True)  # fmt: skip
    if pictures and find_spec("matplotlib") is None:
        typer.echo("guide: no pictures, as matplotlib is not installed: the extra plot brings it,"
                   " --no-pictures leaves them out.", err=True)  # fmt: skip
    show_or_json(found, lambda: _retrained(found), as_json)


def _retrained(found: dict[str, Any]) -> list[Block]:
    errors = [row for row in found["errors"] if row["split"] == "deployment"]
    columns = {"target": "target", "method": "method", "rows": "rows",
               "median_ape": "median error %", "p90_ape": "90th percentile"}  # fmt: skip
    told = {k: found[k] for k in ("verdict", "reason", "version", "champion", "run_id")}
    compared = [_verdict(found)] if found["comparisons"] else []
    return [listing(errors, columns, "errors, deployments held out"), *compared,
                 details(told, "registered")]  # fmt: skip


def _verdict(found: dict[str, Any]) -> Block:
    rows = [row if row["change"] is None else
            row | {"range": f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}",
                   "change": 100 * row["change"]} for row in found["comparisons"]]  # fmt: skip
    columns = {"set": "values", "target": "target", "values": "number", "units": "units",
               "champion": "champion %", "challenger": "challenger %", "change": "change %",
               "range": "interval %", "finding": "finding"}  # fmt: skip
    title = "challenger against champion: median errors; change of the mean error, its interval"
    return listing(rows, columns, title)


def list_models(tracking_uri: UriOption = None, as_json: JsonOption = False) -> None:
    """List registered estimators, newest first."""
    from guide_ml.registry.versions import Registry

    rows = [v.to_dict() for v in Registry(tracking_uri, make=False).versions()]
    columns = {"version": "version", "champion": "champion", "verdict": "verdict", "rows": "rows",
               "data": "data", "made": "made (UTC)", "followed": "followed",
               "forced": "forced", "rolled_back": "rolled back"}  # fmt: skip
    show_or_json(rows, lambda: [listing(rows, columns, f"{len(rows)} versions")], as_json)


VersionArgument = Annotated[str, typer.Argument(help="Number of a version.")]


def promote(
    version: VersionArgument,
    force: Annotated[
        str, typer.Option(metavar="REASON", help="Overrule the gate; the reason is logged.")
    ] = "",
    tracking_uri: UriOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion."""
    from guide_ml.registry.versions import Registry

    found = Registry(tracking_uri, make=False).promote(version, force).to_dict()
    show_or_json(found, lambda: [details(found, "champion")], as_json)


def rollback(tracking_uri: UriOption = None, as_json: JsonOption = False) -> None:
    """Make the champion before this one champion again."""
    from guide_ml.registry.versions import Registry

    found = Registry(tracking_uri, make=False).rollback().to_dict()
    show_or_json(found, lambda: [details(found, "champion again")], as_json)


def use(
    version: Annotated[str, typer.Argument(help="Number of a version, or champion.")],
    out: Annotated[Path, typer.Option(help="Folder for the estimators.")] = Path("models/used"),
    overwrite: OverwriteOption = False,
    tracking_uri: UriOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch a version's estimators into a folder, for --predictor and where there is no store."""
    from guide_ml.estimators import artefacts
    from guide_ml.registry.versions import MODEL, Registry, download

    registry = Registry(tracking_uri, make=False)
    found = registry.get(version)
    fitted = artefacts.load(download(f"models:/{MODEL}/{found.version}", registry.uri))
    card = artefacts.save(fitted, out, overwrite)
    told = {"version": found.version, "folder": str(out), "rows": card["rows"],
            "command": f"guide predict --predictor {out} ..."}  # fmt: skip
    shown = {k: v for k, v in told.items() if k != "command"}
    show_or_json(told, lambda: [details(shown, "fetched"),
                                Command(title="use them with", line=told["command"])],
                 as_json)  # fmt: skip


def monitor(
    data: Annotated[Path, typer.Option(help="New measurements: Parquet, CSV or a folder.")],
    model: Annotated[
        str, typer.Option(help="MLflow model URI of the estimators.")
    ] = "models:/guide@champion",
    predictor: Annotated[
        Path | None, typer.Option(help="Folder of estimators in the place of a registered model.")
    ] = None,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.9,
    experiment: ExperimentOption = "guide-monitoring",
    tracking_uri: UriOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare new measurements with predictions; exit 0: fine, 10: calibrate, 20: retrain."""
    from guide_ml.tracking.monitor import Watch
    from guide_ml.tracking.monitor import monitor as work

    if not 0 < level < 1:
        raise InvalidInput(f"level must be between 0 and 1; got {level}")
    found = work(Watch(data, model, predictor, level, experiment, tracking_uri)).to_dict()
    show_or_json(found, lambda: _monitored(found), as_json)
    raise typer.Exit(EXIT[Outcome(found["verdict"])])


def _monitored(found: dict[str, Any]) -> list[Block]:
    columns = {"target": "target", "rows": "values", "groups": "groups",
               "median_ape": "median error %", "expected_ape": "expected %",
               "mended_ape": "% once calibrated", "covered": "share in interval",
               "finding": "finding"}  # fmt: skip
    drift = {"descriptor": "descriptor", "psi": "PSI", "chance": "PSI by chance",
             "finding": "finding"}  # fmt: skip
    worst = {"target": "target", "deployment": "deployment", "rows": "values",
             "median_ape": "median error %"}  # fmt: skip
    told = {"verdict": found["verdict"], "reason": found["reason"]}
    return [
        listing(found["targets"], columns, "new measurements against predictions"),
        listing(found["groups"][:10], worst, "worst groups"),
        listing(found["drift"], drift, "drift of descriptors"),
        details(told, "verdict"),
    ]  # fmt: skip
