"""The registered model as a Spark UDF gives the numbers of predict_table; needs Java and PySpark.

`make test-spark` installs PySpark and runs this; without it there is nothing to test.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import guide_ml
from guide_ml.describe.targets import NAMES
from guide_ml.estimators.artefacts import default_folder
from guide_ml.registry.versions import ESTIMATORS

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def model(tmp_path: Path) -> str:
    """Save the model that `guide retrain` registers, with the shipped estimators."""
    pytest.importorskip("pyspark", reason="make test-spark installs PySpark")
    import mlflow

    from guide_ml.tracking.model import CODE, signature

    folder = tmp_path / "model"
    mlflow.pyfunc.save_model(str(folder), python_model=str(CODE), signature=signature(),
                             artifacts={ESTIMATORS: str(default_folder())},
                             pip_requirements=[])  # fmt: skip
    return str(folder)


def test_a_spark_udf_gives_the_numbers_of_a_table(model: str, monkeypatch: Any) -> None:
    sql: Any = pytest.importorskip("pyspark.sql", reason="make test-spark installs PySpark")
    import mlflow

    monkeypatch.setitem(os.environ, "PYSPARK_PYTHON", sys.executable)
    rows = pd.DataFrame([
        {"hardware": ("h100", "l4", "h1000")[k % 3], "model": "llama-3.1-8b-instruct",
         "framework": "vllm", "concurrency": float(1 + k), "input_len": 512.0,
         "output_len": 128.0} for k in range(40)
    ])  # fmt: skip
    session = (sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
               .getOrCreate())  # fmt: skip
    try:
        kinds = [f"{n} double" for n in NAMES] + ["memory_fits boolean"]
        kinds += ["kv_budget_gb double", "kv_tokens double", "error string"]
        predict = mlflow.pyfunc.spark_udf(session, model, result_type=", ".join(kinds),
                                          env_manager="local", params={"level": 0.0})  # fmt: skip
        table = session.createDataFrame(rows).repartition(3)
        scored = table.withColumn("found", predict(sql.functions.struct(*rows.columns)))
        got = scored.select("*", "found.*").toPandas().sort_values("concurrency")
    finally:
        session.stop()
    expected = guide_ml.predict_table(rows, errors="report", level=None)
    for name in NAMES:
        assert got[name].fillna(-1).tolist() == expected[name].fillna(-1).tolist()
    assert got["error"].tolist() == expected["error"].tolist()
