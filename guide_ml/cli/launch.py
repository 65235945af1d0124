"""``guide launch``: the start of a deployment as a command or a file."""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from guide_ml.cli import options as o
from guide_ml.system import writing

__all__ = ["EXAMPLES", "Format", "launch"]

EXAMPLES = (
    "guide launch --hardware h100 --num-devices 8 --tp 4 --model llama-3.1-70b-instruct"
    " --framework vllm --weight-dtype fp8 --concurrency 64 --input-len 1024 --output-len 256",
    "guide launch --hardware l4 --model llama-3.1-8b-instruct --framework llama.cpp"
    " --weight-dtype q4_k_m --concurrency 4 --input-len 512 --output-len 128 --format compose",
    "guide launch --hardware h100 --num-devices 4 --tp 2 --model llama-3.1-8b-instruct"
    " --framework sglang --concurrency 64 --input-len 1024 --output-len 256 --format kubernetes"
    " --out llm.yaml",
)


class Format(StrEnum):
    """What a start is written as."""

    COMMAND = "command"
    COMPOSE = "compose"
    KUBERNETES = "kubernetes"


_START = "Start"
FormatOption = Annotated[
    Format, typer.Option("--format", help="What to write.", rich_help_panel=_START)
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="File to write to.", rich_help_panel=_START)
]
PortOption = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port.", rich_help_panel=_START)
]
CheckpointOption = Annotated[
    str | None,
    typer.Option(help="Id or path of the weights, if not the model's.", rich_help_panel=_START),
]
DraftOption = Annotated[
    str | None, typer.Option(help="Draft model that speculates.", rich_help_panel=_START)
]
MaxRequestOption = Annotated[
    int | None,
    typer.Option("--max-request-tokens", min=1, rich_help_panel=_START,
                 help="Tokens of the longest request, prompt and answer; else four times the mean"),
]  # fmt: skip
MaxLenOption = Annotated[
    int | None,
    typer.Option("--max-model-len", min=1, help="The same, as engines call it.",
                 rich_help_panel=_START),
]  # fmt: skip
ImageOption = Annotated[
    str | None, typer.Option(help="Other container image.", rich_help_panel=_START)
]
HostOption = Annotated[
    int, typer.Option("--host-devices", min=1, help="Devices of a host.", rich_help_panel=_START)
]
_OWN = (
    "port",
    "checkpoint",
    "draft",
    "max_request_tokens",
    "max_model_len",
    "image",
    "host_devices",
)


def launch(
    hardware: o.HardwareOption, model: o.ModelOption, framework: o.FrameworkOption = None,
    accept_unknown: o.AcceptOption = False,
    framework_version: o.VersionOption = None, backend: o.BackendOption = None,
    num_devices: o.DevicesOption = None, tp: o.TpOption = None, pp: o.PpOption = None,
    dp: o.DpOption = None, ep: o.EpOption = None, weight_dtype: o.WeightOption = None,
    kv_dtype: o.KvOption = None, spec_method: o.SpecOption = None, mode: o.ModeOption = None,
    batch_size: o.BatchOption = None, concurrency: o.ConcurrencyOption = None,
    num_requests: o.RequestsOption = None, request_rate_rps: o.RateOption = None,
    input_len: o.InputOption = None, output_len: o.OutputOption = None,
    context_depth: o.DepthOption = None, ttft_stat: o.StatOption = None,
    tpot_stat: o.StatOption = None, predictor: o.PredictorOption = None,
    form: FormatOption = Format.COMMAND, out: OutOption = None, port: PortOption = None,
    checkpoint: CheckpointOption = None, draft: DraftOption = None,
    max_request_tokens: MaxRequestOption = None, max_model_len: MaxLenOption = None,
    draft_tokens: o.DraftOption = None, max_num_seqs: o.SeqsOption = None,
    max_num_batched_tokens: o.BatchedOption = None, memory_share: o.ShareOption = None,
    image: ImageOption = None, host_devices: HostOption = 8,
    as_json: o.JsonOption = False,
) -> None:  # fmt: skip
    """Write the command, Compose or Kubernetes file that starts a deployment."""
    asked = dict(locals()) | {"hardware": hardware[0]}
    own = {name: asked.pop(name) for name in _OWN}
    asked["max_model_len"] = own["max_request_tokens"] or own["max_model_len"]
    for name in ("form", "out", "as_json"):
        asked.pop(name)
    files = [p for p in (asked["hardware"], asked["model"]) if os.path.isfile(p)]
    writing.distinct([out], files)
    with Console(stderr=True).status("checking"):
        from guide_ml import api

        found = api.predict(**asked)  # what does not fit is not started
    start = found.deployment.launch(found.workload, **own)
    if form is Format.COMMAND:
        text = start.header + start.command + "\n"
    else:
        text = start.compose() if form is Format.COMPOSE else start.kubernetes()
    if as_json:
        facts: dict[str, Any] = {
            "framework": start.engine.slug, "version": start.version, "image": start.image,
            "argv": start.argv, "devices": start.devices, "replicas": start.replicas,
            "notes": start.notes, form.value: start.command if form is Format.COMMAND else text,
        }  # fmt: skip
        text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        writing.write_text(out, text)
