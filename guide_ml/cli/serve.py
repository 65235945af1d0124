"""``guide serve``: the page and the service for programs."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from guide_ml.errors import InvalidInput

__all__ = ["EXAMPLES", "serve"]

EXAMPLES = (
    "guide serve",
    "guide serve --host 0.0.0.0 --port 8080 --workers 2 --token-file token.txt",
    "guide serve --profile lab=lab.toml --predictor ours=my-models",
)
#: Packages of the extra web. Some come with others, so each is looked for; none is imported here,
#: as figures of several processes need a variable that is set before.
NEEDED = ("anyio", "fastapi", "prometheus_client", "pydantic", "starlette", "uvicorn")
TOKEN = "GUIDE_TOKEN"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Names by which a service on the loopback device may be called, so that no page of another
#: site can have its own name lead here.
LOCAL = ("127.0.0.1", "localhost")

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]
WorkersOption = Annotated[int, typer.Option(min=1, max=64, help="Processes.")]
TokenOption = Annotated[
    Path | None,
    typer.Option(help=f"File of a bearer token that requests must bring; or the variable {TOKEN}."),
]
PredictorOption = Annotated[
    list[str] | None,
    typer.Option("--predictor", metavar="NAME=FOLDER",
                 help="Estimators that requests may name. May be repeated."),
]  # fmt: skip
ProfileOption = Annotated[
    list[str] | None,
    typer.Option("--profile", metavar="NAME=FILE",
                 help="Profile that requests may name. May be repeated."),
]  # fmt: skip
RowsOption = Annotated[int, typer.Option(min=1, help="Most rows of a table.")]
BodyOption = Annotated[float, typer.Option(help="Largest table, MB.")]
SearchesOption = Annotated[int, typer.Option(min=1, help="Searches at once in a process.")]
SecondsOption = Annotated[float, typer.Option(help="Seconds after which a search ends.")]


def serve(
    host: HostOption = "127.0.0.1", port: PortOption = 8000, workers: WorkersOption = 1,
    token_file: TokenOption = None, predictor: PredictorOption = None,
    profile: ProfileOption = None, max_rows: RowsOption = 100_000, max_body_mb: BodyOption = 32.0,
    searches: SearchesOption = 2, search_s: SecondsOption = 120.0,
) -> None:  # fmt: skip
    """Serve the page and the functions for programs, until Ctrl-C. Needs the extra web."""
    if lacking := [name for name in NEEDED if find_spec(name) is None]:
        raise InvalidInput(f"guide serve needs {', '.join(lacking)}, which the extra web brings:"
                           " pip install 'guide-ml[web]'")  # fmt: skip
    from guide_ml.web.serve import serve as run
    from guide_ml.web.settings import Settings

    local = host in LOOPBACK
    settings = Settings(
        token=_token(token_file), predictors=_named("predictor", predictor),
        profiles=_named("profile", profile), max_rows=max_rows, max_body_mb=max_body_mb,
        searches=searches, search_s=search_s, threads=max(os.cpu_count() or 1, 2),
        hosts=LOCAL if host in LOCAL else ("*",),
    )  # fmt: skip
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"guide-ml listens on http://{shown}:{port}/ (Ctrl-C ends it)", err=True)
    if not local and settings.token is None:
        typer.echo("guide: anybody who reaches this address may use it: give --token-file, or keep"
                   " to 127.0.0.1", err=True)  # fmt: skip
    run(host, port, workers, settings)


def _token(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get(TOKEN) or None
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--token-file {path} cannot be read") from error


def _named(option: str, given: list[str] | None) -> dict[str, str]:
    """Read NAME=PATH."""
    found = {}
    for text in given or ():
        name, sign, path = text.partition("=")
        if not (name and sign and path):
            raise InvalidInput(f"--{option} must be NAME=PATH; got {text!r}")
        found[name] = path
    return found
