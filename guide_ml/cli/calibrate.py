"""``guide calibrate``: one's own measurements into a profile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from guide_ml.cli import options as o

__all__ = ["EXAMPLES", "calibrate"]

EXAMPLES = (
    "guide calibrate my-runs.csv --out profile.json",
    "guide calibrate my-runs.csv --hardware my-card.toml --out profile.json",
    "guide predict --profile profile.json --hardware l40s --model llama-3.1-8b-instruct"
    " --framework vllm --concurrency 16 --input-len 1024 --output-len 256",
)

MeasurementsArgument = Annotated[
    Path,
    typer.Argument(metavar="MEASUREMENTS", help="CSV or Parquet file: hardware, model, framework,"
                   " ..., and what was measured: batch_latency_s, ttft_ms, tpot_ms,"
                   " output_tok_s."),
]  # fmt: skip
HardwareFiles = Annotated[
    list[Path] | None,
    typer.Option("--hardware", help="TOML file of a device that the catalogue lacks; may be"
                 " repeated."),
]  # fmt: skip
ModelFiles = Annotated[
    list[Path] | None,
    typer.Option("--model", help="config.json of a model that the catalogue lacks; may be"
                 " repeated."),
]  # fmt: skip
OutOption = Annotated[Path, typer.Option("--out", help="File to write the profile to.")]


def calibrate(
    measurements: MeasurementsArgument, out: OutOption = Path("profile.json"),
    hardware: HardwareFiles = None, model: ModelFiles = None,
    predictor: o.PredictorOption = None, as_json: o.JsonOption = False,
) -> None:  # fmt: skip
    """Learn from 3 or more runs of your own how your machines differ from the general model."""
    with Console(stderr=True).status("calibrating"):
        from guide_ml.answers.blocks import Words
        from guide_ml.calibration import fit
        from guide_ml.cli import report
        from guide_ml.system.writing import distinct

        distinct([out], [measurements, *(hardware or ()), *(model or ())])
        table = fit.read(measurements)
        profile = fit.calibrate(table, predictor, hardware, model)
        profile.save(out)
    if as_json:
        typer.echo(json.dumps(profile.to_dict(), indent=2, ensure_ascii=False))
        return
    report.show([*profile.blocks(), Words(lines=(f"It is in {out}.",), inset=0)])
