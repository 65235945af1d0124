"""Tables that have this project's own columns already: CSV or Parquet."""

from __future__ import annotations

import io

import pandas as pd

from guide_ml.errors import BadData
from guide_ml.ingest.content import Content
from guide_ml.ingest.rows import COLUMNS, FAULT, Importer, Row
from guide_ml.measurements.columns import FIGURES, SETTINGS
from guide_ml.measurements.read import MEASURED
from guide_ml.table.read import NUMBERS

__all__ = ["CANONICAL"]

#: Columns that no other tool's table has together.
_NEEDED = {"hardware", "model", "framework", "mode"}


def _recognises(content: Content) -> bool:
    if content.is_parquet:
        return set(_table(content).columns) >= _NEEDED
    return bool(content.records) and set(content.records[0]) >= _NEEDED


def _table(content: Content) -> pd.DataFrame:
    if not content.is_parquet:
        return pd.DataFrame(content.table, dtype=object)
    try:
        return pd.read_parquet(io.BytesIO(content.raw))
    except Exception as error:  # pyarrow raises kinds of its own
        raise BadData(f"{content.path} cannot be read as Parquet: {error}") from error


def _rows(content: Content) -> list[Row]:
    table = _table(content)
    kept = table[[c for c in COLUMNS if c in table.columns]].astype(object)
    return [_row({str(k): v for k, v in r.items()}) for r in kept.to_dict("records")]


def _row(cells: Row) -> Row:
    row = {k: v for k, v in cells.items() if not pd.isna(v) and str(v).strip() != ""}
    for name in {*NUMBERS, *MEASURED, *SETTINGS, *FIGURES} & row.keys():
        text = row[name]
        row[name] = pd.to_numeric(text, errors="coerce")
        if pd.isna(row[name]):
            row[FAULT] = f"{name} is no number: {text!r}"
    if "ubatch" in row:  # what llama.cpp calls the tokens of one pass
        row.setdefault("max_num_batched_tokens", row["ubatch"])
    return row


CANONICAL = Importer("guide-ml", "the columns of data/README.md: CSV or Parquet", _recognises,
                     _rows, complete=True, versions="0.1",
                     gives="whatever its columns say")  # fmt: skip
