"""What a prediction holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from guide_ml.answers.explanation import Explanation
from guide_ml.describe.descriptors import Deployment, Workload
from guide_ml.errors import InvalidInput
from guide_ml.units import MS_PER_S

__all__ = ["Domain", "Evidence", "MemoryAccount", "Prediction"]


@dataclass(frozen=True, kw_only=True)
class MemoryAccount:
    """Memory of one device, decimal GB; ``total_gb`` is the sum of the parts.

    Parameters
    ----------
    weights_gb, activations_gb : float
        Model weights, and the widest pass in flight.
    kv_cache_gb : float
        KV cache of the sequences that run together, at their full length, and in hybrid models
        their recurrent states.
    reserved_gb : float
        Runtime, and what engines leave alone.
    free_gb : float
        Room for more sequences.
    total_gb : float
        The device's memory.
    fits : bool
        Whether the weights and one sequence fit.
    largest_batch : int
        Sequences of full length that the whole deployment holds; further ones wait.
    """

    weights_gb: float
    kv_cache_gb: float
    activations_gb: float
    reserved_gb: float
    free_gb: float
    total_gb: float
    fits: bool
    largest_batch: int


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One measured row near to what was asked.

    Parameters
    ----------
    source, source_ref : str
        Where it was published (a page of ``data/sources``), and which row of that.
    deployment : mapping of str to object
        What was run, in the words of a table's columns.
    measured : mapping of str to float
        Measured metrics.
    held_out : mapping of str to float
        What was predicted for it by estimators that had not seen its deployment.
    distance : float
        From what was asked: 0 is the same, about 1 another engine or make of device.
    """

    source: str
    source_ref: str
    deployment: Mapping[str, Any]
    measured: Mapping[str, float]
    held_out: Mapping[str, float]
    distance: float


@dataclass(frozen=True, kw_only=True)
class Domain:
    """How familiar one deployment is.

    Parameters
    ----------
    level : str
        ``measured``, ``interpolated``, ``near`` or ``far``.
    distance : float
        From the nearest measured deployment; 0 is the same, about 1 another engine.
    reasons : tuple of str
        What keeps it from being measured or interpolated, in words; the weightiest first.
    nearest : str
        The nearest measured deployment, in words.
    """

    level: str
    distance: float
    reasons: tuple[str, ...]
    nearest: str

    def text(self) -> str:
        """Say it in one sentence."""
        head = {
            "measured": "measured: this very deployment and load are in the data",
            "interpolated": "interpolated: this deployment was measured, under other loads",
            "near": "near: much like what was measured",
            "far": "far: unlike anything measured, so take it with care",
        }[self.level]
        return head + (f" ({'; '.join(self.reasons)})" if self.reasons else "")


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Speed and memory of one deployment under one workload.

    Parameters
    ----------
    batch_latency_s, ttft_ms, tpot_ms, output_tok_s : float or None
        Seconds for a fixed batch from start to end; milliseconds to the first token and for
        each further one; generated tokens per second of the whole deployment. ``None`` where
        the mode has no such metric.
    floors : mapping of str to float or None
        What physics allows at best: least times, most tokens per second.
    memory : MemoryAccount
        Where the memory of a device goes.
    deployment : Deployment
        Hardware, model, framework and layout in force.
    workload : Workload
        The load in force.
    assumed : mapping of str to str
        What was taken for granted for what was not given, in words, by name of the descriptor.
    level : float or None
        Share of like cases whose measured figure lies within the interval; ``None`` if no
        intervals were asked for, and then the next three hold nothing either.
    low, high : mapping of str to float or None
        Ends of the interval of each metric.
    domain : Domain or None
        How familiar the deployment is, and what sets it apart from what was measured.
    calibrated : str
        What the caller's profile has to do with it, in words; blank without a profile.
    find_evidence : callable, optional
        Looks the nearest measured rows up.
    explainer : callable, optional
        Tells why, for :meth:`explain`; :func:`guide_ml.predict` puts it there.
    """

    batch_latency_s: float | None
    ttft_ms: float | None
    tpot_ms: float | None
    output_tok_s: float | None
    floors: Mapping[str, float | None]
    memory: MemoryAccount
    deployment: Deployment
    workload: Workload
    assumed: Mapping[str, str]
    level: float | None = None
    low: Mapping[str, float | None] = field(default_factory=dict)
    high: Mapping[str, float | None] = field(default_factory=dict)
    domain: Domain | None = None
    calibrated: str = ""
    find_evidence: Callable[[], tuple[Evidence, ...]] = field(
        default=tuple, repr=False, compare=False
    )
    explainer: Callable[[Prediction], Explanation] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def in_domain(self) -> str | None:
        """How familiar the deployment is: measured, interpolated, near or far."""
        return None if self.domain is None else self.domain.level

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """The measured rows nearest to what was asked, the nearest first."""
        return self.find_evidence()

    def explain(self) -> Explanation:
        """Explain the prediction: where the time goes, why, and what would change it.

        Its ``text()`` is for people, its ``to_dict()`` for programs.

        Raises
        ------
        InvalidInput
            If the prediction was not made by :func:`guide_ml.predict`.
        """
        if self.explainer is None:
            raise InvalidInput("a prediction must come from guide_ml.predict() to be explained")
        return self.explainer(self)

    @property
    def request_latency_s(self) -> float | None:
        """Seconds from a request to its last token.

        The requests of a static batch end with it; a server's take TTFT and a TPOT for each
        further token.
        """
        if self.batch_latency_s is not None:
            return self.batch_latency_s
        if self.ttft_ms is None or self.tpot_ms is None:
            return None
        further = max(self.workload.output_len - 1, 0)
        return (self.ttft_ms + further * self.tpot_ms) / MS_PER_S

    @property
    def tok_s_per_user(self) -> float | None:
        """Tokens per second that one user sees once the answer flows: 1 / TPOT."""
        return None if self.tpot_ms is None else MS_PER_S / self.tpot_ms

    @property
    def tok_s_per_device(self) -> float | None:
        """Generated tokens per second and device."""
        rate, devices = self.output_tok_s, self.deployment.num_devices
        return None if rate is None else rate / devices

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that :func:`json.dumps` takes.

        Hardware, model and framework are named by their slugs.
        """
        names = ("batch_latency_s", "ttft_ms", "tpot_ms", "output_tok_s", "request_latency_s",
                 "tok_s_per_user", "tok_s_per_device")  # fmt: skip
        return {
            **{name: getattr(self, name) for name in names},
            **self._ends(),
            "floors": dict(self.floors),
            "memory": asdict(self.memory),
            "deployment": self._facts(),
            "assumed": dict(self.assumed),
            "calibrated": self.calibrated,
            "evidence": [asdict(e) for e in self.evidence],
        }

    def _ends(self) -> dict[str, Any]:
        """Return intervals and domain in the words of a table's columns."""
        ends = {f"{name}_{end}": value for end, found in (("low", self.low), ("high", self.high))
                for name, value in found.items()}  # fmt: skip
        domain = asdict(self.domain) if self.domain else None
        return {"level": self.level, **ends, "in_domain": self.in_domain, "domain": domain}

    def _facts(self) -> dict[str, Any]:
        """Return deployment and workload in the words of a table's columns."""
        d, w = self.deployment, asdict(self.workload)
        return {
            "hardware": d.hardware.hardware, "num_devices": d.num_devices,
            "tp": d.tp, "pp": d.pp, "dp": d.dp, "ep": d.ep,
            "framework": d.framework.framework, "framework_version": d.framework.version,
            "backend": d.framework.backend, "model": d.model.model,
            "weight_dtype": d.weight_dtype, "kv_dtype": d.kv_dtype, "spec_method": d.spec_method,
            **w,
        }  # fmt: skip
