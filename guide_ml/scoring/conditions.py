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
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InvalidInput(f"condition {text!r} cannot be read: {error}") from error
    _check(tree, text, known)

    def holds(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
        try:
            found = _value(tree, columns)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"condition {text!r} cannot be worked out: {error}") from error
        n = len(next(iter(columns.values())))
        return np.broadcast_to(np.asarray(found, dtype=bool), (n,))

    return holds


def _check(node: ast.AST, text: str, known: tuple[str, ...]) -> None:
    """Refuse whatever is not listed here."""
    match node:
        case ast.Name(id=name):
            if name not in known:
                raise UnknownName(f"column in condition {text!r}:", name, known)
        case ast.Constant(value=bool() | int() | float() | str()):
            pass
        case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
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
            for value in (left, *others):
                _check(value, text, known)
        case _:
            raise InvalidInput(
                f"condition {text!r} may hold columns, numbers, texts, comparisons, and, or, not,"
                f" in and arithmetic; not {ast.unparse(node)!r}"
            )


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
            return -_value(operand, columns)
        case ast.BinOp(left=left, op=op, right=right):
            return _MATHS[type(op)](_value(left, columns), _value(right, columns))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compared(_value(left, columns), ops, [_value(o, columns) for o in others])
    raise AssertionError(ast.dump(node))  # refused by _check


def _compared(left: Any, ops: list[ast.cmpop], others: list[Any]) -> Any:
    found: Any = True
    for op, right in zip(ops, others, strict=True):
        if isinstance(op, ast.In | ast.NotIn):
            inside: Any = np.logical_or.reduce([np.asarray(left == one) for one in right])
            now = np.logical_not(inside) if isinstance(op, ast.NotIn) else inside
        else:
            now = _COMPARE[type(op)](left, right)
        found = np.logical_and(found, now)
        left = right
    return found
