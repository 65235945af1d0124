"""Options that say what traffic comes, shared by commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from guide_ml.traffic.traffic import Traffic

__all__ = ["ArrivalOption", "BurstinessOption", "CvOption", "ReplicasOption", "RouterOption",
           "SeedOption", "SpreadOption", "TraceOption", "recorded"]  # fmt: skip

_TRAFFIC = "Traffic"

TraceOption = Annotated[
    Path | None,
    typer.Option("--trace", help="File of requests, or a sample (guide traffic formats).",
                 rich_help_panel=_TRAFFIC),
]  # fmt: skip
SpreadOption = Annotated[
    bool, typer.Option("--spread", help="Spread requests of one instant over the time to the next.",
                       rich_help_panel=_TRAFFIC)
]  # fmt: skip
ArrivalOption = Annotated[
    str | None, typer.Option(help="poisson (default) or constant.", rich_help_panel=_TRAFFIC)
]
BurstinessOption = Annotated[
    float | None, typer.Option(help="1 is Poisson, below it requests come in bursts, as in vLLM.",
                               rich_help_panel=_TRAFFIC)
]  # fmt: skip
CvOption = Annotated[
    float | None, typer.Option("--length-cv", help="Spread of lengths: standard deviation over"
                               " mean; 0 for equal ones.", rich_help_panel=_TRAFFIC)
]  # fmt: skip
SeedOption = Annotated[
    int, typer.Option(help="Seed of all that is drawn.", rich_help_panel=_TRAFFIC)
]
ReplicasOption = Annotated[
    int, typer.Option(help="Copies of the deployment behind a router.", rich_help_panel=_TRAFFIC)
]
RouterOption = Annotated[
    str, typer.Option(help="least-loaded, round-robin or prefix-aware.", rich_help_panel=_TRAFFIC)
]


def recorded(trace: Path | None, spread: bool) -> Traffic | None:
    """Read the traffic of a file, if there is one."""
    if trace is None:
        return None
    from guide_ml.traffic.traffic import Traffic

    found = Traffic.read(trace)
    return found.spread() if spread else found
