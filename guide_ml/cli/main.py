"""The command ``guide``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from guide_ml import catalogue
from guide_ml.answers.blocks import Block, listing
from guide_ml.cli import calibrate as cli_calibrate
from guide_ml.cli import capacity as cli_capacity
from guide_ml.cli import ingest as cli_ingest
from guide_ml.cli import launch as cli_launch
from guide_ml.cli import options as o
from guide_ml.cli import plan as cli_plan
from guide_ml.cli import prices as cli_prices
from guide_ml.cli import retrain as cli_retrain
from guide_ml.cli import score as cli_score
from guide_ml.cli import search as cli_search
from guide_ml.cli import serve as cli_serve
from guide_ml.cli import show as cli_show
from guide_ml.cli import simulate as cli_simulate
from guide_ml.cli import traffic as cli_traffic
from guide_ml.cli import traffic_options as t
from guide_ml.cli import train as cli_train
from guide_ml.cli.ending import BUG, ending
from guide_ml.cli.parts import App, examples, show_or_json
from guide_ml.system.writing import distinct

if TYPE_CHECKING:
    from guide_ml.answers.explanation import Explanation
    from guide_ml.answers.prediction import Prediction

__all__ = ["BUG", "app", "main"]


app = App(
    name="guide", no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Predict latency, throughput and memory of LLM deployments before they are bought.",
)  # fmt: skip


def main() -> None:
    """Run the command line."""
    with ending(), app.only(sys.argv[1:2]):
        app()


def _show_version(asked: bool) -> None:
    if asked:
        from guide_ml import __version__

        typer.echo(f"guide-ml {__version__}")
        raise typer.Exit


@app.callback(
    epilog=examples(
        "guide predict --hardware h100 --model llama-3.1-8b-instruct --framework vllm"
        " --concurrency 16 --input-len 1024 --output-len 256",
        "guide list models qwen3",
        "guide show h100",
    )
)
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command(
    epilog=examples(
        "guide predict --hardware h100 --model llama-3.1-8b-instruct --framework vllm"
        " --concurrency 16 --input-len 1024 --output-len 256",
        "guide predict --hardware h100 --num-devices 8 --tp 8 --weight-dtype fp8"
        " --model meta-llama/Llama-3.1-405B --batch-size 32 --input-len 2048 --output-len 128",
        "guide predict --hardware my-chip.toml --model ./my-model/config.json --framework vllm"
        " --batch-size 1 --input-len 512 --output-len 128 --json",
        "guide predict --hardware l40s --model qwen2.5-7b-instruct --framework vllm --concurrency 8"
        " --input-len 512 --output-len 128 --explain --plot why.png",
        "guide predict --hardware h100 --model llama-3.1-8b-instruct --request-rate-rps 8"
        " --input-len 900 --output-len 200 --length-cv 0.5 --ttft-stat p99 --e2e-stat p99",
        "guide predict --hardware h200 --model openai/gpt-oss-120b --framework sglang"
        " --concurrency 64 --input-len 2000 --output-len 700 --prefill-workers 2 --prefill-tp 2"
        " --decode-workers 2 --decode-tp 2",
    )
)
def predict(
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
    tpot_stat: o.StatOption = None, e2e_stat: o.StatOption = None,
    arrival: o.ArrivalOption = None, length_cv: t.CvOption = None,
    duration_s: o.DurationOption = None, replicas: o.ReplicasOption = None,
    router: o.RouterOption = None, prefill_workers: o.PrefillWorkersOption = None,
    prefill_tp: o.PrefillTpOption = None, prefill_dp: o.PrefillDpOption = None,
    prefill_ep: o.PrefillEpOption = None, decode_workers: o.DecodeWorkersOption = None,
    decode_tp: o.DecodeTpOption = None, decode_dp: o.DecodeDpOption = None,
    decode_ep: o.DecodeEpOption = None, gpu_layers: o.GpuLayersOption = None,
    experts_on_cpu: o.ExpertsOption = None, host: o.HostOption = None,
    host_bandwidth_gbs: o.HostBandwidthOption = None, threads: o.ThreadsOption = None,
    vcpus: o.VcpusOption = None, draft_tokens: o.DraftOption = None,
    accept_len: o.AcceptedOption = None, prefix_hit_rate: o.HitOption = None,
    max_num_seqs: o.SeqsOption = None, max_num_batched_tokens: o.BatchedOption = None,
    memory_share: o.ShareOption = None, max_model_len: o.LongestOption = None,
    enforce_eager: o.EagerOption = None, block_size: o.BlockOption = None,
    draft_model: o.DraftModelOption = None, lora_rank: o.RankOption = None,
    loras: o.LorasOption = None,
    level: o.LevelOption = 0.9,
    predictor: o.PredictorOption = None, profile: o.ProfileOption = None,
    explain: o.ExplainOption = False, plot: o.PlotOption = None, as_json: o.JsonOption = False,
) -> None:  # fmt: skip
    """Predict speed and memory of one deployment."""
    asked = dict(locals()) | {"hardware": hardware[0]}
    for name in ("explain", "plot", "as_json"):
        asked.pop(name)
    files = [p for p in (hardware[0], model) if os.path.isfile(p)]
    distinct([plot], [*files, profile])
    with Console(stderr=True).status("predicting"):
        from guide_ml import api

        found = api.predict(**asked)
        why = found.explain() if explain or plot else None
        if why and plot:
            from guide_ml.explaining import picture

            picture.draw(why, plot, picture.title(found))
    told = why if explain else None
    values = found.to_dict() | ({"explanation": told.to_dict()} if told else {})
    show_or_json(values, lambda: _blocks(found, told), as_json)


def _blocks(found: Prediction, told: Explanation | None) -> list[Block]:
    return [*found.blocks(), *(told.blocks() if told else ())]


app.command(epilog=examples(*cli_calibrate.EXAMPLES))(cli_calibrate.calibrate)
app.command(epilog=examples(*cli_ingest.EXAMPLES))(cli_ingest.ingest)


app.command(epilog=examples(*cli_launch.EXAMPLES))(cli_launch.launch)


app.command(epilog=examples(*cli_plan.EXAMPLES))(cli_plan.plan)
app.command(epilog=examples(*cli_search.SEARCH_EXAMPLES))(cli_search.search)
app.command(epilog=examples(*cli_search.SWEEP_EXAMPLES))(cli_search.sweep)
app.command(epilog=examples(*cli_simulate.EXAMPLES))(cli_simulate.simulate)
app.command(epilog=examples(*cli_capacity.EXAMPLES))(cli_capacity.capacity)
app.add_typer(cli_prices.app, name="prices")
app.add_typer(cli_traffic.app, name="traffic")


app.command(epilog=examples(*cli_serve.EXAMPLES))(cli_serve.serve)


app.command(epilog=examples(*cli_score.SCORE_EXAMPLES))(cli_score.score)
app.command(epilog=examples(*cli_score.GRID_EXAMPLES))(cli_score.grid)


@app.command("list", epilog=examples("guide list hardware h100", "guide list models qwen3",
                                      "guide list frameworks --json"))  # fmt: skip
def list_(
    kind: Annotated[o.Kind, typer.Argument(help="What to list.")],
    filter_text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Only those that hold this text.")
    ] = "",
    as_json: o.JsonOption = False,
) -> None:
    """List what the catalogue knows."""
    rows = [row for row in _rows(kind) if _holds(row, kind, filter_text)]
    title = f"{len(rows)} {kind}" + (f" with {filter_text!r}" if filter_text else "")
    show_or_json(rows, lambda: [listing(rows, _COLUMNS[kind], title, _SPARE[kind])], as_json)


app.command(epilog=examples(*cli_show.EXAMPLES))(cli_show.show)
app.command(epilog=examples(*cli_train.TRAIN_EXAMPLES))(cli_train.train)
app.command(epilog=examples(*cli_train.EVALUATE_EXAMPLES))(cli_train.evaluate)
cli_retrain.register(app)


_COLUMNS: dict[o.Kind, dict[str, str]] = {
    o.Kind.HARDWARE: {
        "hardware": "slug", "architecture": "architecture", "release_year": "year",
        "memory_gb": "memory GB", "mem_bw_gbs": "GB/s", "fp16_tflops": "fp16 TFLOP/s",
        "fp8_tflops": "fp8 TFLOP/s",
    },
    o.Kind.MODELS: {
        "model": "slug", "family": "family", "params_total_b": "params B",
        "params_active_b": "active B", "num_layers": "layers", "attention": "attention",
        "native_dtype": "dtype",
    },
    o.Kind.FRAMEWORKS: {
        "framework": "slug", "kind": "kind", "backends": "backends", "newest": "newest version",
    },
    o.Kind.PROVIDERS: {
        "provider": "provider", "offers": "offers", "devices": "devices",
        "oldest": "oldest price", "newest": "newest price",
    },
}  # fmt: skip


#: Columns, from the right, that a narrow window leaves out.
_SPARE = {o.Kind.HARDWARE: 4, o.Kind.MODELS: 5, o.Kind.FRAMEWORKS: 1, o.Kind.PROVIDERS: 2}


def _rows(kind: o.Kind) -> list[dict[str, Any]]:
    if kind is o.Kind.HARDWARE:
        return [asdict(h) for h in catalogue.all_hardware().values()]
    if kind is o.Kind.MODELS:
        return [asdict(m) for m in catalogue.all_models().values()]
    if kind is o.Kind.PROVIDERS:
        from guide_ml.offers.listing import providers

        return providers()
    blocks = catalogue.framework_blocks()
    return [{"framework": slug, "newest": _newest(b), **b} for slug, b in blocks.items()]


def _newest(block: Mapping[str, Any]) -> str:
    versions = list(block.get("versions", ())) or [f"b{b}" for b in block.get("builds", ())]
    return versions[-1] if versions else ""


def _holds(row: dict[str, Any], kind: o.Kind, text: str) -> bool:
    """Whether a row's slug, names or an alias hold the text."""
    name = kind.value.rstrip("s")
    slug = row[name]
    named = text and kind is not o.Kind.PROVIDERS
    others = [a for a, s in catalogue.aliases(name).items() if s == slug] if named else []
    words = [slug, *others, row.get("vendor"), row.get("architecture"), row.get("family")]
    return any(text.lower() in str(w).lower() for w in words if w)
