"""What a policy says of an engine."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Policy"]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How an engine schedules, where nobody says otherwise.

    Parameters
    ----------
    seqs : int
        Requests that run together at most.
    budget : int
        Tokens of a step at most.
    block : int
        Tokens of a block of the KV cache.
    chunked : bool
        Whether long prompts are cut.
    mixed : bool
        Whether prompts and decoding requests share a step.
    reserve : float
        Share of the answers to come that must have room before a request is let in.
    remember : bool
        Whether prompts of the past stay in the KV cache for others that begin alike.
    source : str
        Documentation and version that this is from.
    """

    seqs: int
    budget: int
    block: int
    chunked: bool
    mixed: bool
    reserve: float
    remember: bool
    source: str
