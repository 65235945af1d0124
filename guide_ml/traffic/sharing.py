"""What prompts share: groups with one beginning, and conversations found in blocks of prompts."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shared", "from_blocks", "groups", "numbered"]

Ids = NDArray[np.int64]


class Shared(NamedTuple):
    """Conversations, shared beginnings and their length, as the arrays of a traffic."""

    conversation: Ids
    shared_prefix: Ids
    shared_tokens: Ids


def groups(n: int, count: int, seed: int) -> Ids:
    """Put each of `n` requests into one of `count` groups."""
    return np.random.default_rng(np.random.SeedSequence(seed).spawn(3)[2]).integers(0, count, n)


def numbered(names: Sequence[object]) -> Ids:
    """Give names numbers in the order in which they come; a blank one gets -1.

    Examples
    --------
    >>> numbered(["b", "a", "", "b"]).tolist()
    [0, 1, -1, 0]
    """
    known: dict[object, int] = {}
    blank = ("", None, -1, "-1")
    return np.asarray([-1 if name in blank else known.setdefault(name, len(known))
                       for name in names], dtype=np.int64)  # fmt: skip


def from_blocks(blocks: Sequence[Sequence[int]], input_tokens: Ids, size: int) -> Shared:
    """Find conversations and shared beginnings where each block of a prompt has a number.

    A number stands for a block and all that is before it, so equal numbers are equal beginnings.
    A request goes on with a conversation if it repeats a whole earlier prompt, but for the last,
    unfilled block, and more than one block of it. The shared beginning of a request is the longest
    one that occurs in two conversations.

    Parameters
    ----------
    blocks : sequence of sequence of int
        Numbers of each prompt's blocks, in order of arrival.
    input_tokens : array of int of shape (n,)
        Tokens of the prompts.
    size : int
        Tokens of a block.
    """
    conversation = _conversations(blocks)
    owner: dict[int, int] = {}
    common: set[int] = set()
    for talk, prompt in zip(conversation, blocks, strict=True):
        for block in prompt:
            if owner.setdefault(block, talk) != talk:
                common.add(block)
    prefix, tokens = np.full(len(blocks), -1, np.int64), np.zeros(len(blocks), np.int64)
    for i, prompt in enumerate(blocks):
        if k := _leading(prompt, common):
            prefix[i], tokens[i] = prompt[k - 1], k * size
    alone = np.bincount(conversation)[conversation] == 1
    return Shared(numbered(np.where(alone, -1, conversation).tolist()), numbered(prefix.tolist()),
                  np.minimum(tokens, input_tokens))  # fmt: skip


def _conversations(blocks: Sequence[Sequence[int]]) -> Ids:
    last: dict[int, int] = {}
    found = np.arange(len(blocks), dtype=np.int64)
    for i, prompt in enumerate(blocks):
        k = _leading(prompt, last)
        before = last[prompt[k - 1]] if k else -1
        if k > 1 and k >= len(blocks[before]) - 1:
            found[i] = found[before]
        last.update(dict.fromkeys(prompt, i))
    return found


def _leading(prompt: Sequence[int], known: Container[int]) -> int:
    """Count the leading blocks that are known."""
    for k, block in enumerate(prompt):
        if block not in known:
            return k
    return len(prompt)
