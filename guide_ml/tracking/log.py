"""What a run logs: the only writer of runs."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from guide_ml.errors import BadStore
from guide_ml.registry.store import artifact_root, fluent, mlflow, quiet
from guide_ml.registry.versions import Registry
from guide_ml.tracking.gather import Gathered
from guide_ml.tracking.held_table import errors_by, metrics
from guide_ml.training.tuning import Trial

__all__ = ["RunLog", "tracked"]

HOST, PID = "guide.host", "guide.pid"
GROUPS = ("source", "framework", "hardware", "mode")


@dataclass(frozen=True)
class RunLog:
    """One run of a store.

    Parameters
    ----------
    registry : Registry
        Registry of the same store.
    experiment_id, run_id : str
        Of MLflow.
    """

    registry: Registry
    experiment_id: str
    run_id: str

    @property
    def client(self) -> Any:
        """MLflow client of the store."""
        return self.registry.client

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters; none are left out."""
        from mlflow.entities import Param

        self.client.log_batch(self.run_id, params=[Param(k, str(v)) for k, v in values.items()])

    def metrics(self, values: Mapping[str, float]) -> None:
        """Log figures; what is not finite is none."""
        _log_metrics(self.client, self.run_id, values)

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags."""
        for key, value in values.items():
            self.client.set_tag(self.run_id, key, str(value))

    def table(self, name: str, table: pd.DataFrame, folder: Path) -> None:
        """Log a table, as CSV, or as Parquet if its name says so."""
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            table.to_parquet(path, index=False)
        else:
            table.to_csv(path, index=False)
        self.file(path, str(Path(name).parent))

    def file(self, path: Path, folder: str = "") -> None:
        """Log a file."""
        with fluent(self.registry.uri):
            self.client.log_artifact(self.run_id, str(path), folder if folder != "." else None)

    def json(self, name: str, values: Any) -> None:
        """Log plain values as a JSON file."""
        text = json.dumps(values, indent=2, default=str)
        with fluent(self.registry.uri):
            self.client.log_text(self.run_id, text, name)

    def data(self, gathered: Gathered) -> None:
        """Log what was learned from: an MLflow dataset, row counts by source, what was left out."""
        from mlflow.entities import DatasetInput, InputTag

        measured = gathered.measured
        with quiet():
            made = mlflow().data.from_pandas(
                measured.table, source=gathered.path or "guide-ml", name="measurements",
                digest=measured.sha256[:36],
            )  # fmt: skip
            entity = made._to_mlflow_entity()
            tags = [InputTag("mlflow.data.context", "training")]
            self.client.log_inputs(self.run_id, [DatasetInput(entity, tags)])
        counts = {"own": gathered.own, "project": gathered.project, "copies": gathered.copies}
        self.metrics({f"rows/{k}": v for k, v in counts.items()})
        self.metrics({f"rows/source/{k}": v for k, v in gathered.by_source.items()})
        self.tags({"guide.data": measured.sha256, "guide.rows": len(measured.table)})
        left = measured.left_out.to_dict("records")
        self.json("data.json", counts | {"sha256": measured.sha256, "left_out": left,
                                         "by_source": gathered.by_source})  # fmt: skip

    def trial(self, target: str, kind: str, trial: Trial) -> None:
        """Log one trial of a search as a nested run."""
        from mlflow.entities import Param

        tags = {"mlflow.parentRunId": self.run_id, "guide.kind": kind, "guide.target": target,
                "mlflow.runName": f"{target} {kind} {trial.number}"} | _owner()  # fmt: skip
        began = int(1000 * (time.time() - trial.seconds))
        made = self.client.create_run(self.experiment_id, start_time=began, tags=tags)
        number = made.info.run_id
        self.client.log_batch(number, params=[Param(k, str(v)) for k, v in trial.params.items()])
        errors = {f"{split}/median_ape": value for split, value in trial.median_ape.items()}
        _log_metrics(self.client, number, {"score": trial.score} | errors)
        self.client.set_tag(number, "guide.pruned", str(not math.isfinite(trial.score)))
        self.client.set_terminated(number)

    def curve(self, found: pd.DataFrame) -> None:
        """Log a learning curve as figures whose step is the share of the data in percent."""
        for share, part in found.groupby("share"):
            values = {f"learning_curve/{r['split']}/{r['target']}/median_ape": r["median_ape"]
                      for r in part.to_dict("records")}  # fmt: skip
            _log_metrics(self.client, self.run_id, values, round(100 * float(str(share))))

    def errors(self, held: pd.DataFrame, folder: Path) -> pd.DataFrame:
        """Log every figure of every split, baselines beside, and tables by group; return them."""
        found = metrics(held)
        named = found.assign(method=found["method"].str.replace(" ", "_"))
        values = {
            f"{row['split']}/{row['target']}/{row['method']}/{figure}": float(row[figure])
            for row in named.to_dict("records")
            for figure in found.columns[3:]
        }
        self.metrics(values)
        self.table("tables/errors.csv", found.round(3), folder)
        for column in GROUPS:
            self.table(f"tables/errors_by_{column}.csv", errors_by(held, column).round(2), folder)
        return found


def _log_metrics(
    client: Any, run_id: str, values: Mapping[str, float], step: int = 0
) -> None:
    from mlflow.entities import Metric

    now = int(1000 * time.time())
    good = [Metric(k, float(v), now, step) for k, v in values.items() if math.isfinite(float(v))]
    client.log_batch(run_id, metrics=good)


def _owner() -> dict[str, str]:
    return {HOST: socket.gethostname(), PID: str(os.getpid())}


def _commit() -> str:
    """Return the commit of the checkout, blank outside of one."""
    git = shutil.which("git")  # the full path: no system looks into the working folder for it
    if git is None:
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [git, "rev-parse", "HEAD"], cwd=Path(__file__).parent, text=True,
            capture_output=True, timeout=10, check=True,
        )  # fmt: skip
        return done.stdout.strip()
    return ""


def experiment(registry: Registry, name: str) -> str:
    """Return the id of an experiment, which is made if it is not there."""
    from mlflow.exceptions import MlflowException

    found = registry.client.get_experiment_by_name(name)
    if found is None:
        try:
            root = artifact_root(registry.uri)
            return str(registry.client.create_experiment(name, artifact_location=root))
        except MlflowException as error:  # another retraining was faster
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = registry.client.get_experiment_by_name(name)
    return str(found.experiment_id)


def sweep(registry: Registry, experiment_id: str) -> int:
    """End the runs of this machine whose process is gone; return how many."""
    open_runs = registry.client.search_runs(
        [experiment_id], f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{_owner()[HOST]}'"
    )
    dead = [r for r in open_runs if not _alive(r.data.tags.get(PID, ""))]
    for run in dead:
        registry.client.set_terminated(run.info.run_id, "KILLED")
    return len(dead)


def _alive(pid: str) -> bool:
    if os.name != "posix" or not pid.isdigit():
        return True  # not known: left alone
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def tracked(
    registry: Registry, name: str, run_name: str, tags: Mapping[str, str] | None = None
) -> Iterator[RunLog]:
    """Open a run, and end it as finished, failed or killed.

    Runs of this machine that a kill left open are ended first.
    """
    from mlflow.exceptions import MlflowException

    number = experiment(registry, name)
    sweep(registry, number)
    own = {"mlflow.runName": run_name, "mlflow.source.git.commit": _commit()} | _owner()
    run = registry.client.create_run(number, tags=own | dict(tags or {}))
    log = RunLog(registry, number, run.info.run_id)
    status = "FAILED"
    try:
        yield log
        status = "FINISHED"
        registry.client.set_terminated(log.run_id, status)
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    except MlflowException as error:
        raise BadStore(
            f"the store {registry.uri} failed midway; the champion is what it was. Run it again"
            f" once it answers: {error}"
        ) from error
    finally:
        if status != "FINISHED":
            with suppress(MlflowException):  # what is wrong was said; the next run ends this one
                registry.client.set_terminated(log.run_id, status)
