"""The command ``guide simulate``: what users see of traffic on a deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from guide_ml.cli import options as o
from guide_ml.cli import traffic_options as t
from guide_ml.cli.parts import show_or_json
from guide_ml.errors import InvalidInput

__all__ = ["EXAMPLES", "simulate"]

EXAMPLES = (
    "guide simulate --hardware h100 --model llama-3.1-8b-instruct --framework vllm"
    " --requests-per-s 10 --input-len 900 --output-len 200 --length-cv 0.8 --plot latency.png",
    "guide simulate --hardware h100 --model llama-3.1-8b-instruct --trace azure-conv"
    " --requests-per-s 8 --replicas 2 --seed 3 --json",
    "guide simulate --hardware l40s --model qwen2.5-7b-instruct --requests-per-s 2"
    " --burstiness 0.25 --input-len 512 --output-len 128 --duration 600",
)

#: Requests that are simulated where neither their number nor a duration is said.
REQUESTS = 3000

RateOption = Annotated[
    float | None,
    typer.Option("--requests-per-s", "--request-rate", help="Requests that arrive each second; a"
                 " trace is brought to it.", rich_help_panel="Traffic"),
]  # fmt: skip
RequestsOption = Annotated[
    int | None, typer.Option(help=f"Requests in all ({REQUESTS:,}).", rich_help_panel="Traffic")
]
DurationOption = Annotated[
    float | None, typer.Option("--duration", help="Seconds in which requests arrive, instead of"
                               " their number.", rich_help_panel="Traffic")
]  # fmt: skip
UsersOption = Annotated[
    int | None, typer.Option("--concurrency", help="Requests in flight of a closed loop, instead of"
                             " a rate.", rich_help_panel="Traffic")
]  # fmt: skip
TtftOption = Annotated[
    float | None, typer.Option("--ttft-ms", help="Limit of TTFT for the goodput.")
]
TpotOption = Annotated[
    float | None, typer.Option("--tpot-ms", help="Limit of TPOT for the goodput.")
]
E2eOption = Annotated[
    float | None, typer.Option("--e2e-ms", help="Limit of a request's time for the goodput.")
]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", help="Draw latency over time and its distribution: a .png,"
                              " .svg or .pdf file.")
]  # fmt: skip


def simulate(
    hardware: o.HardwareOption, model: o.ModelOption, framework: o.FrameworkOption = None,
    accept_unknown: o.AcceptOption = False, framework_version: o.VersionOption = None,
    backend: o.BackendOption = None, num_devices: o.DevicesOption = None, tp: o.TpOption = None,
    pp: o.PpOption = None, dp: o.DpOption = None, ep: o.EpOption = None,
    weight_dtype: o.WeightOption = None, kv_dtype: o.KvOption = None,
    spec_method: o.SpecOption = None, requests_per_s: RateOption = None,
    concurrency: UsersOption = None, input_len: o.InputOption = None,
    output_len: o.OutputOption = None, length_cv: t.CvOption = None,
    arrival: t.ArrivalOption = None, burstiness: t.BurstinessOption = None,
    num_requests: RequestsOption = None, duration_s: DurationOption = None,
    trace: t.TraceOption = None, spread: t.SpreadOption = False,
    replicas: t.ReplicasOption = 1, router: t.RouterOption = "least-loaded",
    seed: t.SeedOption = 0, ttft_ms: TtftOption = None, tpot_ms: TpotOption = None,
    e2e_ms: E2eOption = None, gpu_layers: o.GpuLayersOption = None,
    experts_on_cpu: o.ExpertsOption = None, host: o.HostOption = None,
    host_bandwidth_gbs: o.HostBandwidthOption = None, threads: o.ThreadsOption = None,
    vcpus: o.VcpusOption = None, draft_tokens: o.DraftOption = None,
    accept_len: o.AcceptedOption = None, prefix_hit_rate: o.HitOption = None,
    max_num_seqs: o.SeqsOption = None, max_num_batched_tokens: o.BatchedOption = None,
    memory_share: o.ShareOption = None, level: o.LevelOption = 0.9,
    predictor: o.PredictorOption = None, profile: o.ProfileOption = None,
    plot: PlotOption = None, as_json: o.JsonOption = False,
) -> None:  # fmt: skip
    """Simulate traffic on a deployment: percentiles of latency, queue, cache."""
    given = dict(locals()) | {"hardware": hardware[0]}
    said = {name: given.pop(name) for name in _TRAFFIC}
    limits = {name: given.pop(name) for name in ("ttft_ms", "tpot_ms", "e2e_ms")}
    for name in ("plot", "as_json"):
        given.pop(name)
    asked = {name: value for name, value in given.items() if value is not None}
    with Console(stderr=True).status("simulating"):
        from guide_ml.simulation.api import simulate as run

        traffic = made(**said, seed=seed)
        found = run(**asked, traffic=traffic,
                    limits={k: v for k, v in limits.items() if v is not None})  # fmt: skip
        if plot:
            from guide_ml.cli.latency_plots import draw

            draw(found, plot)
    show_or_json(found.to_dict(), found.blocks, as_json)


_TRAFFIC = ("requests_per_s", "concurrency", "input_len", "output_len", "length_cv", "arrival",
            "burstiness", "num_requests", "duration_s", "trace", "spread")  # fmt: skip


def made(
    *, requests_per_s: float | None, concurrency: int | None, input_len: float | None,
    output_len: float | None, length_cv: float | None, arrival: str | None,
    burstiness: float | None, num_requests: int | None, duration_s: float | None,
    trace: Path | None, spread: bool, seed: int,
) -> Any:  # fmt: skip
    """Make the traffic that options say.

    Raises
    ------
    InvalidInput
        If they contradict each other or say too little.
    """
    if trace is not None:
        others = {"--input-len": input_len, "--output-len": output_len, "--arrival": arrival,
                  "--length-cv": length_cv, "--burstiness": burstiness,
                  "--concurrency": concurrency}  # fmt: skip
        if told := [name for name, value in others.items() if value is not None]:
            raise InvalidInput(f"a trace says when requests come and how long they are: leave out"
                               f" {told[0]}, or leave out --trace")  # fmt: skip
        return _recorded(t.recorded(trace, spread), requests_per_s, num_requests, duration_s)
    from guide_ml.traffic import Lengths, Traffic

    if input_len is None or output_len is None:
        raise InvalidInput("give --input-len and --output-len, or --trace")
    if (requests_per_s is None) == (concurrency is None):
        raise InvalidInput("give --requests-per-s, or --concurrency for a closed loop: one of both")
    if spread:
        raise InvalidInput("--spread is for a trace whose times are rounded: give --trace")
    lengths = Lengths.spread(input_len, output_len, length_cv or 0.0)
    if num_requests is None and duration_s is None:
        num_requests = REQUESTS
    if concurrency is not None:
        return Traffic.closed(concurrency, lengths, num_requests=num_requests or REQUESTS,
                              seed=seed)  # fmt: skip
    more: dict[str, Any] = {"num_requests": num_requests, "duration_s": duration_s, "seed": seed}
    rate = float(requests_per_s or 0.0)
    if arrival is not None and burstiness is not None:
        raise InvalidInput("give --arrival or --burstiness, not both")
    if arrival not in (None, "poisson", "constant"):
        raise InvalidInput(f"--arrival must be poisson or constant; got {arrival!r}")
    if arrival == "constant":
        return Traffic.constant(rate, lengths, **more)
    return Traffic.gamma(rate, lengths, burstiness=1.0 if burstiness is None else burstiness,
                         **more)  # fmt: skip


def _recorded(
    traffic: Any, rate_rps: float | None, num_requests: int | None, duration_s: float | None
) -> Any:
    """Cut and turn recorded traffic."""
    if rate_rps is not None:
        traffic = traffic.at_rate(rate_rps)
    if duration_s is not None:
        traffic = traffic.between(0.0, duration_s)
    return traffic if num_requests is None else traffic.first(num_requests)
