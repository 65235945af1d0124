"""What a run keeps so that later sets can be compared with its own, and reading it back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from guide_ml.errors import BadStore
from guide_ml.estimators import artefacts
from guide_ml.measurements.read import Measurements, prepare, read_files
from guide_ml.registry.store import fluent
from guide_ml.registry.versions import MODEL, Registry, Version, download
from guide_ml.tracking.contest import Contender
from guide_ml.tracking.log import RunLog
from guide_ml.training.dataset import build

__all__ = ["contender", "keep", "measurements"]

HELD, MEASURED = "held_out.parquet", "measurements.parquet"


def keep(log: RunLog, measured: Measurements, held: pd.DataFrame, scratch: Path) -> None:
    """Log the rows in use and what was predicted of them held out."""
    log.table(f"comparison/{MEASURED}", measured.table, scratch)
    log.table(f"comparison/{HELD}", held, scratch)


def measurements(registry: Registry, version: Version) -> Measurements:
    """Read what a version was trained on."""
    return prepare(read_files(_fetch(registry, version, MEASURED)))


def contender(registry: Registry, version: Version) -> Contender:
    """Read a version back for a comparison.

    Raises
    ------
    BadStore
        If its run does not hold what a comparison needs.
    """
    fitted = artefacts.load(download(f"models:/{MODEL}/{version.version}", registry.uri))
    measured = measurements(registry, version)
    held = pd.read_parquet(_fetch(registry, version, HELD))
    return Contender(fitted, measured, build(measured), held)


def _fetch(registry: Registry, version: Version, name: str) -> Path:
    with fluent(registry.uri) as module:
        try:
            found = module.artifacts.download_artifacts(
                run_id=version.run_id, artifact_path=f"comparison/{name}"
            )
        except Exception as error:  # every backend raises its own kinds; all mean the same here
            raise BadStore(
                f"the run {version.run_id} of version {version.version} must hold"
                f" comparison/{name} to be compared with: {error}"
            ) from error
    return Path(found)
