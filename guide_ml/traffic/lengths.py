"""How long prompts and answers are: fixed, spread evenly, lognormal, or as they were recorded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guide_ml.describe.checks import MAX_TOKENS
from guide_ml.errors import InvalidInput

__all__ = ["Lengths", "Tokens", "whole_tokens"]

Tokens = NDArray[np.int64]
#: Draws tokens of one kind: mean, generator, count.
Draw = Callable[[float, np.random.Generator, int], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Lengths:
    """Tokens of prompts and answers, to be drawn. Make it by one of its constructors.

    Examples
    --------
    >>> Lengths.uniform(1000, 100, ratio=0.5).drawn(3, seed=0)[0].tolist()
    [1443, 816, 1222]
    """

    draw: Callable[[int, np.random.Generator, np.random.Generator], tuple[Tokens, Tokens]]
    text: str

    @classmethod
    def fixed(cls, input_len: float, output_len: float) -> Lengths:
        """Make every prompt and every answer as long as the others; parts of tokens are rounded.

        Parameters
        ----------
        input_len, output_len : float
            Tokens.
        """
        return _each(lambda mean, _, n: np.full(n, mean), input_len, output_len, "fixed")

    @classmethod
    def uniform(cls, input_len: float, output_len: float, ratio: float) -> Lengths:
        """Spread lengths evenly from ``mean * (1 - ratio)`` to ``mean * (1 + ratio)``.

        Parameters
        ----------
        input_len, output_len : float
            Mean tokens.
        ratio : float
            From 0 to below 1: vLLM's ``--random-range-ratio``. SGLang's flag of the same name
            means other lengths: from ``ratio * maximum`` to the maximum.
        """
        _within("ratio", ratio, 0.0, 1.0, "from 0 to below 1")
        return _each(lambda mean, g, n: mean * (1.0 + ratio * (2.0 * g.random(n) - 1.0)),
                     input_len, output_len, f"uniform, ratio {ratio:g}")  # fmt: skip

    @classmethod
    def lognormal(
        cls, input_len: float, output_len: float, cv: float = 1.0,
        output_cv: float | None = None,
    ) -> Lengths:  # fmt: skip
        """Draw lengths whose logarithms are normal, as those of chats nearly are.

        Parameters
        ----------
        input_len, output_len : float
            Mean tokens.
        cv : float
            Standard deviation over mean, of prompts and answers alike.
        output_cv : float, optional
            The same of answers, where theirs is another.
        """
        out = cv if output_cv is None else output_cv
        for name, value in (("cv", cv), ("output_cv", out)):
            _within(name, value, 0.0, 100.0, "from 0 to below 100")
        inside, outside = _lognormal(cv), _lognormal(out)
        words = f"lognormal, cv {cv:g}" + (f" and {out:g}" if out != cv else "")
        return _each(inside, input_len, output_len, words, outside)

    @classmethod
    def spread(cls, input_len: float, output_len: float, cv: float) -> Lengths:
        """Draw lengths of a spread of which no more is known.

        Up to ``1 / sqrt(3)`` they are drawn evenly, as clients of benchmarks draw them around a
        mean; so wide that an even spread would begin below zero they are lognormal.

        Parameters
        ----------
        input_len, output_len : float
            Mean tokens.
        cv : float
            Standard deviation over mean; 0 for equal ones.

        Examples
        --------
        >>> Lengths.spread(100, 10, 0.5).text, Lengths.spread(100, 10, 0.8).text
        ('100 in, 10 out (uniform, ratio 0.866025)', '100 in, 10 out (lognormal, cv 0.8)')
        """
        _within("cv", cv, 0.0, 100.0, "from 0 to below 100")
        if cv == 0:
            return cls.fixed(input_len, output_len)
        ratio = math.sqrt(3.0) * cv  # an even spread of mean 1 has the variance ratio^2 / 3
        if ratio < 1.0:
            return cls.uniform(input_len, output_len, ratio)
        return cls.lognormal(input_len, output_len, cv)

    @classmethod
    def recorded(cls, input_tokens: ArrayLike, output_tokens: ArrayLike) -> Lengths:
        """Draw from recorded requests, with replacement; prompt and answer stay together.

        Parameters
        ----------
        input_tokens, output_tokens : array of int of shape (n,)
            As recorded, or those of a traffic that was read from a file.
        """
        inside = whole_tokens("input_tokens", input_tokens)
        outside = whole_tokens("output_tokens", output_tokens)
        if len(inside) != len(outside) or not len(inside):
            raise InvalidInput(
                "recorded lengths: input_tokens and output_tokens must have one value a request"
                f" each; got {len(inside)} and {len(outside)}"
            )

        def draw(n: int, g: np.random.Generator, _: np.random.Generator) -> tuple[Tokens, Tokens]:
            chosen = g.integers(0, len(inside), n)
            return inside[chosen], outside[chosen]

        return cls(draw, f"drawn from {len(inside):,} recorded requests")

    def drawn(self, n: int, seed: int = 0) -> tuple[Tokens, Tokens]:
        """Return tokens of prompts and of answers of `n` requests, each at least one."""
        first, second = np.random.SeedSequence(seed).spawn(2)
        return self.draw(n, np.random.default_rng(first), np.random.default_rng(second))


def whole_tokens(name: str, values: ArrayLike, least: int = 1) -> Tokens:
    """Return counts of tokens as whole numbers.

    Raises
    ------
    InvalidInput
        If one is missing, below `least`, not whole, or absurdly large.
    """
    found = np.atleast_1d(np.asarray(values))
    if found.ndim != 1 or found.dtype.kind not in "iuf":
        raise InvalidInput(f"{name} must be one number a request; got an array of shape"
                           f" {found.shape} and type {found.dtype}")  # fmt: skip
    with np.errstate(invalid="ignore"):
        bad = ~((found >= least) & (found <= MAX_TOKENS) & (found == np.floor(found)))
    if bad.any():
        at = int(np.argmax(bad))
        raise InvalidInput(f"{name} must be whole numbers from {least} to {MAX_TOKENS:,};"
                           f" request {at} has {found[at]}")  # fmt: skip
    return found.astype(np.int64)


def _each(
    draw: Draw, input_len: float, output_len: float, words: str, draw_output: Draw | None = None
) -> Lengths:
    for name, value in (("input_len", input_len), ("output_len", output_len)):
        _within(name, value, 1.0, MAX_TOKENS, f"from 1 to {MAX_TOKENS:,}")
    out = draw_output or draw

    def both(n: int, g: np.random.Generator, h: np.random.Generator) -> tuple[Tokens, Tokens]:
        return _rounded(draw(input_len, g, n)), _rounded(out(output_len, h, n))

    return Lengths(both, f"{input_len:g} in, {output_len:g} out ({words})")


def _lognormal(cv: float) -> Draw:
    """Return a draw of this spread: sigma^2 = ln(1 + cv^2), mu = ln(mean) - sigma^2 / 2."""
    sigma = math.sqrt(math.log1p(cv * cv))
    return lambda mean, g, n: mean * np.exp(sigma * g.standard_normal(n) - sigma * sigma / 2.0)


def _rounded(values: NDArray[np.float64]) -> Tokens:
    return np.clip(np.rint(values), 1, MAX_TOKENS).astype(np.int64)


def _within(name: str, value: float, low: float, high: float, words: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (low <= value < high or value == low):
        raise InvalidInput(f"lengths: {name} must be a number {words}; got {value!r}")
