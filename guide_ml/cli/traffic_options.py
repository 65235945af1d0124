"""Options that say what traffic comes, shared by commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from guide_ml.errors import InvalidInput

if TYPE_CHECKING:
    from guide_ml.traffic.traffic import Traffic

__all__ = ["ArrivalOption", "BurstinessOption", "CvOption", "E2e99Option", "ReplicasOption",
           "RouterOption", "SeedOption", "SpreadOption", "Tpot99Option", "TraceOption",
           "Ttft99Option", "recorded", "settle"]  # fmt: skip

_TRAFFIC, _LIMITS = "Traffic", "Limits"

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

Ttft99Option = Annotated[
    float | None, typer.Option("--ttft-p99-ms", help="Most time to the first token, of 99 in 100"
                               " requests.", rich_help_panel=_LIMITS)
]  # fmt: skip
Tpot99Option = Annotated[
    float | None, typer.Option("--tpot-p99-ms", help="Most time per further token, of 99 in 100"
                               " requests.", rich_help_panel=_LIMITS)
]  # fmt: skip
E2e99Option = Annotated[
    float | None, typer.Option("--e2e-p99-ms", help="Most time of a whole request, of 99 in 100.",
                               rich_help_panel=_LIMITS)
]  # fmt: skip


def recorded(trace: Path | None, spread: bool) -> Traffic | None:
    """Read the traffic of a file, if there is one."""
    if trace is None:
        return None
    from guide_ml.traffic.traffic import Traffic

    found = Traffic.read(trace)
    return found.spread() if spread else found


#: Options that say how much comes.
_LOADS = ("requests_per_s", "users", "tokens_per_s", "offline_tokens")


def settle(given: dict[str, Any]) -> Traffic | None:
    """Read the trace, if there is one; it brings lengths along, and a rate unless one is given."""
    traffic = recorded(given["trace"], given["spread"])
    lengths = ("input_len", "output_len")
    if traffic is None:
        if any(given[name] is None for name in lengths):
            raise InvalidInput("give --input-len and --output-len, or --trace")
        return None
    for name, tokens in zip(lengths, (traffic.input_tokens, traffic.output_tokens), strict=True):
        if given[name] is not None:
            raise InvalidInput("a trace says how long requests are: leave out"
                               f" --{name.replace('_', '-')}")  # fmt: skip
        given[name] = float(tokens.mean())
    if not any(given.get(name) for name in _LOADS):
        given["requests_per_s"] = traffic.rate_rps
    return traffic
