"""LightGBM's text of a booster, checked before its library sees it.

The library believes what it reads: an index beyond the inputs, a tree that leads back to itself or
a count that is too large end in a crash, a walk without end or numbers from elsewhere. So every
line is one that is known, every number is read, and every tree is walked here first. NumPy does it
for all trees of a file at once, in less time than the library takes to read the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guide_ml.table.arrow import array

__all__ = ["DEEPEST", "MOST_LEAVES", "REACH", "checked"]

#: Leaves of a tree and levels down to them: far more than any fit here has.
MOST_LEAVES, DEEPEST = 4096, 512
#: How far all trees together may move a logarithm. The sets that were ever kept move it by 22;
#: e^100 is a number that no time or rate has, and still far from what numbers can hold.
REACH = 100.0
#: Letters of what follows the trees: importances and parameters, which nothing here reads.
LONGEST_END = 1 << 20

_END = b"\nend of trees\n"
_HEAD = {
    b"tree": b"", b"version": b"v[34]", b"num_class": b"1", b"num_tree_per_iteration": b"1",
    b"label_index": rb"\d{1,6}", b"max_feature_idx": rb"\d{1,6}",
    # These leave what the trees add up to as it is; others take an exponential or the like.
    b"objective": rb"(regression|regression_l1|huber|fair|mape|quantile)( alpha:[\d.eE+-]+)?",
    b"feature_names": rb"[\x21-\x7e]+( [\x21-\x7e]+)*",
    b"feature_infos": rb"[\x21-\x7e]+( [\x21-\x7e]+)*",
    b"monotone_constraints": rb"-?[01]( -?[01])*", b"tree_sizes": rb"\d*( \d+)*",
}  # fmt: skip
_NEEDED = {b"version", b"num_class", b"num_tree_per_iteration", b"max_feature_idx",
           b"objective", b"feature_names", b"feature_infos"}  # fmt: skip
#: Lines of a tree that hold a number for each split or each leaf, and what kind of number.
_BY_SPLIT = {b"split_feature": "int", b"threshold": "float", b"decision_type": "int",
             b"left_child": "int", b"right_child": "int", b"split_gain": "float",
             b"internal_value": "float", b"internal_weight": "float",
             b"internal_count": "int"}  # fmt: skip
_BY_LEAF = {b"leaf_value": "float", b"leaf_weight": "float", b"leaf_count": "int"}
_STRUCTURE = {b"split_feature", b"threshold", b"decision_type", b"left_child", b"right_child",
              b"leaf_value"}  # fmt: skip
_ONE = {b"num_leaves": rb"[1-9]\d{0,5}", b"num_cat": b"0", b"is_linear": b"0",
        b"shrinkage": rb"[\d.eE+-]{1,40}"}  # fmt: skip
#: Everything that the lines of trees are made of; nothing a reader of CSV gives a meaning.
_LETTERS = b"abcdefghijklmnopqrstuvwxyzT0123456789E+-.=_ \n"
_KINDS = ("int", "float")

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Trees:
    """Lines of all trees by name, and how many leaves each tree has."""

    leaves: Ints
    lines: dict[bytes, list[bytes]]

    def numbers(self) -> dict[bytes, NDArray[Any]]:
        """Read the numbers of every line, of all trees one after the other."""
        sizes = {name: self._size(name) for name in (*_BY_SPLIT, *_BY_LEAF) if name in self.lines}
        out: dict[bytes, NDArray[Any]] = {}
        for kind in _KINDS:
            names = [name for name in sizes if (_BY_LEAF | _BY_SPLIT)[name] == kind]
            lines = [line for name in names for line in self.lines[name] if line]
            found = _read(b"\n".join(lines), kind)
            if len(found) != sum(sizes[name] for name in names):
                raise ValueError("lines of trees must hold numbers with one space between them")
            ends = np.cumsum([sizes[name] for name in names])[:-1]
            out |= zip(names, np.split(found, ends), strict=True)
        return out

    def _size(self, name: bytes) -> int:
        """Count the numbers of one kind of line; each tree must have its own."""
        count = self.leaves if name in _BY_LEAF else self.leaves - 1
        lines = self.lines[name]
        found = np.asarray([line.count(b" ") + 1 if line else 0 for line in lines])
        if len(found) != len(count):  # a tree of one leaf may leave lines of splits out
            count = count[count > 0]
        elif name != b"leaf_value":  # or have nothing to say of its leaf but its value
            count = np.where((self.leaves == 1) & (found == 0), 0, count)
        if len(found) != len(count) or np.any(found != count):
            raise ValueError(f"{_text(name)} must hold a number for each split or leaf of a tree")
        return int(np.sum(count))


def checked(data: bytes, inputs: int | None = None) -> str:
    """Check a booster's text; return what the library may read of it.

    Parameters
    ----------
    data : bytes
        What its native file holds.
    inputs : int, optional
        How many inputs it must ask for; any number by default.

    Raises
    ------
    ValueError
        If it is no booster of one output whose trees are whole and whose numbers are finite.
    """
    start = data.find(b"\nTree=")
    end = data.find(_END)
    if start < 0 or end < start:
        raise ValueError("it must hold trees, and say where they end")
    rest = data[end + len(_END) :]
    if len(rest) > LONGEST_END or not rest.isascii() or b"\0" in rest or b"\nTree=" in rest:
        raise ValueError("after its trees there must be importances and parameters only")
    head = data[:start]
    width = _head(head)
    if inputs is not None and width != inputs:
        raise ValueError(f"it must ask for the {inputs} inputs that the card names; got {width}")
    body = data[start:end]
    if strange := body.translate(None, _LETTERS):
        raise ValueError(f"its trees must be lines of numbers; got {strange[:1]!r}")
    _check(_trees(body), width)
    if b"\ntree_sizes=" in head:  # where trees begin, which the library would believe
        lines = (x for x in head.split(b"\n") if not x.startswith(b"tree_sizes="))
        data = b"\n".join(lines) + data[start:]
    return data.decode("ascii")


def _text(name: bytes) -> str:
    return name.decode("ascii", "replace")


def _head(head: bytes) -> int:
    """Check the lines before the first tree; return the number of inputs."""
    if not head.isascii():
        raise ValueError("it must be plain text")
    found: dict[bytes, bytes] = {}
    for line in filter(None, head.split(b"\n")):
        name, _, value = line.partition(b"=")
        if name in found or name not in _HEAD or not re.fullmatch(_HEAD[name], value):
            wanted = _text(_HEAD.get(name, b"a known line"))
            raise ValueError(f"{_text(line[:60])!r} cannot be in a booster of one output"
                             f" (it must be {wanted})")  # fmt: skip
        found[name] = value
    if missing := _NEEDED - found.keys():
        raise ValueError(f"it lacks {', '.join(sorted(map(_text, missing)))}")
    width = int(found[b"max_feature_idx"]) + 1
    for name in (b"feature_names", b"feature_infos", b"monotone_constraints"):
        if name in found and len(found[name].split(b" ")) != width:
            raise ValueError(f"{_text(name)} must name each of the {width} inputs")
    return width


def _trees(body: bytes) -> _Trees:
    """Sort the lines of all trees by name."""
    lines: dict[bytes, list[bytes]] = {}
    blocks = body.split(b"\nTree=")[1:]
    for block in blocks:
        number, *own = block.rstrip(b"\n").split(b"\n")
        names = []
        for line in own:
            name, _, value = line.partition(b"=")
            names.append(name)
            lines.setdefault(name, []).append(value)
        if len(set(names)) != len(names) or not number.isdigit():
            raise ValueError("a tree must have a number and each of its lines once")
    for name, values in lines.items():
        if name in _ONE:
            bad = next((v for v in set(values) if not re.fullmatch(_ONE[name], v)), None)
            if bad is not None:
                raise ValueError(f"{_text(name)} of a tree cannot be {_text(bad[:20])!r}")
        elif name not in _BY_SPLIT and name not in _BY_LEAF:
            raise ValueError(f"a tree cannot have a line {_text(name[:40])!r}")
    leaves = np.asarray([int(v) for v in lines.get(b"num_leaves", [])], dtype=np.int64)
    whole = [b"num_leaves", b"num_cat", b"leaf_value"]
    if any(len(lines.get(name, [])) != len(blocks) for name in whole):
        raise ValueError("every tree must have num_leaves, num_cat and leaf_value")
    if leaves.max() > MOST_LEAVES:
        raise ValueError(f"a tree may have {MOST_LEAVES} leaves; got {leaves.max()}")
    if leaves.max() > 1 and (missing := _STRUCTURE - lines.keys()):
        raise ValueError(f"trees lack {', '.join(sorted(map(_text, missing)))}")
    return _Trees(leaves, lines)


def _read(joined: bytes, kind: str) -> NDArray[Any]:
    """Read numbers that a space or the end of a line lies between."""
    if not joined:
        return np.zeros(0)
    import pyarrow as pa  # takes a tenth of a second; a shipped set is not read as text
    from pyarrow import csv

    kinds = {"x": pa.int32() if kind == "int" else pa.float64()}
    try:
        table = csv.read_csv(
            pa.py_buffer(joined.replace(b" ", b"\n")),
            csv.ReadOptions(use_threads=False, column_names=["x"], block_size=len(joined) + 1),
            csv.ParseOptions(ignore_empty_lines=False),
            csv.ConvertOptions(column_types=kinds, null_values=[],
                               strings_can_be_null=False),
        )  # fmt: skip
    except pa.ArrowInvalid as error:
        raise ValueError(f"lines of trees must hold numbers: {str(error)[:120]}") from error
    return array(table["x"])


def _check(given: _Trees, inputs: int) -> None:
    """Check the numbers of all trees."""
    found = given.numbers()
    for name in ("internal_count", "leaf_count"):
        if np.any(found.get(name.encode(), np.ones(1)) < 1):
            raise ValueError(f"{name} must be 1 or more")
    for raw, values in found.items():
        # A threshold may be infinite: what is known goes left, what is missing right.
        if np.isnan(values).any() or (raw != b"threshold" and np.isinf(values).any()):
            raise ValueError(f"{_text(raw)} must hold finite numbers")
    starts = np.concatenate([[0], np.cumsum(given.leaves)[:-1]])
    most = np.maximum.reduceat(np.abs(found[b"leaf_value"]), starts)
    if float(np.sum(most)) > REACH:
        raise ValueError(f"its leaves must add up to {REACH:g} at most; they reach"
                         f" {np.sum(most):.3g}")  # fmt: skip
    if b"left_child" not in found or not len(found[b"left_child"]):
        return
    feature, kind = found[b"split_feature"], found[b"decision_type"]
    if feature.min() < 0 or feature.max() >= inputs:
        raise ValueError(f"split_feature must be one of {inputs} inputs, from 0")
    if kind.min() < 0 or kind.max() > 10 or np.any(kind & 1):
        raise ValueError("decision_type must be of splits on numbers")
    walk(found[b"left_child"].astype(np.int64), found[b"right_child"].astype(np.int64),
         given.leaves)  # fmt: skip


def walk(left: Ints, right: Ints, leaves: Ints) -> None:
    """Walk all trees at once: each split and leaf is reached once, and a split after its parent.

    Parameters
    ----------
    left, right : array of shape (splits,)
        What is below each split, of all trees one after the other: a split of its tree by number,
        or a leaf k as ~k.
    leaves : array of shape (trees,)
        Leaves of each tree.

    Raises
    ------
    ValueError
        If a tree is none.
    """
    splits = leaves - 1
    first = np.cumsum(splits) - splits
    begin = np.repeat(first, splits)
    own, size = np.arange(len(left)) - begin, np.repeat(splits, splits)
    shift = np.repeat(np.cumsum(leaves) - leaves, splits)
    inner, met = [], []
    for below in (left, right):
        leaf = below < 0
        if np.any(np.where(leaf, below < -size - 1, (below >= size) | (below <= own))):
            raise ValueError("a child must be a later split or a leaf of the same tree")
        inner.append(np.where(leaf, -1, begin + below))
        met.append((shift + ~below)[leaf])
    several = leaves > 1
    root = np.zeros(len(left), dtype=bool)
    root[first[several]] = True
    together = np.concatenate(inner)
    once = np.bincount(together[together >= 0], minlength=len(left)) == ~root
    each = np.bincount(np.concatenate(met), minlength=int(leaves.sum()))
    if not (once.all() and np.array_equal(each, np.repeat(several, leaves))):
        raise ValueError("each split and leaf must be below one split of its tree")
    reached = first[several]
    for _ in range(DEEPEST):
        if not len(reached):
            return
        below = np.concatenate([inner[0][reached], inner[1][reached]])
        reached = below[below >= 0]
    raise ValueError(f"a tree may be {DEEPEST} levels deep")
