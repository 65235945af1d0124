"""The command ``guide traffic``: what recorded traffic is like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from guide_ml.answers.blocks import Block, listing
from guide_ml.cli import options as o
from guide_ml.cli.parts import App, examples, show_or_json

__all__ = ["DESCRIBE_EXAMPLES", "app"]

DESCRIBE_EXAMPLES = (
    "guide traffic describe azure-code",
    "guide traffic describe requests.csv --plot traffic.png",
    "guide traffic describe mooncake --spread --json",
)

app = App(no_args_is_help=True, help="Look at recorded traffic: when requests come, how long they"
          " are, what they share.")  # fmt: skip


@app.command(epilog=examples(*DESCRIBE_EXAMPLES))
def describe(
    file: Annotated[Path, typer.Argument(
        metavar="FILE", help="A file of requests, or a sample: azure-code, azure-conv, burstgpt,"
        " mooncake, vllm.")],
    format_: Annotated[str | None, typer.Option(
        "--format", help="azure, burstgpt, mooncake, vllm, guidellm, inference-perf or csv; else"
        " the file is looked at.")] = None,
    spread: Annotated[bool, typer.Option(
        "--spread", help="Spread requests of one instant over the time to the next.")] = False,
    as_json: o.JsonOption = False,
    plot: Annotated[Path | None, typer.Option(
        "--plot", help="Draw it: a .png, .svg or .pdf file.")] = None,
) -> None:  # fmt: skip
    """Show rate over time, burstiness, lengths and sharing of a file of requests."""
    from guide_ml.traffic import described
    from guide_ml.traffic.traffic import Traffic

    traffic = Traffic.read(file, format_)
    traffic = traffic.spread() if spread else traffic
    if plot:
        from guide_ml.traffic import picture

        picture.draw(traffic, plot)
    found = described.describe(traffic)
    show_or_json(found.to_dict(), found.blocks, as_json)


@app.command(epilog=examples("guide traffic formats", "guide traffic formats --json"))
def formats(as_json: o.JsonOption = False) -> None:
    """List the formats that are read, and the samples that come along."""
    from guide_ml.traffic.reading import FORMATS
    from guide_ml.traffic.shipped import SAMPLES

    rows = [{"format": f.name, "what": f.title} for f in FORMATS.values()]
    samples = [{"sample": name, "file": str(path)} for name, path in SAMPLES.items()]

    def blocks() -> list[Block]:
        return [listing(rows, {"format": "format", "what": "file"}, "formats"),
                listing(samples, {"sample": "sample", "file": "file"}, "samples")]  # fmt: skip

    show_or_json({"formats": rows, "samples": samples}, blocks, as_json)
