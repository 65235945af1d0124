"""Ranks of numbers among thresholds, counted in whole vectors: 64 numbers at a time.

Halving the range takes fewer steps, but the processor guesses each wrongly every other time. To
count how many thresholds are below takes one comparison of a whole vector for each, and none is
guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["GROUP", "count_below"]

GROUP = 64
"""Numbers that are counted together."""
LANES = 16
"""Numbers of one vector; LLVM takes several where the processor has narrower ones."""

_INT, _WORD = ir.IntType(64), ir.IntType(32)


def _spread(b: Any, value: Any, lanes: int = LANES) -> Any:
    """Repeat a number in all lanes."""
    nothing = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = b.insert_element(nothing, value, ir.Constant(_WORD, 0))
    return b.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_WORD, lanes), [0] * lanes))


def _count(b: Any, x: Any, cuts: Any, count: Any, blank: Any) -> list[Any]:
    """Write the loop over the thresholds; return the ranks, a vector for each of numbers."""
    ints = ir.VectorType(_WORD, LANES)
    zero, one = ir.Constant(ints, None), ir.Constant(ints, [1] * LANES)
    together = b.bitcast(x, ir.VectorType(ir.FloatType(), LANES).as_pointer())
    numbers = []
    for k in range(GROUP // LANES):
        numbers.append(b.load(b.gep(together, [ir.Constant(_INT, k)])))
        numbers[-1].align = 4
    before, missing = b.block, _spread(b, b.trunc(blank, _WORD))
    loop, done = b.append_basic_block("cuts"), b.append_basic_block("counted")
    b.cbranch(b.icmp_signed(">", count, ir.Constant(_INT, 0)), loop, done)
    b.position_at_end(loop)
    k, below = b.phi(_INT), [b.phi(ints) for _ in numbers]
    cut = _spread(b, b.load(b.gep(cuts, [k])))
    more = [b.add(n, b.select(b.fcmp_ordered(">", x, cut), one, zero))
            for n, x in zip(below, numbers, strict=True)]  # fmt: skip
    following = b.add(k, ir.Constant(_INT, 1))
    for phi, later in zip([k, *below], [following, *more], strict=True):
        phi.add_incoming(ir.Constant(phi.type, None if phi is not k else 0), before)
        phi.add_incoming(later, loop)
    b.cbranch(b.icmp_signed("<", following, count), loop, done)
    b.position_at_end(done)
    out = []
    for x, found in zip(numbers, more, strict=True):
        rank = b.phi(ints)
        rank.add_incoming(zero, before)
        rank.add_incoming(found, loop)
        out.append((x, rank))
    return [b.select(b.fcmp_unordered("uno", x, x), missing, rank) for x, rank in out]


def _count_below(
    typing: Any, x: Any, cuts: Any, count: Any, blank: Any, out: Any, at: Any
) -> Any:  # fmt: skip
    """Count, for 64 numbers from `at` on, the thresholds below each; what is missing is `blank`."""
    signature = types.void(x, cuts, count, blank, out, at)

    def write(context: Any, b: Any, signature: Any, given: Any) -> Any:
        made = {k: context.make_array(signature.args[k])(context, b, given[k]).data
                for k in (0, 1, 4)}  # fmt: skip
        count, blank, at = (context.cast(b, given[k], signature.args[k], types.int64)
                            for k in (2, 3, 5))  # fmt: skip
        ranks = _count(b, b.gep(made[0], [at]), made[1], count, blank)
        kind = ir.VectorType(made[4].type.pointee, LANES)
        place = b.bitcast(b.gep(made[4], [at]), kind.as_pointer())
        for k, rank in enumerate(ranks):
            b.store(b.trunc(rank, kind), b.gep(place, [ir.Constant(_INT, k)])).align = 1
        return context.get_dummy_value()

    return signature, write


count_below: Callable[..., Any] = intrinsic(_count_below)
"""Count the thresholds below 64 numbers; called from compiled functions, without ``typing``."""
