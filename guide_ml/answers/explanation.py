"""What an explanation of a prediction holds, and how it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from guide_ml.answers import pages
from guide_ml.answers.blocks import Block, Sheet, Words, listing
from guide_ml.answers.shown import Shown

__all__ = ["BOUNDS", "PARTS", "TITLES", "Explanation", "Move", "Variant", "percent"]

PARTS = {
    "compute": "arithmetic", "weight_reads": "reading weights",
    "unpacking": "unpacking weights",
    "kv_reads": "reading the KV cache", "communication": "traffic between devices",
    "host": "what stays in the host's memory",
    "launch": "launches, scheduling and request handling", "queueing": "waiting for other requests",
}  # fmt: skip
"""Parts of the time, in words."""

BOUNDS = {
    "compute": "the arithmetic of the device: faster matrix units or a lower precision help,"
    " more memory bandwidth does not",
    "weight_reads": "memory bandwidth, which goes into reading weights: smaller weights or more"
    " bandwidth help, and requests that run together share one read",
    "host": "the host's memory, where a part of the weights stays: more layers or experts on the"
    " device, or a host with more memory channels help",
    "unpacking": "the vector units of the device, which unpack small weights: weights as wide as"
    " the matrix units multiply need none, and more memory bandwidth does not help",
    "kv_reads": "memory bandwidth, which goes into reading the KV cache: shorter contexts, an fp8"
    " KV cache or more bandwidth help (a hybrid model reads its states besides, which are as large"
    " whatever the context: there bandwidth alone helps)",
    "communication": "the links between the devices: fewer devices a copy of the model, or faster"
    " links, help",
    "launch": "overhead of the engine (kernel launches, scheduling, request handling): the device"
    " idles, a faster one would hardly help, and larger batches cost little",
}  # fmt: skip
"""What each bound means for a buyer."""

TITLES = {
    "batch_latency_s": "batch latency", "ttft_ms": "time to first token (TTFT)",
    "tpot_ms": "time per output token (TPOT)", "output_tok_s": "throughput",
    "time_per_token_ms": "time per generated token",
}  # fmt: skip
_SHORT = {"batch_latency_s": "batch latency", "ttft_ms": "TTFT", "tpot_ms": "TPOT",
          "output_tok_s": "throughput"}  # fmt: skip
_UNITS = {"batch_latency_s": "s", "output_tok_s": "tok/s"}

#: Shares of the time below this are not worth a line; moves below this not worth a word.
SMALL_SHARE, SMALL_MOVE = 0.02, 1.0
MOVES = 4


@dataclass(frozen=True)
class Move:
    """One group of descriptors and by how much it moves an estimate away from physics.

    Parameters
    ----------
    group : str
        ``engine``, ``device``, ``model``, ``precision``, ``layout``, ``load``, ``memory`` or
        ``bottleneck``; ``usual`` is what measurements differ by on the whole.
    words : str
        The group's descriptors with their values and units.
    percent : float
        Percent by which it raises (or lowers, below 0) the figure.
    """

    group: str
    words: str
    percent: float


@dataclass(frozen=True)
class Variant:
    """A neighbouring deployment, really predicted.

    Parameters
    ----------
    change : str
        What differs, in words.
    given : mapping
        The descriptors that differ.
    values : mapping of str to float
        Its figures by target.
    percent : mapping of str to float
        Percent by which they are above (below 0: below) those of the deployment explained.
    """

    change: str
    given: Mapping[str, Any]
    values: Mapping[str, float]
    percent: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, repr=False)
class Explanation(Shown):
    """Why a prediction is what it is.

    Parameters
    ----------
    predicted : mapping of str to float
        The figures explained.
    parts : mapping of str to mapping of str to float
        By figure (``time_per_token_ms`` for the throughput of an offline queue), the time that
        each of :data:`PARTS` takes, in the figure's unit; they sum to it. Physics splits the
        time; what estimators and a profile add to physics is spread over the parts in proportion.
    bounds : mapping of str to str
        By phase (``prefill``, ``decode``), the part that bounds it: a key of :data:`BOUNDS`.
    efficiency : mapping of str to float
        Floor over predicted for times, predicted over ceiling for throughput: 1 is perfect.
    physics : mapping of str to float
        What calibrated physics alone says.
    moved : mapping of str to tuple of Move
        By figure, what moved the estimators' correction of physics, strongest first; the
        factors ``1 + percent / 100`` multiply to the correction.
    trust : float
        Share of the correction that is used: 1, or less for a release series of an engine or a
        mixture of experts that was never measured.
    profile_percent : mapping of str to float
        Percent by which the caller's profile moved each figure; empty without one in scope.
    variants : tuple of Variant
        What would change the figures.
    """

    predicted: Mapping[str, float]
    parts: Mapping[str, Mapping[str, float]]
    bounds: Mapping[str, str]
    efficiency: Mapping[str, float]
    physics: Mapping[str, float]
    moved: Mapping[str, tuple[Move, ...]]
    trust: float
    profile_percent: Mapping[str, float]
    variants: tuple[Variant, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that :func:`json.dumps` takes."""
        return asdict(self)

    def text(self, width: int = 100) -> str:
        """Tell it to a person who knows no rooflines, in paragraphs of plain lines.

        Parameters
        ----------
        width : int
            Characters of a line, at most.
        """
        return pages.text(self.blocks(), width)

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it, a heading with sentences each; nothing is left out."""
        told = {
            "Where the time goes": self._time(), "What bounds it": self._bound(),
            "How efficient it is": self._efficiency(),
            "What measurements say beyond physics": self._moved(),
            "What your own measurements say beyond that": self._profile(),
        }  # fmt: skip
        words = [Words(title=title, lines=tuple(lines)) for title, lines in told.items() if lines]
        return [*words, *([self._variants()] if self.variants else [])]

    def _time(self) -> list[str]:
        lines = []
        for name, parts in self.parts.items():
            total = sum(parts.values())
            listed = sorted(parts.items(), key=lambda item: -item[1])
            told = [f"{PARTS[k]} {100 * v / total:.0f} %" for k, v in listed
                    if v >= SMALL_SHARE * total]  # fmt: skip
            lines.append(f"{TITLES[name]}, {_figure(name, total)}: {', '.join(told)}.")
        return [*lines, "Physics splits the time; what measurements add to it is spread over the"
                " parts in proportion."]  # fmt: skip

    def _bound(self) -> list[str]:
        phases = {"prefill": "Reading the prompt (prefill)",
                  "decode": "Writing the answer (decode)"}  # fmt: skip
        return [f"{phases[k]} is bound by {BOUNDS[v]}." for k, v in self.bounds.items()]

    def _efficiency(self) -> list[str]:
        # A server's ceiling of throughput is that of any number of users: it says little of few.
        times = {k: v for k, v in self.efficiency.items() if k != "output_tok_s"}
        told = [f"{_SHORT[k]} {100 * v:.0f} %" for k, v in (times or self.efficiency).items()]
        return ["Of what the hardware could do at best (100 %: nothing lost, nothing waits):"
                f" {', '.join(told)}."]  # fmt: skip

    def _moved(self) -> list[str]:
        lines = []
        for name, moves in self.moved.items():
            total = 100.0 * (_product(moves) - 1.0)
            strong = [m for m in moves if abs(m.percent) >= SMALL_MOVE][:MOVES]
            why = "; ".join(f"{m.words} {_signed(m.percent)}" for m in strong)
            lines.append(f"{_SHORT[name]}: in the measurements like this one,"
                         f" {_slower(name, total)} physics says{f' ({why})' if why else ''}.")
        if self.moved and self.trust < 1.0:
            lines.append("No run of this release of the engine, or of this mixture of experts,"
                         f" was measured, so {100 * self.trust:.0f} % of what others show is used.")
        return lines

    def _profile(self) -> list[str]:
        told = ", ".join(f"{_SHORT[k]} {_signed(v)}" for k, v in self.profile_percent.items())
        return [f"{told}."] if told else []

    def _variants(self) -> Sheet:
        rows = [
            {"change": variant.change}
            | {k: f"{_figure(k, variant.values[k])} ({_signed(v)})"
               for k, v in variant.percent.items()}
            for variant in self.variants
        ]  # fmt: skip
        heads = {"change": "with"} | {k: _SHORT[k] for k in self.predicted}
        return listing(rows, heads, "What would change it")


def percent(ratio: float) -> float:
    """Turn a ratio into the percent by which it is above 1."""
    return 100.0 * (ratio - 1.0)


def _product(moves: tuple[Move, ...]) -> float:
    total = 1.0
    for move in moves:
        total *= 1.0 + move.percent / 100.0
    return total


def _signed(value: float) -> str:
    """Write a change in whole percent; no change has no sign."""
    whole = round(value)
    return f"{whole:+d} %" if whole else "0 %"


def _slower(name: str, change: float) -> str:
    if abs(change) < SMALL_MOVE:
        return "about as fast as"
    slow = change > 0 if name != "output_tok_s" else change < 0
    return f"{abs(change):.0f} % {'slower' if slow else 'faster'} than"


def _figure(name: str, value: float) -> str:
    digits = f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
    return f"{digits} {_UNITS.get(name, 'ms')}"
