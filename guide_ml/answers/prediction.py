"""What a prediction holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from guide_ml.answers.blocks import Block
from guide_ml.answers.explanation import Explanation
from guide_ml.answers.parts import Domain, Evidence, MemoryAccount
from guide_ml.answers.prediction_sheets import METRICS, brief_sheets, full_sheets
from guide_ml.answers.shown import Shown
from guide_ml.describe.descriptors import Deployment, Workload
from guide_ml.errors import InvalidInput
from guide_ml.units import MS_PER_S

__all__ = ["Domain", "Evidence", "MemoryAccount", "Prediction"]


@dataclass(frozen=True)
class _Kept:
    """Evidence that was looked up already: what a copy or a pickle takes along."""

    evidence: tuple[Evidence, ...]

    def __call__(self) -> tuple[Evidence, ...]:
        return self.evidence


@dataclass(frozen=True, kw_only=True, repr=False)
class Prediction(Shown):
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
    notes : tuple of str
        What is unusual: a layout beyond fast links, a context longer than the model was trained
        for, a version newer than any that is known.
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
    notes: tuple[str, ...] = ()
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
            If the prediction was not made by :func:`guide_ml.predict`, or is of requests that
            come at a rate.
        """
        if self.explainer is None:
            raise InvalidInput(
                "a prediction must come from guide_ml.predict() and not be of requests at a rate to"
                " be explained; for those give concurrency instead of request_rate_rps"
            )
        return self.explainer(self)

    @property
    def request_latency_s(self) -> float | None:
        """Seconds from a request to its last token.

        The requests of a static batch end with it; a server's take TTFT and a TPOT for each
        further token.
        """
        if self.batch_latency_s is not None:
            return self.batch_latency_s
        if self.ttft_ms is None:
            return None
        further = max(self.workload.output_len - 1, 0)
        if self.tpot_ms is None:  # the first token is all, or a prefill, which has no answer
            return self.ttft_ms / MS_PER_S if self.workload.mode == "closed" else None
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

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickles: the rows of the trained set stay behind, the evidence comes."""
        return vars(self) | {"find_evidence": _Kept(self.evidence)}

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it: speed, how sure it is, memory, and what was assumed."""
        metrics = {name: getattr(self, name) for name in METRICS}
        return brief_sheets(self, metrics) if brief else full_sheets(self, metrics)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that :func:`json.dumps` takes.

        Hardware, model and framework are named by their slugs.
        """
        return {
            **{name: getattr(self, name) for name in METRICS},
            **self._ends(),
            "floors": dict(self.floors),
            "memory": asdict(self.memory),
            "deployment": self._facts(),
            "assumed": dict(self.assumed),
            "calibrated": self.calibrated,
            "notes": list(self.notes),
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
            **asdict(d.settings), **w,
        }  # fmt: skip
