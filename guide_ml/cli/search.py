"""The commands ``guide search`` and ``guide sweep``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from guide_ml.cli import loads
from guide_ml.cli import options as o
from guide_ml.cli import traffic_options as t
from guide_ml.cli.parts import progress_bar, show_or_json
from guide_ml.errors import DoesNotFit, InvalidInput
from guide_ml.system.writing import distinct

__all__ = ["SEARCH_EXAMPLES", "SWEEP_EXAMPLES", "search", "sweep"]

SEARCH_EXAMPLES = (
    "guide search --model llama-3.1-70b-instruct --input-len 1024 --output-len 256 --users 200"
    " --ttft-ms 1000 --tpot-ms 50",
    "guide search --model llama-3.1-8b-instruct --input-len 512 --output-len 128"
    " --requests-per-s 20 --tpot-ms 30 --vendor amd --vendor nvidia --confidence 0.9",
    "guide search --model qwen3-32b --input-len 2000 --output-len 500 --offline-tokens 1e9"
    " --deadline-h 24 --spot --json",
    "guide search --model llama-3.1-70b-instruct --input-len 1024 --output-len 256 --users 200"
    " --tpot-ms 50 --objective cost --objective latency --plot pareto.png",
    "guide search --model llama-3.1-8b-instruct --input-len 900 --output-len 200 --length-cv 0.8"
    " --requests-per-s 20 --burstiness 0.5 --ttft-p99-ms 1000 --tpot-p99-ms 40",
    "guide search --model llama-3.1-8b-instruct --trace azure-conv --requests-per-s 20"
    " --ttft-p99-ms 1000",
)
SWEEP_EXAMPLES = (
    "guide sweep --over users --values 10,50,200 --model llama-3.1-8b-instruct --input-len 512"
    " --output-len 128 --tpot-ms 40",
    "guide sweep --over ttft_ms --values 200,500,1000 --users 100 --model llama-3.1-70b-instruct"
    " --input-len 1024 --output-len 256 --csv sweep.csv --plot sweep.png",
)

#: Exit status where the request is right but nothing keeps its limits.
NOTHING_FITS = 3

_LOAD, _SLO, _MAY, _HOW = "Load (one of these)", "Limits", "What it may be", "How to search"


def _in(panel: str, help_: str, *flags: str) -> Any:
    """Return an option in a panel of the help."""
    return typer.Option(*flags, help=help_, rich_help_panel=panel)


def _names(flag: str, help_: str) -> Any:
    return _in(_MAY, f"{help_} May be repeated.", flag)


InputOption = Annotated[float | None, typer.Option(help="Mean prompt tokens a request.")]
OutputOption = Annotated[float | None, typer.Option(help="Mean generated tokens a request.")]
DepthOption = Annotated[
    float, typer.Option("--context-depth", "--cached-prompt-tokens", help="Tokens of the prompt"
                        " that the KV cache holds already, beside --input-len new ones.")
]  # fmt: skip
StatOption = Annotated[
    str, typer.Option(help="Statistic that the limit is on: mean, median or p99.",
                      rich_help_panel=_SLO)
]  # fmt: skip
RateOption = Annotated[float | None, _in(_LOAD, "Requests that arrive each second.")]
UsersOption = Annotated[
    float | None,
    _in(_LOAD, "Requests in flight at all times: users who ask again once they are answered."),
]
PeopleOption = Annotated[float | None, _in(_LOAD, "People who use it, with --busy-share.")]
BusyOption = Annotated[
    float | None, _in(_LOAD, "Share of the time that each of them waits for an answer, e.g. 0.05.")
]
JobOption = Annotated[
    float | None, _in(_LOAD, "Requests of an offline job, with --deadline-h.", "--offline-requests")
]
PromptsOption = Annotated[
    float | None, _in(_LOAD, "Prompt tokens of an offline job, with --deadline-h.")
]
LongestOption = Annotated[
    int | None, typer.Option(help="Tokens of the longest request that must be served, prompt and"
                             " answer; plans are started with room for it.", rich_help_panel=_MAY)
]  # fmt: skip
TokensOption = Annotated[float | None, _in(_LOAD, "Tokens to generate each second.")]
OfflineOption = Annotated[float | None, _in(_LOAD, "Tokens to generate in all, with --deadline-h.")]
DeadlineOption = Annotated[float | None, _in(_LOAD, "Hours in which.")]
TtftOption = Annotated[float | None, _in(_SLO, "Most time to the first token.")]
TpotOption = Annotated[float | None, _in(_SLO, "Most time per further token.")]
E2eOption = Annotated[float | None, _in(_SLO, "Most time of a whole request.")]
UserRateOption = Annotated[float | None, _in(_SLO, "Least tokens/s that one user sees.")]
BudgetOption = Annotated[float | None, _in(_SLO, "Most USD an hour.")]
MostOption = Annotated[
    int | None, typer.Option(help="Most devices rented.", rich_help_panel=_SLO)
]
ConfidenceOption = Annotated[
    float, typer.Option(help="Chance that the limits are kept: 0.5 takes the estimates.",
                        rich_help_panel=_SLO)
]  # fmt: skip
HardwareOption = Annotated[list[str] | None, _names("--hardware", "Device by slug or alias.")]
VendorOption = Annotated[list[str] | None, _names("--vendor", "nvidia, amd, ...")]
ProviderOption = Annotated[list[str] | None, _names("--provider", "Who rents machines out.")]
RegionOption = Annotated[list[str] | None, _names("--region", "Part of a region's name.")]
FrameworkOption = Annotated[
    list[str] | None,
    _names("--framework", "Engine; vLLM, SGLang and TensorRT-LLM by default."),
]
WeightOption = Annotated[
    list[str] | None,
    _names("--weight-dtype", "Precision of the weights; never 4 bits unasked."),
]
KvOption = Annotated[list[str] | None, _names("--kv-dtype", "Precision of the KV cache.")]
SpotOption = Annotated[bool, _in(_MAY, "Count spot prices, whose machines may be taken away.")]
MarketOption = Annotated[bool, _in(_MAY, "Count machines of third parties.")]
UndatedOption = Annotated[bool, _in(_MAY, "Count prices without a date.")]
DomainOption = Annotated[bool, _in(_MAY, "Nothing that is far from what was measured.")]
SinceOption = Annotated[
    str | None, typer.Option(help="ISO date; older prices do not count.", rich_help_panel=_MAY)
]
PricesOption = Annotated[
    list[Path] | None,
    typer.Option("--prices", help="CSV or TOML file of offers of your own. May be repeated.",
                 rich_help_panel=_MAY),
]  # fmt: skip
ObjectiveOption = Annotated[
    list[str] | None,
    typer.Option("--objective", help="cost (default), latency, throughput. May be repeated.",
                 rich_help_panel=_HOW),
]  # fmt: skip
SamplerOption = Annotated[
    str, typer.Option(help="auto, tpe, nsga2, random or enumerate.", rich_help_panel=_HOW)
]
TrialsOption = Annotated[
    int | None, typer.Option("--n-trials", help="Deployments to score at most.",
                             rich_help_panel=_HOW)
]  # fmt: skip
TimeoutOption = Annotated[float | None, _in(_HOW, "Seconds after which scoring stops.")]
SeedOption = Annotated[
    int, typer.Option(help="Seed of all that is random.", rich_help_panel=_HOW)
]
StorageOption = Annotated[
    Path | None,
    typer.Option(help="Journal file of the Optuna study: goes on there; optuna-dashboard opens it.",
                 rich_help_panel=_HOW),
]  # fmt: skip
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write the table to a CSV file.")]
PlotOption = Annotated[Path | None, typer.Option("--plot", help="Draw it into a picture file.")]


def search(
    model: o.ModelOption, input_len: InputOption = None, output_len: OutputOption = None,
    context_depth: DepthOption = 0, accept_unknown: o.AcceptOption = False,
    requests_per_s: RateOption = None, users: UsersOption = None, tokens_per_s: TokensOption = None,
    offline_tokens: OfflineOption = None, deadline_h: DeadlineOption = None,
    people: PeopleOption = None, busy_share: BusyOption = None,
    offline_requests: JobOption = None, offline_input_tokens: PromptsOption = None,
    ttft_ms: TtftOption = None, tpot_ms: TpotOption = None, e2e_ms: E2eOption = None,
    tok_s_per_user: UserRateOption = None, ttft_stat: StatOption = "mean",
    tpot_stat: StatOption = "mean", ttft_p99_ms: t.Ttft99Option = None,
    tpot_p99_ms: t.Tpot99Option = None, e2e_p99_ms: t.E2e99Option = None,
    trace: t.TraceOption = None, spread: t.SpreadOption = False,
    burstiness: t.BurstinessOption = None, length_cv: t.CvOption = None,
    max_usd_h: BudgetOption = None, max_devices: MostOption = None,
    max_request_tokens: LongestOption = None, confidence: ConfidenceOption = 0.5,
    hardware: HardwareOption = None, vendors: VendorOption = None, providers: ProviderOption = None,
    regions: RegionOption = None, frameworks: FrameworkOption = None,
    weight_dtypes: WeightOption = None, kv_dtypes: KvOption = None, spot: SpotOption = False,
    marketplace: MarketOption = False, undated: UndatedOption = False,
    in_domain: DomainOption = False, priced_since: SinceOption = None, prices: PricesOption = None,
    objective: ObjectiveOption = None, sampler: SamplerOption = "auto",
    n_trials: TrialsOption = None, timeout: TimeoutOption = None, seed: SeedOption = 0,
    storage: StorageOption = None, predictor: o.PredictorOption = None,
    profile: o.ProfileOption = None,
    as_json: o.JsonOption = False, csv: CsvOption = None, plot: PlotOption = None,
) -> None:  # fmt: skip
    """Find the cheapest deployment that carries a load within limits.

    Exit status: 0 a plan was found, 2 the request is wrong, 3 nothing keeps the limits.
    """
    distinct([csv, plot, storage], [*(prices or ()), profile, *_files(model)])
    asked = _asked(dict(locals()))
    with progress_bar() as progress:
        from guide_ml.offers.files import write_csv
        from guide_ml.searching import search as run

        try:
            found = run(**asked, progress=progress)
        except DoesNotFit as error:
            if as_json:
                show_or_json({"plans": [], "binds": ["memory"], "why": [str(error)]}, list, True)
            typer.echo(f"guide: {error}", err=True)
            raise typer.Exit(NOTHING_FITS) from None
    if csv:
        write_csv(found.table(), csv)
    if plot:
        from guide_ml.cli.plots import pareto

        pareto(found, plot)
    show_or_json(found.to_dict(), found.blocks, as_json)
    if found.best is None:
        raise typer.Exit(NOTHING_FITS)


def sweep(
    over: Annotated[
        str, typer.Option(help="users, requests_per_s, tokens_per_s, deadline_h, ttft_ms, tpot_ms,"
                          " e2e_ms, tok_s_per_user, ttft_p99_ms, tpot_p99_ms, e2e_p99_ms,"
                          " max_usd_h or max_devices.")
    ],
    values: Annotated[str, typer.Option(help="Values to try, separated by commas.")],
    model: o.ModelOption, input_len: InputOption = None, output_len: OutputOption = None,
    context_depth: DepthOption = 0, accept_unknown: o.AcceptOption = False,
    requests_per_s: RateOption = None, users: UsersOption = None, tokens_per_s: TokensOption = None,
    offline_tokens: OfflineOption = None, deadline_h: DeadlineOption = None,
    people: PeopleOption = None, busy_share: BusyOption = None,
    offline_requests: JobOption = None, offline_input_tokens: PromptsOption = None,
    ttft_ms: TtftOption = None, tpot_ms: TpotOption = None, e2e_ms: E2eOption = None,
    tok_s_per_user: UserRateOption = None, ttft_stat: StatOption = "mean",
    tpot_stat: StatOption = "mean", ttft_p99_ms: t.Ttft99Option = None,
    tpot_p99_ms: t.Tpot99Option = None, e2e_p99_ms: t.E2e99Option = None,
    trace: t.TraceOption = None, spread: t.SpreadOption = False,
    burstiness: t.BurstinessOption = None, length_cv: t.CvOption = None,
    max_usd_h: BudgetOption = None, max_devices: MostOption = None,
    max_request_tokens: LongestOption = None, confidence: ConfidenceOption = 0.5,
    hardware: HardwareOption = None, vendors: VendorOption = None, providers: ProviderOption = None,
    regions: RegionOption = None, frameworks: FrameworkOption = None,
    weight_dtypes: WeightOption = None, kv_dtypes: KvOption = None, spot: SpotOption = False,
    marketplace: MarketOption = False, undated: UndatedOption = False,
    in_domain: DomainOption = False, priced_since: SinceOption = None, prices: PricesOption = None,
    n_trials: TrialsOption = None, seed: SeedOption = 0, predictor: o.PredictorOption = None,
    profile: o.ProfileOption = None,
    as_json: o.JsonOption = False, csv: CsvOption = None, plot: PlotOption = None,
) -> None:  # fmt: skip
    """Search at several loads, limits or budgets: how cost moves with them."""
    given = dict(locals())
    distinct([csv, plot], [*(prices or ()), profile, *_files(model)])
    numbers = _numbers(values)
    if over in given and given[over] is None:
        given[over] = numbers[0] if over != "max_devices" else int(numbers[0])
    asked = _asked(given)
    with progress_bar() as progress:
        from guide_ml.offers.files import write_csv
        from guide_ml.searching import sweep as run

        found = run(over=over, values=numbers, progress=progress, **asked)
    if csv:
        write_csv(found, csv)
    if plot:
        from guide_ml.cli.plots import swept

        swept(found, plot)
    show_or_json(found.rows(), lambda: [found.sheet()], as_json)


_GROUPS = {
    "workload": ("input_len", "output_len", "context_depth", "ttft_stat", "tpot_stat"),
    "load": ("requests_per_s", "users", "tokens_per_s", "offline_tokens", "deadline_h",
             "burstiness", "length_cv"),
    "slo": ("ttft_ms", "tpot_ms", "e2e_ms", "tok_s_per_user", "ttft_p99_ms", "tpot_p99_ms",
            "e2e_p99_ms"),
    "constraints": ("hardware", "vendors", "providers", "regions", "frameworks", "weight_dtypes",
                    "kv_dtypes", "spot", "marketplace", "undated", "in_domain", "priced_since",
                    "max_usd_h", "max_devices", "max_request_tokens"),
}  # fmt: skip
_PLAIN = ("model", "confidence", "objective", "sampler", "n_trials", "timeout", "seed", "storage",
          "predictor", "profile", "prices", "traffic")  # fmt: skip


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """Sort options into what the call takes; what was not given is left to its defaults."""
    given["traffic"] = t.settle(given)
    loads.settle(given)
    out: dict[str, Any] = {
        group: {k: tuple(given[k]) if isinstance(given[k], list) else given[k]
                for k in names if given[k] is not None}
        for group, names in _GROUPS.items()
    }  # fmt: skip
    if given["accept_unknown"]:
        from guide_ml.table import given as read

        given = given | {"model": read.model(given["model"], accept_unknown=True)}
    return out | {k: given[k] for k in _PLAIN if given.get(k) is not None}


def _files(*names: str) -> list[str]:
    """Return those names that are files."""
    return [name for name in names if os.path.isfile(name)]


def _numbers(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise InvalidInput(f"--values must be numbers separated by commas; got {text!r}") from error
    if not found:
        raise InvalidInput(f"--values must be at least one number; got {text!r}")
    return found
