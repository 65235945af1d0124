"""What a trained set keeps of its errors and its data, checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from guide_ml.describe.descriptors import MODES
from guide_ml.describe.targets import NAMES
from guide_ml.errors import BadArtefact
from guide_ml.table.arrow import array
from guide_ml.trust.domain.cases import DEVICE, LOADS, MODEL, OTHER
from guide_ml.trust.domain.levels import LEVELS
from guide_ml.trust.domain.measured import DESCRIBED, HASHES, MEASURED, Measured
from guide_ml.trust.domain.reference import Reference
from guide_ml.trust.intervals import GRID

__all__ = ["measured", "quantiles", "reference"]

#: Errors over their width, a logarithm; the largest ever kept is 12.
WIDEST = 200.0
#: Rows, and bytes once unpacked, that a table may have: many times the largest ever kept.
MOST_ROWS, MOST_BYTES = 20_000_000, 4 << 30

_CASE_TEXT = ("hardware", "architecture", "model", "framework", "backend", "architecture_key")
_CASE_POSITIVE = ("weight_bits", "devices", "tp", "pp", "rows")
_CASE_NUMBERS = (
    "mode", "family", *_CASE_POSITIVE, *DEVICE, *MODEL, *OTHER,
    *(f"{name}_{end}" for name in LOADS for end in ("low", "high")), "year",
)  # fmt: skip
_ROW_NUMBERS = (*MEASURED, *(f"held_out_{name}" for name in MEASURED), "case",
                *(f"log_{name}" for name in LOADS))  # fmt: skip


def quantiles(found: Mapping[str, Any], where: str) -> dict[str, list[float]]:
    """Read the quantiles of errors by group.

    Parameters
    ----------
    found : dict
        What the file holds.
    where : str
        The file, to speak of.

    Raises
    ------
    BadArtefact
        If there is no table of last resort, or a table is none.
    """
    tables = found.get("quantiles")
    if not isinstance(tables, dict) or "" not in tables:
        raise BadArtefact(f"{where} must hold quantiles; train again")
    for key, values in tables.items():
        if not _is_group(key):
            raise BadArtefact(f"{where} has quantiles of {key!r:.80}, which is no group of"
                              " target/mode/domain")  # fmt: skip
        plain = isinstance(values, list) and all(type(x) in (int, float) for x in values)
        if not plain or len(values) != len(GRID):
            raise BadArtefact(f"{where}: quantiles of {key!r} must be {len(GRID)} numbers")
        if not all(-WIDEST <= x <= WIDEST for x in values) or np.any(np.diff(values) < 0.0):
            raise BadArtefact(f"{where}: quantiles of {key!r} must rise, from -{WIDEST:g} to"
                              f" {WIDEST:g}")  # fmt: skip
    return tables


def _is_group(key: str) -> bool:
    parts = key.split("/") if key else []
    return all(part in known for part, known in zip(parts, (NAMES, MODES, LEVELS), strict=False)) \
        and len(parts) <= 3  # fmt: skip


def reference(data: bytes, where: str) -> Reference:
    """Read the measured cases.

    Parameters
    ----------
    data : bytes
        The Parquet file.
    where : str
        Its name, to speak of.

    Raises
    ------
    BadArtefact
        If it lacks a column, or a cell is of another kind.
    """
    file = _open(data, where, _CASE_TEXT, _CASE_NUMBERS)
    wanted = {*_CASE_TEXT, *_CASE_NUMBERS}
    table = _table(file, [n for n in file.schema_arrow.names if n in wanted], where)
    cases = {k: array(table[k]).astype(float if k in _CASE_NUMBERS else object)
             for k in table.column_names}  # fmt: skip
    if not len(table) or any(_blank(table, k) for k in table.column_names):
        raise BadArtefact(f"{where} must have cases, and no blank cells")
    for name in _CASE_NUMBERS:
        values = cases[name]
        least = 1e-9 if name in _CASE_POSITIVE else -1e18
        if not np.isfinite(values).all() or values.min() < least or values.max() > 1e18:
            raise BadArtefact(f"{where}: {name} must be a possible number in each case")
    if not np.isin(cases["mode"], np.arange(len(MODES))).all():
        raise BadArtefact(f"{where}: mode must be one of {len(MODES)} codes")
    return Reference(cases)


def measured(data: bytes, where: str, cases: int) -> Measured:
    """Check the measured rows; they are read when they are asked for.

    Parameters
    ----------
    data : bytes
        The Parquet file.
    where : str
        Its name, to speak of.
    cases : int
        Number of cases that rows may belong to.

    Raises
    ------
    BadArtefact
        If it lacks a column, or a cell is of another kind.
    """
    file = _open(data, where, (), (*_ROW_NUMBERS, *HASHES))
    if missing := set(DESCRIBED) - set(file.schema_arrow.names):
        raise BadArtefact(f"{where} lacks {', '.join(sorted(missing))}")
    for name in DESCRIBED:
        kind = file.schema_arrow.field(name).type
        if not (_is_text(kind) or _is_number(kind) or pa.types.is_null(kind)):
            raise BadArtefact(f"{where}: {name} must be text or numbers; got {kind}")
    for name in HASHES:
        if file.schema_arrow.field(name).type != pa.uint64():
            raise BadArtefact(f"{where}: {name} must be whole numbers of 64 bits")
    names = ["case", *(f"log_{name}" for name in LOADS), *HASHES]
    table = _table(file, names, where)
    case = array(table["case"])
    if any(_blank(table, name) for name in names) or (len(case) and not (
        case.dtype.kind in "iu" and case.min() >= 0 and case.max() < cases
    )):  # fmt: skip
        raise BadArtefact(f"{where}: case must be one of the {cases} cases, and no load blank")
    read = partial(_read, data, where, [*DESCRIBED, *_ROW_NUMBERS, *HASHES])
    loads = {name: array(table[name]) for name in ("case", *(f"log_{name}" for name in LOADS))}
    return Measured(read, {name: array(table[name]) for name in HASHES}, loads)


def _read(
    data: bytes, where: str, names: list[str], rows: NDArray[np.intp] | None = None
) -> Any:
    """Read the measured rows as a data frame; some of them as a list of plain values."""
    file = _open(data, where, (), ())
    table = _table(file, [n for n in file.schema_arrow.names if n in {*names}], where)
    if rows is not None:
        return [table.slice(k, 1).to_pylist()[0] for k in rows.tolist()]
    try:
        return table.to_pandas()
    except (ValueError, TypeError, pa.ArrowException, OverflowError) as error:
        raise _unreadable(where, error) from error


def _blank(table: pa.Table, name: str) -> bool:
    """Tell whether any cell of a column is missing, or no number."""
    values = array(table[name])
    odd = values.dtype.kind == "f" and bool(np.isnan(values).any())
    return bool(table[name].null_count) or odd


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _open(
    data: bytes, where: str, texts: tuple[str, ...], numbers: tuple[str, ...]
) -> parquet.ParquetFile:
    """Open a Parquet file whose columns are of the kinds that are wanted."""
    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        schema, meta = file.schema_arrow, file.metadata
        size = sum(meta.row_group(k).total_byte_size for k in range(meta.num_row_groups))
    except (OSError, ValueError, pa.ArrowException, OverflowError) as error:
        raise _unreadable(where, error) from error
    if meta.num_rows > MOST_ROWS or size > MOST_BYTES:
        raise BadArtefact(f"{where} must have {MOST_ROWS:,} rows at most; it has {meta.num_rows:,}")
    for names, fits, word in ((texts, _is_text, "text"), (numbers, _is_number, "numbers")):
        for name in names:
            if schema.names.count(name) != 1 or not fits(schema.field(name).type):
                raise BadArtefact(f"{where} must have a column {name} of {word}")
    return file


def _table(file: parquet.ParquetFile, names: list[str], where: str) -> pa.Table:
    """Read some columns; what else the file says of itself is left aside."""
    try:
        table = file.read(columns=names, use_threads=False)
        return table.replace_schema_metadata(None).select(names)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException, OverflowError) as error:
        raise _unreadable(where, error) from error


def _unreadable(where: str, error: Exception) -> BadArtefact:
    told = " ".join(str(error).split())[:200]
    return BadArtefact(f"{where} must be a readable Parquet file: {told}")
