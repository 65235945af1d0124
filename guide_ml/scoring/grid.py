"""Candidates described instead of listed: lists, ranges, products and conditions in TOML."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from guide_ml.errors import InvalidInput, UnknownName
from guide_ml.scoring.conditions import Condition, parse
from guide_ml.table.read import DESCRIPTORS

__all__ = ["Grid", "read"]

ROWS = 65_536  # worked out together
RANGE = ("from", "to", "step", "times", "count")
MOST = 1_000_000  # values of one range
MOST_COMBINATIONS = 10**15  # of one block: years of work
LONGEST = 500  # letters of a text, which thousands of combinations repeat
MOST_BYTES = 16 << 20  # of a description
Values = list[Any]


@dataclass(frozen=True)
class Block:
    """One product: every value of each group with every value of the others.

    Parameters
    ----------
    groups : tuple of dict of str to list
        Columns that go together, values side by side; the last group changes fastest.
    conditions : tuple of callable
        Combinations that break one are left out.
    """

    groups: tuple[Mapping[str, Values], ...]
    conditions: tuple[Condition, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Values of each group."""
        return tuple(len(next(iter(g.values()))) for g in self.groups)

    @property
    def size(self) -> int:
        """Combinations before the conditions."""
        return math.prod(self.sizes)

    def table(self, start: int, stop: int) -> pa.Table:
        """Return the combinations of these numbers that keep the conditions."""
        place = np.unravel_index(np.arange(start, stop), self.sizes)
        index = {n: p for g, p in zip(self.groups, place, strict=True) for n in g}
        values = {n: v for g in self.groups for n, v in g.items()}
        keep = np.ones(stop - start, dtype=bool)
        if self.conditions:
            columns = {n: _array(values[n])[index[n]] for n in values}
            for holds in self.conditions:
                keep &= holds(columns)
        return pa.table({
            n: pa.DictionaryArray.from_arrays(pa.array(index[n][keep], pa.int32()),
                                              pa.array(values[n])).dictionary_decode()
            for n in values})  # fmt: skip


def _array(values: Values) -> NDArray[Any]:
    return np.asarray(values, dtype=object if isinstance(values[0], str) else None)


@dataclass
class Grid:
    """Candidates, one block after another.

    Parameters
    ----------
    blocks : tuple of Block
        Of the same columns.
    identity : str
        Hash of the description.
    """

    blocks: tuple[Block, ...]
    identity: str
    done: int = field(default=0)

    @property
    def size(self) -> int:
        """Combinations before the conditions."""
        return sum(block.size for block in self.blocks)

    @property
    def filtered(self) -> bool:
        """Whether conditions leave some out."""
        return any(block.conditions for block in self.blocks)

    def share(self) -> float:
        """Share of the combinations that were made."""
        return self.done / max(self.size, 1)

    def tables(self) -> Iterator[pa.Table]:
        """Yield the candidates in order."""
        names = list(dict.fromkeys(n for b in self.blocks for g in b.groups for n in g))
        for block in self.blocks:
            for start in range(0, block.size, ROWS):
                stop = min(start + ROWS, block.size)
                table = block.table(start, stop)
                self.done += stop - start
                blank = pa.nulls(len(table))
                yield pa.table({n: table[n] if n in table.column_names else blank for n in names})


def read(path: Path) -> Grid:
    """Read a description.

    Parameters
    ----------
    path : Path
        TOML: ``[[grid]]`` blocks whose keys are columns; a value is a constant, a list, or a
        range ``{from, to}`` with ``step`` (added), ``times`` (multiplied) or ``count`` (evenly on
        a logarithmic scale, rounded). ``together`` is a list of tables whose lists go side by
        side; ``where`` is a list of conditions.

    Raises
    ------
    InvalidInput, UnknownName
        If it cannot be read, or says what no grid can be.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise InvalidInput(f"{path} must have {MOST_BYTES:,} bytes at most; it has more")
        told = tomllib.loads(content.decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} must be a readable TOML file: {error}") from error
    found = told.get("grid")
    listed = [found] if isinstance(found, dict) else found
    if isinstance(listed, list) and not all(isinstance(block, dict) for block in listed):
        listed = None
    if set(told) != {"grid"} or not isinstance(listed, list) or not listed:
        raise InvalidInput(f"{path} must hold [grid] or [[grid]] and nothing else;"
                           f" got {', '.join(told)[:200] or 'nothing'}")  # fmt: skip
    blocks = tuple(_block(block, f"{path}: grid {k}") for k, block in enumerate(listed, start=1))
    return Grid(blocks, hashlib.sha256(content).hexdigest())


def _block(told: dict[str, Any], where: str) -> Block:
    told = dict(told)
    together, conditions = told.pop("together", []), told.pop("where", [])
    together = [together] if isinstance(together, dict) else together
    conditions = [conditions] if isinstance(conditions, str) else conditions
    if not isinstance(together, list) or not all(isinstance(g, dict) and g for g in together):
        raise InvalidInput(f"{where}: together must be a list of tables of lists; got"
                           f" {together!r:.200}")  # fmt: skip
    if not isinstance(conditions, list) or not all(isinstance(c, str) for c in conditions):
        raise InvalidInput(f"{where}: where must be a list of conditions, as text; got"
                           f" {conditions!r:.200}")  # fmt: skip
    groups: list[dict[str, Values]] = [{n: _values(v, f"{where}: {n}")} for n, v in told.items()]
    for group in together:
        groups.append({n: _values(v, f"{where}: together: {n}") for n, v in group.items()})
        lengths = {len(v) for v in groups[-1].values()}
        if len(lengths) != 1:
            raise InvalidInput(f"{where}: lists that go together must be of one length;"
                               f" got {', '.join(map(str, sorted(lengths)))}")  # fmt: skip
    names = [n for g in groups for n in g]
    for name in names:
        if name not in DESCRIPTORS:
            raise UnknownName(f"column in {where}:", name, DESCRIPTORS)
        if names.count(name) > 1:
            raise InvalidInput(f"{where}: {name} must be given once; it comes more often")
    if not groups:
        raise InvalidInput(f"{where} must have columns; it has none")
    block = Block(tuple(groups), tuple(parse(c, tuple(names)) for c in conditions))
    if block.size > MOST_COMBINATIONS:
        raise InvalidInput(f"{where} must have {MOST_COMBINATIONS:.0e} combinations at most;"
                           f" it has {float(min(block.size, 10**300)):.1e}")  # fmt: skip
    return block


def _values(told: Any, where: str) -> Values:
    if isinstance(told, dict):
        return _range(told, where)
    values = told if isinstance(told, list) else [told]
    kinds = {str if isinstance(v, str) else float for v in values}
    plain = all(isinstance(v, str | int | float) and not isinstance(v, bool) for v in values)
    if not values or not plain or len(kinds) != 1:
        raise InvalidInput(f"{where} must be a text, a number, a list of one kind of these, or a"
                           f" range; got {told!r:.200}")  # fmt: skip
    for value in values:
        if isinstance(value, str) and len(value) > LONGEST:
            raise InvalidInput(f"{where} must have texts of {LONGEST} letters at most;"
                               f" got {len(value):,}")  # fmt: skip
        if isinstance(value, int) and abs(value) >= 2**63:
            raise InvalidInput(f"{where} must have numbers of 64 bits; got {value:.3e}"
                               if abs(value) < 10**300 else f"{where} must have numbers of 64 bits")
    return values


def _range(told: dict[str, Any], where: str) -> Values:
    how = [k for k in ("step", "times", "count") if k in told]
    unknown = sorted(set(told) - set(RANGE))
    if unknown or len(how) != 1 or not {"from", "to"} <= set(told):
        raise InvalidInput(f"{where} must be a range such as {{from = 1, to = 64, times = 2}}, with"
                           f" one of step, times or count; got {told!r:.200}")  # fmt: skip
    low, high, by = told["from"], told["to"], told[how[0]]
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) and abs(x) < 2**63
                  for x in (low, high, by))  # fmt: skip
    sound = numbers and low <= high and {"step": by > 0, "times": by > 1 and low > 0,
                                         "count": by >= 1 and by == int(by) and low > 0}[how[0]]
    if not sound:
        raise InvalidInput(f"{where}: a range must rise: from <= to, step > 0, times > 1, count >="
                           f" 1 (times and count from above 0); got {told!r:.200}")  # fmt: skip
    if how[0] == "count" and by > MOST:
        raise InvalidInput(f"{where} must have at most {MOST:,} values; got {by:,}")
    if how[0] == "count":
        spread = np.geomspace(low, high, int(by))
        return list(dict.fromkeys(int(x) for x in np.round(spread)))
    values = [low]
    while len(values) <= MOST:
        more = values[-1] + by if how[0] == "step" else values[-1] * by
        if more > high * (1 + 1e-12):
            return values
        values.append(more)
    raise InvalidInput(f"{where} must have at most {MOST:,} values; it has more")
