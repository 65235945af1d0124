"""Write a table so that nobody ever sees half of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from guide_ml.system.writing import written

__all__ = ["write_csv"]


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV file beside `path` and move it into place.

    Raises
    ------
    InvalidInput
        If the folder is missing, or the disk does not take it.
    """
    with written(path) as beside:
        table.to_csv(beside, index=False)
