"""Parts of a prediction: where memory goes, what was measured nearby, how familiar it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from guide_ml.answers.blocks import Block, Sheet
from guide_ml.answers.cells import HELD
from guide_ml.answers.shown import Shown
from guide_ml.units import GB, GIB

__all__ = ["Domain", "Evidence", "MemoryAccount"]


_PARTS = {"weights_gb": "weights", "draft_gb": "what drafts tokens",
          "adapters_gb": "LoRA adapters", "kv_cache_gb": "KV cache",
          "activations_gb": "activations", "reserved_gb": "reserved", "free_gb": "free",
          "total_gb": "total"}  # fmt: skip
_BESIDE = ("draft_gb", "adapters_gb")


@dataclass(frozen=True, kw_only=True, repr=False)
class MemoryAccount(Shown):
    """Memory of one device, decimal GB; ``total_gb`` is the sum of the parts before it.

    Parameters
    ----------
    weights_gb, activations_gb : float
        Model weights, and the widest pass in flight.
    draft_gb, adapters_gb : float
        Heads or a model that draft tokens, and LoRA adapters, beside the model.
    towers_gb : float
        What vision and audio towers take of ``weights_gb``.
    kv_cache_gb : float
        KV cache of the sequences that run together, at their full length, and in hybrid models
        their recurrent states.
    reserved_gb : float
        Runtime, and what engines leave alone.
    free_gb : float
        Room for more sequences.
    total_gb : float
        The device's memory, as a program finds it.
    fits : bool
        Whether the weights and one sequence fit.
    largest_batch : int
        Sequences of full length that the whole deployment holds; further ones wait.
    kv_budget_gb : float
        Memory for the KV cache: ``kv_cache_gb`` and ``free_gb`` together.
    kv_tokens : int
        Tokens that the cache of a replica holds, as its engine logs them.
    longest_request : int
        Tokens of the longest request that the engine lets in.
    requests_at_longest : float
        Requests of that length that a replica holds at once; below 1 not even one.
    longest_context : int
        Tokens of the longest request that fits, at most the model's longest context.
    """

    weights_gb: float
    kv_cache_gb: float
    activations_gb: float
    reserved_gb: float
    free_gb: float
    total_gb: float
    fits: bool
    largest_batch: int
    kv_budget_gb: float
    kv_tokens: int
    longest_request: int
    requests_at_longest: float
    longest_context: int
    draft_gb: float = 0.0
    adapters_gb: float = 0.0
    towers_gb: float = 0.0

    def sheet(self, states: bool = False) -> Sheet:
        """Return it as a table; `states`: the model keeps recurrent states beside its KV cache."""
        words = _PARTS | ({"kv_cache_gb": "KV cache, states"} if states else {})
        rows = [(word, f"{getattr(self, name):,.2f} GB") for name, word in words.items()
                if name not in _BESIDE or getattr(self, name) > 0]  # fmt: skip
        if self.towers_gb > 0:
            rows.insert(1, ("  of them towers", f"{self.towers_gb:,.2f} GB"))
        rows.append(("largest batch", f"{self.largest_batch:,}{HELD * 3}"))
        return Sheet(title="memory of a device", rows=tuple(rows), right=frozenset({1}))

    def log_sheet(self) -> Sheet:
        """Return it in the words and units of an engine's log, to be compared line by line."""
        loaded = self.weights_gb + self.draft_gb + self.adapters_gb
        at_once = f"requests of {self.longest_request:,} tokens at once"
        rows = (
            ("weights", f"{loaded * GB / GIB:,.2f} GiB"),
            ("memory for KV cache", f"{self.kv_budget_gb * GB / GIB:,.2f} GiB"),
            ("KV cache tokens", f"{self.kv_tokens:,}{HELD * 4}"),
            (at_once, f"{self.requests_at_longest:,.2f}{HELD * 4}"),
            ("longest context that fits", f"{self.longest_context:,}{HELD * 4}"),
        )
        return Sheet(title="as the engine logs it", rows=rows,
                     right=frozenset({1}))  # fmt: skip

    def blocks(self, brief: bool = False) -> list[Block]:
        """Return what is shown of it."""
        return [self.sheet(), self.log_sheet()]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


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
