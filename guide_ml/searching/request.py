"""What a search is asked: traffic, limits, and what the deployment may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from guide_ml.describe.descriptors import Model, Workload
from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.searching.slo import SLO, require_positive

__all__ = [
    "FRAMEWORKS", "LIMITS", "OBJECTIVES", "SLO", "Constraints", "Load", "Request", "as_given",
]  # fmt: skip

OBJECTIVES = ("cost", "latency", "throughput")

#: Servers that are maintained and widely run; others must be asked for by name.
FRAMEWORKS = ("vllm", "sglang", "tensorrt-llm")

#: What each limit is called, and its unit.
LIMITS = {
    "ttft_ms": ("TTFT", " ms"), "tpot_ms": ("TPOT", " ms"), "e2e_ms": ("request time", " ms"),
    "max_usd_h": ("price", " USD/h"), "max_devices": ("number of devices", ""),
    "in_domain": ("nearness to the data", ""), "ttft_p99_ms": ("p99 of TTFT", " ms"),
    "tpot_p99_ms": ("p99 of TPOT", " ms"), "e2e_p99_ms": ("p99 of request time", " ms"),
}  # fmt: skip

S_PER_H = 3600.0

Given = TypeVar("Given")


@dataclass(frozen=True, kw_only=True)
class Load:
    """Traffic to be carried: one of four ways to say it.

    Parameters
    ----------
    requests_per_s : float, optional
        Requests that arrive each second, on average.
    users : float, optional
        Requests in flight at all times: users who ask again as soon as they are answered.
    tokens_per_s : float, optional
        Tokens to be generated each second.
    offline_tokens, deadline_h : float, optional
        Tokens to be generated in all, and the hours in which; latency does not matter then.
    burstiness, length_cv : float, optional
        How unevenly requests arrive (1 is Poisson, below it they come in bursts), and the standard
        deviation of their lengths over the mean; limits on percentiles ask for both.
    """

    requests_per_s: float | None = None
    users: float | None = None
    tokens_per_s: float | None = None
    offline_tokens: float | None = None
    deadline_h: float | None = None
    burstiness: float | None = None
    length_cv: float | None = None

    def __post_init__(self) -> None:
        require_positive("load", self)
        ways = [n for n in ("requests_per_s", "users", "tokens_per_s", "offline_tokens")
                if getattr(self, n) is not None]  # fmt: skip
        if len(ways) != 1:
            raise InvalidInput("load: give one of requests_per_s, users, tokens_per_s,"
                               f" offline_tokens; got {', '.join(ways) or 'none'}")  # fmt: skip
        if (self.offline_tokens is None) != (self.deadline_h is None):
            raise InvalidInput("load: offline_tokens and deadline_h belong together")

    @property
    def kind(self) -> str:
        """The way in which the load is said."""
        return next(n for n in ("users", "requests_per_s", "tokens_per_s", "offline_tokens")
                    if getattr(self, n) is not None)  # fmt: skip

    @property
    def offline(self) -> bool:
        """Whether a queue is worked off rather than users served."""
        return self.offline_tokens is not None

    def requests_s(self, output_len: float) -> float | None:
        """Return requests per second; ``None`` of concurrent users: it hangs on the deployment."""
        if self.requests_per_s is not None:
            return self.requests_per_s
        if self.tokens_per_s is not None:
            return self.tokens_per_s / output_len
        if self.offline_tokens is not None and self.deadline_h is not None:
            return self.offline_tokens / (self.deadline_h * S_PER_H) / output_len
        return None

    def text(self) -> str:
        """Say it in words.

        Examples
        --------
        >>> Load(users=200).text()
        '200 concurrent users'
        """
        if self.offline:
            return f"{self.offline_tokens:,.0f} tokens within {self.deadline_h:g} h"
        words = {"users": "concurrent users", "requests_per_s": "requests/s",
                 "tokens_per_s": "generated tokens/s"}  # fmt: skip
        return f"{getattr(self, self.kind):,g} {words[self.kind]}"


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """What a deployment may be; an empty tuple allows all that is sensible.

    Parameters
    ----------
    hardware, vendors, providers, regions : tuple of str
        Devices by slug or alias, their makers, who rents them out, any part of a region's name.
    spot : bool
        Whether spot prices count; such machines may be taken away at any time.
    marketplace : bool
        Whether machines of third parties count, whose prices are no firm offers.
    undated : bool
        Whether prices without a date count.
    priced_since : str, optional
        ISO date; older prices do not count.
    frameworks : tuple of str
        Engines; by default the maintained servers (FRAMEWORKS).
    weight_dtypes, kv_dtypes : tuple of str
        Precisions; by default that of the checkpoint, 16 bits and fp8, never 4 bits unasked.
    max_devices : int, optional
        Most devices rented.
    max_usd_h : float, optional
        Most that an hour may cost.
    in_domain : bool
        Only deployments like measured ones: nothing that is far from the data.
    max_request_tokens : int, optional
        Tokens of the longest request that must be served; plans are started with room for it.
    """

    hardware: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    spot: bool = False
    marketplace: bool = False
    undated: bool = False
    priced_since: str | None = None
    frameworks: tuple[str, ...] = ()
    weight_dtypes: tuple[str, ...] = ()
    kv_dtypes: tuple[str, ...] = ()
    max_devices: int | None = None
    max_usd_h: float | None = None
    in_domain: bool = False
    max_request_tokens: int | None = None

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if f.type == "tuple[str, ...]":
                if isinstance(value, str) or not all(isinstance(v, str) for v in value):
                    raise InvalidInput(f"constraints: {f.name} must be a tuple of names;"
                                       f" got {value!r}")  # fmt: skip
                object.__setattr__(self, f.name, tuple(value))
            if f.type == "bool" and not isinstance(value, bool):
                raise InvalidInput(f"constraints: {f.name} must be true or false; got {value!r}")
        require_positive("constraints", _Numbers(
            self.max_devices, self.max_usd_h, self.max_request_tokens))  # fmt: skip


@dataclass(frozen=True)
class _Numbers:
    max_devices: float | None
    max_usd_h: float | None
    max_request_tokens: float | None


@dataclass(frozen=True, kw_only=True)
class Request:
    """A search, checked.

    Parameters
    ----------
    model : Model
    workload : Workload
        Lengths and statistics.
    load : Load
    slo : SLO
    objectives : tuple of str
        One or several of OBJECTIVES.
    constraints : Constraints
    confidence : float
        Chance that each limit is kept and the load carried: 0.5 takes the estimates themselves.
    """

    model: Model
    workload: Workload
    load: Load
    slo: SLO = field(default_factory=SLO)
    objectives: tuple[str, ...] = ("cost",)
    constraints: Constraints = field(default_factory=Constraints)
    confidence: float = 0.5

    def __post_init__(self) -> None:
        for name in self.objectives:
            if name not in OBJECTIVES:
                raise UnknownName("objective", str(name), OBJECTIVES)
        if not self.objectives or len(set(self.objectives)) != len(self.objectives):
            raise InvalidInput(f"objective must be one or several of {', '.join(OBJECTIVES)};"
                               f" got {self.objectives}")  # fmt: skip
        if not (isinstance(self.confidence, int | float) and 0.5 <= self.confidence < 1):
            raise InvalidInput("confidence must be from 0.5 (the estimate itself) to below 1;"
                               f" got {self.confidence!r}")  # fmt: skip
        if self.load.offline and (self.slo.limits or "latency" in self.objectives):
            raise InvalidInput("an offline load has no latency limits: give tokens_per_s instead")
        budget = self.constraints.max_usd_h or self.constraints.max_devices
        if "cost" not in self.objectives and not budget:
            raise InvalidInput(f"objective {' and '.join(self.objectives)} needs max_usd_h or"
                               " max_devices: without one, more machines are always better")
        w = self.workload
        if w.mode not in ("", "offline" if self.load.offline else "closed") or w.batch_size:
            raise InvalidInput("search: the workload says lengths and statistics only; mode and"
                               " batch follow from the load")  # fmt: skip
        total = w.context_depth + w.input_len + w.output_len
        if total > self.model.max_position:
            raise InvalidInput(
                f"{self.model.model} takes {self.model.max_position:,} tokens at most; got"
                f" {total:,.0f} (context + input_len + output_len)"
            )
        longest = self.constraints.max_request_tokens
        if longest is not None and not total <= longest <= self.model.max_position:
            raise InvalidInput(
                f"max_request_tokens must be from {total:,.0f}, the mean request, to"
                f" {self.model.max_position:,}, what {self.model.model} takes; got {longest:,}"
            )


def as_given(kind: type[Given], given: Given | Mapping[str, Any] | None, name: str) -> Given:
    """Return a value object from one, from its fields, or from nothing."""
    if given is None:
        return kind()
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{name} must be a {kind.__name__} or a dict of its fields;"
                           f" got {given!r}")  # fmt: skip
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for key in given:
        if key not in known:
            raise UnknownName(f"field of {name}:", str(key), known)
    return kind(**given)
