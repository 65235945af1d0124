#!/usr/bin/env bash
# mlflow-skinny 3.17.2 without SciPy infers a signature of one nameless column, and drops the rest.
#
# Guess: infer_signature(frame) lists the frame's columns, or fails.
# So:    the inference imports SciPy, which mlflow-skinny does not bring. Without it the signature
#        is one required column of any type (a log line says so). The saved model is then given the
#        first column of each frame alone, whatever it was trained on.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q numpy==2.4.6 pandas==3.1.1 mlflow-skinny==3.17.2
cd "$work"
cat > ask.py <<'PY'
import sys

import mlflow, pandas as pd


class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return list(model_input.columns)


frame = pd.DataFrame({"batch": [1, 2], "rate": [1.5, 2.5], "devices": [1, 8]})
signature = mlflow.models.infer_signature(frame)
mlflow.pyfunc.save_model(sys.argv[1], python_model=Model(), signature=signature)
given = mlflow.pyfunc.load_model(sys.argv[1]).predict(frame)
print(f"{sys.argv[1]}: signature {signature.inputs}; the model was given {given}")
assert given == sys.argv[2].split(",") and mlflow.__version__ == "3.17.2"
PY
export MLFLOW_DISABLE_TELEMETRY=true
! venv/bin/python -c 'import scipy' 2>/dev/null
venv/bin/python -W ignore ask.py without-scipy batch
venv/bin/pip install -q scipy==1.17.1
venv/bin/python -W ignore ask.py with-scipy batch,rate,devices
