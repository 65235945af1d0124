"""Options of the command line, one type for each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_LAYOUT, _LOAD = "Layout and precision", "Load"


class Kind(StrEnum):
    """What the catalogue knows."""

    HARDWARE = "hardware"
    MODELS = "models"
    FRAMEWORKS = "frameworks"


HardwareOption = Annotated[
    str, typer.Option("--hardware", help="Slug, alias, or a TOML file that describes a device.")
]
ModelOption = Annotated[
    str, typer.Option("--model", help="Hugging Face id, alias, or a path to a config.json.")
]
FrameworkOption = Annotated[str | None, typer.Option("--framework", help="Engine: vllm, ...")]
VersionOption = Annotated[str | None, typer.Option(help="Version as the engine writes it.")]
BackendOption = Annotated[str | None, typer.Option(help="cuda, rocm, vulkan, metal, ...")]
DevicesOption = Annotated[
    int | None,
    typer.Option("--num-devices", help="Devices in all (1, or tp * pp * dp).",
                 rich_help_panel=_LAYOUT),
]  # fmt: skip
TpOption = Annotated[int | None, typer.Option(help="Tensor-parallel.", rich_help_panel=_LAYOUT)]
PpOption = Annotated[int | None, typer.Option(help="Pipeline-parallel.", rich_help_panel=_LAYOUT)]
DpOption = Annotated[int | None, typer.Option(help="Data-parallel.", rich_help_panel=_LAYOUT)]
EpOption = Annotated[int | None, typer.Option(help="Expert-parallel.", rich_help_panel=_LAYOUT)]
WeightOption = Annotated[
    str | None, typer.Option(help="bf16, fp8, awq-int4, q4_k_m, ...", rich_help_panel=_LAYOUT)
]
KvOption = Annotated[str | None, typer.Option(help="fp16, fp8, ...", rich_help_panel=_LAYOUT)]
SpecOption = Annotated[
    str | None, typer.Option(help="Speculative decoding: mtp, ...", rich_help_panel=_LAYOUT)
]
ModeOption = Annotated[
    str | None,
    typer.Option(help="static, prefill, decode, closed or offline; follows from the load.",
                 rich_help_panel=_LOAD),
]  # fmt: skip
BatchOption = Annotated[
    float | None, typer.Option(help="Requests of a fixed batch.", rich_help_panel=_LOAD)
]
ConcurrencyOption = Annotated[
    float | None, typer.Option(help="Requests in flight at a server.", rich_help_panel=_LOAD)
]
RequestsOption = Annotated[
    float | None, typer.Option(help="Requests of a whole run, or of an offline queue.",
                               rich_help_panel=_LOAD)
]
RateOption = Annotated[
    float | None, typer.Option(help="Refused: not predicted.", hidden=True, rich_help_panel=_LOAD)
]
InputOption = Annotated[
    float | None, typer.Option(help="Mean prompt tokens a request.", rich_help_panel=_LOAD)
]
OutputOption = Annotated[
    float | None, typer.Option(help="Mean generated tokens a request.", rich_help_panel=_LOAD)
]
DepthOption = Annotated[
    float | None, typer.Option(help="Tokens in the KV cache before.", rich_help_panel=_LOAD)
]
StatOption = Annotated[
    str | None, typer.Option(help="mean, median or p99.", rich_help_panel=_LOAD)
]
LevelOption = Annotated[
    float, typer.Option("--level", help="Share of like cases that each interval is to hold.")
]
PredictorOption = Annotated[
    Path | None,
    typer.Option("--predictor", help="Folder of other estimators, or models:/guide@champion."),
]
ProfileOption = Annotated[
    Path | None, typer.Option("--profile", help="Profile of your own machines (guide calibrate).")
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Say in plain words why, and what would change it.")
]
PlotOption = Annotated[
    Path | None,
    typer.Option("--plot", help="Draw the explanation: a .png, .svg or .pdf file."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
