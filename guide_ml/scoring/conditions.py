"""Conditions on columns, such as ``tp <= num_devices``: read as text, never run as code."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.errors import InvalidInput, UnknownName

__all__ = ["Condition", "parse"]

#: Letters of a condition, and parts that it may have: each is worked out for every combination.
LONGEST, MOST_PARTS, DEEPEST = 20_000, 1_000, 60
#: Whole numbers beyond this are not exact as what numbers of columns are.
EXACT = 2**53

Condition = Callable[[Mapping[str, NDArray[Any]]], NDArray[np.bool_]]

_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_MATHS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip


def parse(text: str, known: tuple[str, ...]) -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        Comparisons of columns, numbers and texts with ``and``, ``or``, ``not``, ``in``,
        ``+ - * / // %`` and brackets.
    known : tuple of str
        Columns that there are.

    Raises
    ------
    InvalidInput, UnknownName
        If it is none, or names a column that is not there.

    Examples
    --------
    >>> fits = parse("tp <= num_devices and tp in [1, 2]", ("tp", "num_devices"))
    >>> fits({"tp": np.asarray([1, 2, 4]), "num_devices": np.asarray([1, 1, 8])}).tolist()
    [True, False, False]
    """
    shown = text if len(text) <= 200 else text[:197] + "..."
    if len(text) > LONGEST:
        raise InvalidInput(f"condition {shown!r} may have {LONGEST:,} letters; got {len(text):,}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput(f"condition {shown!r} cannot be read: {error}") from error
    _check_size(tree, shown)
    _check(tree, shown, known)

    def holds(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        n = len(next(iter(columns.values())))
        try:
            with np.errstate(all="ignore"):
                found = _value(tree, columns)
            return np.broadcast_to(np.asarray(found, dtype=bool), (n,))
        except (TypeError, ValueError, ArithmeticError) as error:
            raise InvalidInput(f"condition {shown!r} cannot be worked out: {error}") from error

    return holds


def _check_size(tree: ast.AST, text: str) -> None:
    """Refuse more parts than can be worked out for every combination."""
    count, level = 0, [tree]
    for _ in range(DEEPEST):
        count += len(level)
        level = [below for node in level for below in ast.iter_child_nodes(node)
                 if isinstance(below, ast.expr)]  # fmt: skip
        if not level:
            break
    if level or count > MOST_PARTS:
        raise InvalidInput(f"condition {text!r} may have {MOST_PARTS:,} parts, nested {DEEPEST}"
                           " times; it has more: split it into several")  # fmt: skip


def _check(node: ast.AST, text: str, known: tuple[str, ...]) -> None:
    """Refuse whatever is not listed here."""
    match node:
        case ast.Name(id=name):
            if name not in known:
                raise UnknownName(f"column in condition {text!r}:", name, known)
        case ast.Constant(value=bool() | int() | float() | str()):
            pass
        case ast.BoolOp(values=values):
            for value in values:
                _check(value, text, known)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            _check(operand, text, known)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _MATHS:
            _check(left, text, known)
            _check(right, text, known)
        case ast.Compare(left=left, ops=ops, comparators=others):
            for way in ops:
                if type(way) not in _COMPARE and not isinstance(way, ast.In | ast.NotIn):
                    raise InvalidInput(f"condition {text!r} compares in a way that is not known")
            _check(left, text, known)
            for way, value in zip(ops, others, strict=True):
                _check_compared(way, value, text, known)
        case _:
            raise InvalidInput(
                f"condition {text!r} may hold columns, numbers, texts, comparisons, and, or, not,"
                f" in and arithmetic; not {ast.unparse(node)!r}"
            )


def _check_compared(
    way: ast.cmpop, node: ast.AST, text: str, known: tuple[str, ...]
) -> None:
    """Check what is compared; what something may be ``in`` is a list, as written."""
    if not isinstance(way, ast.In | ast.NotIn):
        return _check(node, text, known)
    if not isinstance(node, ast.List | ast.Tuple):
        raise InvalidInput(f"condition {text!r}: what stands behind 'in' must be a list,"
                           " such as [1, 2]")  # fmt: skip
    for value in node.elts:
        _check(value, text, known)
    return None


def _number(value: Any) -> Any:
    """Return what arithmetic takes: numbers, and columns of them.

    Raises
    ------
    TypeError
        If it is text, which would be repeated or filled in.
    """
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiub":
            raise TypeError("arithmetic is for numbers; a column of text is none")
        return value.astype(np.float64) if value.dtype.kind == "u" else value
    if not isinstance(value, bool | int | float | np.generic):
        raise TypeError(f"arithmetic is for numbers; got {value!r:.60}")
    return float(value) if isinstance(value, int) and abs(value) > EXACT else value


def _value(node: ast.AST, columns: Mapping[str, NDArray[Any]]) -> Any:
    match node:
        case ast.Name(id=name):
            return columns[name]
        case ast.Constant(value=value):
            return value
        case ast.List(elts=values) | ast.Tuple(elts=values):
            return [_value(v, columns) for v in values]
        case ast.BoolOp(op=op, values=values):
            join = np.logical_and if isinstance(op, ast.And) else np.logical_or
            return join.reduce(np.broadcast_arrays(
                *(np.asarray(_value(v, columns), dtype=bool) for v in values)))  # fmt: skip
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return np.logical_not(_value(operand, columns))
        case ast.UnaryOp(operand=operand):
            return -_number(_value(operand, columns))
        case ast.BinOp(left=left, op=op, right=right):
            sides = (_number(_value(side, columns)) for side in (left, right))
            return _MATHS[type(op)](*sides)
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compared(_value(left, columns), ops, [_value(o, columns) for o in others])
    raise AssertionError(ast.dump(node))  # refused by _check


def _compared(left: Any, ops: list[ast.cmpop], others: list[Any]) -> Any:
    found: Any = True
    for op, right in zip(ops, others, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            inside: Any = np.zeros(np.shape(left), dtype=bool)
            for one in right:
                inside = np.logical_or(inside, np.asarray(left == one))
            now = np.logical_not(inside) if isinstance(op, ast.NotIn) else inside
        else:
            now = _COMPARE[type(op)](left, right)
        found = np.logical_and(found, now)
        left = right
    return found
