"""What tests of tracking share."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["copied"]


def copied(template: Path, folder: Path) -> str:
    """Copy the empty store into a folder; return its URI."""
    shutil.copy(template, folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"
