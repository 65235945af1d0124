"""The innermost loop through a tree, written in whole vectors: 64 bytes of rows at a time.

Left to itself, the compiler keeps places of rows in memory from split to split and takes vectors
half as wide as the processor has. Here places stay in registers for a whole tree, and the processor
is given vectors of 64 bytes; where it has narrower ones, LLVM takes several for one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["WIDE", "settle_many", "settle_some"]

BYTES = 64
"""Of one vector."""
WIDE = 4
"""Vectors that :func:`settle_many` takes together: as many as narrower registers hold as well."""

_INT = ir.IntType(64)


class _Loop:
    """The loop over the splits of one tree, for some vectors of rows.

    Parameters
    ----------
    builder : IRBuilder
    arrays : dict of str to value
        Pointers: ``ranks``, ``feature``, ``rank``, ``leaf``, ``place``.
    span : tuple of value
        First split, end of the splits, first row, and how far the ranks of two inputs are apart.
    vectors : int
    """

    def __init__(self, builder: Any, arrays: dict[str, Any], span: tuple[Any, ...],
                 vectors: int) -> None:  # fmt: skip
        self.b, self.arrays, self.span, self.vectors = builder, arrays, span, vectors
        self.number = arrays["ranks"].type.pointee
        self.vector = ir.VectorType(self.number, 8 * BYTES // self.number.width)

    def spread(self, value: Any) -> Any:
        """Repeat a number in all lanes."""
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = self.b.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
        lanes = ir.VectorType(ir.IntType(32), self.vector.count)
        return self.b.shuffle_vector(first, nothing, ir.Constant(lanes, [0] * self.vector.count))

    def at(self, pointer: Any, number: int) -> Any:
        """Point at a vector behind a pointer to numbers."""
        together = self.b.bitcast(pointer, self.vector.as_pointer())
        return self.b.gep(together, [ir.Constant(_INT, number)])

    def moved(self, k: Any, places: list[Any]) -> list[Any]:
        """Put one split to all rows: those of its leaf that go right get a new leaf."""
        b, (start, _, offset, width) = self.b, self.span
        told = {name: b.load(b.gep(self.arrays[name], [k])) for name in ("feature", "rank", "leaf")}
        ranks = b.gep(self.arrays["ranks"], [b.add(b.mul(b.zext(told["feature"], _INT), width),
                                                   offset)])  # fmt: skip
        new = b.trunc(b.add(b.sub(k, start), ir.Constant(_INT, 1)), self.number)
        # Unsigned, so that a step back wraps around.
        rank, leaf, step = map(self.spread, (told["rank"], told["leaf"], b.sub(new, told["leaf"])))
        out = []
        for number, place in enumerate(places):
            row = b.load(self.at(ranks, number))
            row.align = 1
            right = b.and_(b.icmp_unsigned(">", row, rank), b.icmp_unsigned("==", place, leaf))
            out.append(b.add(place, b.select(right, step, ir.Constant(self.vector, None))))
        return out

    def write(self) -> None:
        """Write the loop, and store the places after it."""
        b, (start, end, _, _) = self.b, self.span
        before, zero = b.block, ir.Constant(self.vector, None)
        loop, done = b.append_basic_block("splits"), b.append_basic_block("settled")
        b.cbranch(b.icmp_signed("<", start, end), loop, done)
        b.position_at_end(loop)
        k = b.phi(_INT)
        places = [b.phi(self.vector) for _ in range(self.vectors)]
        moved = self.moved(k, places)
        following = b.add(k, ir.Constant(_INT, 1))
        for phi, first, later in zip([k, *places], [start, *[zero] * self.vectors],
                                     [following, *moved], strict=True):  # fmt: skip
            phi.add_incoming(first, before)
            phi.add_incoming(later, loop)
        b.cbranch(b.icmp_signed("<", following, end), loop, done)
        b.position_at_end(done)
        last = [b.phi(self.vector) for _ in moved]
        for number, (phi, found) in enumerate(zip(last, moved, strict=True)):
            phi.add_incoming(zero, before)
            phi.add_incoming(found, loop)
            b.store(phi, self.at(self.arrays["place"], number)).align = 1


def _settling(vectors: int) -> Callable[..., Any]:
    """Make the loop for so many vectors of rows, to be called from compiled functions."""

    def settle(
        typing: Any, ranks: Any, feature: Any, rank: Any, leaf: Any, place: Any, start: Any,
        end: Any, offset: Any,
    ) -> Any:  # fmt: skip
        """Find the leaf of each row in one tree: see :func:`guide_ml.trees.walker.walk`."""
        names = ("ranks", "feature", "rank", "leaf", "place")
        signature = types.void(ranks, feature, rank, leaf, place, start, end, offset)

        def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            made = [context.make_array(kind)(context, builder, value)
                    for kind, value in zip(signature.args[:5], given[:5], strict=True)]  # fmt: skip
            span = [context.cast(builder, value, kind, types.int64)
                    for kind, value in zip(signature.args[5:], given[5:], strict=True)]  # fmt: skip
            width = builder.extract_value(made[0].shape, 1)
            arrays = {name: array.data for name, array in zip(names, made, strict=True)}
            _Loop(builder, arrays, (*span, width), vectors).write()
            return context.get_dummy_value()

        return signature, write

    made: Callable[..., Any] = intrinsic(settle)
    return made


settle_many = _settling(WIDE)
"""Find the leaves of :data:`WIDE` vectors of rows in one tree."""
settle_some = _settling(1)
"""Find the leaves of one vector of rows in one tree."""
