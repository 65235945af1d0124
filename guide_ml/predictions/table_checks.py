"""What a table must be like before it is predicted, and what a bad row raises."""

from __future__ import annotations

import warnings
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from guide_ml.errors import InvalidInput
from guide_ml.system.lazily import pandas as pd
from guide_ml.table.read import DESCRIPTORS
from guide_ml.table.strange import strange

__all__ = ["once_each", "raise_first", "tell_strange"]


def once_each(table: pd.DataFrame) -> None:
    """Refuse a table whose columns have no plain names, or that has a descriptor twice."""
    if table.columns.nlevels > 1:
        raise InvalidInput(
            "the columns of a table must have plain names; got names of several levels, such as"
            f" {tuple(table.columns[0])!r:.100}: keep one level (columns.get_level_values(0))"
            if table.shape[1] else "the columns of a table must have plain names; it has none"
        )
    names = table.columns[table.columns.isin(DESCRIPTORS)]
    if twice := [str(c) for c in names[names.duplicated()]]:
        raise InvalidInput(f"a table must have each column once; {twice[0]} comes more often")


def tell_strange(table: pd.DataFrame, strict: bool, known: Collection[str] = ()) -> None:
    """Name columns that are no descriptors: all of them where that is wrong, else likely slips.

    Parameters
    ----------
    table : DataFrame
        What was given.
    strict : bool
        Whether every such column is wrong.
    known : collection of str
        Columns that mean something beside descriptors.
    """
    found = strange(c for c in table.columns if c not in known)
    told = [f"{name!r}" + (f" (is {meant} meant?)" if meant else "")
            for name, meant in found.items() if strict or meant]  # fmt: skip
    if told and strict:
        raise InvalidInput(f"a strict table has descriptors only; got {', '.join(told)}")
    if told:
        warnings.warn(f"columns that are no descriptors are not looked at: {', '.join(told)}",
                      UserWarning, stacklevel=3)  # fmt: skip


def raise_first(index: pd.Index, errors: NDArray[np.object_]) -> None:
    """Raise the first of the errors of a table's rows, if there is one."""
    bad = np.flatnonzero(errors != "")
    if not len(bad):
        return
    label = index[bad[0]]
    name = repr(label) if isinstance(label, str) else str(label)
    count = f"{len(bad)} of {len(errors)} rows are bad" if len(bad) > 1 else "one row is bad"
    raise InvalidInput(
        f"row {name}: {str(errors[bad[0]]).rstrip('.')}"
        f" ({count}; errors='report' predicts the others)"
    )
