"""Types of what comes in: the keywords of the Python functions, with units and examples."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CapacityBody", "DetailsBody", "LaunchBody", "PlanBody", "PredictBody", "SearchBody",
           "SweepBody"]  # fmt: skip

Value = dict[str, Any]


def _number(said: str, example: float | None = None) -> Any:
    return Annotated[float | None, Field(description=said,
                                         examples=None if example is None else [example])]


def _whole(said: str, example: int | None = None) -> Any:
    return Annotated[int | None, Field(description=said,
                                       examples=None if example is None else [example])]


def _text(said: str, example: str | None = None) -> Any:
    return Annotated[str | None, Field(max_length=300, description=said,
                                       examples=None if example is None else [example])]


def _texts(said: str, example: str) -> Any:
    return Annotated[list[Annotated[str, Field(max_length=300)]],
                     Field(max_length=100, description=said, examples=[[example]])]  # fmt: skip


Hardware = Annotated[
    Annotated[str, Field(max_length=300)] | Value,
    Field(description="Slug or alias of the catalogue, or the fields of a device: hardware,"
          " memory_gb, mem_bw_gbs (GB/s), fp16_tflops, ...", examples=["h100"]),
]  # fmt: skip
Model = Annotated[
    Annotated[str, Field(max_length=300)] | Value,
    Field(description="Name of the catalogue, or the content of a config.json.",
          examples=["llama-3.1-8b-instruct"]),
]  # fmt: skip
Predictor = _text("Estimators other than the package's: a name that the operator gave.")
Profile = _text("Corrections by measurements: a name that the operator gave.")
Level = _number("Share of like cases that each interval holds; null for none.", 0.9)


class Body(BaseModel):
    """Base: what is not known is refused, and nothing is turned into another type."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def asked(self) -> dict[str, Any]:
        """Return what was given; what was not is left to the function's own defaults."""
        return self.model_dump(exclude_unset=True)


class DeploymentBody(Body):
    """One deployment and its load, as ``guide_ml.predict`` takes it."""

    hardware: Hardware
    model: Model
    framework: _text("Serving engine; vllm if none is given.", "vllm") = None
    framework_version: _text("Version as the engine writes it.", "0.11.0") = None
    backend: _text("cuda, rocm, cpu, ...", "cuda") = None
    num_devices: _whole("Devices of the whole deployment.", 1) = 1
    tp: _whole("Tensor-parallel size.", 1) = None
    pp: _whole("Pipeline-parallel size.") = None
    dp: _whole("Data-parallel size.") = None
    ep: _whole("Expert-parallel size.") = None
    weight_dtype: _text("Precision of the weights.", "fp8") = None
    kv_dtype: _text("Precision of the KV cache.") = None
    spec_method: _text("Speculative decoding.") = None
    mode: _text("static, prefill, decode, closed or offline; follows from the load.") = None
    batch_size: _number("Requests of a fixed batch.") = None
    concurrency: _number("Requests in flight at a server.", 16) = None
    num_requests: _number("Requests of the whole run.") = None
    request_rate_rps: _number("Requests that arrive each second.") = None
    input_len: _number("Mean prompt tokens a request.", 1024) = None
    output_len: _number("Mean generated tokens a request.", 256) = None
    context_depth: _number("Tokens in the KV cache before.") = None
    ttft_stat: _text("mean, median or p99.") = None
    tpot_stat: _text("mean, median or p99.") = None
    gpu_layers: _number("Layers on the device; the others stay in the host's memory.") = None
    experts_on_cpu: _number("Layers whose experts stay in the host's memory.") = None
    host: _text("Processor of the host, by slug.") = None
    host_bandwidth_gbs: _number("Memory bandwidth of the host, GB/s.") = None
    threads: _number("Threads of a processor.") = None
    vcpus: _number("Virtual processors.") = None
    draft_tokens: _number("Tokens drafted a step.") = None
    accept_len: _number("Tokens accepted a step.") = None
    prefix_hit_rate: _number("Share of prompt tokens that the prefix cache holds.") = None
    max_num_seqs: _number("Requests that the engine runs at once at most.") = None
    max_num_batched_tokens: _number("Tokens of a step at most.") = None
    memory_share: _number("Share of the memory that the engine takes.") = None
    accept_unknown: bool = Field(False, description="Count an unknown config.json as Llama.")
    predictor: Predictor = None


class PredictBody(DeploymentBody):
    """What ``guide_ml.predict`` takes."""

    level: Level = 0.9
    profile: Profile = None


class DetailsBody(PredictBody):
    """A deployment of which everything is unfolded."""

    replicas: int = Field(1, ge=1, le=100_000, description="Copies that share the load.")


class LaunchBody(DeploymentBody):
    """A deployment to be started; what does not fit is refused."""

    port: Annotated[int | None, Field(ge=1, le=65535, description="Port.")] = None
    checkpoint: _text("Id or path of the weights on the machine that is started.") = None
    draft: _text("Draft model that speculates.") = None
    max_model_len: _whole("Tokens of the longest request.") = None
    image: _text("Other container image.") = None
    host_devices: int = Field(8, ge=1, le=1024, description="Devices of a host.")


class WorkloadBody(Body):
    """Lengths of requests."""

    input_len: float = Field(description="Mean prompt tokens a request.", examples=[1024])
    output_len: float = Field(1, description="Mean generated tokens a request.", examples=[256])
    context_depth: float = Field(0, description="Tokens in the KV cache before.")
    ttft_stat: str = Field("mean", max_length=20, description="mean, median or p99.")
    tpot_stat: str = Field("mean", max_length=20, description="mean, median or p99.")


class LoadBody(Body):
    """Traffic, in one of four ways."""

    requests_per_s: _number("Requests that arrive each second.") = None
    users: _number("Requests in flight at all times.", 64) = None
    tokens_per_s: _number("Tokens to generate each second.") = None
    offline_tokens: _number("Tokens to generate in all, with deadline_h.") = None
    deadline_h: _number("Hours in which.") = None


class SloBody(Body):
    """Limits."""

    ttft_ms: _number("Most time to the first token, ms.", 1000) = None
    tpot_ms: _number("Most time per further token, ms.", 50) = None
    e2e_ms: _number("Most time of a whole request, ms.") = None
    tok_s_per_user: _number("Least tokens a second that one user sees.") = None


class ConstraintsBody(Body):
    """What a deployment may be."""

    hardware: _texts("Devices by slug or alias.", "h100") = []
    vendors: _texts("Makers.", "nvidia") = []
    providers: _texts("Who rents out.", "lambda") = []
    regions: _texts("Parts of a region's name.", "europe") = []
    spot: bool = Field(False, description="Count spot prices.")
    marketplace: bool = Field(False, description="Count machines of third parties.")
    undated: bool = Field(False, description="Count prices without a date.")
    priced_since: _text("ISO date; older prices do not count.", "2026-01-31") = None
    frameworks: _texts("Engines.", "vllm") = []
    weight_dtypes: _texts("Precisions of the weights.", "fp8") = []
    kv_dtypes: _texts("Precisions of the KV cache.", "fp8") = []
    max_devices: _whole("Most devices.") = None
    max_usd_h: _number("Most USD an hour.") = None
    in_domain: bool = Field(False, description="Nothing far from what was measured.")
    max_request_tokens: _whole("Tokens of the longest request.") = None


class SearchBody(Body):
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
    n_trials: _whole("Deployments to score at most.") = None
    timeout: _number("Seconds after which no further batch is scored.") = None
    seed: int = Field(0, description="Of all that is random.")
    predictor: Predictor = None
    profile: Profile = None


class SweepBody(SearchBody):
    """What ``guide_ml.sweep`` takes."""

    over: str = Field(max_length=40, description="Load, limit or budget to sweep.",
                      examples=["users"])  # fmt: skip
    values: list[float] = Field(min_length=1, max_length=20, examples=[[10, 50, 200]])


class PlanBody(Body):
    """Five plain questions; what is left out gets what is usual."""

    use: str = Field("chat", max_length=40,
                     description="chat, documents, coding, summarise or other.")  # fmt: skip
    input_len: _number("Tokens of a question.") = None
    output_len: _number("Tokens of an answer.") = None
    people: _number("How many people use it.", 200) = None
    busy: str = Field("usual", max_length=40, description="quiet, usual, busy or constant.")
    at_once: _number("How many wait at the same moment.") = None
    documents: _number("Documents of a pile.") = None
    hours: _number("Hours in which the pile must be done.") = None
    feel: str = Field("brisk", max_length=40, description="patient, relaxed, brisk or instant.")
    model: Annotated[str, Field(max_length=300)] | Value | None = Field(
        None, description="Name of the catalogue, or the content of a config.json."
    )
    where: str = Field("rent", max_length=40, description="rent or own.")
    budget: _number("Most USD a month.", 2000) = None
    countries: _texts("Where rented machines must stand.", "Germany") = []
    hardware: _text("Device of one's own machine.", "rtx-4090") = None
    num_devices: int = Field(1, description="How many of them.")
    power_usd_kwh: _number("Price of energy, USD a kWh.") = None
    predictor: Predictor = None


class CapacityBody(Body):
    """Keywords of the function of the same name; devices and models by name or value."""

    model_config = ConfigDict(extra="allow", strict=True)

    hardware: Hardware
    model: Model
    predictor: Predictor = None
    profile: Profile = None
