"""The traffic of an LLM service: one value of each array a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.answers.cells import plain
from guide_ml.errors import InvalidInput
from guide_ml.traffic import arrivals, checks, sharing
from guide_ml.traffic.lengths import Lengths, whole_tokens

__all__ = ["Traffic"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Traffic:
    """Requests in the order in which they arrive. Make it by one of its constructors.

    The arrays cannot be changed, and the same seed gives the same arrays to the bit.

    Parameters
    ----------
    arrival_s : array of float of shape (n,)
        Seconds from the start, ascending. Of a closed loop all are 0: it sends the next request
        when one is answered.
    input_tokens, output_tokens : array of int of shape (n,)
        Tokens of the prompt and of the answer.
    conversation : array of int of shape (n,), optional
        Which conversation a request is a turn of; -1 for none. A prompt begins with the whole turn
        before it, its prompt and its answer, as far as it is long enough.
    shared_prefix, shared_tokens : array of int of shape (n,), optional
        Which group of requests begins with the same tokens, -1 for none; and how many these are.
    concurrency : int, optional
        Requests in flight of a closed loop; ``None`` of all other traffic.
    text : str
        What it is, in words.
    left_out : mapping of str to int
        Requests of a file that are not among the arrays, by reason.

    Examples
    --------
    >>> t = Traffic.poisson(2.0, Lengths.fixed(512, 128), num_requests=1000, seed=7)
    >>> len(t), round(t.rate_rps, 2), int(t.input_tokens[0])
    (1000, 1.85, 512)
    """

    arrival_s: NDArray[np.float64]
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    conversation: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    shared_prefix: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    shared_tokens: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    concurrency: int | None = None
    text: str = "given as arrays"
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = {
            "arrival_s": checks.ascending(self.arrival_s),
            "input_tokens": whole_tokens("input_tokens", self.input_tokens),
            "output_tokens": whole_tokens("output_tokens", self.output_tokens),
        }
        n = len(found["arrival_s"])
        found |= {
            "conversation": checks.ids("conversation", self.conversation, n),
            "shared_prefix": checks.ids("shared_prefix", self.shared_prefix, n),
            "shared_tokens": checks.optional_tokens("shared_tokens", self.shared_tokens, n),
        }
        checks.same_length(found)
        found["shared_tokens"] = np.where(found["shared_prefix"] < 0, 0,
                                          np.minimum(found["shared_tokens"], found["input_tokens"]))
        if self.concurrency is not None:
            object.__setattr__(self, "concurrency", checks.count("concurrency", self.concurrency))
        for name, values in found.items():
            values = np.array(values)  # a copy: the caller's array stays the caller's
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    @classmethod
    def poisson(
        cls, rate_rps: float, lengths: Lengths, *, num_requests: int | None = None,
        duration_s: float | None = None, seed: int = 0,
    ) -> Traffic:  # fmt: skip
        """Make requests of many users who know nothing of each other.

        Parameters
        ----------
        rate_rps : float
            Mean requests a second.
        lengths : Lengths
            Of prompts and answers.
        num_requests : int
            How many requests, or
        duration_s : float
            how many seconds of them.
        seed : int
            Of all that is drawn.
        """
        return cls.gamma(rate_rps, lengths, burstiness=1.0, num_requests=num_requests,
                         duration_s=duration_s, seed=seed)  # fmt: skip

    @classmethod
    def gamma(
        cls, rate_rps: float, lengths: Lengths, *, burstiness: float,
        num_requests: int | None = None, duration_s: float | None = None, seed: int = 0,
    ) -> Traffic:  # fmt: skip
        """Make requests that come in bursts, or more evenly than at random; else as `poisson`.

        Parameters
        ----------
        burstiness : float
            Shape of the gamma-distributed gaps, as vLLM's ``--burstiness``: the gaps' coefficient
            of variation is ``1 / sqrt(burstiness)``. 1 is Poisson, 0.25 is bursty, 4 is even.
        """
        burstiness = checks.positive("burstiness", burstiness, 1e-3, 1e6)
        words = "Poisson" if burstiness == 1.0 else f"gamma, burstiness {burstiness:g}"
        first, rest = np.random.SeedSequence(checks.seed(seed)).spawn(2)
        gaps = arrivals.gamma_gaps(np.random.default_rng(first), burstiness)
        return cls._open(gaps, rate_rps, lengths, num_requests, duration_s, rest, words)

    @classmethod
    def constant(
        cls, rate_rps: float, lengths: Lengths, *, num_requests: int | None = None,
        duration_s: float | None = None, seed: int = 0,
    ) -> Traffic:  # fmt: skip
        """Make requests whose gaps are all the same; parameters as of :meth:`poisson`."""
        _, rest = np.random.SeedSequence(checks.seed(seed)).spawn(2)
        return cls._open(arrivals.constant_gaps, rate_rps, lengths, num_requests, duration_s, rest,
                         "constant")  # fmt: skip

    @classmethod
    def _open(
        cls, gaps: arrivals.Gaps, rate_rps: float, lengths: Lengths, num_requests: int | None,
        duration_s: float | None, rest: np.random.SeedSequence, words: str,
    ) -> Traffic:  # fmt: skip
        rate = checks.positive("rate_rps", rate_rps, 1e-6, 1e7)
        n, duration = checks.how_many(rate, num_requests, duration_s)
        times = (arrivals.times_of(gaps, rate, n) if duration is None
                 else arrivals.until(gaps, rate, duration))  # fmt: skip
        return cls._with(times, lengths, rest, f"{words} at {rate:g}/s")

    @classmethod
    def ramp(
        cls, from_rps: float, to_rps: float, lengths: Lengths, *, duration_s: float,
        burstiness: float = 1.0, seed: int = 0,
    ) -> Traffic:  # fmt: skip
        """Make requests whose rate rises or falls in a straight line.

        Parameters
        ----------
        from_rps, to_rps : float
            Requests a second at the start and at the end.
        lengths, burstiness, seed
            As of :meth:`gamma`.
        duration_s : float
            Seconds that it takes.
        """
        low = checks.positive("from_rps", from_rps, 0.0, 1e7)
        high = checks.positive("to_rps", to_rps, 0.0, 1e7)
        checks.positive("from_rps or to_rps", max(low, high), 1e-6, 1e7)
        _, duration = checks.how_many((low + high) / 2.0, None, duration_s)
        first, rest = np.random.SeedSequence(checks.seed(seed)).spawn(2)
        burstiness = checks.positive("burstiness", burstiness, 1e-3, 1e6)
        gaps = arrivals.gamma_gaps(np.random.default_rng(first), burstiness)
        times = arrivals.ramp_times(gaps, low, high, float(duration or 0.0))
        return cls._with(times, lengths, rest, f"ramp from {low:g}/s to {high:g}/s")

    @classmethod
    def closed(
        cls, concurrency: int, lengths: Lengths, *, num_requests: int, seed: int = 0
    ) -> Traffic:
        """Make requests of users of whom each asks again as soon as the answer is there.

        Parameters
        ----------
        concurrency : int
            Requests in flight.
        lengths, num_requests, seed
            As of :meth:`poisson`.
        """
        _, rest = np.random.SeedSequence(checks.seed(seed)).spawn(2)
        users = checks.count("concurrency", concurrency)
        n = checks.count("num_requests", num_requests)
        return replace(cls._with(np.zeros(n), lengths, rest, f"{users:,} in flight"),
                       concurrency=users)  # fmt: skip

    @classmethod
    def _with(
        cls, times: NDArray[np.float64], lengths: Lengths, rest: np.random.SeedSequence, words: str
    ) -> Traffic:
        if not isinstance(lengths, Lengths):
            raise InvalidInput("lengths must be made by Lengths, e.g. Lengths.fixed(512, 128);"
                               f" got {lengths!r}")  # fmt: skip
        words = f"{words}, {lengths.text}"
        if not len(times):
            raise InvalidInput("traffic: no request arrives in that time; ask for a longer time or"
                               " a higher rate")  # fmt: skip
        inside, outside = (np.random.default_rng(s) for s in rest.spawn(2))
        input_tokens, output_tokens = lengths.draw(len(times), inside, outside)
        return cls(arrival_s=times, input_tokens=input_tokens, output_tokens=output_tokens,
                   text=words)  # fmt: skip

    def __len__(self) -> int:
        return len(self.arrival_s)

    def __repr__(self) -> str:
        over = "" if self.concurrency else f" in {plain(self.duration_s)} s"
        return f"<Traffic: {len(self):,} requests{over}; {self.text}>"

    @property
    def duration_s(self) -> float:
        """Seconds to the last arrival; 0 of a closed loop."""
        return float(self.arrival_s[-1])

    @property
    def rate_rps(self) -> float:
        """Mean requests a second from the start to the last arrival; NaN of a closed loop."""
        return len(self) / self.duration_s if self.duration_s > 0 else float("nan")

    def at_rate(self, rate_rps: float) -> Traffic:
        """Return the same requests at another mean rate."""
        rate = checks.positive("rate_rps", rate_rps, 1e-6, 1e7)
        if self.concurrency is not None or not self.duration_s > 0:
            raise InvalidInput("only traffic that takes time has a rate; a closed loop has none")
        return replace(self, arrival_s=self.arrival_s * (self.rate_rps / rate),
                       text=f"{self.text}, brought to {rate:g}/s")  # fmt: skip

    def first(self, num_requests: int) -> Traffic:
        """Return the first requests."""
        return self.taken(slice(0, checks.count("num_requests", num_requests)))

    def between(self, from_s: float, to_s: float) -> Traffic:
        """Return the requests of a time, whose start becomes 0."""
        chosen = (self.arrival_s >= from_s) & (self.arrival_s < to_s)
        if not chosen.any():
            raise InvalidInput(f"no request arrives from {from_s:g} s to {to_s:g} s of"
                               f" {self.duration_s:g} s")  # fmt: skip
        return replace(self.taken(chosen), arrival_s=self.arrival_s[chosen] - from_s)

    def taken(self, chosen: Any) -> Traffic:
        """Return some of the requests: those of a slice, of a mask, or of ascending numbers."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in checks.ARRAYS})

    def with_shared_prefix(self, tokens: int, groups: int = 1, *, seed: int = 0) -> Traffic:
        """Return it with prompts that begin alike, each in one of several groups at random.

        Parameters
        ----------
        tokens : int
            Tokens that the prompts of a group share: they are part of each prompt. A prompt that
            is shorter shares all that it has.
        groups : int
            Groups, say system prompts.
        seed : int
            Of who belongs to which.
        """
        group = sharing.groups(len(self), checks.count("groups", groups), checks.seed(seed))
        return replace(self, shared_prefix=group,
                       shared_tokens=np.full(len(self), checks.count("tokens", tokens)),
                       text=f"{self.text}, {groups:,} beginnings of {tokens:,} tokens")  # fmt: skip

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {name: getattr(self, name) for name in checks.ARRAYS}

    @classmethod
    def read(cls, path: str | Path, format: str | None = None) -> Traffic:
        """Read a file of requests; the first one arrives at 0.

        Parameters
        ----------
        path : str or Path
            The file, or the name of a sample that comes along: ``azure-code``, ``azure-conv``,
            ``burstgpt``, ``mooncake``, ``vllm``.
        format : str, optional
            One of :data:`guide_ml.traffic.reading.FORMATS`; else the file is looked at.

        Raises
        ------
        BadData
            If it is of no known format, or a line of it cannot be meant.
        """
        from guide_ml.traffic import reading, shipped

        return cls(**reading.read(shipped.found(Path(path)), format))

    def spread(self, *, seed: int = 0) -> Traffic:
        """Return it with requests of one instant spread over the time to the next one.

        Some traces round their times: Mooncake's conversations come every three seconds, about ten
        at once. Simulated so, they would queue for each other though they never met.
        """
        times = arrivals.spread(self.arrival_s, checks.seed(seed))
        return replace(self, arrival_s=times, text=f"{self.text}, times spread")
