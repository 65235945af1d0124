"""Write a table so that nobody ever sees half of it."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from guide_ml.errors import InvalidInput

__all__ = ["write_csv"]


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a CSV file beside `path` and move it into place.

    Raises
    ------
    InvalidInput
        If the folder is missing or may not be written to.
    """
    beside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        table.to_csv(beside, index=False)
        os.replace(beside, path)
    except OSError as error:
        raise InvalidInput(f"{str(path)!r} cannot be written: {error.strerror}") from error
