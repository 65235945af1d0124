"""What a traffic is like: rate over time, burstiness, lengths, sharing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.answers.blocks import Block, Sheet, Words, listing
from guide_ml.answers.cells import plain
from guide_ml.answers.shown import Shown
from guide_ml.traffic.reuse import reused
from guide_ml.traffic.traffic import Traffic

__all__ = ["Described", "describe", "rate_over_time"]

#: Windows in which arrivals are counted, seconds.
WINDOWS = (1.0, 10.0, 60.0)
#: Pieces that the time is cut into for the rate over time.
PIECES = 24
QUANTILES = (0.5, 0.9, 0.99)
#: So large a share of requests at the instant of the one before means that times are rounded.
TIED = 0.5


@dataclass(frozen=True, kw_only=True, repr=False)
class Described(Shown):
    """What a traffic is like.

    Parameters
    ----------
    text : str
        What it is, in words.
    requests : int
        How many there are.
    duration_s, rate_rps, peak_rps : float
        Seconds to the last arrival, mean requests a second, and the most of any ten seconds; of
        traffic that takes an hour, of any minute.
    gap_cv : float
        Standard deviation of the gaps between arrivals over their mean; 1 is Poisson.
    burstiness : float
        ``1 / gap_cv**2``, as vLLM's ``--burstiness``.
    dispersion : mapping of float to float
        Variance over mean of the arrivals counted in windows, by seconds; 1 is Poisson, and it
        rises with the window where busy times follow busy times.
    input_tokens, output_tokens : mapping of str to float
        ``mean``, ``cv``, ``p50``, ``p90``, ``p99``, ``max``.
    conversations, turns : int
        Conversations of more than one request, and requests that belong to them.
    groups : int
        Groups of prompts that begin alike.
    reusable_share : float
        Share of all prompt tokens that a cache without limit would hold.
    rate_over_time : tuple of mapping
        ``from_s``, ``to_s``, ``requests``, ``rate_rps``, ``input_tokens``, ``output_tokens``
        (means) of each piece of the time.
    notes : tuple of str
        What must be known of it.
    left_out : mapping of str to int
        Requests of the file that were left out, by reason.
    """

    text: str
    requests: int
    duration_s: float
    rate_rps: float
    peak_rps: float
    gap_cv: float
    burstiness: float
    dispersion: Mapping[str, float]
    input_tokens: Mapping[str, float]
    output_tokens: Mapping[str, float]
    conversations: int
    turns: int
    groups: int
    reusable_share: float
    rate_over_time: tuple[Mapping[str, float], ...]
    notes: tuple[str, ...]
    left_out: Mapping[str, int]

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it."""
        arrivals = [("requests", f"{self.requests:,}")]
        if self.duration_s > 0:
            told = ", ".join(f"{v:.3g} in {w} s" for w, v in self.dispersion.items())
            arrivals += [
                ("time", f"{plain(self.duration_s)} s"), ("rate", f"{plain(self.rate_rps)} /s"),
                ("rate at its peak", f"{plain(self.peak_rps)} /s"),
                ("spread of gaps", f"{self.gap_cv:.3g} (Poisson: 1)"),
                ("burstiness", f"{self.burstiness:.3g} (Poisson: 1, bursts below)"),
                ("spread of counts", f"{told or 'too short'} (Poisson: 1)"),
            ]  # fmt: skip
        arrivals += [
            ("conversations", f"{self.conversations:,} with {self.turns:,} requests"),
            ("shared beginnings", f"{self.groups:,}"),
            ("prompts seen before", f"{self.reusable_share:.1%} of their tokens"),
        ]  # fmt: skip
        lengths = [{"of": name, **values} for name, values in
                   (("prompt", self.input_tokens), ("answer", self.output_tokens))]  # fmt: skip
        found: list[Block] = [
            Sheet(title=self.text, rows=tuple(arrivals)),
            listing(lengths, {"of": "tokens", "mean": "mean", "cv": "cv", "p50": "p50",
                              "p90": "p90", "p99": "p99", "max": "max"}, "lengths"),
        ]  # fmt: skip
        if not brief and len(self.rate_over_time) > 1:
            found.append(_over_time(self.rate_over_time))
        left = [f"Left out: {n:,} {reason}." for reason, n in self.left_out.items()]
        if lines := (*self.notes, *left):
            found.append(Words(lines=tuple(lines)))
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; ``None`` where there is no such number."""
        return {name: None if isinstance(value, float) and not np.isfinite(value) else value
                for name, value in asdict(self).items()}  # fmt: skip


def _over_time(pieces: tuple[Mapping[str, float], ...]) -> Sheet:
    most = max(p["rate_rps"] for p in pieces) or 1.0
    digits = ",.0f" if pieces[-1]["to_s"] > 100 else ".3g"
    rows = tuple((f"{p['from_s']:{digits}}", f"{p['rate_rps']:.3g}", f"{p['input_tokens']:,.0f}",
                  f"{p['output_tokens']:,.0f}", "#" * round(30 * p["rate_rps"] / most))
                 for p in pieces)  # fmt: skip
    return Sheet(title="over time", rows=rows, right=frozenset({0, 1, 2, 3}), spare=1,
                 headings=("from s", "requests/s", "prompt", "answer", ""))  # fmt: skip


def describe(traffic: Traffic) -> Described:
    """Count what a traffic is like."""
    times, over = traffic.arrival_s, traffic.duration_s
    gaps = np.diff(times)
    cv = float(gaps.std() / gaps.mean()) if len(gaps) > 1 and gaps.mean() > 0 else float("nan")
    _, counts = np.unique(traffic.conversation[traffic.conversation >= 0], return_counts=True)
    pieces = rate_over_time(traffic, PIECES) if over > 0 else ()
    window = 60.0 if over >= 3600.0 else 10.0
    return Described(
        text=traffic.text, requests=len(traffic), duration_s=over, rate_rps=traffic.rate_rps,
        peak_rps=_peak(times, window), gap_cv=cv, burstiness=1.0 / cv**2 if cv else float("inf"),
        dispersion={f"{w:g}": d for w in WINDOWS if (d := _dispersion(times, w)) is not None},
        input_tokens=_lengths(traffic.input_tokens), output_tokens=_lengths(traffic.output_tokens),
        conversations=int((counts > 1).sum()), turns=int(counts[counts > 1].sum()),
        groups=len(np.unique(traffic.shared_prefix[traffic.shared_prefix >= 0])),
        reusable_share=float(reused(traffic).sum() / traffic.input_tokens.sum()),
        rate_over_time=pieces, notes=tuple(_notes(traffic, gaps)), left_out=dict(traffic.left_out),
    )  # fmt: skip


def _notes(traffic: Traffic, gaps: NDArray[np.float64]) -> list[str]:
    if traffic.concurrency is not None:
        return [f"A closed loop of {traffic.concurrency:,}: when requests come hangs on how fast"
                " they are answered."]  # fmt: skip
    if len(gaps) > 1 and (gaps == 0).mean() > TIED:
        step = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 0.0
        return [f"{(gaps == 0).mean():.0%} of the requests arrive with the one before: times come"
                f" in steps of about {step:.3g} s. Spread them over the step before you simulate"
                " them: Traffic.spread(), --spread."]  # fmt: skip
    return []


def rate_over_time(traffic: Traffic, pieces: int) -> tuple[Mapping[str, float], ...]:
    """Cut the time into pieces of one length and count what arrives in each."""
    edges = np.linspace(0.0, traffic.duration_s, pieces + 1)
    place = np.minimum(np.searchsorted(edges, traffic.arrival_s, side="right") - 1, pieces - 1)
    count = np.bincount(place, minlength=pieces)
    each = np.maximum(count, 1)
    means = {name: np.bincount(place, getattr(traffic, name), minlength=pieces) / each
             for name in ("input_tokens", "output_tokens")}  # fmt: skip
    return tuple({"from_s": float(edges[i]), "to_s": float(edges[i + 1]),
                  "requests": int(count[i]), "rate_rps": float(count[i] / (edges[1] or 1.0)),
                  **{name: float(v[i]) for name, v in means.items()}}
                 for i in range(pieces))  # fmt: skip


def _peak(times: NDArray[np.float64], window: float) -> float:
    """Return the most requests a second in any window that begins with a request."""
    last = np.searchsorted(times, times + window, side="right")
    return float((last - np.arange(len(times))).max() / window)


def _dispersion(times: NDArray[np.float64], window: float) -> float | None:
    """Variance over mean of counts; ``None`` of fewer than ten windows."""
    windows = int(times[-1] / window)
    if windows < 10:
        return None
    kept = times[times < windows * window]
    counts = np.bincount((kept / window).astype(np.int64), minlength=windows)
    return float(counts.var() / counts.mean())


def _lengths(tokens: NDArray[np.int64]) -> dict[str, float]:
    mean = float(tokens.mean())
    quantiles = np.quantile(tokens, QUANTILES)
    return {"mean": mean, "cv": float(tokens.std() / mean),
            **{f"p{q * 100:g}": float(v) for q, v in zip(QUANTILES, quantiles, strict=True)},
            "max": int(tokens.max())}  # fmt: skip
