"""Types of what goes out, for clients that are generated: units and meanings."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AnswerReply", "DetailsReply", "FoundReply", "HealthReply", "PredictionReply",
           "ProblemReply", "RowsReply", "StartReply"]  # fmt: skip

Value = dict[str, Any]
Number = float | None


class Reply(BaseModel):
    """Base: answers may gain fields."""

    model_config = ConfigDict(extra="allow")


class ProblemReply(Reply):
    """Why there is no answer (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="One sentence: what must hold, what came, what to do.")


class MemoryReply(Reply):
    """Where the memory of one device goes."""

    weights_gb: float
    kv_cache_gb: float
    activations_gb: float
    reserved_gb: float
    free_gb: float
    total_gb: float
    fits: bool
    kv_budget_gb: float = Field(description="Memory for the KV cache of one device.")
    kv_tokens: int = Field(description="Tokens that the cache of a replica holds.")
    longest_context: int = Field(description="Tokens of the longest request that fits.")


class PredictionReply(Reply):
    """``Prediction.to_dict()``."""

    batch_latency_s: Number = Field(description="A fixed batch from start to end, s.")
    ttft_ms: Number = Field(description="Time to the first token, ms.", examples=[192.1])
    tpot_ms: Number = Field(description="Time per further token, ms.", examples=[11.64])
    output_tok_s: Number = Field(description="Generated tokens a second, all devices.")
    request_latency_s: Number = Field(description="A request from start to end, s.")
    tok_s_per_user: Number = Field(description="Tokens a second that one user sees.")
    tok_s_per_device: Number
    level: Number = Field(description="Share of like cases that each interval holds.")
    in_domain: str | None = Field(description="measured, interpolated, near or far.")
    floors: dict[str, Number] = Field(description="What physics allows at best.")
    memory: MemoryReply
    deployment: Value = Field(description="All descriptors in force.")
    assumed: dict[str, str] = Field(description="What was taken for what was not given.")
    notes: list[str]
    evidence: list[Value] = Field(description="The measured rows nearest by.")


class PlanReply(Reply):
    """One deployment with its price."""

    hardware: str
    num_devices: int
    replicas: int
    framework: str
    weight_dtype: str
    provider: str
    region: str
    price_date: str
    usd_h: float = Field(description="Price of all machines, USD an hour.")
    usd_month: float = Field(description="The same for 730 hours, USD.")
    ttft_ms: Number
    tpot_ms: Number
    e2e_ms: Number
    capacity_users: int = Field(description="Requests in flight within the limits at most.")
    headroom: float = Field(description="Share of the load that could come on top.")
    in_domain: str
    start: str = Field(description="Command that writes how one replica is started.")


class FoundReply(Reply):
    """``Found.to_dict()``."""

    plans: list[PlanReply] = Field(description="What keeps all limits, the best first.")
    front: list[PlanReply] = Field(description="Price against time, nothing beaten by another.")
    runner_up: PlanReply | None
    nearest: list[PlanReply] = Field(description="If nothing keeps the limits, what misses least.")
    relaxations: list[Value]
    proven: bool
    counts: dict[str, int]
    why: list[str]
    seconds: float


class SaidReply(Reply):
    """A heading and sentences."""

    key: str
    title: str
    lines: list[str]
    text: str


class AnswerReply(Reply):
    """The answer to five questions, in words and numbers."""

    serves: bool
    headline: str
    said: list[SaidReply]
    questions: Value
    request: Value = Field(description="Keywords of search that the questions stand for.")
    prediction: PredictionReply | None
    found: FoundReply | None


class StartReply(Reply):
    """How a deployment is started; text only, nothing is run."""

    framework: str
    version: str
    image: str
    argv: list[str]
    devices: int
    replicas: int
    notes: list[str]
    command: str
    compose: str | None = Field(description="Compose file; null where there is none.")
    kubernetes: str | None


class DetailsReply(Reply):
    """Everything of one deployment that may be unfolded."""

    prediction: PredictionReply
    memory: list[Value] = Field(description="Parts of a device's memory, GB.")
    engine_log: list[Value] = Field(description="The same as the engine logs it at start.")
    parts: Value = Field(description="Parts of each time, ms.")
    changes: list[Value]
    load: Value = Field(description="Latency over requests at once.")
    evidence: list[Value]
    start: Value


class RowsReply(Reply):
    """A table as rows; tables of other formats come back in theirs."""

    rows: list[Value]


class HealthReply(Reply):
    """Whether the service lives."""

    status: str = Field(examples=["ok"])
    version: str
    warm: bool = Field(description="Whether a first search was done, so that the next is quick.")
