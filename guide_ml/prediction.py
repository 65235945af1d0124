"""What a prediction holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from guide_ml.descriptors import Deployment, Workload
from guide_ml.units import MS_PER_S

__all__ = ["MemoryAccount", "Prediction"]


@dataclass(frozen=True, kw_only=True)
class MemoryAccount:
    """Memory of one device, decimal GB; ``total_gb`` is the sum of the parts.

    Parameters
    ----------
    weights_gb, activations_gb : float
        Model weights, and the widest pass in flight.
    kv_cache_gb : float
        KV cache of the sequences that run together, at their full length.
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
            "floors": dict(self.floors),
            "memory": asdict(self.memory),
            "deployment": self._facts(),
            "assumed": dict(self.assumed),
        }

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
