"""One deployment that a search found, with its price and what it will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from guide_ml import catalogue
from guide_ml.answers.blocks import Block, Command, details
from guide_ml.answers.shown import Shown
from guide_ml.describe.descriptors import Deployment, Framework, Model, Workload
from guide_ml.launch.engines import ENGINES
from guide_ml.searching.plan_words import FACTS
from guide_ml.searching.support import refusal

__all__ = ["Plan"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan(Shown):
    """One deployment: machines, engine, layout, what it costs and what it will do.

    Times are those at ``concurrency``, the load that was asked for or a little more; all are at
    the confidence of the search.

    Parameters
    ----------
    hardware, vendor : str
        Device and its maker.
    num_devices, instances, devices_per_instance : int
        Devices rented, in how many machines of how many devices.
    replicas, tp, pp, dp, ep, concurrency : int
        Copies of the model, how one is spread, and requests in flight of each; ``dp`` counts
        attention replicas inside a copy, which share experts. 0 concurrency: a queue.
    max_len, longest_asked : int, bool
        Tokens of the longest request that must be served; of a mean one where that was not said.
    framework, backend, weight_dtype, kv_dtype : str
        Engine and precisions.
    provider, region, instance_type, price_date : str
        Whose machine it is, and the day of its price.
    spot : bool
        Whether that is a spot price.
    price_usd_h : float
        Price of one machine.
    usd_h, usd_month : float
        Price of all of them; a month has 730 hours.
    usd_per_m_input, usd_per_m_output : float
        Price of a million tokens at the requested load. An hour's price is shared out between
        prompt and answer by the least machine time that physics allows for each.
    usd_per_m_input_full, usd_per_m_output_full : float
        The same when it carries as much as the limits allow.
    job_usd, job_h : float or None
        Bill and duration of an offline job, the machines given back at its end.
    ttft_ms, tpot_ms, e2e_ms, tok_s_per_user : float or None
        ``None`` of an offline queue.
    capacity_req_s, capacity_tok_s : float
        What all replicas carry within the limits at most.
    capacity_users : int
        Requests in flight that they carry so.
    headroom : float
        Share of the load that could come on top within the limits.
    in_domain : str
        How near it is to what was measured: measured, interpolated, near or far.
    confidence : float
        Chance that the limits are kept and the load is carried.
    usd_h_estimate, usd_h_sure : float or None
        Price an hour of this device and layout if sized by the estimates themselves
        (confidence 0.5), and by their bad ends (0.9, or what was asked); ``None`` where no size
        keeps the limits.
    misses : mapping of str to float
        By what share each limit is missed; empty if none is.
    percentiles : mapping of str to float
        ``ttft_p99_ms``, ``tpot_p99_ms`` and ``e2e_p99_ms`` of arriving requests, simulated;
        empty where no limit asked for them.
    """

    hardware: str
    vendor: str
    num_devices: int
    instances: int
    devices_per_instance: int
    replicas: int
    tp: int
    pp: int
    dp: int
    ep: int
    concurrency: int
    max_len: int
    framework: str
    backend: str
    weight_dtype: str
    kv_dtype: str
    provider: str
    region: str
    instance_type: str
    price_date: str
    spot: bool
    price_usd_h: float
    usd_h: float
    usd_month: float
    usd_per_m_input: float
    usd_per_m_output: float
    usd_per_m_input_full: float
    usd_per_m_output_full: float
    job_usd: float | None
    job_h: float | None
    ttft_ms: float | None
    tpot_ms: float | None
    e2e_ms: float | None
    tok_s_per_user: float | None
    capacity_req_s: float
    capacity_tok_s: float
    capacity_users: int
    headroom: float
    in_domain: str
    confidence: float
    longest_asked: bool = False
    usd_h_estimate: float | None = None
    usd_h_sure: float | None = None
    misses: Mapping[str, float] = field(default_factory=dict)
    percentiles: Mapping[str, float] = field(default_factory=dict)
    model: Model | None = None
    workload: Workload | None = None

    @property
    def layout(self) -> str:
        """Layout spelled out: ``16 GPUs = 4 replicas x tp 4``."""
        parts = [f"{k} {getattr(self, k)}" for k in ("tp", "pp", "dp") if getattr(self, k) > 1]
        one = " x ".join(parts) or "1 GPU"
        used = self.replicas * self.tp * self.pp * self.dp
        text = f"{used} GPU{'s' * (used > 1)}"
        if used > 1:
            text += f" = {self.replicas} replica{'s' * (self.replicas > 1)} x {one}"
        if self.ep > 1:
            text += f", experts over {self.ep}"
        idle = self.num_devices - used
        return text + (f" (+ {idle} idle)" if idle else "")

    @property
    def machines(self) -> str:
        """What is rented: ``2 x p5.48xlarge (8 GPUs each)``."""
        each = " each" if self.instances > 1 else ""
        devices = f"{self.devices_per_instance} GPU{'s' * (self.devices_per_instance > 1)}"
        return f"{self.instances} x {self.instance_type} ({devices}{each})"

    @property
    def not_started(self) -> str:
        """Why ``guide launch`` cannot write how a replica is started; blank where it can."""
        if self.model is None or self.framework in ENGINES:
            return "" if self.model is None else refusal(self.deployment)
        return f"guide launch writes starts of {', '.join(ENGINES)}; not of {self.framework}"

    @property
    def start(self) -> str:
        """Command that writes how one replica is started; blank where it cannot be."""
        if self.model is None or self.workload is None or self.not_started:
            return ""
        w = self.workload
        words = {
            "hardware": self.hardware, "num-devices": self.tp * self.pp * self.dp, "tp": self.tp,
            "pp": self.pp, "dp": self.dp if self.dp > 1 else None,
            "ep": self.ep if self.ep > 1 else None, "model": self.model.model,
            "framework": self.framework, "weight-dtype": self.weight_dtype,
            "kv-dtype": self.kv_dtype, "mode": None if self.concurrency else "offline",
            "concurrency": self.concurrency or None, "input-len": f"{w.input_len:g}",
            "output-len": f"{w.output_len:g}",
            "context-depth": f"{w.context_depth:g}" if w.context_depth else None,
            "max-model-len": self.max_len if self.longest_asked else None,
        }  # fmt: skip
        return " ".join(["guide launch", *(f"--{k} {v}" for k, v in words.items() if v)])

    @property
    def deployment(self) -> Deployment:
        """One replica, as :func:`guide_ml.predict` describes deployments."""
        if self.model is None:
            raise ValueError("a plan that was read back has no model")
        year = catalogue.framework(self.framework)[0].release_year
        return Deployment(
            hardware=catalogue.hardware(self.hardware), model=self.model,
            framework=Framework(framework=self.framework, backend=self.backend, release_year=year),
            num_devices=self.tp * self.pp * self.dp, tp=self.tp, pp=self.pp, dp=self.dp,
            ep=self.ep, weight_dtype=self.weight_dtype, kv_dtype=self.kv_dtype,
        )  # fmt: skip

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it: everything that matters, in words, and how to start it."""
        facts = {name: tell(self) for name, tell in FACTS.items()}
        sheet = details(facts, "the deployment to rent")
        start = [Command(title="start a replica", line=self.start)] if self.start else []
        return [sheet] if brief else [sheet, *start]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that :func:`json.dumps` takes, and the layout in words."""
        own = {f.name: getattr(self, f.name) for f in fields(self)
               if f.name not in ("model", "workload")}  # fmt: skip
        return own | {"layout": self.layout, "start": self.start, "misses": dict(self.misses),
                      "percentiles": dict(self.percentiles),
                      "not_started": self.not_started}
