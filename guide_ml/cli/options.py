"""Options of the command line, one type for each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_LAYOUT, _LOAD, _SETTINGS = "Layout and precision", "Load", "Settings of engine and machine"


class Kind(StrEnum):
    """What the catalogue knows."""

    HARDWARE = "hardware"
    MODELS = "models"
    FRAMEWORKS = "frameworks"
    PROVIDERS = "providers"


def _only(given: list[str]) -> list[str]:
    """Refuse an option that was given twice: the last one would win in silence."""
    if len(given) > 1:
        raise typer.BadParameter(f"give it once, or call once for each; got {', '.join(given)}")
    return given


HardwareOption = Annotated[
    list[str],
    typer.Option("--hardware", help="Slug, alias, or a TOML file that describes a device.",
                 callback=_only, metavar="TEXT"),
]  # fmt: skip
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
    typer.Option(help="static, prefill, decode, closed, offline, open or disagg;"
                      " follows from the load and the layout.",
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
    float | None,
    typer.Option(help="Requests that arrive each second.", rich_help_panel=_LOAD),
]
ArrivalOption = Annotated[
    str | None, typer.Option(help="How requests at a rate come: poisson (the default), constant,"
                             " burst (all at once), or a burstiness as vLLM counts it.",
                             rich_help_panel=_LOAD)
]  # fmt: skip
DurationOption = Annotated[
    float | None, typer.Option("--duration-s", help="Seconds for which requests come at the rate;"
                               " the steady state without.", rich_help_panel=_LOAD)
]  # fmt: skip
ReplicasOption = Annotated[
    int | None, typer.Option(help="Copies of the deployment that share the rate.",
                             rich_help_panel=_LOAD)
]  # fmt: skip
RouterOption = Annotated[
    str | None, typer.Option(help="least-loaded (the default), round-robin or prefix-aware.",
                             rich_help_panel=_LOAD)
]  # fmt: skip
_POOLS = "Workers of disaggregated serving"


def _pool(text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(help=text, rich_help_panel=_POOLS)
    return option


PrefillWorkersOption = Annotated[int | None, _pool("Workers that prefill.")]
PrefillTpOption = Annotated[int | None, _pool("Tensor-parallel size of one that prefills.")]
PrefillDpOption = Annotated[int | None, _pool("Data-parallel ranks of one that prefills.")]
PrefillEpOption = Annotated[int | None, _pool("Expert-parallel size of one that prefills.")]
DecodeWorkersOption = Annotated[int | None, _pool("Workers that decode.")]
DecodeTpOption = Annotated[int | None, _pool("Tensor-parallel size of one that decodes.")]
DecodeDpOption = Annotated[int | None, _pool("Data-parallel ranks of one that decodes.")]
DecodeEpOption = Annotated[int | None, _pool("Expert-parallel size of one that decodes.")]
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
    str | None, typer.Option(help="mean, median or p99; with requests at a rate p90 and p95 too.",
                             rich_help_panel=_LOAD)
]
GpuLayersOption = Annotated[
    int | None, typer.Option(help="Layers on the devices; the others stay in the host's memory.",
                             rich_help_panel=_SETTINGS)
]
ExpertsOption = Annotated[
    int | None, typer.Option(help="Layers whose routed experts stay in the host's memory.",
                             rich_help_panel=_SETTINGS)
]
HostOption = Annotated[
    str | None, typer.Option(help="Processor of the host.", rich_help_panel=_SETTINGS)
]
HostBandwidthOption = Annotated[
    float | None, typer.Option(help="Memory bandwidth of the host.", rich_help_panel=_SETTINGS)
]
ThreadsOption = Annotated[
    int | None, typer.Option(help="Threads that compute, of a processor that serves.",
                             rich_help_panel=_SETTINGS)
]
VcpusOption = Annotated[
    int | None, typer.Option(help="Virtual processors of the machine.", rich_help_panel=_SETTINGS)
]
DraftOption = Annotated[
    float | None, typer.Option(help="Tokens that a speculative step drafts.",
                               rich_help_panel=_SETTINGS)
]
AcceptedOption = Annotated[
    float | None, typer.Option(help="Tokens that a speculative step yields, the bonus included.",
                               rich_help_panel=_SETTINGS)
]
HitOption = Annotated[
    float | None, typer.Option(help="Share of the prompt that the prefix cache holds.",
                               rich_help_panel=_SETTINGS)
]
SeqsOption = Annotated[
    int | None, typer.Option(help="Requests that a replica runs together at most.",
                             rich_help_panel=_SETTINGS)
]
BatchedOption = Annotated[
    int | None, typer.Option(help="Tokens of one pass at most.", rich_help_panel=_SETTINGS)
]
ShareOption = Annotated[
    float | None, typer.Option(help="Share of the device's memory that the engine plans with.",
                               rich_help_panel=_SETTINGS)
]
LongestOption = Annotated[
    int | None, typer.Option(help="Tokens of the longest request that is let in.",
                             rich_help_panel=_SETTINGS)
]
EagerOption = Annotated[
    bool | None, typer.Option(help="No CUDA graphs are recorded.", rich_help_panel=_SETTINGS)
]
BlockOption = Annotated[
    int | None, typer.Option(help="Tokens of a block of the KV cache.", rich_help_panel=_SETTINGS)
]
DraftModelOption = Annotated[
    str | None, typer.Option(help="Model that drafts, for spec-method draft.",
                             rich_help_panel=_SETTINGS)
]
RankOption = Annotated[
    int | None, typer.Option(help="Rank of LoRA adapters.", rich_help_panel=_SETTINGS)
]
LorasOption = Annotated[
    int | None, typer.Option(help="LoRA adapters that a device holds at once.",
                             rich_help_panel=_SETTINGS)
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
AcceptOption = Annotated[
    bool,
    typer.Option("--accept-unknown", help="Count a config.json of an unknown type as Llama."),
]
OverwriteOption = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace a folder even where it holds what guide did not"
                 " write."),
]  # fmt: skip
