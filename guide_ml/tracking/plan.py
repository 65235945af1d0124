"""What a retraining is to do, and what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from guide_ml.errors import InvalidInput, check_seed
from guide_ml.measurements import evaluation
from guide_ml.table.columns import records
from guide_ml.tracking.gate import Verdict

__all__ = ["EXPERIMENT", "Plan", "Result"]

EXPERIMENT = "guide-retraining"


@dataclass(frozen=True)
class Plan:
    """What a retraining is to do.

    Parameters
    ----------
    data : Path, optional
        Own measurements.
    base : bool
        Whether to learn from the project's measurements too.
    base_path : Path, optional
        Other measurements in the place of the project's.
    experiment : str
        Name of the MLflow experiment.
    tracking_uri : str, optional
        Store; see :func:`guide_ml.registry.store.resolve_uri`.
    trials : int
        Trials of the search a target; 0 for the hyper-parameters in force.
    rounds : int, optional
        Most rounds of a booster.
    folds, seed, jobs : int
        Folds of each split, seed of all that is random, processes.
    shipped : bool
        Whether the shipped set is the first champion where there is none.
    curve : bool
        Whether to measure the learning curve (many refits).
    pictures : bool
        Whether to draw pictures, if matplotlib is there.
    force : str
        Reason to make the challenger champion whatever the gate says.
    """

    data: Path | None = None
    base: bool = True
    base_path: Path | None = None
    experiment: str = EXPERIMENT
    tracking_uri: str | None = None
    trials: int = 20
    rounds: int | None = None
    folds: int = evaluation.FOLDS
    seed: int = 0
    jobs: int = 2
    shipped: bool = True
    curve: bool = False
    pictures: bool = True
    force: str = ""

    def check(self) -> None:
        """Raise what is wrong with it."""
        check_seed(self.seed)
        low = {"trials": 0, "folds": 2, "jobs": 1, "rounds": 1}
        for name, least in low.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InvalidInput(f"{name} must be {least} or more; got {value}")


@dataclass(frozen=True)
class Result:
    """What a retraining did.

    Parameters
    ----------
    version, champion : str
        Version that was registered; version that is champion now.
    run_id : str
        Its run.
    verdict : str
        first, promoted, rejected or forced.
    judged : Verdict
        What the gate said.
    errors : DataFrame
        Errors by split, target and method.
    seconds : dict of str to float
        Time of each step.
    sparse : dict of str to int
        Measured values of the targets that had too few to choose an estimator by; those without
        any are calibrated physics alone.
    """

    version: str
    champion: str
    run_id: str
    verdict: str
    judged: Verdict
    errors: pd.DataFrame
    seconds: Mapping[str, float] = field(default_factory=dict)
    sparse: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "version": self.version, "champion": self.champion, "run_id": self.run_id,
            "verdict": self.verdict, **self.judged.to_dict(),
            "errors": records(self.errors, 3),
            "seconds": {k: round(v, 1) for k, v in self.seconds.items()},
            "sparse": dict(self.sparse),
        }  # fmt: skip
