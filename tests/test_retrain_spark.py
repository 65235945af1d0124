"""The registered model as a Spark UDF on a local Spark session."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from guide_ml import Predictor, predict_table
from guide_ml.describe.targets import NAMES
from guide_ml.registry import store
from guide_ml.tracking.model import EXAMPLE
from guide_ml.tracking.plan import Plan
from guide_ml.tracking.retrain import retrain
from tests.tracked import copied


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
@pytest.mark.filterwarnings("ignore")  # Spark's and MLflow's own
def test_a_spark_udf_gives_what_the_table_gives(few, template, tmp_path, monkeypatch):
    pytest.importorskip("pyspark")
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as f

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1])]))
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    uri = copied(template, tmp_path)
    retrain(replace(Plan(few, base=False, shipped=False, trials=0, rounds=10, folds=2, jobs=1),
                    tracking_uri=uri, pictures=False))  # fmt: skip
    spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
             .config("spark.driver.bindAddress", "127.0.0.1").getOrCreate())  # fmt: skip
    try:
        table = spark.createDataFrame(EXAMPLE.astype(object).where(EXAMPLE.notna(), None))
        with store.fluent(uri) as module:
            predict = module.pyfunc.spark_udf(spark, "models:/guide@champion", env_manager="local")
            found = table.withColumn("found", predict(f.struct(*map(f.col, EXAMPLE.columns))))
            rows = [row["found"].asDict() for row in found.collect()]
    finally:
        spark.stop()
    ours = predict_table(EXAMPLE, predictor=Predictor.from_mlflow(tracking_uri=uri))
    for name in NAMES:
        theirs = np.array([np.nan if r[name] is None else r[name] for r in rows], dtype=float)
        np.testing.assert_array_equal(theirs, ours[name].to_numpy(float))
    assert [r["in_domain"] for r in rows] == ours["in_domain"].tolist()
