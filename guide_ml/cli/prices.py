"""The command ``guide prices``: offers as they are known, or fetched anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from guide_ml.answers.blocks import Command, Words
from guide_ml.cli import options as o
from guide_ml.cli import report
from guide_ml.cli.parts import App, examples, show_or_json

__all__ = ["EXAMPLES", "app"]

EXAMPLES = (
    "guide prices --hardware h100 --limit 5",
    "guide prices --provider aws --spot --json",
    "guide prices --prices my-machines.toml --provider own",
    "guide prices refresh --out prices-today.csv",
)

app = App(invoke_without_command=True)


@app.callback(epilog=examples(*EXAMPLES))
def prices(
    ctx: typer.Context,
    hardware: Annotated[list[str] | None, typer.Option(help="Device; may be repeated.")] = None,
    vendor: Annotated[list[str] | None, typer.Option(help="Maker of the device.")] = None,
    provider: Annotated[list[str] | None, typer.Option(help="Who rents it out.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Part of a region's name.")] = None,
    spot: Annotated[bool, typer.Option(help="Count spot prices.")] = False,
    marketplace: Annotated[bool, typer.Option(help="Also machines of third parties.")] = False,
    undated: Annotated[bool, typer.Option(help="Also prices without a date.")] = False,
    priced_since: Annotated[str | None, typer.Option(help="ISO date of the oldest.")] = None,
    max_usd_h: Annotated[float | None, typer.Option(help="Most USD an hour.")] = None,
    own: Annotated[
        list[Path] | None, typer.Option("--prices", help="CSV or TOML file of your own offers.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All offers, not the cheapest per device and provider.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Offers to show; 0 for all.")] = 20,
    as_json: o.JsonOption = False,
) -> None:
    """List what machines can be rented, the cheapest per device first."""
    if ctx.invoked_subcommand is not None:
        return
    from guide_ml.offers.listing import cheapest, list_offers

    table = list_offers(
        hardware=hardware or (), vendors=vendor or (), providers=provider or (),
        regions=region or (), spot=spot, marketplace=marketplace, undated=undated,
        priced_since=priced_since, max_usd_h=max_usd_h, prices=own or (),
    )  # fmt: skip
    table = table if every else cheapest(table)
    shown = table.head(limit) if limit else table
    rows = shown[list(report.OFFER)].to_dict("records")
    show_or_json(rows, lambda: report.offers(rows, len(table)), as_json)


@app.command(epilog=examples("guide prices refresh --out prices-today.csv",
                             "guide search --prices prices-today.csv ..."))  # fmt: skip
def refresh(
    out: Annotated[Path, typer.Option(help="CSV file to write.")] = Path("prices.csv"),
) -> None:
    """Fetch today's prices through gpuhunt; needs a network and the extra `prices`."""
    typer.echo("asking the providers over the network ...", err=True)
    from guide_ml.offers import refresh as fetcher

    written, unknown = fetcher.write(out)
    report.show([
        Words(lines=(f"{written:,} offers in {out}; {unknown:,} left out, whose device is not in"
                     " the catalogue.",), inset=0),
        Command(title="use them with", line=f"guide search --prices {out} ..."),
    ])  # fmt: skip
