#!/usr/bin/env bash
# MLflow 3.17.2 refuses a column of whole numbers where the model's signature says double.
#
# Guess: 64-bit integers widen to doubles, as in NumPy, pandas and every database.
# So:    int64 for double is refused, int32 for double passes; so does float32. A rate column that
#        happens to hold 2, 4, 8 in a CSV file is read as int64 and the whole table is refused. The
#        other way round a count column with one missing value is float64, and refused for long;
#        pandas' Int64 with a missing value, too.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 mlflow-skinny==3.17.2
cd "$work" && MLFLOW_DISABLE_TELEMETRY=true venv/bin/python -W ignore - 2>&1 <<'PY' | grep -v 'WARNING\|Warning'
import io

import mlflow, numpy as np, pandas as pd


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["rate"].to_numpy() + model_input["batch"].to_numpy()


trained_on = pd.DataFrame({"batch": [1, 2], "rate": [1.5, 2.5]})
signature = mlflow.models.infer_signature(trained_on)
mlflow.pyfunc.save_model("model", python_model=Model(), signature=signature)
model = mlflow.pyfunc.load_model("model")
print(signature.inputs)


def answer(**columns):
    try:
        return float(model.predict(pd.DataFrame(columns))[0])
    except mlflow.exceptions.MlflowException as error:
        return str(error).rsplit("Error: ", 1)[1].split(" Hint")[0]


asked = {
    "rate 2.0": dict(batch=[1], rate=[2.0]),
    "rate 2": dict(batch=[1], rate=[2]),
    "rate 2 in int32": dict(batch=[1], rate=np.array([2], "int32")),
    "rate 2 in float32": dict(batch=[1], rate=np.array([2], "float32")),
    "batch with one missing": dict(batch=[1, None], rate=[2.0, 2.0]),
    "batch Int64 with one missing": dict(batch=pd.array([1, None], dtype="Int64"), rate=[2.0, 2.0]),
}
told = {name: answer(**columns) for name, columns in asked.items()}
told["read from CSV"] = answer(**pd.read_csv(io.StringIO("batch,rate\n1,2\n2,4\n")))
for name, what in told.items():
    print(f"{name}: {what}")
assert told["rate 2.0"] == told["rate 2 in int32"] == told["rate 2 in float32"] == 3.0
for name in ("rate 2", "read from CSV"):
    assert "Can not safely convert int64 to float64" in told[name]
assert "Can not safely convert float64 to int64" in told["batch with one missing"]
assert isinstance(told["batch Int64 with one missing"], str)
assert mlflow.__version__ == "3.17.2"
PY
