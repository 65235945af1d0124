"""Tables of other libraries: Arrow, and whatever speaks the Arrow PyCapsule interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from guide_ml.errors import InvalidInput
from guide_ml.system.lazily import pandas as pd
from guide_ml.table.read import DESCRIPTORS

__all__ = ["frame_of", "to_pandas"]

Back = Callable[[Any], Any]  # of a data frame
STREAM = "__arrow_c_stream__"  # https://arrow.apache.org/docs/format/CDataInterface


def to_pandas(table: Any) -> tuple[pd.DataFrame, Back]:
    """Return the descriptors of a table as a data frame, and what gives its kind back.

    Parameters
    ----------
    table : DataFrame, pyarrow.Table, pyarrow.RecordBatch or another
        Polars data frames and all else that exports an Arrow stream are taken.

    Returns
    -------
    DataFrame, callable
        The callable turns a data frame of predictions into a table of the kind that came; where
        that kind cannot be made from Arrow, into a pyarrow.Table.

    Raises
    ------
    InvalidInput
        If it is no table.
    """
    if isinstance(table, pd.DataFrame):
        return table, lambda found: found
    if not hasattr(table, STREAM) and not hasattr(table, "__arrow_c_array__"):
        raise InvalidInput(
            "a table must be a pandas DataFrame, or one of Arrow, Polars or another library that"
            f" speaks the Arrow interface; got a {type(table).__name__}"
        )
    import pyarrow as pa

    kind = type(table)
    arrow = pa.table(table) if hasattr(table, STREAM) else pa.Table.from_batches([
        pa.record_batch(table)])  # fmt: skip

    def back(found: pd.DataFrame) -> Any:
        if kind is pa.RecordBatch:
            return pa.RecordBatch.from_pandas(found, preserve_index=False)
        out = pa.Table.from_pandas(found, preserve_index=False)
        if kind is pa.Table:
            return out
        try:
            return kind(out)
        except (TypeError, ValueError):
            return out

    return frame_of(arrow), back


def frame_of(table: Any) -> pd.DataFrame:
    """Return the descriptors of a pyarrow.Table as a data frame, each distinct text once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = [n for n in table.column_names if n in DESCRIPTORS]
    if twice := [n for n in names if names.count(n) > 1]:
        raise InvalidInput(f"a table must have each column once; {twice[0]} comes more often")
    columns = {}
    for name in names:
        column, kind = table[name], table.schema.field(name).type
        if pa.types.is_string_view(kind):
            column, kind = column.cast(pa.string()), pa.string()
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        columns[name] = pc.dictionary_encode(column) if text else column
    if not columns:
        return pd.DataFrame(index=range(len(table)))
    found: pd.DataFrame = pa.table(columns).to_pandas()
    return found
