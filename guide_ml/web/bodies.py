"""Types of what comes in: the keywords of the Python functions, with units and examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from guide_ml.api import predict
from guide_ml.describe.descriptors import Workload
from guide_ml.searching import SLO, Constraints, Load, search
from guide_ml.web.widened import widened

__all__ = ["CapacityBody", "DetailsBody", "LaunchBody", "PlanBody", "PredictBody", "SearchBody",
           "SweepBody"]  # fmt: skip

Value = dict[str, Any]
LONGEST = 300
"""Letters of a name at most."""
Name = Annotated[str, Field(max_length=LONGEST)]


def _given(said: str, example: float | str | None = None, longest: int | None = None) -> Any:
    """Return a field that may be left out."""
    return Field(None, description=said, max_length=longest,
                 examples=None if example is None else [example])  # fmt: skip


def _text(said: str, example: str | None = None) -> Any:
    return _given(said, example, LONGEST)


def _texts(said: str, example: str) -> Any:
    return Field([], max_length=100, description=said, examples=[[example]])


Hardware = Annotated[
    Name | Value,
    Field(description="Slug or alias of the catalogue, or the fields of a device: hardware,"
          " memory_gb, mem_bw_gbs (GB/s), fp16_tflops, ...", examples=["h100"]),
]  # fmt: skip
Model = Annotated[
    Name | Value,
    Field(description="Name of the catalogue, or the content of a config.json.",
          examples=["llama-3.1-8b-instruct"]),
]  # fmt: skip
PREDICTOR = "Estimators other than the package's: a name that the operator gave."
PROFILE = "Corrections by measurements: a name that the operator gave."


class Body(BaseModel):
    """Base: what is not known is refused, and nothing is turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def asked(self) -> dict[str, Any]:
        """Return what was given; what was not is left to the function's own defaults."""
        return self.model_dump(exclude_unset=True)


class _DeploymentBody(Body):
    """One deployment and its load, as ``guide_ml.predict`` takes it."""

    hardware: Hardware
    model: Model
    framework: str | None = _text("Serving engine; vllm if none is given.", "vllm")
    framework_version: str | None = _text("Version as the engine writes it.", "0.11.0")
    backend: str | None = _text("cuda, rocm, cpu, ...", "cuda")
    num_devices: int | None = Field(1, description="Devices of the whole deployment.")
    tp: int | None = _given("Tensor-parallel size.", 1)
    pp: int | None = _given("Pipeline-parallel size.")
    dp: int | None = _given("Data-parallel size.")
    ep: int | None = _given("Expert-parallel size.")
    weight_dtype: str | None = _text("Precision of the weights.", "fp8")
    kv_dtype: str | None = _text("Precision of the KV cache.")
    spec_method: str | None = _text("Speculative decoding.")
    mode: str | None = _text("static, prefill, decode, closed or offline; follows from the load.")
    batch_size: float | None = _given("Requests of a fixed batch.")
    concurrency: float | None = _given("Requests in flight at a server.", 16)
    num_requests: float | None = _given("Requests of the whole run.")
    request_rate_rps: float | None = _given("Requests that arrive each second.")
    input_len: float | None = _given("Mean prompt tokens a request.", 1024)
    output_len: float | None = _given("Mean generated tokens a request.", 256)
    context_depth: float | None = _given("Tokens in the KV cache before.")
    ttft_stat: str | None = _text("mean, median or p99.")
    tpot_stat: str | None = _text("mean, median or p99.")
    gpu_layers: float | None = _given("Layers on the device; the others stay in the host's memory.")
    experts_on_cpu: float | None = _given("Layers whose experts stay in the host's memory.")
    host: str | None = _text("Processor of the host, by slug.")
    host_bandwidth_gbs: float | None = _given("Memory bandwidth of the host, GB/s.")
    threads: float | None = _given("Threads of a processor.")
    vcpus: float | None = _given("Virtual processors.")
    draft_tokens: float | None = _given("Tokens drafted a step.")
    accept_len: float | None = _given("Tokens accepted a step.")
    prefix_hit_rate: float | None = _given("Share of prompt tokens that the prefix cache holds.")
    max_num_seqs: float | None = _given("Requests that the engine runs at once at most.")
    max_num_batched_tokens: float | None = _given("Tokens of a step at most.")
    memory_share: float | None = _given("Share of the memory that the engine takes.")
    accept_unknown: bool = Field(False, description="Count an unknown config.json as Llama.")
    predictor: str | None = _text(PREDICTOR)


if TYPE_CHECKING:
    DeploymentBody = _DeploymentBody
else:
    DeploymentBody = widened(_DeploymentBody, predict, {"level", "profile"})


class PredictBody(DeploymentBody):
    """What ``guide_ml.predict`` takes."""

    level: float | None = Field(
        0.9, description="Share of like cases that each interval holds; null for none."
    )
    profile: str | None = _text(PROFILE)


class DetailsBody(PredictBody):
    """A deployment of which everything is unfolded."""

    copies: int = Field(1, ge=1, le=100_000, description="Copies of it that share the load.")


class LaunchBody(DeploymentBody):
    """A deployment to be started; what does not fit is refused."""

    port: int | None = Field(None, ge=1, le=65535, description="Port.")
    checkpoint: str | None = _text("Id or path of the weights on the machine that is started.")
    draft: str | None = _text("Draft model that speculates.")
    max_model_len: int | None = _given("Tokens of the longest request.")
    image: str | None = _text("Other container image.")
    host_devices: int = Field(8, ge=1, le=1024, description="Devices of a host.")


class _WorkloadBody(Body):
    """Lengths of requests."""

    input_len: float = Field(description="Mean prompt tokens a request.", examples=[1024])
    output_len: float = Field(1, description="Mean generated tokens a request.", examples=[256])
    context_depth: float = Field(0, description="Tokens in the KV cache before.")
    ttft_stat: str = Field("mean", max_length=20, description="mean, median or p99.")
    tpot_stat: str = Field("mean", max_length=20, description="mean, median or p99.")


class _LoadBody(Body):
    """Traffic, in one of four ways."""

    requests_per_s: float | None = _given("Requests that arrive each second.")
    users: float | None = _given("Requests in flight at all times.", 64)
    tokens_per_s: float | None = _given("Tokens to generate each second.")
    offline_tokens: float | None = _given("Tokens to generate in all, with deadline_h.")
    deadline_h: float | None = _given("Hours in which.")


class _SloBody(Body):
    """Limits."""

    ttft_ms: float | None = _given("Most time to the first token, ms.", 1000)
    tpot_ms: float | None = _given("Most time per further token, ms.", 50)
    e2e_ms: float | None = _given("Most time of a whole request, ms.")
    tok_s_per_user: float | None = _given("Least tokens a second that one user sees.")


class _ConstraintsBody(Body):
    """What a deployment may be."""

    hardware: list[Name] = _texts("Devices by slug or alias.", "h100")
    vendors: list[Name] = _texts("Makers.", "nvidia")
    providers: list[Name] = _texts("Who rents out.", "lambda")
    regions: list[Name] = _texts("Parts of a region's name.", "europe")
    spot: bool = Field(False, description="Count spot prices.")
    marketplace: bool = Field(False, description="Count machines of third parties.")
    undated: bool = Field(False, description="Count prices without a date.")
    priced_since: str | None = _text("ISO date; older prices do not count.", "2026-01-31")
    frameworks: list[Name] = _texts("Engines.", "vllm")
    weight_dtypes: list[Name] = _texts("Precisions of the weights.", "fp8")
    kv_dtypes: list[Name] = _texts("Precisions of the KV cache.", "fp8")
    max_devices: int | None = _given("Most devices.")
    max_usd_h: float | None = _given("Most USD an hour.")
    in_domain: bool = Field(False, description="Nothing far from what was measured.")
    max_request_tokens: int | None = _given("Tokens of the longest request.")


if TYPE_CHECKING:  # checkers know what is written here
    WorkloadBody = _WorkloadBody
    LoadBody = _LoadBody
    SloBody = _SloBody
    ConstraintsBody = _ConstraintsBody
else:
    WorkloadBody = widened(
        _WorkloadBody, Workload, {"mode", "batch_size", "concurrency", "num_requests"}
    )
    LoadBody = widened(_LoadBody, Load)
    SloBody = widened(_SloBody, SLO)
    ConstraintsBody = widened(_ConstraintsBody, Constraints)


class _SearchBody(Body):
    """What ``guide_ml.search`` takes; offers of one's own come by value."""

    model: Model
    accept_unknown: bool = Field(False, description="Count an unknown config.json as Llama.")
    workload: WorkloadBody
    load: LoadBody
    slo: SloBody | None = None
    constraints: ConstraintsBody | None = None
    objective: str | list[str] = Field("cost", description="cost, latency, throughput.")
    confidence: float = Field(0.5, description="Chance that each limit is kept, 0.5 to 1.")
    prices: list[Value] | None = Field(
        None, description="Offers: hardware, price_usd_h, num_devices, provider, region, ..."
    )
    sampler: str = Field("auto", max_length=20, description="auto, tpe, nsga2 or random.")
    n_trials: int | None = _given("Deployments to score at most.")
    timeout: float | None = _given("Seconds after which no further batch is scored.")
    seed: int = Field(0, description="Of all that is random.")
    predictor: str | None = _text(PREDICTOR)
    profile: str | None = _text(PROFILE)


if TYPE_CHECKING:
    SearchBody = _SearchBody
else:
    SearchBody = widened(_SearchBody, search, {"storage", "progress"})


class SweepBody(SearchBody):
    """What ``guide_ml.sweep`` takes."""

    over: str = Field(max_length=40, description="Load, limit or budget to sweep.",
                      examples=["users"])  # fmt: skip
    values: list[float] = Field(min_length=1, max_length=20, examples=[[10, 50, 200]])


class PlanBody(Body):
    """Five plain questions; what is left out gets what is usual."""

    use: str = Field("chat", max_length=40,
                     description="chat, documents, coding, summarise or other.")  # fmt: skip
    input_len: float | None = _given("Tokens of a question.")
    output_len: float | None = _given("Tokens of an answer.")
    people: float | None = _given("How many people use it.", 200)
    busy: str = Field("usual", max_length=40, description="quiet, usual, busy or constant.")
    at_once: float | None = _given("How many wait at the same moment.")
    documents: float | None = _given("Documents of a pile.")
    hours: float | None = _given("Hours in which the pile must be done.")
    feel: str = Field("brisk", max_length=40, description="patient, relaxed, brisk or instant.")
    model: Name | Value | None = Field(
        None, description="Name of the catalogue, or the content of a config.json."
    )
    where: str = Field("rent", max_length=40, description="rent or own.")
    budget: float | None = _given("Most USD a month.", 2000)
    countries: list[Name] = _texts("Where rented machines must stand.", "Germany")
    hardware: str | None = _text("Device of one's own machine.", "rtx-4090")
    num_devices: int = Field(1, description="How many of them.")
    power_usd_kwh: float | None = _given("Price of energy, USD a kWh.")
    predictor: str | None = _text(PREDICTOR)


class CapacityBody(Body):
    """Keywords of the function of the same name; devices and models by name or value."""

    model_config = ConfigDict(extra="allow", strict=True)

    hardware: Hardware
    model: Model
    predictor: str | None = _text(PREDICTOR)
    profile: str | None = _text(PROFILE)
