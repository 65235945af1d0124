"""The commands ``guide score`` and ``guide grid``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from guide_ml.answers.blocks import Block, Words, details, listing
from guide_ml.cli import options as o
from guide_ml.cli import report
from guide_ml.errors import InvalidInput

if TYPE_CHECKING:
    from guide_ml.scoring import Summary

__all__ = ["GRID_EXAMPLES", "SCORE_EXAMPLES", "grid", "score"]

SCORE_EXAMPLES = (
    "guide score candidates.csv scored.csv",
    "guide score candidates/ scored/ --intervals",
    "guide score grid.toml scored.parquet --resume",
    "cat candidates.jsonl | guide score - - --columns ttft_ms --columns tpot_ms > scored.jsonl",
    "guide score --dask tcp://scheduler:8786 candidates.parquet scored/",
)
GRID_EXAMPLES = ("guide grid grid.toml candidates.parquet", "guide grid grid.toml - | head")

_HOW = "How to run"

InArgument = Annotated[
    str, typer.Argument(metavar="IN", help="CSV, JSON Lines, Parquet, Arrow, a folder of Parquet,"
                        " a grid (TOML), or - for standard input.")
]  # fmt: skip
OutArgument = Annotated[
    str, typer.Argument(metavar="OUT", help="Likewise; - for standard output.")
]
FromOption = Annotated[
    str | None, typer.Option("--from", help="Format of IN, where its name does not tell.")
]
ToOption = Annotated[
    str | None, typer.Option("--to", help="Format of OUT, where its name does not tell.")
]


def score(
    source: InArgument,
    out: OutArgument,
    errors: Annotated[
        str, typer.Option(help="report: a bad row gets its reason; raise: it stops the run.")
    ] = "report",
    columns: Annotated[
        list[str] | None,
        typer.Option(help="Predicted columns to add, by commas or repeated; all by default."),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Add intervals and in_domain.")
    ] = False,
    level: Annotated[
        float, typer.Option(help="Share of cases that --intervals are to hold.")
    ] = 0.9,
    cost: Annotated[
        bool,
        typer.Option("--cost", help="Add the price of the cheapest machines that hold the"
                     " deployment, and USD per million output tokens."),
    ] = False,
    profile: Annotated[
        Path | None, typer.Option(help="Calibration profile, made by guide calibrate.")
    ] = None,
    hardware: Annotated[
        list[Path] | None,
        typer.Option(help="TOML file of a device that the catalogue lacks; may be repeated."),
    ] = None,
    model: Annotated[
        list[Path] | None,
        typer.Option(help="config.json of a model that the catalogue lacks; may be repeated."),
    ] = None,
    predictor: o.PredictorOption = None,
    max_errors: Annotated[
        int | None, typer.Option(help="Stop when more rows are bad.", min=0, rich_help_panel=_HOW)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after a kill.", rich_help_panel=_HOW)
    ] = False,
    overwrite: o.OverwriteOption = False,
    dask: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, such as tcp://scheduler:8786.",
                     rich_help_panel=_HOW),
    ] = None,
    from_: FromOption = None,
    to: ToOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON.", rich_help_panel=_HOW)
    ] = False,
) -> None:
    """Predict every row of a table: files of any size, in batches, order and columns kept."""
    from guide_ml import scoring

    if errors not in ("report", "raise"):
        raise InvalidInput(f"--errors must be report or raise; got {errors!r}")
    if out == "-" and as_json:
        raise InvalidInput("--json needs a file as OUT: standard output holds the rows")
    options = scoring.Options(
        level=level if intervals else None, cost=cost, profile=profile, predictor=predictor,
        columns=tuple(c.strip() for text in columns or () for c in text.split(",") if c.strip()),
        hardware=tuple(hardware or ()), models=tuple(model or ()),
    )  # fmt: skip
    most = 0 if errors == "raise" else max_errors
    table = scoring.open_source(source, from_)
    if dask is None:
        found = scoring.score(table, out, options, resume=resume, to=to, max_errors=most,
                              progress=True, overwrite=overwrite)  # fmt: skip
    else:
        from guide_ml.scoring.cluster import score_on_cluster

        found = score_on_cluster(dask, table, out, to, options, resume=resume, max_errors=most,
                                 progress=True, overwrite=overwrite)  # fmt: skip
    _tell(found, as_json)


def grid(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="Description of the grid.")],
    out: OutArgument = "-",
    to: ToOption = None,
) -> None:
    """Write the candidates that a description stands for."""
    from guide_ml.scoring import open_source
    from guide_ml.scoring.job import write_only

    rows = write_only(open_source(str(spec), "grid"), out, to, progress=True)
    Console(stderr=True).print(f"{rows:,} candidates")


def _tell(found: Summary, as_json: bool) -> None:
    told: dict[str, Any] = found.to_dict()
    if as_json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    reasons, notes = told.pop("reasons"), told.pop("notes")
    told["stages_s"] = {k: round(v, 1) for k, v in told["stages_s"].items()}
    if not told["resumed"]:
        del told["resumed"]
    shown: list[Block] = [details({k.replace("_", " "): v for k, v in told.items()}, "scored")]
    if reasons:
        rows = [{"rows": n, "reason": reason} for reason, n in reasons.items()]
        shown.append(listing(rows, {"rows": "rows", "reason": "reason"}, "bad rows"))
    if notes:
        shown.append(Words(lines=tuple(f"note: {note}" for note in notes), inset=0))
    report.show(shown, sys.stderr)
