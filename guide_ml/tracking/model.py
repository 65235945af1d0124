"""The registered model: signature, input example, and logging it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from guide_ml.api import COLUMNS
from guide_ml.registry.store import fluent
from guide_ml.registry.versions import ESTIMATORS
from guide_ml.table.read import DESCRIPTORS
from guide_ml.tracking.log import RunLog
from guide_ml.trust.intervals import LEVEL

__all__ = ["EXAMPLE", "log_model", "requirements", "signature"]

NAME = "guide"  # of the logged model
NEEDED = ("hardware", "model")
CODE = Path(__file__).parent / "served.py"
TEXT_COLUMNS = ("error", "in_domain")

EXAMPLE = pd.DataFrame({
    "hardware": ["h100", "a100-80gb"],
    "model": ["llama-3.1-8b-instruct", "meta-llama/Llama-2-7b-hf"],
    "framework": ["vllm", "tensorrt-llm"], "concurrency": [16.0, None],
    "batch_size": [None, 8.0], "input_len": [1024.0, 512.0], "output_len": [256.0, 128.0],
})  # fmt: skip
"""Two deployments that show what a table may look like."""


def signature() -> Any:
    """Say what goes in and what comes out; only hardware and model must be there.

    Columns may be of any type, as those of :func:`guide_ml.predict_table` may. With types MLflow
    would refuse a whole table for whole numbers where it is told of doubles, for categories, or
    for one cell that is no number, which here costs its row only.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    inputs: list[Any] = [
        ColSpec(AnyType(), name, required=name in NEEDED)  # type: ignore[no-untyped-call]
        for name in DESCRIPTORS
    ]
    outputs: list[Any] = [ColSpec(_type(name), name, required=False) for name in COLUMNS]
    params = ParamSchema([ParamSpec("level", "double", LEVEL)])
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs), params=params)


def _type(column: str) -> str:
    if column in TEXT_COLUMNS:
        return "string"
    return "boolean" if column == "memory_fits" else "double"


def requirements() -> list[str]:
    """Name what ``pip`` installs where the model is served."""
    return [f"{name}=={version(name)}" for name in ("guide-ml", "mlflow")]


def log_model(log: RunLog, folder: Path, card: dict[str, Any]) -> Any:
    """Log a trained set to a run as models-from-code.

    Parameters
    ----------
    log : RunLog
        The run.
    folder : Path
        Trained set; its last part becomes the name of the folder inside the model.
    card : dict
        Its card; what identifies it is kept in the model's ``MLmodel`` file.

    Returns
    -------
    ModelInfo
        Of MLflow; has ``model_uri`` and ``model_id``.
    """
    assert folder.name == ESTIMATORS
    kept = {k: card.get(k, "") for k in ("data_sha256", "artefact_sha256", "guide_ml")}
    with fluent(log.registry.uri) as module, module.start_run(log.run_id, nested=True):
        made = module.pyfunc.log_model(
            name=NAME, python_model=str(CODE), artifacts={ESTIMATORS: str(folder)},
            signature=signature(), input_example=EXAMPLE, pip_requirements=requirements(),
            metadata=kept,
        )  # fmt: skip
    log.client.update_run(log.run_id, status="RUNNING")  # it goes on
    return made
