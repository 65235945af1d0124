"""The command ``guide capacity``: the rate that a deployment sustains within limits."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console

from guide_ml.cli import options as o
from guide_ml.cli import traffic_options as t
from guide_ml.cli.parts import show_or_json
from guide_ml.errors import InvalidInput

__all__ = ["EXAMPLES", "capacity"]

EXAMPLES = (
    "guide capacity --hardware h100 --model llama-3.1-8b-instruct --framework vllm"
    " --input-len 900 --output-len 200 --length-cv 0.8 --ttft-p99-ms 1000 --tpot-p99-ms 40",
    "guide capacity --hardware h100 --num-devices 4 --tp 4 --model llama-3.1-70b-instruct"
    " --trace azure-conv --ttft-p99-ms 2000 --replicas 2 --json",
)


def _limit(help_: str) -> Any:
    return typer.Option(help=help_, rich_help_panel="Limits")


TtftOption = Annotated[float | None, _limit("Most mean time to the first token.")]
TpotOption = Annotated[float | None, _limit("Most mean time per further token.")]
E2eOption = Annotated[float | None, _limit("Most mean time of a whole request.")]
LimitOption = Annotated[
    list[str] | None, typer.Option("--limit", help="Any other, as e2e_p90_ms=5000 or"
                                   " itl_p95_ms=80. May be repeated.",
                                   rich_help_panel="Limits")
]  # fmt: skip


def capacity(
    hardware: o.HardwareOption, model: o.ModelOption, framework: o.FrameworkOption = None,
    accept_unknown: o.AcceptOption = False, framework_version: o.VersionOption = None,
    backend: o.BackendOption = None, num_devices: o.DevicesOption = None, tp: o.TpOption = None,
    pp: o.PpOption = None, dp: o.DpOption = None, ep: o.EpOption = None,
    weight_dtype: o.WeightOption = None, kv_dtype: o.KvOption = None,
    spec_method: o.SpecOption = None, input_len: o.InputOption = None,
    output_len: o.OutputOption = None, arrival: t.ArrivalOption = None,
    burstiness: t.BurstinessOption = None, length_cv: t.CvOption = None,
    trace: t.TraceOption = None, spread: t.SpreadOption = False,
    ttft_ms: TtftOption = None, tpot_ms: TpotOption = None, e2e_ms: E2eOption = None,
    ttft_p99_ms: t.Ttft99Option = None, tpot_p99_ms: t.Tpot99Option = None,
    e2e_p99_ms: t.E2e99Option = None, limit: LimitOption = None,
    replicas: t.ReplicasOption = 1, router: t.RouterOption = "least-loaded",
    seed: t.SeedOption = 0, draft_tokens: o.DraftOption = None, accept_len: o.AcceptedOption = None,
    prefix_hit_rate: o.HitOption = None, max_num_seqs: o.SeqsOption = None,
    max_num_batched_tokens: o.BatchedOption = None, memory_share: o.ShareOption = None,
    level: o.LevelOption = 0.9, predictor: o.PredictorOption = None,
    profile: o.ProfileOption = None, as_json: o.JsonOption = False,
) -> None:  # fmt: skip
    """Find the highest rate of requests at which limits hold."""
    asked = dict(locals()) | {"hardware": hardware[0]}
    for name in ("trace", "spread", "burstiness", "limit", "as_json"):
        asked.pop(name)
    if arrival is not None and burstiness is not None:
        raise InvalidInput("give --arrival or --burstiness, not both")
    asked |= {"arrival": arrival or (burstiness if burstiness is not None else "poisson"),
              "length_cv": length_cv or 0.0, "limits": dict(map(_named, limit or ())),
              "traffic": t.recorded(trace, spread)}  # fmt: skip
    with Console(stderr=True).status("simulating"):
        from guide_ml.sizing import capacity as find

        found = find(**asked)
    show_or_json(found.to_dict(), found.blocks, as_json)


def _named(text: str) -> tuple[str, float]:
    """Read a limit as ``e2e_p90_ms=5000``."""
    name, _, value = text.partition("=")
    try:
        return name.strip().replace("-", "_"), float(value)
    except ValueError:
        from guide_ml.sizing.limits import KNOWN

        raise InvalidInput("a limit is NAME=MILLISECONDS, as --limit e2e_p90_ms=5000; got"
                           f" {text!r}. {KNOWN}") from None  # fmt: skip
